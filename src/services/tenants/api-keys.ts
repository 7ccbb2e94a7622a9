/**
 * API keys: `ksh_<id>_<32 random bytes>`. Only the SHA-256 is stored: the secret has 256 bits, so a slow hash would add nothing.
 * A key is looked up by that hash, through the platform's role, because its tenant is not known before. The spelling counts:
 * the whole text is hashed, so there is no second spelling of a key.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ListQuery, Page } from "../../contract/json.ts";
import type { ApiKey, CreateApiKey, CreatedApiKey, Scope } from "../../contract/tenants.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import { tenantScope, type TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

const insert = statement(
  "api_keys.insert",
  `insert into api_keys (tenant_id, id, name, secret_sha256, scopes, expires_at) values ($1, $2, $3, $4::bytea, $5::text[], $6::timestamptz)`,
  {},
);
const countAll = statement("api_keys.count", `select count(*) from api_keys where tenant_id = $1 and revoked_at is null`, {
  count: "bigint",
});
const keyRow = {
  id: "uuid",
  name: "text",
  scopes: "texts",
  expiresAtMs: "time?",
  revokedAtMs: "time?",
  lastUsedAtMs: "time?",
  createdAtMs: "time",
} as const;
const selectPage = statement(
  "api_keys.page",
  `select id, name, scopes, expires_at as "expiresAtMs", revoked_at as "revokedAtMs", last_used_at as "lastUsedAtMs", created_at as "createdAtMs"
   from api_keys where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  keyRow,
);
const revoke = statement(
  "api_keys.revoke",
  `update api_keys set revoked_at = coalesce(revoked_at, now()) where tenant_id = $1 and id = $2 returning id`,
  { id: "uuid" },
);
const selectByHash = statement(
  "api_keys.by_hash",
  `select tenant_id as "tenantId", id, scopes,
     (extract(epoch from expires_at - now()) * 1000)::bigint as "expiresInMs",
     last_used_at is null or last_used_at < now() - interval '1 minute' as "isUseStale"
   from api_keys where secret_sha256 = $1::bytea and revoked_at is null and (expires_at is null or expires_at > now())`,
  { tenantId: "uuid", id: "uuid", scopes: "texts", expiresInMs: "bigint?", isUseStale: "bool" },
);
const noteUse = statement(
  "api_keys.note_use",
  `update api_keys set last_used_at = now()
   where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
  {},
);

export type FoundKey = { scope: TenantScope; id: string; scopes: ReadonlySet<string>; /** Null: never. */ expiresInMs: number | null };

/** What a key may look like; anything else needs no look at the database. */
export function isApiKey(text: string): boolean {
  return /^ksh_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/.test(text);
}

export function hashOfKey(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** Null for a key that is unknown, revoked or expired. Notes the use, at most once a minute. */
export async function findApiKey(platform: Db, sha256: Buffer): Promise<FoundKey | null> {
  const [row] = await platform.query(selectByHash, [sha256]);
  if (row === undefined) return null;
  if (row.isUseStale) await platform.query(noteUse, [row.tenantId, row.id]);
  return { scope: tenantScope(row.tenantId), id: row.id, scopes: new Set(row.scopes), expiresInMs: row.expiresInMs };
}

/** A key never gives more than its maker has. */
export async function createApiKey(
  app: Db,
  scope: TenantScope,
  wanted: CreateApiKey,
  maker: { scopes: ReadonlySet<string>; nowMs: number },
): Promise<CreatedApiKey> {
  const excess = wanted.scopes.find((word) => !maker.scopes.has(word));
  if (excess !== undefined) throw new Rejection("forbidden", 403, `This key does not have the scope ${excess} itself`);
  const expiresAtMs = wanted.expiresAt == null ? null : Date.parse(wanted.expiresAt);
  if (expiresAtMs !== null && !(expiresAtMs > maker.nowMs)) throw invalidRequest("expiresAt must lie in the future");
  return tenantTransaction(app, scope, async (tx) => {
    const [{ count } = { count: 0 }] = await tx.query(countAll, [scope.tenantId]);
    if (count >= limits.apiKeysPerTenantMax) throw new Rejection("too_many", 409, "This tenant has as many keys as it may have");
    const { id, apiKey } = await insertApiKey(tx, scope.tenantId, { name: wanted.name, scopes: wanted.scopes, expiresAtMs }, maker.nowMs);
    return { id, name: wanted.name, scopes: [...wanted.scopes], expiresAt: time(expiresAtMs), apiKey };
  });
}

export async function insertApiKey(
  tx: Tx,
  tenantId: string,
  key: { name: string; scopes: readonly Scope[]; expiresAtMs?: number | null },
  nowMs: number,
): Promise<{ id: string; apiKey: string }> {
  const id = newId(nowMs);
  const apiKey = `ksh_${id.replaceAll("-", "")}_${randomBytes(32).toString("base64url")}`;
  await tx.query(insert, [tenantId, id, key.name, hashOfKey(apiKey), key.scopes, time(key.expiresAtMs ?? null)]);
  return { id, apiKey };
}

/** Newest first, with the revoked ones. */
export async function listApiKeys(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<ApiKey>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, before, limit]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

/** Revoking twice is the same as once. */
export async function revokeApiKey(app: Db, scope: TenantScope, id: string): Promise<void> {
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(revoke, [scope.tenantId, id]));
  if (rows.length === 0) throw notFound();
}

function shown(row: RowOf<typeof keyRow>): ApiKey {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    expiresAt: time(row.expiresAtMs),
    revokedAt: time(row.revokedAtMs),
    lastUsedAt: time(row.lastUsedAtMs),
    createdAt: time(row.createdAtMs),
  };
}
