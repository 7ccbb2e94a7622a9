/**
 * Rotation of the encryption keys: every stored secret is wrapped by the first key, in small steps that each commit by themselves. It may run beside
 * the program, be killed at any moment, and be started again: what is wrapped by the first key already is passed over. Nothing is opened but the
 * keys of the secrets; the secrets themselves are not. Role kesher_keys, which sees nothing else.
 */
import { nilId } from "../core/ids.ts";
import { keyIdOf, prefixOf, rewrapSecret, SecretBoxError, type EncryptionKey } from "../core/secret-box.ts";
import { limits } from "../limits.ts";
import { byteas, uuids } from "./arrays.ts";
import { openPool, type Db, type Server } from "./pool.ts";
import { sealedColumns, type SealedColumn } from "./sealed-columns.ts";

export type KeyUse = { table: string; column: string; keyId: string; secrets: number };

export type Rotation = {
  rewrapped: number;
  /** Why secrets stayed as they were, at most ten sentences. */
  problems: readonly string[];
  inUse: readonly KeyUse[];
};

/** One session. Ends with `pool.end()`. */
export function openKeysPool(server: Server, onError: (error: Error) => void): Db {
  return openPool(server, { role: "kesher_keys", name: "keys", connectionsMax: 1, statementTimeoutMs: limits.statementMsMax, onError });
}

/** Which keys wrap stored secrets, and how many. */
export async function readKeysInUse(keys: Db): Promise<KeyUse[]> {
  const uses: KeyUse[] = [];
  for (const { table, column, countByKey } of sealedColumns) {
    for (const use of await keys.query(countByKey)) uses.push({ table, column, ...use });
  }
  return uses;
}

/** Tells which keys are in use. Beside the start, not before it: a key that is missing stops what needs it, and nothing else. Never throws. */
export async function reportKeysInUse(
  server: Server,
  keys: readonly EncryptionKey[],
  tell: { onUse: (perKey: Readonly<Record<string, number>>, unknown: readonly KeyUse[]) => void; onError: (error: unknown) => void },
): Promise<void> {
  const db = openKeysPool(server, tell.onError);
  try {
    const uses = await readKeysInUse(db);
    const perKey: Record<string, number> = {};
    for (const { keyId, secrets } of uses) perKey[keyId] = (perKey[keyId] ?? 0) + secrets;
    tell.onUse(perKey, unknownUses(uses, keys));
  } catch (error) {
    tell.onError(error);
  } finally {
    await db.pool.end();
  }
}

/** Uses of keys that are not among those given: their secrets cannot be opened. */
export function unknownUses(uses: readonly KeyUse[], keys: readonly EncryptionKey[]): KeyUse[] {
  const known = new Set(keys.map(({ id }) => id));
  return uses.filter(({ keyId }) => !known.has(keyId));
}

/** Goes over everything again while a program that does not know the new key yet seals with an old one. */
export async function rotateKeys(db: Db, keys: readonly EncryptionKey[], onProgress: (message: string) => void): Promise<Rotation> {
  let rewrapped = 0;
  const problems = new Set<string>();
  for (let pass = 0; pass < limits.rotatePassesMax; pass += 1) {
    for (const column of sealedColumns) rewrapped += await rotateColumn(db, keys, { column, problems, onProgress });
    const inUse = await readKeysInUse(db);
    const isDone = inUse.every(({ keyId }) => keyId === keys[0]?.id);
    if (isDone || problems.size > 0 || pass === limits.rotatePassesMax - 1)
      return { rewrapped, problems: [...problems].slice(0, 10), inUse };
  }
  throw new Error("There is no pass");
}

type Step = { column: SealedColumn; problems: Set<string>; onProgress: (message: string) => void };

async function rotateColumn(db: Db, keys: readonly EncryptionKey[], { column, problems, onProgress }: Step): Promise<number> {
  const [first] = keys;
  if (first === undefined) throw new SecretBoxError("There is no encryption key to wrap secrets with. Set ENCRYPTION_KEYS.");
  const { table, column: name, boundAs } = column;
  let [tenantId, id] = [nilId, nilId];
  let rewrapped = 0;
  for (;;) {
    const old = await db.query(column.selectOld, [tenantId, id, prefixOf(first), limits.rotateSecretsMax]);
    const last = old.at(-1);
    if (last === undefined) return rewrapped;
    const fresh = old.flatMap((row) => {
      try {
        const context = { table, column: boundAs, tenantId: row.tenantId, rowId: row.id };
        return [{ ...row, fresh: rewrapSecret(keys, context, row.sealed) }];
      } catch (error) {
        if (!(error instanceof SecretBoxError)) throw error;
        problems.add(error.message);
        return [];
      }
    });
    rewrapped += (
      await db.query(column.replace, [
        uuids(fresh.map((row) => row.tenantId)),
        uuids(fresh.map((row) => row.id)),
        byteas(fresh.map((row) => row.sealed)),
        byteas(fresh.map((row) => row.fresh)),
      ])
    ).length;
    onProgress(
      `${table}.${name}: ${rewrapped} secrets are wrapped by the key "${first.id}" now (before: "${keyIdOf(last.sealed) ?? "none"}")`,
    );
    [tenantId, id] = [last.tenantId, last.id];
  }
}
