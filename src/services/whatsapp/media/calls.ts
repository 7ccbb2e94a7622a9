/**
 * How often calls for one number's media may fail. More than 5 failed ones in an hour can block the number's media for an hour (360dialog), so a
 * call is only made if it may fail: those under way count as failed until they have ended well. Shared by all nodes.
 */
import { newId } from "../../../db/new-id.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { lockClasses } from "../lock-classes.ts";

const hourMs = 60 * 60 * 1_000;

const lock = statement("media_calls.lock", `select pg_advisory_xact_lock($1, hashtext($2))::text as done`, { done: "text" });
/** What no longer counts goes. A call that never ended has failed when it began. */
const tidy = statement(
  "media_calls.tidy",
  `with gone as (
     delete from whatsapp_media_calls where tenant_id = $1 and connection_id = $2 and coalesce(failed_at, begun_at) <= $3::timestamptz
   )
   update whatsapp_media_calls set failed_at = begun_at
    where tenant_id = $1 and connection_id = $2 and failed_at is null and begun_at <= $4::timestamptz and begun_at > $3::timestamptz`,
  {},
);
const count = statement(
  "media_calls.count",
  `select count(*)::int as calls, count(failed_at)::int as failed, min(failed_at) as "oldestMs"
     from whatsapp_media_calls where tenant_id = $1 and connection_id = $2`,
  { calls: "int", failed: "int", oldestMs: "time?" },
);
const insert = statement(
  "media_calls.insert",
  `insert into whatsapp_media_calls (tenant_id, connection_id, id, begun_at) values ($1, $2, $3, $4::timestamptz)`,
  {},
);
const remove = statement(
  "media_calls.delete",
  `delete from whatsapp_media_calls where tenant_id = $1 and connection_id = $2 and id = $3`,
  {},
);
const fail = statement(
  "media_calls.fail",
  `update whatsapp_media_calls set failed_at = $4::timestamptz where tenant_id = $1 and connection_id = $2 and id = $3`,
  {},
);

export type Leave = { kind: "may_call"; callId: string } | { kind: "wait"; seconds: number };

/** Leave for calls of which at most one may fail. Whoever has it ends it with `endCall`. */
export async function beginCall(tx: Tx, scope: TenantScope, connectionId: string, nowMs: number): Promise<Leave> {
  await tx.query(lock, [lockClasses.mediaCalls, connectionId]);
  const abandoned = nowMs - limits.mediaCallAbandonedAfterMs;
  await tx.query(tidy, [scope.tenantId, connectionId, time(nowMs - hourMs), time(abandoned)]);
  const [found] = await tx.query(count, [scope.tenantId, connectionId]);
  const { calls, failed, oldestMs } = found ?? { calls: 0, failed: 0, oldestMs: null };
  if (calls < limits.mediaFailuresPerHourMax) {
    const callId = newId(nowMs);
    await tx.query(insert, [scope.tenantId, connectionId, callId, time(nowMs)]);
    return { kind: "may_call", callId };
  }
  if (failed < limits.mediaFailuresPerHourMax) return { kind: "wait", seconds: limits.mediaBusyWaitMs / 1_000 };
  return { kind: "wait", seconds: Math.ceil(((oldestMs ?? nowMs) + hourMs - nowMs) / 1_000) + 1 };
}

export async function endCall(
  tx: Tx,
  scope: TenantScope,
  call: { connectionId: string; callId: string; hasFailed: boolean },
  nowMs: number,
): Promise<void> {
  const key = [scope.tenantId, call.connectionId, call.callId] as const;
  await (call.hasFailed ? tx.query(fail, [...key, time(nowMs)]) : tx.query(remove, [...key]));
}
