/**
 * One turn of a worker: claim, decode, route, apply, settle, commit; all in one transaction, so that the work and its
 * effects are one fact. What fails is told apart:
 * - the database or the link is unavailable: everything rolls back and is tried again later, nothing is parked;
 * - the data is at fault: the batch is cut in halves until the guilty update is found, which alone is parked;
 * - the process dies: the work is found again, counted, and from the second attempt on run update by update.
 */
import type { Db } from "../db/pool.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import type { Failpoint } from "../failpoint.ts";
import { limits } from "../limits.ts";
import type { ActivityEvent } from "../services/activity/append.ts";
import { decodeUpdate, updateText } from "../services/whatsapp/graph/decode.ts";
import type { Lane, LocatedUpdate, Update } from "../services/whatsapp/graph/updates.ts";
import { touchConnections } from "../services/whatsapp/routing.ts";
import type { DeliveryCache } from "../webhooks/delivery-cache.ts";
import { detailOf, isUnavailable, mayBeTheData } from "./blame.ts";
import { careOf, inTurn, takeUpdates } from "./care.ts";
import {
  claimPending,
  countAttempts,
  insertPendingUnits,
  reclaimPending,
  wholeShare,
  type ClaimLimits,
  type PendingRow,
  type Share,
} from "./pending.ts";
import { settle, type Applied } from "./settle.ts";
import { loadItems, routeItems, type Outcome, type Parked, type RoutedItem } from "./work.ts";

/** What a worker makes of its part of a batch. `outcomes` is aligned with the items. */
export type Application = { outcomes: readonly Outcome[]; events: readonly ActivityEvent[]; onCommit?: () => void };
export type Apply = (tx: Tx, items: readonly RoutedItem[], nowMs: number) => Promise<Application>;

export type BatchOptions = {
  db: Db;
  lane: Lane;
  apply: Apply;
  cache: DeliveryCache | null;
  nowMs: () => number;
  /** Loops of one lane share the accounts, so that their batches do not wait for each other's rows. */
  share?: Share;
  /** Pending work from before this time may have ended a process. */
  startedAtMs: number;
  /** Test-only fail points; does nothing in production. */
  failpoint: Failpoint;
};

export type BatchResult = { rows: number; updates: number; parked: readonly Parked[]; tenantIds: readonly string[] };
/** `onCommit` is for what must not happen unless the transaction ends well. */
type Done = { result: BatchResult; onCommit?: () => void };
const nothing: BatchResult = { rows: 0, updates: 0, parked: [], tenantIds: [] };

/** Throws only when the database is unavailable. */
export async function runBatch(options: BatchOptions): Promise<BatchResult> {
  try {
    const first = await claimAndApply(options);
    return "suspicious" in first ? await runWithCare(options, first.suspicious) : first;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return runInHalves(options);
  }
}

async function claimAndApply(options: BatchOptions): Promise<BatchResult | { suspicious: PendingRow[] }> {
  const { db, lane } = options;
  const done = await transaction(db, async (tx): Promise<Done | { suspicious: PendingRow[] }> => {
    const nowMs = options.nowMs();
    const suspiciousBeforeMs = Math.max(options.startedAtMs, nowMs - limits.suspiciousAfterMs);
    const rows = await claimPending(tx, lane, claimLimits(options), suspiciousBeforeMs);
    if (rows.length === 0) return { result: nothing };
    const suspicious = rows.filter((row) => row.isSuspicious);
    if (suspicious.length > 0) return { suspicious };
    await options.failpoint("worker.claimed");
    return applyRows(tx, options, rows, applyWhole);
  });
  if ("suspicious" in done) return { suspicious: done.suspicious };
  done.onCommit?.();
  return done.result;
}

function claimLimits({ share = wholeShare }: BatchOptions): ClaimLimits {
  return { accountsMax: limits.claimAccountsMax, rowsMax: limits.claimRowsMax, updatesMax: limits.claimUpdatesMax, share };
}

/** The database refused something in the data: the same rows again, cut until the guilty updates stand alone. */
async function runInHalves(options: BatchOptions): Promise<BatchResult> {
  const done = await transaction(options.db, async (tx): Promise<Done | { suspicious: PendingRow[] }> => {
    const rows = await claimPending(tx, options.lane, claimLimits(options), 0);
    // Such rows are claimed by the careful way only; the claim has not deleted anything.
    if (rows.some((row) => row.isSuspicious)) return { suspicious: rows.filter((row) => row.isSuspicious) };
    return rows.length === 0 ? { result: nothing } : applyRows(tx, options, rows, applyInHalves);
  });
  if ("suspicious" in done) return runWithCare(options, done.suspicious);
  done.onCommit?.();
  return done.result;
}

/**
 * Attempt 1: the rows together. Later ones: update by update, each in its own transaction. An attempt is counted and committed
 * right before it begins and for nothing else, so that what merely waited when the process ended is not blamed for it.
 */
async function runWithCare(options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  const care = careOf(options.db);
  const attemptOf = (row: PendingRow): number => (care.survived.has(row.id) ? row.attempts : row.attempts + 1);
  const together = rows.filter((row) => attemptOf(row) < limits.attemptsAloneFrom);
  // The least suspicious first: the guilty one holds up nobody, and an innocent one that was hit by chance is seldom hit again.
  const alone = rows.filter((row) => attemptOf(row) >= limits.attemptsAloneFrom).toSorted((a, b) => a.attempts - b.attempts);
  const results: BatchResult[] = [];
  while (together.length > 0) {
    const group = takeUpdates(together, care.updatesAtOnce);
    results.push(await inTurn(options.db, () => tryOnce(options, group)));
    care.updatesAtOnce = Math.min(2 * care.updatesAtOnce, limits.claimUpdatesMax);
  }
  for (const row of alone) results.push(await inTurn(options.db, () => tryOnce(options, [row])));
  return sum(results);
}

async function tryOnce(options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  const { survived } = careOf(options.db);
  const uncounted = rows.filter((row) => !survived.has(row.id));
  const counted = uncounted.length === 0 ? [] : await transaction(options.db, (tx) => countAttempts(tx, uncounted));
  const mine = [...counted, ...rows.filter((row) => survived.has(row.id))];
  try {
    const result = await runCounted(options, mine);
    for (const row of mine) survived.delete(row.id);
    return result;
  } catch (error) {
    if (survived.size > limits.claimRowsMax) survived.clear();
    // A statement that is too slow, or that needs more memory or locks than there are, may be the data's doing: that attempt counts.
    if (isUnavailable(error) && !mayBeTheData(error)) for (const row of mine) survived.add(row.id);
    throw error;
  }
}

/** All at attempt 1, or one row that is not. */
async function runCounted(options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  const [first] = rows;
  if (first === undefined) return nothing;
  if (first.attempts > limits.attemptsMax) return reclaimAndApply(options, rows, parkAsCrashed, undecoded);
  const isDivisible = first.attempts >= limits.attemptsAloneFrom && !isUnit(first);
  return isDivisible ? divide(options, rows) : reclaimAndApply(options, rows, applyInHalves);
}

async function reclaimAndApply(
  options: BatchOptions,
  rows: readonly PendingRow[],
  how: ApplyHow,
  decode = decodeUpdate,
): Promise<BatchResult> {
  const done = await transaction(options.db, async (tx): Promise<Done> => {
    const mine = await reclaimPending(tx, rows);
    if (mine.length === 0) return { result: nothing };
    await options.failpoint("worker.claimed");
    return applyRows(tx, options, mine, how, decode);
  });
  done.onCommit?.();
  return done.result;
}

/** Puts the updates of these rows back one by one. Ends of the process while this was done are not the updates' fault. */
async function divide(options: BatchOptions, rows: readonly PendingRow[]): Promise<BatchResult> {
  return transaction(options.db, async (tx) => {
    const mine = await reclaimPending(tx, rows);
    for (const row of mine) {
      const items = await loadItems(tx, options.lane, [row], { cache: null, decode: undecoded });
      const units = items.map((item) => ({
        account: row.account,
        deliveryId: item.deliveryId,
        attempts: limits.attemptsAloneFrom - 1,
        updateIndex: item.located.index,
        parkedId: row.parkedId,
        isReplay: row.isReplay,
      }));
      await insertPendingUnits(tx, options.lane, units);
    }
    return { rows: mine.length, updates: 0, parked: [], tenantIds: [] };
  });
}

/** What may have ended the process is not decoded once more just to be set aside. */
function undecoded(located: LocatedUpdate): Update {
  return { kind: "account", field: located.field, event: "", content: { v: 1, kind: "undecoded" } };
}

function isUnit(row: PendingRow): boolean {
  return row.updateIndex !== null || (row.deliveryIds.length === 1 && row.updates === 1);
}

type Part = { applied: Applied[]; parked: Parked[]; events: ActivityEvent[]; onCommit: (() => void)[] };
type ApplyHow = (tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number) => Promise<Part>;

async function applyRows(tx: Tx, options: BatchOptions, rows: readonly PendingRow[], how: ApplyHow, decode = decodeUpdate): Promise<Done> {
  const nowMs = options.nowMs();
  const items = await loadItems(tx, options.lane, rows, { cache: options.cache, decode });
  const { routed, parked } = await routeItems(tx, items, nowMs);
  const part = await how(tx, options, routed, nowMs);
  const allParked = [...parked, ...part.parked];
  await touchConnections(
    tx,
    routed.map(({ route }) => route),
    nowMs,
  );
  const tenantIds = await settle(tx, options.lane, { applied: part.applied, parked: allParked, events: part.events }, nowMs);
  await options.failpoint("worker.before_commit");
  return {
    result: { rows: rows.length, updates: items.length, parked: allParked, tenantIds },
    onCommit: () => {
      for (const act of part.onCommit) act();
    },
  };
}

async function applyWhole(tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number): Promise<Part> {
  if (items.length === 0) return { applied: [], parked: [], events: [], onCommit: [] };
  await options.failpoint("worker.mid_batch", () => items.map((item) => updateText(item.located)));
  const application = await options.apply(tx, items, nowMs);
  const applied = items.map((item, index) => {
    const outcome = application.outcomes[index];
    if (outcome === undefined) throw new Error("A worker left an update without an outcome");
    return { item, tenantId: item.route.tenantId, outcome };
  });
  return {
    applied,
    parked: [],
    events: [...application.events],
    onCommit: application.onCommit === undefined ? [] : [application.onCommit],
  };
}

/** Each part behind its own savepoint. Twenty halvings reach one update among a million. */
async function applyInHalves(tx: Tx, options: BatchOptions, items: readonly RoutedItem[], nowMs: number, round = 0): Promise<Part> {
  try {
    return await tx.savepoint(() => applyWhole(tx, options, items, nowMs));
  } catch (error) {
    if (isUnavailable(error)) throw error;
    if (items.length === 1 || round >= limits.bisectRoundsMax) {
      const detail = detailOf(error);
      const parked = items.map((item) => ({ item, tenantId: item.route.tenantId, reason: "rejected_by_database" as const, detail }));
      return { applied: [], parked, events: [], onCommit: [] };
    }
    const middle = Math.ceil(items.length / 2);
    const left = await applyInHalves(tx, options, items.slice(0, middle), nowMs, round + 1);
    const right = await applyInHalves(tx, options, items.slice(middle), nowMs, round + 1);
    return {
      applied: [...left.applied, ...right.applied],
      parked: [...left.parked, ...right.parked],
      events: [...left.events, ...right.events],
      onCommit: [...left.onCommit, ...right.onCommit],
    };
  }
}

async function parkAsCrashed(_tx: Tx, _options: BatchOptions, items: readonly RoutedItem[]): Promise<Part> {
  const parked = items.map((item) => ({
    item,
    tenantId: item.route.tenantId,
    reason: "crashed_worker" as const,
    detail: `The worker ended ${limits.attemptsMax} times while it applied this update`,
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
