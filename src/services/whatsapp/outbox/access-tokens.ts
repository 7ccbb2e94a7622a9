/** The tokens with which numbers send, opened once and kept for a few seconds: a rotated one works after that, or at once after a refusal. */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { tenantScope } from "../../../core/scope.ts";
import type { SecretContext } from "../../../core/secret-box.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const select = statement(
  "access_tokens.select",
  `select access_token as "accessToken" from whatsapp_connections where tenant_id = $1 and id = $2 and state = 'connected'`,
  { accessToken: "bytes?" },
);

export type OpenSecret = (context: SecretContext, sealed: Uint8Array) => string;

export class AccessTokens {
  readonly #app: Db;
  readonly #open: OpenSecret;
  /** Many sends of a number ask at once: one look is enough. */
  readonly #reading = new Map<string, Promise<string | null>>();
  readonly #kept = new BoundedMap<{ token: string; untilMs: number }>(limits.accessTokensMax);

  /** Role kesher_app: the token is the tenant's own. */
  constructor(app: Db, open: OpenSecret) {
    this.#app = app;
    this.#open = open;
  }

  /** Null when the connection has none, or is not connected. */
  read(tenantId: string, connectionId: string): Promise<string | null> {
    const kept = this.#kept.get(connectionId);
    if (kept !== undefined && kept.untilMs > performance.now()) return Promise.resolve(kept.token);
    const under = this.#reading.get(connectionId);
    if (under !== undefined) return under;
    const reading = this.#look(tenantId, connectionId).finally(() => {
      if (this.#reading.get(connectionId) === reading) this.#reading.delete(connectionId);
    });
    this.#reading.set(connectionId, reading);
    return reading;
  }

  async #look(tenantId: string, connectionId: string): Promise<string | null> {
    const [row] = await tenantTransaction(this.#app, tenantScope(tenantId), (tx) => tx.query(select, [tenantId, connectionId]));
    if (row?.accessToken === undefined || row.accessToken === null) return null;
    const token = this.#open({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: connectionId }, row.accessToken);
    this.#kept.set(connectionId, { token, untilMs: performance.now() + limits.accessTokenKeptMs });
    return token;
  }

  /** Graph has refused it: a newer one may be there. */
  forget(connectionId: string): void {
    this.#kept.delete(connectionId);
    this.#reading.delete(connectionId);
  }
}
