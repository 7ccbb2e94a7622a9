/**
 * Replays: what is in the journal goes through the workers again. Safe at any time, since applying is idempotent (I2); a worker sees
 * `is_replay` and counts only what was parked before. Deliveries that are still pending are left alone. Each call is bounded and says
 * where to go on.
 */
import type { Replayed, ReplayRange } from "../contract/webhooks.ts";
import { decodeCursor, encodeCursor, lastId } from "../core/cursor.ts";
import { isUuid, uuidV7Floor } from "../core/ids.ts";
import { invalidRequest, notFound } from "../core/rejection.ts";
import type { Db } from "../db/pool.ts";
import { statement } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendAudit, type AuditEntry, type By } from "../services/audit/append.ts";
import { idSkewMs } from "./deliveries.ts";
import { getParked, type Reach } from "./parked.ts";

/** The tenant is checked here once more: this runs in the operator's role, which sees all. */
const enqueueParked = statement(
  "replay.parked",
  `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, update_index, parked_id, is_replay, created_at)
   select kind, coalesce(waba_id, ''), array[delivery_id], 1, 0, update_index, id, true, now()
   from parked_updates where id = $1 and resolved_at is null and ($2::uuid is null or tenant_id = $2)
   returning id`,
  { id: "bigint" },
);
const enqueueParkedRange = statement(
  "replay.parked_range",
  `with chosen as (
     select * from parked_updates
     where resolved_at is null and ($1::uuid is null or tenant_id = $1)
       and received_at >= $2::timestamptz and received_at < $3::timestamptz and id > $4::uuid
     order by id limit $5
   ), enqueued as (
     insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, update_index, parked_id, is_replay, created_at)
     select kind, coalesce(waba_id, ''), array[delivery_id], 1, 0, update_index, id, true, now() from chosen order by id
   )
   select id from chosen order by id`,
  { id: "uuid" },
);
const findDelivery = statement("replay.find_delivery", `select id from webhook_deliveries where id = $1`, { id: "uuid" });
/** Decoded means that as many results are there as lanes. */
const isDecoded = `(select count(*) from webhook_results r where r.delivery_id = d.id) >= d.lanes`;
const enqueueDeliveries = `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, is_replay, created_at)
   select r.kind, '', array[r.delivery_id], r.updates, 0, true, now()
   from chosen d join webhook_results r on r.delivery_id = d.id order by d.id, r.kind`;
const enqueueDelivery = statement(
  "replay.delivery",
  `with chosen as (select d.id from webhook_deliveries d where d.id = $1 and ${isDecoded}), enqueued as (${enqueueDeliveries})
   select id from chosen`,
  { id: "uuid" },
);
/** Ids carry their time, so the range of ids prunes partitions; a delivery's id may be made a little before its time of receipt. */
const enqueueDeliveryRange = statement(
  "replay.delivery_range",
  `with seen as (
     select d.id, ${isDecoded} as "isDecoded" from webhook_deliveries d
     where d.id > $1::uuid and d.id < $2::uuid and d.received_at >= $3::timestamptz and d.received_at < $4::timestamptz
     order by d.id limit $5
   ), chosen as (select id from seen where "isDecoded"), enqueued as (${enqueueDeliveries})
   select id, "isDecoded" from seen order by id`,
  { id: "uuid", isDecoded: "bool" },
);

const firstId = "00000000-0000-0000-0000-000000000000";

/** Tries one parked update again. Throws `not_found` when it is not parked, or is another tenant's. */
export async function replayParked(reach: Reach, id: string, by: By): Promise<Replayed> {
  const { tenantId } = await getParked(reach, id);
  return transaction(reach.platform, async (tx) => {
    const rows = await tx.query(enqueueParked, [id, reach.scope?.tenantId ?? null]);
    await note(tx, { tenantId, action: "parked.replayed", subject: { kind: "parked", id } }, by);
    return { replayed: rows.length, next: null };
  });
}

/** Tries what was received in [from, to) and is still parked, in portions of `limits.replayMax`. */
export async function replayParkedRange(reach: Reach, range: ReplayRange, by: By): Promise<Replayed> {
  const { from, to, after } = boundsOf(range);
  const tenantId = reach.scope?.tenantId ?? null;
  return transaction(reach.platform, async (tx) => {
    const rows = await tx.query(enqueueParkedRange, [tenantId, from, to, after, limits.replayMax]);
    await note(tx, { tenantId, action: "parked.range_replayed", subject: null, data: { from, to, replayed: rows.length } }, by);
    return answer(rows);
  });
}

/** Applies a delivery once more; 0 when it is still pending. Throws `not_found`. */
export async function replayDelivery(platform: Db, id: string, by: By): Promise<Replayed> {
  return transaction(platform, async (tx) => {
    if ((await tx.query(findDelivery, [id])).length === 0) throw notFound();
    const rows = await tx.query(enqueueDelivery, [id]);
    await note(tx, { tenantId: null, action: "delivery.replayed", subject: { kind: "delivery", id } }, by);
    return { replayed: rows.length, next: null };
  });
}

/** Applies what was received in [from, to) once more, in portions of `limits.replayMax`. */
export async function replayDeliveryRange(platform: Db, range: ReplayRange, by: By): Promise<Replayed> {
  const { from, to, after } = boundsOf(range);
  const floor = uuidV7Floor(Date.parse(from) - idSkewMs);
  const ceiling = uuidV7Floor(Date.parse(to) + idSkewMs);
  const values = [after > floor ? after : floor, ceiling < lastId ? ceiling : lastId, from, to, limits.replayMax];
  return transaction(platform, async (tx) => {
    const rows = await tx.query(enqueueDeliveryRange, values);
    const replayed = rows.filter((row) => row.isDecoded).length;
    await note(tx, { tenantId: null, action: "delivery.range_replayed", subject: null, data: { from, to, replayed } }, by);
    return { ...answer(rows), replayed };
  });
}

async function note(tx: Tx, entry: AuditEntry, { actor, nowMs }: By): Promise<void> {
  await appendAudit(tx, actor, [entry], nowMs);
}

function boundsOf(range: ReplayRange): { from: string; to: string; after: string } {
  const [fromMs, toMs] = [Date.parse(range.from), Date.parse(range.to)];
  if (Number.isNaN(fromMs)) throw invalidRequest("from is not a time");
  if (Number.isNaN(toMs)) throw invalidRequest("to is not a time");
  if (fromMs >= toMs) throw invalidRequest("from must lie before to");
  const [after] = range.after === undefined ? [firstId] : decodeCursor(range.after, ["text"]);
  if (!isUuid(after)) throw invalidRequest("`after` is not a cursor of this list");
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), after };
}

function answer(rows: readonly { id: string }[]): Replayed {
  const last = rows.at(-1);
  return { replayed: rows.length, next: last === undefined || rows.length < limits.replayMax ? null : encodeCursor([last.id]) };
}
