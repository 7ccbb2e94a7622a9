/**
 * Who lists an account's templates now: one at a time over all nodes, and within the number of calls that Meta allows in an hour (200 for
 * an app and a WABA without live numbers). A lease that was not given back ends by itself; its start tells its holder from the next one.
 */
import { backoffMs } from "../../../core/backoff.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import type { Account } from "./templates.ts";

const insertMissing = statement(
  "template_leases.insert_missing",
  `insert into whatsapp_template_syncs (tenant_id, account_id, due_at) values ($1, $2, $3::timestamptz) on conflict do nothing`,
  {},
);
const take = statement(
  "template_leases.take",
  `update whatsapp_template_syncs set started_at = $3::timestamptz, leased_until = $4::timestamptz
   where tenant_id = $1 and account_id = $2 and (leased_until is null or leased_until <= $3::timestamptz)
     and (started_at is null or started_at < $3::timestamptz)
   returning account_id as "accountId"`,
  { accountId: "uuid" },
);
const spend = statement(
  "template_leases.spend",
  `update whatsapp_template_syncs set
     calls = case when calls_from <= $4::timestamptz - interval '1 hour' then 1 else calls + 1 end,
     calls_from = case when calls_from <= $4::timestamptz - interval '1 hour' then $4::timestamptz else calls_from end
   where tenant_id = $1 and account_id = $2 and started_at = $3::timestamptz and leased_until is not null
     and (calls_from <= $4::timestamptz - interval '1 hour' or calls < $5)
   returning account_id as "accountId"`,
  { accountId: "uuid" },
);
const select = statement(
  "template_leases.select",
  `select failures, calls_from + interval '1 hour' as "refilledAtMs" from whatsapp_template_syncs where tenant_id = $1 and account_id = $2`,
  { failures: "int", refilledAtMs: "time" },
);
const giveBack = statement(
  "template_leases.give_back",
  `update whatsapp_template_syncs set leased_until = null, due_at = $4::timestamptz, failures = $5, error = $6,
     succeeded_at = case when $6::text is null then $3::timestamptz else succeeded_at end
   where tenant_id = $1 and account_id = $2 and started_at = $3::timestamptz`,
  {},
);
const selectDue = statement(
  "template_leases.due",
  `select a.tenant_id as "tenantId", a.id as "accountId"
   from whatsapp_accounts a left join whatsapp_template_syncs s on s.tenant_id = a.tenant_id and s.account_id = a.id
   where coalesce(s.due_at <= $1::timestamptz, true) and coalesce(s.leased_until <= $1::timestamptz, true)
     and exists (select from whatsapp_connections c where c.tenant_id = a.tenant_id and c.account_id = a.id and c.state = 'connected')
   order by s.due_at nulls first, a.id limit $2`,
  { tenantId: "uuid", accountId: "uuid" },
);

export type Lease = Account & { startedAtMs: number };

/** Null when somebody else has it. The account must exist. */
export async function takeLease(tx: Tx, { tenantId, accountId }: Account, nowMs: number): Promise<Lease | null> {
  await tx.query(insertMissing, [tenantId, accountId, time(nowMs)]);
  const taken = await tx.query(take, [tenantId, accountId, time(nowMs), time(nowMs + limits.templateSyncMsMax)]);
  return taken.length === 0 ? null : { tenantId, accountId, startedAtMs: nowMs };
}

/** Counts one call. False when the hour's are spent, or the lease is another's by now. */
export async function spendCall(tx: Tx, lease: Lease, nowMs: number): Promise<boolean> {
  const values = [lease.tenantId, lease.accountId, time(lease.startedAtMs), time(nowMs), limits.templateCallsPerHourMax];
  return (await tx.query(spend, values)).length > 0;
}

export async function endWell(tx: Tx, lease: Lease, nowMs: number): Promise<void> {
  const dueAt = time(nowMs + limits.templateSyncEveryMs);
  await tx.query(giveBack, [lease.tenantId, lease.accountId, time(lease.startedAtMs), dueAt, 0, null]);
}

/** Answers how often it failed in a row. `waitMs`: what Meta asks for at least. */
export async function endBadly(tx: Tx, lease: Lease, { error, waitMs }: { error: string; waitMs: number }, nowMs: number): Promise<number> {
  const [row] = await tx.query(select, [lease.tenantId, lease.accountId]);
  const failures = (row?.failures ?? 0) + 1;
  const backoff = backoffMs({ firstMs: limits.templateRetryMsMin, factor: 2, maxMs: limits.templateSyncEveryMs }, failures, 0.5);
  const dueAt = time(nowMs + Math.max(waitMs, backoff));
  await tx.query(giveBack, [lease.tenantId, lease.accountId, time(lease.startedAtMs), dueAt, failures, error]);
  return failures;
}

/** When calls may be made again. */
export async function readRefill(tx: Tx, { tenantId, accountId }: Account): Promise<number | null> {
  const [row] = await tx.query(select, [tenantId, accountId]);
  return row?.refilledAtMs ?? null;
}

/** Accounts of all tenants whose list is due and that nobody lists now; as kesher_ingest. */
export async function findDue(tx: Tx, nowMs: number): Promise<Account[]> {
  return tx.query(selectDue, [time(nowMs), limits.templateSweepMax]);
}
