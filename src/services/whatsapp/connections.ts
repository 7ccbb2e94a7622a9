/** Connections: one phone number each, of an account. Set up in the operator's scope, read in the tenant's. */
import type { Connection, CreateConnection, Verification } from "../../contract/connections.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { SecretContext } from "../../core/secret-box.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { putAccount, releaseParked } from "./accounts.ts";
import { resumeLaneAfterToken } from "./outbox/lanes.ts";
import { requestTemplateSyncs } from "./templates-webhook.ts";

const selectTenant = statement("connections.tenant_exists", `select id from tenants where id = $1 and closed_at is null`, { id: "uuid" });
/** Locked: its id goes into the sealed token, so the row must not change hands meanwhile. */
const lockByNumber = statement(
  "connections.lock_by_number",
  `select tenant_id as "tenantId", id from whatsapp_connections where phone_number_id = $1 for update`,
  { tenantId: "uuid", id: "uuid" },
);
const insert = statement(
  "connections.insert",
  `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) values ($1, $2, $3, $4, 'connected')
   on conflict (phone_number_id) do nothing returning id`,
  { id: "uuid" },
);
const connect = statement(
  "connections.connect",
  `update whatsapp_connections set account_id = $3, display_phone_number = $4, access_token = $5::bytea, state = 'connected', last_error = null
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
} as const;
const select = `select c.id, c.account_id as "accountId", a.waba_id as "wabaId", c.phone_number_id as "phoneNumberId",
    c.display_phone_number as "displayPhoneNumber", c.verified_name as "verifiedName", c.state, c.quality, c.messaging_limit as "messagingLimit",
    c.last_seen_at as "lastSeenAtMs", c.last_error as "lastError", c.created_at as "createdAtMs"
  from whatsapp_connections c join whatsapp_accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
  where c.tenant_id = $1`;
const selectPage = statement("connections.page", `${select} and c.id < $2::uuid order by c.id desc limit $3`, connectionRow);
const selectById = statement("connections.by_id", `${select} and c.id = $2`, connectionRow);

/** Asks Graph about a token and a number. Bounded in time by whoever provides it. */
export type VerifyConnection = (connection: { wabaId: string; phoneNumberId: string; accessToken: string }) => Promise<Verification>;

export type SetUpTools = { seal: (context: SecretContext, plain: string) => Buffer; verify: VerifyConnection | null; nowMs: number };

/**
 * Connects a number, with its account. The same again for the same tenant keeps the id and takes the new token and number, and so is a
 * `discovered` connection completed. Throws `conflict` when account or number are another tenant's, `not_found` without such a tenant.
 * Graph is asked after COMMIT; what it says is only reported.
 */
export async function putConnection(
  platform: Db,
  wanted: CreateConnection,
  tools: SetUpTools,
): Promise<{ id: string; isNew: boolean; verification: Verification }> {
  const put = await transaction(platform, (tx) => connectNumber(tx, wanted, tools));
  const verification = tools.verify === null ? notChecked : await verified(tools.verify, wanted);
  return { ...put, verification };
}

async function connectNumber(tx: Tx, wanted: CreateConnection, tools: SetUpTools): Promise<{ id: string; isNew: boolean }> {
  const { tenantId, wabaId, phoneNumberId } = wanted;
  if ((await tx.query(selectTenant, [tenantId])).length === 0) throw notFound();
  const wantedAccount = { tenantId, wabaId, portfolioId: wanted.portfolioId ?? null, appKey: wanted.appKey };
  const account = await putAccount(tx, wantedAccount, tools.nowMs);
  const [inserted] = await tx.query(insert, [tenantId, newId(tools.nowMs), account.id, phoneNumberId]);
  // When the number was there, or came at this very moment: the insert has waited for whoever made it.
  const [row] = await tx.query(lockByNumber, [phoneNumberId]);
  if (row === undefined || row.tenantId !== tenantId) throw new Rejection("conflict", 409, "This number is connected to another tenant");
  const token = tools.seal({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: row.id }, wanted.accessToken);
  await tx.query(connect, [tenantId, row.id, account.id, wanted.displayPhoneNumber, token]);
  await releaseParked(tx, wabaId, account.appKey, phoneNumberId);
  await requestTemplateSyncs(tx, [{ tenantId, accountId: account.id }]);
  // Sending may have been paused for the old token.
  await resumeLaneAfterToken(tx, tenantId, row.id);
  const data = { connectionId: row.id, phoneNumberId, state: "connected" };
  await appendActivity(tx, [{ tenantId, type: "connection.changed", conversationId: null, messageId: null, data }], tools.nowMs);
  return { id: row.id, isNew: inserted !== undefined };
}

const notChecked: Verification = { checked: false, ok: null, detail: null, facts: null };

/** Graph being out of reach must not undo a set-up that is already committed. */
async function verified(verify: VerifyConnection, wanted: CreateConnection): Promise<Verification> {
  try {
    return await verify({ wabaId: wanted.wabaId, phoneNumberId: wanted.phoneNumberId, accessToken: wanted.accessToken });
  } catch {
    return { checked: false, ok: null, detail: "Graph could not be asked", facts: null };
  }
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

function shown({ lastSeenAtMs, createdAtMs, ...row }: RowOf<typeof connectionRow>): Connection {
  // The column's CHECK allows no other state.
  const state = row.state as Connection["state"];
  return { ...row, state, lastSeenAt: time(lastSeenAtMs), createdAt: time(createdAtMs) };
}
