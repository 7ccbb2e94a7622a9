/**
 * One turn of a worker: claim, decode, route, apply, settle, commit; all in one transaction, so that the work and its
 * effects are one fact. What fails is told apart:
 * - the database or the link is unavailable: everything rolls back and is tried again later, nothing is parked;
 * - the data is at fault: the batch is cut in halves until the guilty update is found, which alone is parked;
 * - the process dies: the work is found again and tried with care (`careful.ts`).
 */
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { applyInHalves, applyRows, applyWhole, nothing, type BatchOptions, type BatchResult, type Done } from "./apply.ts";
import { isUnavailable } from "./blame.ts";
import { forgiveSurvived, runWithCare } from "./careful.ts";
import { claimPending, type PendingRow } from "./pending.ts";
import type { Turn } from "./shares.ts";

/** Throws only when the database is unavailable. */
export async function runBatch(options: BatchOptions): Promise<BatchResult> {
  await forgiveSurvived(options.db);
  const turn = options.share?.lane.begin() ?? null;
  try {
    const first = await claimAndApply(options, turn);
    return "suspicious" in first ? await runWithCare(options, first.suspicious) : first;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return await runInHalves(options, turn);
  } finally {
    if (turn !== null) options.share?.lane.end(turn);
  }
}

async function claimAndApply(options: BatchOptions, turn: Turn | null): Promise<BatchResult | { suspicious: PendingRow[] }> {
  const done = await transaction(options.db, async (tx): Promise<Done | { suspicious: PendingRow[] }> => {
    const nowMs = options.nowMs();
    const suspiciousBeforeMs = Math.max(options.startedAtMs, nowMs - limits.suspiciousAfterMs);
    const rows = await claim(tx, options, turn, suspiciousBeforeMs);
    if (rows.length === 0) return { result: nothing };
    const suspicious = rows.filter((row) => row.isSuspicious);
    if (suspicious.length > 0) return { suspicious };
    await options.failpoint("worker.claimed");
    return givingWay(tx, options, turn, (ordered) => applyRows(ordered, options, rows, applyWhole));
  });
  if ("suspicious" in done) return { suspicious: done.suspicious };
  done.onCommit?.();
  return done.result;
}

function claim(tx: Tx, { lane, share }: BatchOptions, turn: Turn | null, suspiciousBeforeMs: number): Promise<PendingRow[]> {
  const most = { accountsMax: limits.claimAccountsMax, rowsMax: limits.claimRowsMax, updatesMax: limits.claimUpdatesMax };
  if (share === undefined || turn === null) return claimPending(tx, lane, most, suspiciousBeforeMs);
  const { prefers } = share;
  return share.lane.claim(turn, (helping) => claimPending(tx, lane, { ...most, ...helping, prefers }, suspiciousBeforeMs));
}

/** A turn with little to do goes first; one with much gives way before each of its statements. */
async function givingWay<T>(tx: Tx, { share }: BatchOptions, turn: Turn | null, work: (tx: Tx) => Promise<T>): Promise<T> {
  if (share === undefined || turn === null) return work(tx);
  if (!turn.isLarge) return work(tx).finally(share.way.enter());
  const giveWay = share.way.giver();
  const query: Tx["query"] = async (statement, values) => {
    await giveWay();
    return tx.query(statement, values);
  };
  return work({ ...tx, query });
}

/** The database refused something in the data: the same rows again, cut until the guilty updates stand alone. */
async function runInHalves(options: BatchOptions, turn: Turn | null): Promise<BatchResult> {
  const done = await transaction(options.db, async (tx): Promise<Done | { suspicious: PendingRow[] }> => {
    const rows = await claim(tx, options, turn, 0);
    // Such rows are claimed by the careful way only; the claim has not deleted anything.
    if (rows.some((row) => row.isSuspicious)) return { suspicious: rows.filter((row) => row.isSuspicious) };
    return rows.length === 0 ? { result: nothing } : applyRows(tx, options, rows, applyInHalves);
  });
  if ("suspicious" in done) return runWithCare(options, done.suspicious);
  done.onCommit?.();
  return done.result;
}
