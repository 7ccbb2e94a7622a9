/**
 * Work that may have ended a process: pending for a minute, or since before this process started. Attempts at it are counted, and each
 * count is committed right before that attempt begins, so that what merely waited when the process ended is not blamed for it.
 * - First, the rows together, in groups that grow and run beside each other. That count only sends them into solitude: who dies in
 *   company may be innocent.
 * - Then update by update, each in a transaction of its own, beside no other counted attempt. What dies alone for the third time is parked unread, as `crashed_worker`.
 */
import type { Db } from "../db/pool.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import type { LocatedUpdate, Update } from "../services/whatsapp/graph/updates.ts";
import { applyInHalves, applyRows, nothing, type BatchOptions, type BatchResult, type Done, type Part } from "./apply.ts";
import { countAttempt, lockPending, takePending, uncountAttempt } from "./attempts.ts";
import { isUnavailable, mayBeTheData } from "./blame.ts";
import { alone, amongGroups, careOf, takeUpdates } from "./care.ts";
import { insertPendingUnits, type PendingRow } from "./pending.ts";
import { loadItems, type RoutedItem } from "./work.ts";

/** Throws only when the database is unavailable. */
export async function runWithCare(options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  const care = careOf(options.db);
  const together = rows.filter((row) => row.attemptsAlone === null);
  // The least suspicious first: the guilty one holds up nobody, and an innocent one that was hit by chance is seldom hit again.
  const solitary = rows.filter((row) => row.attemptsAlone !== null).toSorted((a, b) => (a.attemptsAlone ?? 0) - (b.attemptsAlone ?? 0));
  const results: BatchResult[] = [];
  while (together.length > 0) {
    const group = takeUpdates(together, care.updatesAtOnce);
    results.push(await amongGroups(options.db, () => tryOnce(options, group, "together")));
    care.updatesAtOnce = Math.min(2 * care.updatesAtOnce, limits.claimUpdatesMax);
  }
  for (const row of solitary) results.push(await alone(options.db, () => tryOnce(options, [row], "alone")));
  return sum(results);
}

/** Takes back the counts of attempts that this process has outlived. Costs nothing when there are none. */
export async function forgiveSurvived(db: Db): Promise<void> {
  const care = careOf(db);
  if (care.survived.length === 0) return;
  const forgiven = care.survived.splice(0);
  try {
    await transaction(db, (tx) => uncountAttempt(tx, forgiven));
  } catch (error) {
    care.survived.push(...forgiven);
    throw error;
  }
}

/** `rows` together at their first attempt, or one alone. */
async function tryOnce(options: BatchOptions, rows: readonly PendingRow[], company: "together" | "alone"): Promise<BatchResult> {
  let counted: readonly PendingRow[] = [];
  try {
    const done = await transaction(options.db, async (tx): Promise<Done> => {
      const mine = await lockPending(tx, rows);
      const [first] = mine;
      if (first === undefined) return { result: nothing };
      if (company === "alone" && !isUnit(first)) return { result: await divide(tx, options, mine) };
      if ((first.attemptsAlone ?? 0) >= limits.attemptsAloneMax) return parkUnread(tx, options, mine);
      counted = mine;
      // By a second session, while this one keeps the lock (`attempts.ts`).
      await transaction(options.db, (second) => countAttempt(second, mine, company));
      await takePending(tx, mine);
      await options.failpoint("worker.claimed");
      return applyRows(tx, options, mine, applyInHalves);
    });
    done.onCommit?.();
    return done.result;
  } catch (error) {
    // A statement that is too slow, or that needs more memory or locks than there are, may be the data's doing: that attempt counts.
    if (isUnavailable(error) && !mayBeTheData(error)) rememberSurvived(options.db, counted);
    throw error;
  }
}

/** What is forgotten stays counted: at worst it is parked early. */
function rememberSurvived(db: Db, rows: readonly PendingRow[]): void {
  const { survived } = careOf(db);
  survived.push(...rows);
  survived.splice(0, survived.length - limits.claimRowsMax);
}

/** Puts the updates of these rows back one by one. Ends of the process while this was done are not the updates' fault. */
async function divide(tx: Tx, options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  await takePending(tx, rows);
  for (const row of rows) {
    const items = await loadItems(tx, options.lane, [row], { cache: null, decode: undecoded });
    const units = items.map((item) => ({
      account: row.account,
      deliveryId: item.deliveryId,
      updateIndex: item.located.index,
      parkedId: row.parkedId,
      isReplay: row.isReplay,
    }));
    await insertPendingUnits(tx, options.lane, units);
  }
  return { rows: rows.length, updates: 0, parked: [], tenantIds: [] };
}

async function parkUnread(tx: Tx, options: BatchOptions, rows: readonly PendingRow[]): Promise<Done> {
  await takePending(tx, rows);
  return applyRows(tx, options, rows, parkAsCrashed, undecoded);
}

/** What may have ended the process is not decoded once more just to be set aside. */
function undecoded(located: LocatedUpdate): Update {
  return { kind: "account", field: located.field, event: "", content: { v: 1, kind: "undecoded" } };
}

function isUnit(row: PendingRow): boolean {
  return row.updateIndex !== null || (row.deliveryIds.length === 1 && row.updates === 1);
}

async function parkAsCrashed(_tx: Tx, _options: BatchOptions, items: readonly RoutedItem[]): Promise<Part> {
  const parked = items.map((item) => ({
    item,
    tenantId: item.route.tenantId,
    reason: "crashed_worker" as const,
    detail: `The worker ended ${limits.attemptsAloneMax} times while it applied this update alone`,
  }));
  return { applied: [], parked, events: [], onCommit: [] };
}

function sum(results: readonly BatchResult[]): BatchResult {
  return {
    rows: results.reduce((total, result) => total + result.rows, 0),
    updates: results.reduce((total, result) => total + result.updates, 0),
    parked: results.flatMap((result) => result.parked),
    tenantIds: [...new Set(results.flatMap((result) => result.tenantIds))],
  };
}
