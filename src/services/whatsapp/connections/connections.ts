/** Connections: one phone number each, of an account. Set up in the operator's scope, read in the tenant's. */
import { connectionChecks, type Connection, type ConnectionCode, type ConnectionHealth } from "../../../contract/connections.ts";
import type { ListQuery, Page } from "../../../contract/json.ts";
import { systemActor, type Actor } from "../../../core/actor.ts";
import { connectionProblem } from "../../../core/connection-problems.ts";
import { decodeIdCursor, nextIdCursor } from "../../../core/cursor.ts";
import { notFound, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import type { Db } from "../../../db/pool.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit } from "../../audit/append.ts";
import { putAccount, releaseParked } from "./accounts.ts";
import { requestProbes } from "./probes.ts";
import { openSteps } from "./steps.ts";
import { resumeLaneAfterToken } from "../outbox/lanes.ts";
import { requestTemplateSyncs } from "../templates/webhook.ts";

/** Until COMMIT it is not closed: what is connected here would be held by nobody. */
const selectTenant = statement("connections.tenant_exists", `select id from tenants where id = $1 and closed_at is null for share`, {
  id: "uuid",
});
/** Locked: its id goes into the sealed token, so the row must not change hands meanwhile. */
const lockByNumber = statement(
  "connections.lock_by_number",
  `select tenant_id as "tenantId", id from whatsapp_connections where phone_number_id = $1 and released_at is null for update`,
  { tenantId: "uuid", id: "uuid" },
);
const insert = statement(
  "connections.insert",
  `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) values ($1, $2, $3, $4, 'connected')
   on conflict (phone_number_id) where released_at is null do nothing returning id`,
  { id: "uuid" },
);
const connect = statement(
  "connections.connect",
  `update whatsapp_connections set account_id = $3, display_phone_number = coalesce($4, display_phone_number), access_token = $5::bytea,
     state = 'connected', last_error = null, is_coexistence = is_coexistence or $6, connected_at = $7::timestamptz
   where tenant_id = $1 and id = $2`,
  {},
);
const connectionRow = {
  id: "uuid",
  accountId: "uuid",
  wabaId: "text",
  phoneNumberId: "text",
  displayPhoneNumber: "text?",
  verifiedName: "text?",
  state: "text",
  quality: "text?",
  messagingLimit: "text?",
  lastSeenAtMs: "time?",
  lastError: "text?",
  createdAtMs: "time",
  isCoexistence: "bool",
  healthState: "text?",
  healthCode: "text?",
  checkedAtMs: "time?",
} as const;
/** The gravest check, as `worstOf` in `core/connection-health.ts` picks it. */
const select = `select c.id, c.account_id as "accountId", a.waba_id as "wabaId", c.phone_number_id as "phoneNumberId",
    c.display_phone_number as "displayPhoneNumber", c.verified_name as "verifiedName", c.state, c.quality, c.messaging_limit as "messagingLimit",
    c.last_seen_at as "lastSeenAtMs", c.last_error as "lastError", c.created_at as "createdAtMs", c.is_coexistence as "isCoexistence",
    w.state as "healthState", w.code as "healthCode", c.probed_at as "checkedAtMs"
  from whatsapp_connections c join whatsapp_accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
    left join lateral (
      select k.state, k.code from whatsapp_connection_checks k where k.tenant_id = c.tenant_id and k.connection_id = c.id
      order by array_position('{problem,warning,ok,unknown}', k.state), array_position('{${connectionChecks.join(",")}}', k.check_name) limit 1
    ) w on true
  where c.tenant_id = $1`;
const selectPage = statement("connections.page", `${select} and c.id < $2::uuid order by c.id desc limit $3`, connectionRow);
const selectById = statement("connections.by_id", `${select} and c.id = $2`, connectionRow);

export type WantedConnection = {
  tenantId: string;
  wabaId: string;
  phoneNumberId: string;
  displayPhoneNumber?: string | null;
  accessToken: string;
  portfolioId?: string | null;
  appKey?: string | null;
  /** Just now, by Meta's dialogue, with a number that stays in the Business app. */
  isOnboarded?: boolean;
};

export type SetUpTools = { seal: (context: SecretContext, plain: string) => Buffer; nowMs: number; actor?: Actor };

/**
 * Connects a number, with its account. The same again for the same tenant keeps the id and takes the new token and number, and so is a
 * `discovered` connection completed. Throws `conflict` when account or number are another tenant's, `not_found` without such a tenant.
 * Meta is not asked: whose the account is must be known by now, and what is to be done there is `connections/setup.ts`.
 */
export async function putConnection(platform: Db, wanted: WantedConnection, tools: SetUpTools): Promise<{ id: string; isNew: boolean }> {
  return transaction(platform, (tx) => connectNumber(tx, wanted, tools));
}

async function connectNumber(tx: Tx, wanted: WantedConnection, tools: SetUpTools): Promise<{ id: string; isNew: boolean }> {
  const { tenantId, wabaId, phoneNumberId, isOnboarded = false } = wanted;
  const { nowMs } = tools;
  if ((await tx.query(selectTenant, [tenantId])).length === 0) throw notFound();
  const wantedAccount = { tenantId, wabaId, portfolioId: wanted.portfolioId ?? null, appKey: wanted.appKey };
  const account = await putAccount(tx, wantedAccount, nowMs);
  const [inserted] = await tx.query(insert, [tenantId, newId(nowMs), account.id, phoneNumberId]);
  // When the number was there, or came at this very moment: the insert has waited for whoever made it.
  const [row] = await tx.query(lockByNumber, [phoneNumberId]);
  if (row === undefined || row.tenantId !== tenantId) throw new Rejection("conflict", 409, "This number is connected to another tenant");
  const connection = { tenantId, connectionId: row.id };
  const token = tools.seal({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: row.id }, wanted.accessToken);
  await tx.query(connect, [tenantId, row.id, account.id, wanted.displayPhoneNumber ?? null, token, isOnboarded, time(nowMs)]);
  await openSteps(tx, connection, { isOnboarded, nowMs });
  await releaseParked(tx, wabaId, account.appKey, phoneNumberId);
  await requestTemplateSyncs(tx, [{ tenantId, accountId: account.id }]);
  await requestProbes(tx, [connection], "news");
  // Sending may have been paused for the old token.
  await resumeLaneAfterToken(tx, tenantId, row.id);
  const subject = { kind: "connection", id: row.id };
  const deed = { tenantId, action: "connection.connected", subject, data: { wabaId, phoneNumberId, isOnboarded } };
  await appendAudit(tx, tools.actor ?? systemActor, [deed], nowMs);
  const data = { connectionId: row.id, phoneNumberId, state: "connected" };
  await appendActivity(tx, [{ tenantId, type: "connection.changed", conversationId: null, messageId: null, data }], nowMs);
  return { id: row.id, isNew: inserted !== undefined };
}

/** Newest first. */
export async function listConnections(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<Connection>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, before, limit]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

export async function getConnection(app: Db, scope: TenantScope, id: string): Promise<Connection> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return shown(row);
}

function shown(row: RowOf<typeof connectionRow>): Connection {
  const { lastSeenAtMs, createdAtMs, checkedAtMs, healthState, healthCode, ...connection } = row;
  // The column's CHECK allows no other state, and only `connections/checks.ts` writes the words of a check.
  const state = row.state as Connection["state"];
  const code = healthCode as ConnectionCode | null;
  const { sentence, action } = code === null ? { sentence: null, action: null } : connectionProblem(code);
  const health = { state: (healthState ?? "unknown") as ConnectionHealth["state"], code, sentence, action };
  return { ...connection, state, health, lastSeenAt: time(lastSeenAtMs), createdAt: time(createdAtMs), checkedAt: time(checkedAtMs) };
}
