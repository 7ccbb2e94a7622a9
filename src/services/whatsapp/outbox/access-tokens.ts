/** The tokens with which numbers send, opened once and kept for a few seconds: a rotated one works after that, or at once after a refusal. */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { tenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { provenBy, type AccessToken } from "../graph/call.ts";

const select = statement(
  "access_tokens.select",
  `select c.access_token as "accessToken", a.app_key as "appKey" from whatsapp_connections c
     join whatsapp_accounts a on a.tenant_id = c.tenant_id and a.id = c.account_id
   where c.tenant_id = $1 and c.id = $2 and c.state = 'connected'`,
  { accessToken: "bytes?", appKey: "text" },
);

export type OpenSecret = (context: SecretContext, sealed: Uint8Array) => string;

/** The secrets of a Meta app, '' for the platform's: the one to stay first. None when there is no such app. */
export type AppSecretsOf = (appKey: string) => Promise<readonly string[]>;

export class AccessTokens {
  readonly #app: Db;
  readonly #open: OpenSecret;
  readonly #appSecretsOf: AppSecretsOf;
  /** Many sends of a number ask at once: one look is enough. */
  readonly #reading = new Map<string, Promise<AccessToken | null>>();
  readonly #kept = new BoundedMap<{ token: AccessToken; untilMs: number }>(limits.accessTokensMax);

  /** Role kesher_app: the token is the tenant's own. Without `appSecretsOf` tokens go unproven. */
  constructor(app: Db, open: OpenSecret, appSecretsOf: AppSecretsOf = () => Promise.resolve([])) {
    this.#app = app;
    this.#open = open;
    this.#appSecretsOf = appSecretsOf;
  }

  /** Null when the connection has none, or is not connected. */
  read(tenantId: string, connectionId: string): Promise<AccessToken | null> {
    const kept = this.#kept.get(connectionId);
    if (kept !== undefined && kept.untilMs > performance.now()) return Promise.resolve(kept.token);
    const under = this.#reading.get(connectionId);
    if (under !== undefined) return under;
    const reading = this.#look(tenantId, connectionId).then(
      (token) => {
        // A look that began before it was forgotten must not be remembered after it.
        if (this.#ends(connectionId, reading) && token !== null) this.#keep(connectionId, token);
        return token;
      },
      (error: unknown) => {
        this.#ends(connectionId, reading);
        throw error;
      },
    );
    this.#reading.set(connectionId, reading);
    return reading;
  }

  /** False when it was forgotten meanwhile. */
  #ends(connectionId: string, reading: Promise<AccessToken | null>): boolean {
    return this.#reading.get(connectionId) === reading && this.#reading.delete(connectionId);
  }

  #keep(connectionId: string, token: AccessToken): void {
    this.#kept.set(connectionId, { token, untilMs: performance.now() + limits.accessTokenKeptMs });
  }

  async #look(tenantId: string, connectionId: string): Promise<AccessToken | null> {
    const [row] = await tenantTransaction(this.#app, tenantScope(tenantId), (tx) => tx.query(select, [tenantId, connectionId]));
    if (row?.accessToken === undefined || row.accessToken === null) return null;
    const opened = this.#open({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: connectionId }, row.accessToken);
    return provenBy(opened, await this.#appSecretsOf(row.appKey));
  }

  /** Graph has refused it: a newer one may be there. */
  forget(connectionId: string): void {
    this.#kept.delete(connectionId);
    this.#reading.delete(connectionId);
  }
}
