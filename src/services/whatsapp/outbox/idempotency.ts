/** One answer for one Idempotency-Key of a tenant, for a day. The key is taken first in the transaction: who comes at once waits for it. */
import type { QueuedMessage } from "../../../contract/sends.ts";
import { Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

export type Keyed = { key: string; requestSha256: Buffer };

/** One that is a day old is as good as none. */
const claim = statement(
  "idempotency.claim",
  `insert into idempotency_keys as k (tenant_id, key, request_sha256, created_at) values ($1, $2, $3::bytea, statement_timestamp())
   on conflict (tenant_id, key) do update set request_sha256 = excluded.request_sha256, answer = null, created_at = excluded.created_at
   where k.created_at < statement_timestamp() - make_interval(secs => $4::int)
   returning key`,
  { key: "text" },
);
const keep = statement("idempotency.keep", `update idempotency_keys set answer = $3::json where tenant_id = $1 and key = $2`, {});
const release = statement("idempotency.release", `delete from idempotency_keys where tenant_id = $1 and key = $2`, {});
const select = statement(
  "idempotency.select",
  `select request_sha256 as "requestSha256", answer from idempotency_keys where tenant_id = $1 and key = $2`,
  { requestSha256: "bytes", answer: "json?" },
);

/** Whether this call is the first with its key. */
export async function claimKey(tx: Tx, scope: TenantScope, { key, requestSha256 }: Keyed): Promise<boolean> {
  return (await tx.query(claim, [scope.tenantId, key, requestSha256, limits.idempotencyKeyMs / 1_000])).length > 0;
}

/** What the first call with this key answered. Throws `idempotency_conflict` when its body was another one. */
export async function keptAnswer(tx: Tx, scope: TenantScope, { key, requestSha256 }: Keyed): Promise<QueuedMessage> {
  const [row] = await tx.query(select, [scope.tenantId, key]);
  if (row === undefined || !row.requestSha256.equals(requestSha256)) {
    throw new Rejection(
      "idempotency_conflict",
      409,
      "This Idempotency-Key was used with another body. Take a new key for another message.",
    );
  }
  // Only `keepAnswer` writes it.
  return row.answer as QueuedMessage;
}

export async function keepAnswer(tx: Tx, scope: TenantScope, key: string, answer: QueuedMessage): Promise<void> {
  await tx.query(keep, [scope.tenantId, key, JSON.stringify(answer)]);
}

/** For a call that was refused after all: the key is free again. */
export async function releaseKey(tx: Tx, scope: TenantScope, key: string): Promise<void> {
  await tx.query(release, [scope.tenantId, key]);
}
