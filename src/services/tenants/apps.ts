/** A tenant's own Meta app: its webhook has a path of its own, and only its secret signs for that path (I10). */
import { randomBytes } from "node:crypto";
import type { CreateApp, CreatedApp } from "../../contract/tenants.ts";
import { invalidRequest, notFound } from "../../core/rejection.ts";
import type { SecretContext } from "../../core/secret-box.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import { transaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

export type Sealer = (context: SecretContext, plain: string) => Buffer;

/** The lock makes two calls for the same app wait for each other. */
const lockTenant = statement("meta_apps.lock_tenant", `select id from tenants where id = $1 for update`, { id: "uuid" });
const selectApp = statement("meta_apps.by_app_id", `select id, app_key as "appKey" from meta_apps where tenant_id = $1 and app_id = $2`, {
  id: "uuid",
  appKey: "text",
});
const upsert = statement(
  "meta_apps.upsert",
  `insert into meta_apps (tenant_id, id, app_key, app_id, app_secrets, verify_token) values ($1, $2, $3, $4, $5::bytea, $6::bytea)
   on conflict (tenant_id, id) do update set app_secrets = excluded.app_secrets, verify_token = excluded.verify_token`,
  {},
);

/**
 * The same app again keeps its key and takes the new secrets. Sealed are a comma-separated list of secrets
 * (`meta_apps.app_secrets`) and the verify token (`meta_apps.verify_token`).
 */
export async function putApp(
  platform: Db,
  wanted: CreateApp,
  tools: { seal: Sealer; nowMs: number },
): Promise<CreatedApp & { isNew: boolean }> {
  const secrets = wanted.appSecret.split(",").map((secret) => secret.trim());
  if (secrets.includes("") || secrets.length > limits.appSecretsMax) {
    throw invalidRequest(`appSecret must be one to ${limits.appSecretsMax} secrets, comma-separated`);
  }
  const { tenantId } = wanted;
  return transaction(platform, async (tx) => {
    if ((await tx.query(lockTenant, [tenantId])).length === 0) throw notFound();
    const [existing] = await tx.query(selectApp, [tenantId, wanted.appId]);
    const rowId = existing?.id ?? newId(tools.nowMs);
    const appKey = existing?.appKey ?? randomBytes(16).toString("hex");
    const sealed = (column: string, plain: string): Buffer => tools.seal({ table: "meta_apps", column, tenantId, rowId }, plain);
    const values = [sealed("app_secrets", secrets.join(",")), sealed("verify_token", wanted.verifyToken)];
    await tx.query(upsert, [tenantId, rowId, appKey, wanted.appId, ...values]);
    return { appKey, webhookPath: `/webhook/whatsapp/${appKey}`, isNew: existing === undefined };
  });
}
