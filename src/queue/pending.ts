/**
 * Rows of `webhook_pending`, the queue `webhooks`. A claim is a delete inside the transaction that applies the work: when
 * that transaction dies, for whatever reason, the work is simply there again. No lease, no clean-up.
 */
import type { Lane } from "../services/whatsapp/graph/updates.ts";
import { bools, ints, texts, uuids } from "../db/arrays.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import type { Db } from "../db/pool.ts";
import type { Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";

export const pendingRow = {
  id: "bigint",
  account: "text",
  deliveryIds: "uuids",
  updates: "int",
  updateIndex: "int?",
  parkedId: "uuid?",
  isReplay: "bool",
  /** How often a process ended while it worked on this row alone; null if none ended while it worked on it at all. */
  attemptsAlone: "int?",
  isSuspicious: "bool",
} as const;
export type PendingRow = RowOf<typeof pendingRow>;

export const pendingColumns = `id, account, delivery_ids as "deliveryIds", updates, update_index as "updateIndex", parked_id as "parkedId", is_replay as "isReplay"`;

/**
 * Oldest first and fair: every account that waits gets the same share, of rows and of updates, so the cap binds only while others
 * wait. `waiting` steps through the index from account to account; where more of them wait than it looks at, the next claim goes on
 * from the last one. Accounts that another loop works on ($7) are left to it. Of the others a loop takes those with a small backlog or
 * the one with a large one (more than $9 updates), as it prefers ($8), never both: who has little to do does not wait for who has much.
 * One large backlog that has no other beside it is a flood, and gets $10 updates at most, if given; several are a load that all share in one claim.
 * The backlogs are looked at before anything is locked: a locked row is out of the other loops' reach. If one of the rows is
 * suspicious (it may have ended a process), nothing is deleted: the caller counts an attempt first (`attempts.ts`).
 */
const claim = statement(
  "pending.claim",
  `with recursive waiting (account, ordinal) as (
     (select account, 1 from webhook_pending where kind = $1 and account >= $6 order by account limit 1)
     union all
     select (select p.account from webhook_pending p where p.kind = $1 and p.account > w.account order by p.account limit 1), w.ordinal + 1
     from waiting w where w.account is not null and w.ordinal < $2
   ), sized as materialized (
     select w.account, (
       select sum(x.updates) from (
         select p.updates from webhook_pending p where p.kind = $1 and p.account = w.account order by p.id limit $9::int + 1
       ) x
     ) > $9::int as large
     from waiting w where w.account is not null and w.account <> all ($7::text[])
   ), mine as (
     select account, large from sized
     where $8::bool is null or large = $8 or not exists (select from sized where large = $8) or (select count(*) from sized where large) > 1
   ), bound as materialized (
     select count(*) as accounts, case when count(*) = 1 and bool_and(large) then least($4::int, $10::int) else $4::int end as updates from mine
   ), locked as materialized (
     select p.*, w.large from mine w
     cross join lateral (
       select x.* from webhook_pending x where x.kind = $1 and x.account = w.account
       order by x.id limit (select greatest(1, least($3::int / b.accounts, b.updates)) from bound b) for update skip locked
     ) p
   ), turns as (
     select *, sum(updates) over (partition by account order by id) - updates as turn from locked
   ), budgeted as (
     select *, sum(updates) over (order by turn, id) - updates as before from turns
   ), claimed as (
     select b.*, a.attempts_alone, (b.created_at < $5::timestamptz or a.pending_id is not null) as suspicious
     from budgeted b left join webhook_attempts a on a.pending_id = b.id where b.before < (select updates from bound)
   ), deleted as (
     delete from webhook_pending where id = any (array(select id from claimed where not exists (select from claimed where suspicious)))
   )
   select ${pendingColumns}, attempts_alone as "attemptsAlone", suspicious as "isSuspicious", large as "isLarge", (select w.account from waiting w where w.ordinal = $2) as "goOnFrom" from claimed order by id`,
  { ...pendingRow, isLarge: "bool", goOnFrom: "text?" },
);

/** `isLarge`: of an account with a large backlog. */
export type ClaimedRow = PendingRow & { isLarge: boolean };

const insertUnits = statement(
  "pending.insert_units",
  `with units as (
     insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, update_index, parked_id, is_replay, created_at)
     select $1, u.account, array[u.delivery_id], 1, 0, u.update_index, u.parked_id, u.is_replay, now()
     from unnest($2::text[], $3::uuid[], $4::int[], $5::uuid[], $6::bool[]) as u (account, delivery_id, update_index, parked_id, is_replay)
     returning id
   )
   insert into webhook_attempts (pending_id, attempts_alone) select id, 0 from units`,
  {},
);

const waiting = statement(
  "pending.waiting",
  `select coalesce(sum(updates), 0)::int as updates, coalesce(extract(epoch from clock_timestamp() - min(created_at)) * 1000, 0) as "oldestMs" from webhook_pending`,
  { updates: "int", oldestMs: "bigint" },
);
const parkedByReason = statement(
  "pending.parked_by_reason",
  `select reason, count(*)::int as parked from parked_updates where resolved_at is null group by reason`,
  { reason: "text", parked: "int" },
);

/** Which accounts come first: those with a small backlog, or those with a large one. The others are taken when there are none of these. */
export type Preference = "small" | "large";

export type ClaimLimits = {
  accountsMax: number;
  rowsMax: number;
  updatesMax: number;
  /** Of an account that alone has a large backlog; without it no less than of others. */
  floodUpdatesMax?: number;
  /** Without it, all who wait share one claim. */
  prefers?: Preference;
  /** Accounts that are left to who works on them. */
  busy?: readonly string[];
};

/** Where the next claim of this process begins. Only a matter of turns: whoever forgets it, begins with the first account. */
const goOnFrom = new Map<string, string>();

/** Rows come back deleted, unless one of them is suspicious: then they are only locked. */
export async function claimPending(tx: Tx, lane: Lane, wanted: ClaimLimits, suspiciousBeforeMs: number): Promise<ClaimedRow[]> {
  const { prefers, busy = [] } = wanted;
  const values = [lane, wanted.accountsMax, wanted.rowsMax, wanted.updatesMax, time(suspiciousBeforeMs)];
  const sizes = [
    texts(busy),
    prefers === undefined ? null : prefers === "large",
    limits.smallBacklogUpdatesMax,
    wanted.floodUpdatesMax ?? null,
  ];
  const turn = `${lane} ${prefers}`;
  const from = goOnFrom.get(turn) ?? "";
  const rows = await tx.query(claim, [...values, from, ...sizes]);
  goOnFrom.set(turn, rows[0]?.goOnFrom ?? "");
  // Nobody waits behind the one that was last: begin again.
  return rows.length === 0 && from !== "" ? tx.query(claim, [...values, "", ...sizes]) : rows;
}

export type Unit = {
  account: string;
  deliveryId: string;
  updateIndex: number;
  parkedId: string | null;
  isReplay: boolean;
};

/** Puts single updates back, to be run alone from now on. */
export async function insertPendingUnits(tx: Tx, lane: Lane, units: readonly Unit[]): Promise<void> {
  await tx.query(insertUnits, [
    lane,
    texts(units.map((unit) => unit.account)),
    uuids(units.map((unit) => unit.deliveryId)),
    ints(units.map((unit) => unit.updateIndex)),
    uuids(units.map((unit) => unit.parkedId)),
    bools(units.map((unit) => unit.isReplay)),
  ]);
}

/** For the metrics: how much waits, for how long, and what is parked. */
export async function backlog(db: Db): Promise<{ updates: number; oldestMs: number; parked: Record<string, number> }> {
  const [row] = await db.query(waiting);
  const parked = await db.query(parkedByReason);
  return {
    updates: row?.updates ?? 0,
    oldestMs: Math.max(0, row?.oldestMs ?? 0),
    parked: Object.fromEntries(parked.map(({ reason, parked: count }) => [reason, count])),
  };
}
