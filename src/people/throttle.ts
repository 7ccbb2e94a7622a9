/**
 * Attempts to sign in are counted before the password is looked at, in PostgreSQL, so that neither many at a time nor several nodes give
 * more of them. Counted are each address, then account and address together, and each account; whether the account exists makes no difference.
 * An address that has had its share writes nothing more, whatever accounts it makes up; and each attempt clears away more than it adds.
 */
import { createHash } from "node:crypto";
import { addressGroup } from "../core/rate-window.ts";
import { Rejection } from "../core/rejection.ts";
import { byteas } from "../db/arrays.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { limits } from "../limits.ts";

const count = statement(
  "sign_in_attempts.count",
  `insert into auth.sign_in_attempts as a (key_sha256, attempts, until)
   select k, 1, $2::timestamptz from unnest($1::bytea[]) k order by 1
   on conflict (key_sha256) do update
     set attempts = case when a.until <= $3::timestamptz then 1 else a.attempts + 1 end,
         until = case when a.until <= $3::timestamptz then excluded.until else a.until end
   returning key_sha256 as key, attempts, until as "untilMs"`,
  { key: "bytes", attempts: "int", untilMs: "time" },
);
const forgive = statement(
  "sign_in_attempts.forgive",
  `update auth.sign_in_attempts a set attempts = case when a.key_sha256 = $2::bytea then 0 else greatest(a.attempts - 1, 0) end
   where a.key_sha256 = any($1::bytea[])`,
  {},
);
const clear = statement(
  "sign_in_attempts.clear",
  `delete from auth.sign_in_attempts where key_sha256 in (
     select key_sha256 from auth.sign_in_attempts where until <= $1::timestamptz order by until limit $2 for update skip locked)`,
  {},
);

export type Attempt = {
  /** The person was who they said: their own count begins anew. */
  succeeded(): Promise<void>;
};

/** Throws `rate_limited` for one attempt too many. `address` null: counted as one. */
export async function beginAttempt(
  auth: Db,
  { email, address }: { email: string; address: string | null },
  nowMs: number,
): Promise<Attempt> {
  const [account, from] = [email.toLowerCase(), addressGroup(address ?? "")];
  const keys = { both: keyOf("both", account, from), account: keyOf("account", account), address: keyOf("address", from) };
  await auth.query(clear, [time(nowMs), limits.signInClearMax]);
  await countWithin(auth, [{ key: keys.address, most: limits.signInAddressAttemptsMax }], nowMs);
  const ofAccount = [
    { key: keys.both, most: limits.signInAttemptsMax },
    { key: keys.account, most: limits.signInAccountAttemptsMax },
  ];
  await countWithin(auth, ofAccount, nowMs);
  return {
    async succeeded() {
      await auth.query(forgive, [byteas(Object.values(keys)), keys.both]);
    },
  };
}

async function countWithin(auth: Db, bounds: readonly { key: Buffer; most: number }[], nowMs: number): Promise<void> {
  const rows = await auth.query(count, [byteas(bounds.map(({ key }) => key)), time(nowMs + limits.signInWindowMs), time(nowMs)]);
  const over = rows.filter((row) => bounds.some(({ key, most }) => key.equals(row.key) && row.attempts > most));
  if (over.length > 0) throw tooMany(Math.max(...over.map(({ untilMs }) => untilMs)) - nowMs);
}

function tooMany(waitMs: number): Rejection {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new Rejection("rate_limited", 429, "Too many attempts to sign in. Wait, or ask for a link to choose a new password.", {
    retryAfterSeconds,
  });
}

function keyOf(...parts: readonly string[]): Buffer {
  return createHash("sha256").update(parts.join("\0"), "utf8").digest();
}
