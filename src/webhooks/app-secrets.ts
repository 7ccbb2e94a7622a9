/**
 * The secrets that may sign for each Meta app: '' is the platform's app, from the settings; a tenant's own app is read from
 * its table and kept for a moment, also when there is none, so that strangers cannot make each request a query.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { SecretContext } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import { statement } from "../db/statement.ts";
import { limits } from "../limits.ts";

const select = statement(
  "meta_apps.secrets",
  `select tenant_id as "tenantId", id, app_secrets as "appSecrets", verify_token as "verifyToken" from meta_apps where app_key = $1`,
  { tenantId: "uuid", id: "uuid", appSecrets: "bytes", verifyToken: "bytes" },
);

type AppSecrets = { secrets: readonly string[]; verifyToken: string };

export type AppSecretsOptions = {
  platform: { secrets: readonly string[]; verifyToken: string };
  db: Db;
  open: (context: SecretContext, sealed: Uint8Array) => string;
  nowMs: () => number;
};

export function createAppSecrets(options: AppSecretsOptions) {
  const kept = new Map<string, { found: AppSecrets | null; untilMs: number }>();

  async function read(appKey: string): Promise<AppSecrets | null> {
    const [row] = await options.db.query(select, [appKey]);
    if (row === undefined) return null;
    const context = (column: string): SecretContext => ({ table: "meta_apps", column, tenantId: row.tenantId, rowId: row.id });
    return {
      secrets: options.open(context("app_secrets"), row.appSecrets).split(","),
      verifyToken: options.open(context("verify_token"), row.verifyToken),
    };
  }

  async function find(appKey: string): Promise<AppSecrets | null> {
    if (appKey === "") return options.platform;
    const known = kept.get(appKey);
    if (known !== undefined && known.untilMs > options.nowMs()) return known.found;
    const found = await read(appKey);
    kept.delete(appKey);
    kept.set(appKey, { found, untilMs: options.nowMs() + limits.appSecretsKeptMs });
    const [oldest] = kept.keys();
    if (kept.size > limits.appSecretsKeptMax && oldest !== undefined) kept.delete(oldest);
    return found;
  }

  return {
    /** Null when there is no such app. At once for the platform's, which is the hot path. */
    secretsOf(appKey: string): readonly string[] | null | Promise<readonly string[] | null> {
      return appKey === "" ? options.platform.secrets : find(appKey).then((app) => app?.secrets ?? null);
    },
    /** Meta's check of the callback URL: compares digests, so that the time taken tells nothing. */
    async verifyToken(appKey: string, token: string): Promise<boolean> {
      const app = await find(appKey);
      return app !== null && timingSafeEqual(digest(app.verifyToken), digest(token));
    },
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
