/**
 * What the operator lets a tenant have, and the count of what it has had today. Sends are counted in the transaction that queues them, a group at a
 * time and under the lock of the tenant's one row: no number of callers and nodes gets one more than the quota, and what is rolled back was not
 * counted. The row is taken just before the activity's counter and held until COMMIT, as that one is.
 */
import type { Quotas, Usage } from "../../contract/tenants.ts";
import type { Actor } from "../../core/actor.ts";
import { Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../db/transaction.ts";
import { appendAudit } from "../audit/append.ts";

/** A row of an earlier day counts from 0; a day that a slower clock still calls yesterday does not come back. */
const take = statement(
  "quotas.take",
  `insert into tenant_quotas as q (tenant_id, day, sends) values ($1, $2::date, $3::int)
   on conflict (tenant_id) do update set day = greatest(q.day, excluded.day),
     sends = case when q.day < excluded.day then 0 else q.sends end
       + least($3::int, greatest(0, coalesce(q.sends_per_day, 2147483647) - case when q.day < excluded.day then 0 else q.sends end))
   returning sends - case when old.day < new.day or old.day is null then 0 else old.sends end as granted, sends_per_day as "sendsPerDay"`,
  { granted: "int", sendsPerDay: "int?" },
);
const select = statement(
  "quotas.select",
  `select sends_per_day as "sendsPerDay", open_streams as "openStreams", case when day < $2::date then 0 else sends end as sends
   from tenant_quotas where tenant_id = $1`,
  { sendsPerDay: "int?", openStreams: "int?", sends: "int" },
);
const change = statement(
  "quotas.change",
  `insert into tenant_quotas as q (tenant_id, sends_per_day, open_streams) values ($1, $3::int, $5::int)
   on conflict (tenant_id) do update set sends_per_day = case when $2::boolean then $3::int else q.sends_per_day end,
     open_streams = case when $4::boolean then $5::int else q.open_streams end`,
  {},
);

const dayMs = 24 * 60 * 60 * 1_000;

/** Of `wanted` messages that are about to be queued, how many may be; and what to tell the others. Last but for the activity. */
export async function takeSends(
  tx: Tx,
  scope: TenantScope,
  wanted: number,
  nowMs: number,
): Promise<{ granted: number; refusal: () => Rejection }> {
  const [row] = wanted === 0 ? [] : await tx.query(take, [scope.tenantId, time(nowMs).slice(0, 10), wanted]);
  return { granted: row?.granted ?? 0, refusal: () => sendsSpent(row?.sendsPerDay ?? 0, nowMs) };
}

export async function readUsage(app: Db, scope: TenantScope, now: { openStreams: number; nowMs: number }): Promise<Usage> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(select, [scope.tenantId, time(now.nowMs).slice(0, 10)]));
  return {
    sends: { today: row?.sends ?? 0, quota: row?.sendsPerDay ?? null, resetsAt: time(nextDayMs(now.nowMs)) },
    streams: { open: now.openStreams, quota: row?.openStreams ?? null },
  };
}

/** Null: none. */
export async function streamQuota(app: Db, scope: TenantScope, nowMs: number): Promise<number | null> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(select, [scope.tenantId, time(nowMs).slice(0, 10)]));
  return row?.openStreams ?? null;
}

/** In the operator's scope, for a tenant that exists. What is left out stays as it is. */
export async function changeQuotas(platform: Db, tenantId: string, wanted: Quotas, by: { actor: Actor; nowMs: number }): Promise<void> {
  const { sendsPerDay, openStreams } = wanted;
  await transaction(platform, async (tx) => {
    await tx.query(change, [tenantId, sendsPerDay !== undefined, sendsPerDay ?? null, openStreams !== undefined, openStreams ?? null]);
    const entry = { tenantId, action: "tenant.quotas_changed", subject: { kind: "tenant", id: tenantId }, data: wanted };
    await appendAudit(tx, by.actor, [entry], by.nowMs);
  });
}

function sendsSpent(sendsPerDay: number, nowMs: number): Rejection {
  const resetsAtMs = nextDayMs(nowMs);
  const detail = `This tenant has sent as many messages today as it may: ${sendsPerDay}. It may again from ${time(resetsAtMs)}, or when the operator raises its quota.`;
  return new Rejection("quota_exceeded", 429, detail, {
    resetsAt: time(resetsAtMs),
    retryAfterSeconds: Math.ceil((resetsAtMs - nowMs) / 1_000),
  });
}

/** Midnight UTC. */
function nextDayMs(nowMs: number): number {
  return (Math.floor(nowMs / dayMs) + 1) * dayMs;
}
