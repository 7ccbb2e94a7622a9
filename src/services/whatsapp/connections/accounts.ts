/**
 * Accounts (WABAs). Connecting one brings back what came before: updates that were parked because nobody knew the account go into
 * the queue in the same transaction. Lock order: `waba:<id>` first, as routing does before it calls an update unrouted, so that one
 * of the two sees the other's rows.
 */
import type { Account } from "../../../contract/connections.ts";
import type { ListQuery, Page } from "../../../contract/json.ts";
import { decodeIdCursor, nextIdCursor } from "../../../core/cursor.ts";
import { invalidRequest, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const lockWaba = statement("accounts.lock_waba", `select pg_advisory_xact_lock(hashtextextended('waba:' || $1::text, 0))::text as locked`, {
  locked: "text",
});
const selectByWaba = statement(
  "accounts.by_waba",
  `select tenant_id as "tenantId", id, app_key as "appKey" from whatsapp_accounts where waba_id = $1 and released_at is null`,
  {
    tenantId: "uuid",
    id: "uuid",
    appKey: "text",
  },
);
/** What was received while another tenant had the account is not this one's. */
const insert = statement(
  "accounts.insert",
  `insert into whatsapp_accounts (tenant_id, id, waba_id, portfolio_id, app_key, held_from)
   select $1, $2, $3, $4, $5, (select max(former.released_at) from whatsapp_accounts former where former.waba_id = $3 and former.released_at is not null)`,
  {},
);
/** Seen for the first time while its tenant was being closed, by a batch that may have ended after others had the account already. */
const releaseStragglers = statement(
  "accounts.release_stragglers",
  `update whatsapp_connections c set released_at = a.released_at from whatsapp_accounts a
   where a.waba_id = $1 and a.released_at is not null and c.tenant_id = a.tenant_id and c.account_id = a.id and c.released_at is null`,
  {},
);
const update = statement(
  "accounts.update",
  `update whatsapp_accounts set portfolio_id = coalesce($3, portfolio_id), app_key = $4 where tenant_id = $1 and id = $2`,
  {},
);
const selectApp = statement("accounts.app_exists", `select id from meta_apps where tenant_id = $1 and app_key = $2`, { id: "uuid" });
const enqueueParked = statement(
  "accounts.enqueue_parked",
  `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, update_index, parked_id, is_replay, created_at)
   select kind, waba_id, array[delivery_id], 1, 0, update_index, id, true, now()
   from parked_updates
   where waba_id = $1 and app_key = $2 and resolved_at is null
     and (reason = 'unrouted' or (reason = 'number_mismatch' and phone_number_id = $3))
   order by id`,
  {},
);
const accountRow = { id: "uuid", wabaId: "text", portfolioId: "text?", appKey: "text", createdAtMs: "time" } as const;
const selectPage = statement(
  "accounts.page",
  `select id, waba_id as "wabaId", portfolio_id as "portfolioId", app_key as "appKey", created_at as "createdAtMs"
   from whatsapp_accounts where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  accountRow,
);

export type WantedAccount = {
  tenantId: string;
  wabaId: string;
  portfolioId: string | null;
  /** Undefined leaves an existing account as it is; null is the platform's app. */
  appKey: string | null | undefined;
};

/** The tenant's account for this WABA, made if needed; its lock is held until COMMIT. Throws `conflict` when it is another tenant's. */
export async function putAccount(tx: Tx, wanted: WantedAccount, nowMs: number): Promise<{ id: string; appKey: string }> {
  await lockAccount(tx, wanted.wabaId);
  if (wanted.appKey != null && (await tx.query(selectApp, [wanted.tenantId, wanted.appKey])).length === 0) {
    throw invalidRequest("appKey is not the key of an app of this tenant");
  }
  await tx.query(releaseStragglers, [wanted.wabaId]);
  const [existing] = await tx.query(selectByWaba, [wanted.wabaId]);
  if (existing === undefined) {
    const account = { id: newId(nowMs), appKey: wanted.appKey ?? "" };
    await tx.query(insert, [wanted.tenantId, account.id, wanted.wabaId, wanted.portfolioId, account.appKey]);
    return account;
  }
  if (existing.tenantId !== wanted.tenantId) throw new Rejection("conflict", 409, "This WABA is connected to another tenant");
  const appKey = wanted.appKey === undefined ? existing.appKey : (wanted.appKey ?? "");
  await tx.query(update, [wanted.tenantId, existing.id, wanted.portfolioId, appKey]);
  return { id: existing.id, appKey };
}

/** Until COMMIT: whoever connects, disconnects or routes to an account does it one after the other. */
export async function lockAccount(tx: Tx, wabaId: string): Promise<void> {
  await tx.query(lockWaba, [wabaId]);
}

/** Puts what waited for this account, or for this number of it, into the queue. After the account and the number are written. */
export async function releaseParked(tx: Tx, wabaId: string, appKey: string, phoneNumberId: string): Promise<void> {
  await tx.query(enqueueParked, [wabaId, appKey, phoneNumberId]);
}

/** Newest first. */
export async function listAccounts(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<Account>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, before, limit]));
  const data = rows.map(({ createdAtMs, appKey, ...row }) => ({
    ...row,
    appKey: appKey === "" ? null : appKey,
    createdAt: time(createdAtMs),
  }));
  return { data, next: nextIdCursor(rows, limit) };
}
