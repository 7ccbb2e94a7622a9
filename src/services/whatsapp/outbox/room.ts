/**
 * How much a tenant may have waiting. Counted now and then, no further than the bound: within that time it may be passed by a little, and a
 * runaway script is still stopped long before the disk is full.
 */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const count = statement(
  "outbox.count",
  `select count(*)::int as waiting from (select from whatsapp_sends where tenant_id = $1 limit $2::int) s`,
  { waiting: "int" },
);

type Room = { isFull: Promise<boolean>; untilMs: number };
const rooms = new WeakMap<Db, BoundedMap<Room>>();

/** Throws `too_many` while the tenant has as many messages waiting as it may. Calls that come together share one look and keep their order. */
export async function assertRoom(app: Db, scope: TenantScope, waitingMax: number = limits.sendsWaitingPerTenantMax): Promise<void> {
  const known = rooms.get(app) ?? new BoundedMap<Room>(limits.sendRoomsKnownMax);
  rooms.set(app, known);
  const nowMs = performance.now();
  let room = known.get(scope.tenantId);
  if (room === undefined || room.untilMs <= nowMs) {
    room = { isFull: isFull(app, scope, waitingMax), untilMs: nowMs + limits.sendRoomKeptMs };
    known.set(scope.tenantId, room);
    // What could not be read is read again by the next one.
    room.isFull.catch(() => known.delete(scope.tenantId));
  }
  if (await room.isFull) {
    throw new Rejection(
      "too_many",
      429,
      `${waitingMax} messages wait to be sent already. Try again when some of them have gone, or cancel some.`,
    );
  }
}

async function isFull(app: Db, scope: TenantScope, waitingMax: number): Promise<boolean> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(count, [scope.tenantId, waitingMax]));
  return (row?.waiting ?? 0) >= waitingMax;
}
