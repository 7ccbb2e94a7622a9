/** Where an endpoint is and what signs for it: read in its tenant's scope, since the workers' own role may not, and remembered by version. */
import { BoundedMap } from "../core/bounded-map.ts";
import { tenantScope } from "../core/scope.ts";
import type { SecretContext } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import { statement } from "../db/statement.ts";
import { tenantTransaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { secretContext } from "./forward-endpoints.ts";

const select = statement(
  "forward_secrets.select",
  `select url, secret, previous_secret as "previousSecret", previous_secret_until as "previousUntilMs" from forward_endpoints where tenant_id = $1 and id = $2`,
  { url: "text", secret: "bytes", previousSecret: "bytes?", previousUntilMs: "time?" },
);

export type Destination = { url: string; /** The newest first. */ secrets: readonly string[] };
export type DestinationKey = { tenantId: string; endpointId: string; version: number };
export type Destinations = {
  /** Null when the endpoint is gone. */
  find(key: DestinationKey): Promise<Destination | null>;
  /** Whatever its version is. */
  findNow(key: Omit<DestinationKey, "version">): Promise<Destination | null>;
};

export type DestinationsOptions = { app: Db; open: (context: SecretContext, sealed: Uint8Array) => string; nowMs: () => number };

type Known = { url: string; secret: string; previous: { secret: string; untilMs: number } | null };

export function createDestinations(options: DestinationsOptions): Destinations {
  const kept = new BoundedMap<Known>(limits.forwardSecretsKeptMax);

  async function read({ tenantId, endpointId }: Omit<DestinationKey, "version">): Promise<Known | null> {
    const scope = tenantScope(tenantId);
    const [row] = await tenantTransaction(options.app, scope, (tx) => tx.query(select, [tenantId, endpointId]));
    if (row === undefined) return null;
    const open = (sealed: Buffer): string => options.open(secretContext(tenantId, endpointId), sealed);
    const { url, secret, previousSecret, previousUntilMs } = row;
    const hasPrevious = previousSecret !== null && previousUntilMs !== null && previousUntilMs > options.nowMs();
    return { url, secret: open(secret), previous: hasPrevious ? { secret: open(previousSecret), untilMs: previousUntilMs } : null };
  }

  function shown({ url, secret, previous }: Known): Destination {
    return { url, secrets: previous !== null && previous.untilMs > options.nowMs() ? [secret, previous.secret] : [secret] };
  }

  return {
    async find(key) {
      const name = `${key.endpointId} ${key.version}`;
      const known = kept.get(name) ?? (await read(key));
      if (known === null) return null;
      kept.set(name, known);
      return shown(known);
    },
    async findNow(key) {
      const known = await read(key);
      return known === null ? null : shown(known);
    },
  };
}
