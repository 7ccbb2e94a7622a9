/** Whether a number sends, how fast and what waits: read and changed by people. Role kesher_app. */
import type { ChangeSending, Sending } from "../../../contract/sends.ts";
import { systemActor, type Actor } from "../../../core/actor.ts";
import { notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit } from "../../audit/append.ts";
import { pauseLane, resumeLane, setLaneRate } from "./lanes.ts";

/** A pause until a person acts has no end. */
const select = statement(
  "sending.select",
  `select l.paused_until is not null and l.paused_until > statement_timestamp() as "isPaused", l.paused_until = 'infinity' as "isEndless",
     nullif(l.paused_until, 'infinity') as "pausedUntilMs", l.pause_reason as "reason", l.pause_code as "errorCode",
     coalesce(l.messages_per_second, 80) as "messagesPerSecond",
     (select count(*) from whatsapp_sends s where s.tenant_id = n.tenant_id and s.connection_id = n.id and s.state in ('queued', 'behind', 'dispatching'))::int as queued,
     (select count(*) from whatsapp_sends s where s.tenant_id = n.tenant_id and s.connection_id = n.id and s.state = 'scheduled')::int as scheduled,
     (select count(*) from whatsapp_sends s where s.tenant_id = n.tenant_id and s.connection_id = n.id and s.state = 'waiting')::int as waiting
   from whatsapp_connections n left join whatsapp_send_lanes l on l.tenant_id = n.tenant_id and l.connection_id = n.id
   where n.tenant_id = $1 and n.id = $2`,
  {
    isPaused: "bool?",
    isEndless: "bool?",
    pausedUntilMs: "time?",
    reason: "text?",
    errorCode: "int?",
    messagesPerSecond: "int",
    queued: "int",
    scheduled: "int",
    waiting: "int",
  },
);

export function readSending(app: Db, scope: TenantScope, connectionId: string): Promise<Sending> {
  return tenantTransaction(app, scope, (tx) => read(tx, scope, connectionId));
}

export function changeSending(
  tools: { app: Db; nowMs: () => number; wakeSends: () => void; actor?: Actor },
  scope: TenantScope,
  connectionId: string,
  change: ChangeSending,
): Promise<Sending> {
  return tenantTransaction(tools.app, scope, async (tx) => {
    // Its own connection, or none.
    await read(tx, scope, connectionId);
    if (change.messagesPerSecond !== undefined) await setLaneRate(tx, scope, connectionId, change.messagesPerSecond);
    const event = await turn(tx, scope, connectionId, change.paused);
    const sending = await read(tx, scope, connectionId);
    const entry = {
      tenantId: scope.tenantId,
      action: "connection.sending_changed",
      subject: { kind: "connection", id: connectionId },
      data: change,
    };
    await appendAudit(tx, tools.actor ?? systemActor, [entry], tools.nowMs());
    if (event !== null) await appendActivity(tx, [event], tools.nowMs());
    tx.afterCommit(tools.wakeSends);
    return sending;
  });
}

function turn(tx: Tx, scope: TenantScope, connectionId: string, paused: boolean | undefined) {
  if (paused === undefined) return Promise.resolve(null);
  return paused ? pauseLane(tx, scope, connectionId) : resumeLane(tx, scope.tenantId, connectionId);
}

async function read(tx: Tx, scope: TenantScope, connectionId: string): Promise<Sending> {
  const [row] = await tx.query(select, [scope.tenantId, connectionId]);
  if (row === undefined) throw notFound();
  const { isPaused, isEndless, pausedUntilMs, reason, errorCode, ...counts } = row;
  if (isPaused !== true) return { state: "active", reason: null, errorCode: null, until: null, ...counts };
  // The column's CHECK allows no other reason.
  const why = { reason: reason as Sending["reason"], errorCode };
  return { state: isEndless === true ? "paused" : "resting", ...why, until: isEndless === true ? null : time(pausedUntilMs), ...counts };
}
