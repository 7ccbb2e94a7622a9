/**
 * `webhook_attempts`: which rows of the queue were being worked on when a process ended. A row of it means that the work was tried in
 * company; its number, how often it was tried alone. It stands apart from `webhook_pending` because it is written by a second session
 * while the worker's own transaction holds the lock of the pending row: that lock dies with the process, so nobody else, on this node or
 * another, takes or counts the same work before the one who counted it has ended. Usual work never has a row here.
 */
import { bigints, ints } from "../db/arrays.ts";
import { statement } from "../db/statement.ts";
import type { Tx } from "../db/transaction.ts";
import { pendingColumns, pendingRow, type PendingRow } from "./pending.ts";

const lock = statement(
  "attempts.lock_pending",
  `select id from webhook_pending where id = any($1::bigint[]) order by id for update skip locked`,
  { id: "bigint" },
);

const readLocked = statement(
  "attempts.read_locked",
  `select ${pendingColumns}, a.attempts_alone as "attemptsAlone", true as "isSuspicious"
   from webhook_pending p left join webhook_attempts a on a.pending_id = p.id where p.id = any($1::bigint[]) order by p.id`,
  pendingRow,
);

const count = statement(
  "attempts.count",
  `insert into webhook_attempts as a (pending_id, attempts_alone) select id, $2 from unnest($1::bigint[]) as u (id) order by id
   on conflict (pending_id) do update set attempts_alone = a.attempts_alone + excluded.attempts_alone`,
  {},
);

const uncount = statement(
  "attempts.uncount",
  `with wanted as (
     select a.pending_id, u.before from unnest($1::bigint[], $2::int[]) as u (id, before) join webhook_attempts a on a.pending_id = u.id
     order by a.pending_id for update of a
   ), alone as (
     update webhook_attempts a set attempts_alone = a.attempts_alone - 1 from wanted w where a.pending_id = w.pending_id and a.attempts_alone > w.before
   )
   delete from webhook_attempts a using wanted w where a.pending_id = w.pending_id and w.before is null and a.attempts_alone = 0`,
  {},
);

const take = statement(
  "attempts.take_pending",
  `with forgotten as (delete from webhook_attempts where pending_id = any($1::bigint[])) delete from webhook_pending where id = any($1::bigint[])`,
  {},
);

/**
 * Locks those of the rows that are still there, that nobody else works on, and that were not tried since they were read. Whoever holds
 * this lock alone may count them. The attempts are read by a statement of their own: they may have changed while the lock was got.
 */
export async function lockPending(tx: Tx, rows: readonly PendingRow[]): Promise<PendingRow[]> {
  const locked = await tx.query(lock, [bigints(rows.map((row) => row.id))]);
  if (locked.length === 0) return [];
  const expected = new Map(rows.map((row) => [row.id, row.attemptsAlone]));
  const now = await tx.query(readLocked, [bigints(locked.map((row) => row.id))]);
  return now.filter((row) => row.attemptsAlone === expected.get(row.id));
}

/** To be committed before the rows are decoded, and while they are locked by another transaction. */
export async function countAttempt(tx: Tx, rows: readonly PendingRow[], company: "together" | "alone"): Promise<void> {
  await tx.query(count, [bigints(rows.map((row) => row.id)), company === "alone" ? 1 : 0]);
}

/** Takes back the last count of rows as they were read before it. Also right if that count was not committed. */
export async function uncountAttempt(tx: Tx, rows: readonly Pick<PendingRow, "id" | "attemptsAlone">[]): Promise<void> {
  await tx.query(uncount, [bigints(rows.map((row) => row.id)), ints(rows.map((row) => row.attemptsAlone))]);
}

/** Takes locked rows out of the queue. */
export async function takePending(tx: Tx, rows: readonly PendingRow[]): Promise<void> {
  await tx.query(take, [bigints(rows.map((row) => row.id))]);
}
