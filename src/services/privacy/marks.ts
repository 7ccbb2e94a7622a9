/**
 * Marks: what is kept to recognise an erased person's updates when Meta delivers them late or somebody replays them. Keyed hashes of addresses
 * and message ids, dropped after `limits.erasureMarkKeptDays`. The key is the tenant's own and sealed, so that a copy of the database
 * alone does not tell which phone numbers are behind them.
 */
import { createHmac, randomBytes } from "node:crypto";
import { BoundedMap } from "../../core/bounded-map.ts";
import type { SecretContext } from "../../core/secret-box.ts";
import { byteas, times } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import type { Name } from "./names.ts";

const selectSecret = statement("erasure_marks.secret", `select secret from erasure_secrets where tenant_id = $1`, { secret: "bytes" });
const insertSecret = statement(
  "erasure_marks.make_secret",
  `insert into erasure_secrets (tenant_id, secret) values ($1, $2) on conflict do nothing`,
  {},
);
const select = statement(
  "erasure_marks.find",
  `select mark, since as "sinceMs", until as "untilMs" from erasure_marks where tenant_id = $1 and mark = any($2::bytea[])`,
  { mark: "bytes", sinceMs: "time", untilMs: "time" },
);
const insert = statement(
  "erasure_marks.insert",
  `insert into erasure_marks as m (tenant_id, mark, since, until, expires_at)
   select $1, mark, since, until, $5::timestamptz from unnest($2::bytea[], $3::timestamptz[], $4::timestamptz[]) as u (mark, since, until)
   order by mark
   on conflict (tenant_id, mark) do update set since = least(m.since, excluded.since), expires_at = greatest(m.expires_at, excluded.expires_at),
     until = excluded.until`,
  {},
);
/** Written once a day at most: a page of marks shall not hold the tenant's row. */
const flag = statement(
  "erasure_marks.flag",
  `update tenants set erasures_until = $2::timestamptz + interval '2 days'
   where id = $1 and (erasures_until is null or erasures_until < $2::timestamptz + interval '1 day')`,
  {},
);
const drop = statement(
  "erasure_marks.drop",
  `delete from erasure_marks m using (select tenant_id, mark from erasure_marks where expires_at < $1::timestamptz order by expires_at limit $2) old
   where m.tenant_id = old.tenant_id and m.mark = old.mark returning m.tenant_id as "tenantId"`,
  { tenantId: "uuid" },
);
/** By its own column: whoever sets it later at the same moment is not undone. */
const unflag = statement("erasure_marks.unflag", `update tenants set erasures_until = null where erasures_until < $1::timestamptz`, {});

/** Before and after all that can be written about a person. */
export const everMs = { from: 0, until: Date.UTC(9999, 0) } as const;

/** A name that is a stranger's between the two times. */
export type Mark = { name: Pick<Name, "kind" | "value">; sinceMs: number; untilMs: number };

export type ErasureSecrets = {
  open: (context: SecretContext, sealed: Uint8Array) => string;
  seal: (context: SecretContext, plain: string) => Buffer;
};

/** The keys of tenants, opened once. Where there is none yet, one is made if `seal` is given; else the answer is null. */
export type Hasher = { of(tx: Tx, tenantId: string, seal?: ErasureSecrets["seal"]): Promise<HashName | null> };
export type HashName = (name: Pick<Name, "kind" | "value">) => Buffer;

export function createHasher(open: ErasureSecrets["open"]): Hasher {
  const kept = new BoundedMap<HashName>(limits.erasureSecretsKeptMax);
  return {
    async of(tx, tenantId, seal) {
      const known = kept.get(tenantId);
      if (known !== undefined) return known;
      const [row] = await tx.query(selectSecret, [tenantId]);
      if (row === undefined && seal === undefined) return null;
      if (row === undefined && seal !== undefined) {
        const sealed = seal(contextOf(tenantId), randomBytes(32).toString("base64"));
        await tx.query(insertSecret, [tenantId, sealed]);
      }
      // Another one may have been first; what is not committed yet may never be.
      if (row === undefined) return hashWith(open, (await tx.query(selectSecret, [tenantId]))[0]?.secret, tenantId);
      const hash = hashWith(open, row.secret, tenantId);
      if (hash !== null) kept.set(tenantId, hash);
      return hash;
    },
  };
}

function hashWith(open: ErasureSecrets["open"], sealed: Buffer | undefined, tenantId: string): HashName | null {
  if (sealed === undefined) return null;
  const key = open(contextOf(tenantId), sealed);
  return ({ kind, value }) => createHmac("sha256", key).update(`${kind}\n${value}`).digest();
}

/** From the COMMIT on, batches that begin leave out what the marks name. */
export async function writeMarks(tx: Tx, tenantId: string, marks: readonly Mark[], at: { hash: HashName; nowMs: number }): Promise<void> {
  const expiresAt = time(at.nowMs + limits.erasureMarkKeptDays * dayMs);
  await tx.query(flag, [tenantId, expiresAt]);
  if (marks.length === 0) return;
  const distinct = [...new Map(marks.map((mark) => [`${mark.name.kind} ${mark.name.value}`, mark])).values()];
  await tx.query(insert, [
    tenantId,
    byteas(distinct.map(({ name }) => at.hash(name))),
    times(distinct.map(({ sinceMs }) => sinceMs)),
    times(distinct.map(({ untilMs }) => untilMs)),
    expiresAt,
  ]);
}

/** Whether a name was erased as of its time; asked for all of `names` at once. */
export async function findMarked(tx: Tx, tenantId: string, hash: HashName, names: readonly Name[]): Promise<(name: Name) => boolean> {
  const hashes = new Map<string, string>();
  for (const name of names) {
    const key = keyOf(name);
    if (!hashes.has(key)) hashes.set(key, hash(name).toString("base64"));
  }
  if (hashes.size === 0) return () => false;
  const asked = byteas([...hashes.values()].map((text) => Buffer.from(text, "base64")));
  const found = new Map((await tx.query(select, [tenantId, asked])).map((row) => [row.mark.toString("base64"), row]));
  if (found.size === 0) return () => false;
  return (name) => {
    const row = found.get(hashes.get(keyOf(name)) ?? "");
    if (row === undefined) return false;
    return name.atMs === null || (name.atMs >= row.sinceMs && name.atMs <= row.untilMs);
  };
}

/** In portions; true when there may be more. */
export async function dropOldMarks(privacy: Db, nowMs: number): Promise<boolean> {
  return transaction(privacy, async (tx) => {
    const dropped = await tx.query(drop, [time(nowMs), limits.privacyRowsMax]);
    await tx.query(unflag, [time(nowMs)]);
    return dropped.length === limits.privacyRowsMax;
  });
}

function keyOf({ kind, value }: Pick<Name, "kind" | "value">): string {
  return `${kind} ${value}`;
}

function contextOf(tenantId: string): SecretContext {
  return { table: "erasure_secrets", column: "secret", tenantId, rowId: tenantId };
}

const dayMs = 24 * 60 * 60_000;
