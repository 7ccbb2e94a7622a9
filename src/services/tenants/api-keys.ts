/**
 * API keys (`core/key-text.ts` says how they are spelled). Only the SHA-256 is stored: the secret has 256 bits, so a slow hash would add nothing.
 * A key is looked up by that hash, through the platform's role, because its tenant is not known before. The spelling counts:
 * the whole text is hashed, so there is no second spelling of a key.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ListQuery, Page } from "../../contract/json.ts";
import type { ApiKey, ChangeApiKey, CreateApiKey, CreatedApiKey, Scope } from "../../contract/tenants.ts";
import type { Actor } from "../../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { spellKey } from "../../core/key-text.ts";
import { invalidFields, notFound, Rejection } from "../../core/rejection.ts";
import { tenantScope, type TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendAudit } from "../audit/append.ts";

const insert = statement(
  "api_keys.insert",
  `insert into api_keys (tenant_id, id, name, secret_sha256, scopes, expires_at, connection_id, requests_per_minute, made_by_kind, made_by_id, made_by_name)
   values ($1, $2, $3, $4::bytea, $5::text[], $6::timestamptz, $7::uuid, $8::int, $9, $10::uuid, $11)`,
  {},
);
const selectConnection = statement("api_keys.connection", `select id from whatsapp_connections where tenant_id = $1 and id = $2`, {
  id: "uuid",
});
const countAll = statement("api_keys.count", `select count(*) from api_keys where tenant_id = $1 and revoked_at is null`, {
  count: "bigint",
});
const keyRow = {
  id: "uuid",
  name: "text",
  scopes: "texts",
  connectionId: "uuid?",
  requestsPerMinute: "int?",
  expiresAtMs: "time?",
  revokedAtMs: "time?",
  lastUsedAtMs: "time?",
  madeByKind: "text?",
  madeById: "uuid?",
  madeByName: "text?",
  createdAtMs: "time",
} as const;
const columns = `id, name, scopes, connection_id as "connectionId", requests_per_minute as "requestsPerMinute", expires_at as "expiresAtMs",
  revoked_at as "revokedAtMs", last_used_at as "lastUsedAtMs", made_by_kind as "madeByKind", made_by_id as "madeById", made_by_name as "madeByName",
  created_at as "createdAtMs"`;
const selectPage = statement(
  "api_keys.page",
  `select ${columns} from api_keys where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  keyRow,
);
const change = statement(
  "api_keys.change",
  `update api_keys set name = coalesce($3, name), requests_per_minute = case when $4::boolean then $5::int else requests_per_minute end
   where tenant_id = $1 and id = $2 and revoked_at is null returning ${columns}`,
  keyRow,
);
const revoke = statement(
  "api_keys.revoke",
  `update api_keys set revoked_at = coalesce(revoked_at, now()) where tenant_id = $1 and id = $2
   returning name, old.revoked_at is null as "isNew"`,
  { name: "text", isNew: "bool" },
);
const selectByHash = statement(
  "api_keys.by_hash",
  `select tenant_id as "tenantId", id, name, scopes, connection_id as "connectionId", requests_per_minute as "requestsPerMinute",
     (extract(epoch from expires_at - now()) * 1000)::bigint as "expiresInMs",
     last_used_at is null or last_used_at < now() - interval '1 minute' as "isUseStale"
   from api_keys where secret_sha256 = $1::bytea and revoked_at is null and (expires_at is null or expires_at > now())`,
  {
    tenantId: "uuid",
    id: "uuid",
    name: "text",
    scopes: "texts",
    connectionId: "uuid?",
    requestsPerMinute: "int?",
    expiresInMs: "bigint?",
    isUseStale: "bool",
  },
);
const noteUse = statement(
  "api_keys.note_use",
  `update api_keys set last_used_at = now()
   where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
  {},
);

export type FoundKey = {
  scope: TenantScope;
  id: string;
  name: string;
  scopes: ReadonlySet<string>;
  /** The one that it is bound to. */
  connectionId: string | null;
  requestsPerMinute: number;
  /** Null: never. */
  expiresInMs: number | null;
};

export function hashOfKey(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** Null for a key that is unknown, revoked or expired. Notes the use, at most once a minute. */
export async function findApiKey(platform: Db, sha256: Buffer): Promise<FoundKey | null> {
  const [row] = await platform.query(selectByHash, [sha256]);
  if (row === undefined) return null;
  if (row.isUseStale) await platform.query(noteUse, [row.tenantId, row.id]);
  const { tenantId, id, name, connectionId, expiresInMs } = row;
  const requestsPerMinute = row.requestsPerMinute ?? limits.keyRequestsPerMinuteDefault;
  return { scope: tenantScope(tenantId), id, name, scopes: new Set(row.scopes), connectionId, requestsPerMinute, expiresInMs };
}

/** A key never gives more than its maker has. */
export async function createApiKey(
  app: Db,
  scope: TenantScope,
  wanted: CreateApiKey,
  maker: { scopes: ReadonlySet<string>; actor: Actor; nowMs: number },
): Promise<CreatedApiKey> {
  const { tenantId } = scope;
  const { name, scopes, requestsPerMinute = null } = wanted;
  const excess = scopes.find((word) => !maker.scopes.has(word));
  if (excess !== undefined) throw new Rejection("forbidden", 403, `Whoever asks does not have the scope ${excess}`);
  const expiresAtMs = wanted.expiresAt == null ? null : Date.parse(wanted.expiresAt);
  if (expiresAtMs !== null && !(expiresAtMs > maker.nowMs)) throw invalidFields([{ field: "expiresAt", detail: "must lie in the future" }]);
  const connectionId = wanted.connectionId?.toLowerCase() ?? null;
  if (connectionId !== null && scopes.includes("admin")) {
    throw invalidFields([
      { field: "scopes", detail: "a key for one connection cannot have admin: it could make itself a key for all of them" },
    ]);
  }
  return tenantTransaction(app, scope, async (tx) => {
    if (connectionId !== null && (await tx.query(selectConnection, [tenantId, connectionId])).length === 0) throw notFound();
    const [{ count } = { count: 0 }] = await tx.query(countAll, [tenantId]);
    if (count >= limits.apiKeysPerTenantMax) throw new Rejection("too_many", 409, "This tenant has as many keys as it may have");
    const key = { name, scopes, expiresAtMs, connectionId, requestsPerMinute };
    const { id, apiKey } = await insertApiKey(tx, tenantId, key, maker);
    const data = { name, scopes, connectionId, requestsPerMinute, expiresAt: time(expiresAtMs) };
    await appendAudit(tx, maker.actor, [{ tenantId, action: "api_key.created", subject: { kind: "api_key", id }, data }], maker.nowMs);
    return { id, name, scopes: [...scopes], connectionId, expiresAt: time(expiresAtMs), apiKey };
  });
}

type NewKey = {
  name: string;
  scopes: readonly Scope[];
  expiresAtMs?: number | null;
  connectionId?: string | null;
  requestsPerMinute?: number | null;
};

export async function insertApiKey(
  tx: Tx,
  tenantId: string,
  key: NewKey,
  { actor, nowMs }: { actor: Actor; nowMs: number },
): Promise<{ id: string; apiKey: string }> {
  const id = newId(nowMs);
  const apiKey = spellKey(id, randomBytes(32));
  const bounds = [time(key.expiresAtMs ?? null), key.connectionId ?? null, key.requestsPerMinute ?? null];
  await tx.query(insert, [tenantId, id, key.name, hashOfKey(apiKey), key.scopes, ...bounds, actor.kind, actor.id, actor.name]);
  return { id, apiKey };
}

/** Throws `not_found`, for a revoked key too. */
export async function changeApiKey(
  app: Db,
  scope: TenantScope,
  id: string,
  { wanted, actor, nowMs }: { wanted: ChangeApiKey; actor: Actor; nowMs: number },
): Promise<ApiKey> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const values = [wanted.name ?? null, wanted.requestsPerMinute !== undefined, wanted.requestsPerMinute ?? null];
    const [row] = await tx.query(change, [tenantId, id, ...values]);
    if (row === undefined) throw notFound();
    await appendAudit(tx, actor, [{ tenantId, action: "api_key.changed", subject: { kind: "api_key", id }, data: wanted }], nowMs);
    return shown(row);
  });
}

/** Newest first, with the revoked ones. */
export async function listApiKeys(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<ApiKey>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, before, limit]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

/** Revoking twice is the same as once. */
export async function revokeApiKey(app: Db, scope: TenantScope, id: string, by: { actor: Actor; nowMs: number }): Promise<void> {
  const { tenantId } = scope;
  await tenantTransaction(app, scope, async (tx) => {
    const [row] = await tx.query(revoke, [tenantId, id]);
    if (row === undefined) throw notFound();
    if (!row.isNew) return;
    const data = { name: row.name };
    await appendAudit(tx, by.actor, [{ tenantId, action: "api_key.revoked", subject: { kind: "api_key", id }, data }], by.nowMs);
  });
}

function shown(row: RowOf<typeof keyRow>): ApiKey {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    connectionId: row.connectionId,
    requestsPerMinute: row.requestsPerMinute ?? limits.keyRequestsPerMinuteDefault,
    expiresAt: time(row.expiresAtMs),
    revokedAt: time(row.revokedAtMs),
    lastUsedAt: time(row.lastUsedAtMs),
    madeBy: row.madeByName === null || row.madeByKind === null ? null : { kind: row.madeByKind, id: row.madeById, name: row.madeByName },
    createdAt: time(row.createdAtMs),
  };
}
