/**
 * A tenant's own Meta app: its webhook has a path of its own, and only its secrets sign for that path (I10). The platform's app has no row
 * here and the key ''.
 */
import { randomBytes } from "node:crypto";
import type { MetaApp } from "../../contract/connections.ts";
import type { CreateApp, CreatedApp } from "../../contract/tenants.ts";
import { systemActor, type Actor } from "../../core/actor.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { SecretContext } from "../../core/secret-box.ts";
import type { Db } from "../../db/pool.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time } from "../../db/statement.ts";
import { transaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendAudit } from "../audit/append.ts";
import type { AppCredentials } from "../whatsapp/graph/tokens-client.ts";

export type Sealer = (context: SecretContext, plain: string) => Buffer;
export type Opener = (context: SecretContext, sealed: Uint8Array) => string;

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
const appRow = { tenantId: "uuid", id: "uuid", appKey: "text", appId: "text", appSecrets: "bytes", createdAtMs: "time" } as const;
const columns = `tenant_id as "tenantId", id, app_key as "appKey", app_id as "appId", app_secrets as "appSecrets", created_at as "createdAtMs"`;
const selectByKey = statement("meta_apps.by_key", `select ${columns} from meta_apps where app_key = $1`, appRow);
const selectOfTenant = statement(
  "meta_apps.of_tenant",
  `select ${columns} from meta_apps where tenant_id = $1 order by id desc limit $2`,
  appRow,
);
const lockApp = statement("meta_apps.lock", `select ${columns} from meta_apps where tenant_id = $1 and id = $2 for update`, appRow);
const setSecrets = statement("meta_apps.set_secrets", `update meta_apps set app_secrets = $3::bytea where tenant_id = $1 and id = $2`, {});
/** The tenant's row is locked: an account that is made meanwhile waits for it by its foreign key. */
const selectUser = statement(
  "meta_apps.used_by",
  `select waba_id as "wabaId" from whatsapp_accounts where tenant_id = $1 and app_key = $2 and released_at is null order by id limit 1`,
  { wabaId: "text" },
);
const remove = statement("meta_apps.remove", `delete from meta_apps where tenant_id = $1 and id = $2`, {});

/**
 * The same app again keeps its key and takes the new secrets. Sealed are a comma-separated list of secrets
 * (`meta_apps.app_secrets`) and the verify token (`meta_apps.verify_token`).
 */
export async function putApp(
  platform: Db,
  wanted: CreateApp,
  tools: { seal: Sealer; nowMs: number; actor?: Actor },
): Promise<CreatedApp & { isNew: boolean }> {
  const secrets = readSecrets(wanted.appSecret);
  const { tenantId } = wanted;
  return transaction(platform, async (tx) => {
    if ((await tx.query(lockTenant, [tenantId])).length === 0) throw notFound();
    const [existing] = await tx.query(selectApp, [tenantId, wanted.appId]);
    const rowId = existing?.id ?? newId(tools.nowMs);
    const appKey = existing?.appKey ?? randomBytes(16).toString("hex");
    const sealed = (column: string, plain: string): Buffer => tools.seal({ table: "meta_apps", column, tenantId, rowId }, plain);
    const values = [sealed("app_secrets", secrets.join(",")), sealed("verify_token", wanted.verifyToken)];
    await tx.query(upsert, [tenantId, rowId, appKey, wanted.appId, ...values]);
    const action = existing === undefined ? "meta_app.created" : "meta_app.secrets_replaced";
    const data = { appId: wanted.appId, secrets: secrets.length };
    await appendAudit(tx, tools.actor ?? systemActor, [{ tenantId, action, subject: { kind: "meta_app", id: rowId }, data }], tools.nowMs);
    return { appKey, webhookPath: `/webhook/whatsapp/${appKey}`, isNew: existing === undefined };
  });
}

function readSecrets(text: string): string[] {
  const secrets = text.split(",").map((secret) => secret.trim());
  if (secrets.includes("") || secrets.length > limits.appSecretsMax) {
    throw invalidRequest(`appSecret must be one to ${limits.appSecretsMax} secrets, comma-separated`);
  }
  return secrets;
}

/** Newest first, no more than a tenant has use for; never their secrets, and how many there are only where they can be opened. */
export async function listApps(platform: Db, scope: TenantScope, open: Opener | null): Promise<MetaApp[]> {
  const rows = await platform.query(selectOfTenant, [scope.tenantId, limits.listLimitMax]);
  return rows.map((row) => ({
    id: row.id,
    appKey: row.appKey,
    appId: row.appId,
    webhookPath: `/webhook/whatsapp/${row.appKey}`,
    secrets: open === null ? null : secretsOf(row, open).length,
    createdAt: time(row.createdAtMs),
  }));
}

/**
 * A new secret, which from now on proves our calls, and may sign beside the one so far (`keepOld`) until it is called again without.
 * A delivery that was signed with a dropped one is as forged as any other.
 */
export async function rotateAppSecret(
  platform: Db,
  scope: TenantScope,
  wanted: { appId: string; appSecret: string; keepOld: boolean },
  tools: { seal: Sealer; open: Opener; nowMs: number; actor: Actor },
): Promise<{ secrets: number }> {
  const { tenantId } = scope;
  const secret = wanted.appSecret.trim();
  if (secret === "" || secret.includes(",")) throw invalidRequest("appSecret must be one secret");
  return transaction(platform, async (tx) => {
    const [row] = await tx.query(lockApp, [tenantId, wanted.appId]);
    if (row === undefined) throw notFound();
    const old = wanted.keepOld ? secretsOf(row, tools.open).filter((one) => one !== secret) : [];
    const secrets = [secret, ...old].slice(0, limits.appSecretsMax);
    const sealed = tools.seal({ table: "meta_apps", column: "app_secrets", tenantId, rowId: row.id }, secrets.join(","));
    await tx.query(setSecrets, [tenantId, row.id, sealed]);
    const data = { appId: row.appId, secrets: secrets.length };
    const subject = { kind: "meta_app", id: row.id };
    await appendAudit(tx, tools.actor, [{ tenantId, action: "meta_app.secrets_replaced", subject, data }], tools.nowMs);
    return { secrets: secrets.length };
  });
}

/** From now on nothing signs for its path. Throws `not_found`, and `conflict` while an account is of this app: its webhooks would be lost. */
export async function removeApp(
  platform: Db,
  scope: TenantScope,
  appId: string,
  { actor, nowMs }: { actor: Actor; nowMs: number },
): Promise<void> {
  const { tenantId } = scope;
  await transaction(platform, async (tx) => {
    await tx.query(lockTenant, [tenantId]);
    const [row] = await tx.query(lockApp, [tenantId, appId]);
    if (row === undefined) throw notFound();
    const [user] = await tx.query(selectUser, [tenantId, row.appKey]);
    if (user !== undefined) throw new Rejection("conflict", 409, `The account ${user.wabaId} is connected by this app.`);
    await tx.query(remove, [tenantId, appId]);
    const entry = { tenantId, action: "meta_app.removed", subject: { kind: "meta_app", id: row.id }, data: { appId: row.appId } };
    await appendAudit(tx, actor, [entry], nowMs);
  });
}

export type MetaApps = {
  /** '' is the platform's. Null when there is no such app, or its secret is not known. */
  find(appKey: string): Promise<AppCredentials | null>;
};

/** Role kesher_platform: tenants' sessions never see these secrets. */
export function createMetaApps(options: { platform: AppCredentials | null; db: Db; open: Opener }): MetaApps {
  return {
    async find(appKey) {
      if (appKey === "") return options.platform;
      const [row] = await options.db.query(selectByKey, [appKey]);
      return row === undefined ? null : { appId: row.appId, secrets: secretsOf(row, options.open) };
    },
  };
}

function secretsOf({ tenantId, id, appSecrets }: { tenantId: string; id: string; appSecrets: Buffer }, open: Opener): string[] {
  return open({ table: "meta_apps", column: "app_secrets", tenantId, rowId: id }, appSecrets).split(",");
}
