/** What everything about connections needs of the rest of the program, and what a number is to those who ask Meta about it. */
import { notFound, Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import type { MetaApps } from "../../tenants/apps.ts";
import type { AccessToken, Graph } from "../graph/call.ts";

export type ConnectionTools = {
  /** Role kesher_app. */
  app: Db;
  /** Role kesher_platform: whether an account or a number is another tenant's. */
  platform: Db;
  graph: Graph;
  tokens: {
    read(tenantId: string, connectionId: string): Promise<AccessToken | null>;
    forget(connectionId: string): void;
  };
  /** Meta apps: the platform's, and tenants' own. */
  apps: MetaApps;
  seal: (context: SecretContext, plain: string) => Buffer;
  open: (context: SecretContext, sealed: Uint8Array) => string;
  /** How the world reaches this program, without a path; null where nobody has said. */
  publicUrl: () => string | null;
  /** Of the platform's app, for Embedded Signup; null where there is none. */
  configId: string | null;
  nowMs: () => number;
  /** After each COMMIT with news. */
  onActivity: (tenantIds: readonly string[]) => void;
};

const targetRow = {
  connectionId: "uuid",
  state: "text",
  phoneNumberId: "text",
  isCoexistence: "bool",
  pin: "bytes?",
  connectedAtMs: "time?",
  probedAtMs: "time?",
  lastSeenAtMs: "time?",
  rhythm: "json?",
  accountId: "uuid",
  wabaId: "text",
  appKey: "text",
} as const;
const select = statement(
  "connection_targets.select",
  `select c.id as "connectionId", c.state, c.phone_number_id as "phoneNumberId", c.is_coexistence as "isCoexistence", c.pin,
     c.connected_at as "connectedAtMs", c.probed_at as "probedAtMs", c.last_seen_at as "lastSeenAtMs", c.rhythm,
     a.id as "accountId", a.waba_id as "wabaId", a.app_key as "appKey"
   from whatsapp_connections c join whatsapp_accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
   where c.tenant_id = $1 and c.id = $2`,
  targetRow,
);

export type Target = RowOf<typeof targetRow>;

/** Throws `not_found`. */
export async function readTarget(tx: Tx, scope: TenantScope, connectionId: string): Promise<Target> {
  const [row] = await tx.query(select, [scope.tenantId, connectionId]);
  if (row === undefined) throw notFound();
  return row;
}

export function findTarget(tools: Pick<ConnectionTools, "app">, scope: TenantScope, connectionId: string): Promise<Target> {
  return tenantTransaction(tools.app, scope, (tx) => readTarget(tx, scope, connectionId));
}

/** Throws `not_connected`: there is no token to ask Meta with. */
export function assertConnected({ state }: { state: string }): void {
  if (state === "connected") return;
  throw new Rejection("not_connected", 409, "This number is not connected: give it an access token first.");
}

/** Where the account's webhooks should come. */
export function webhookUrlOf({ publicUrl }: ConnectionTools, appKey: string): string | null {
  const origin = publicUrl();
  return origin === null ? null : `${origin}/webhook/whatsapp${appKey === "" ? "" : `/${appKey}`}`;
}
