/**
 * One turn of a worker: claim, decode, route, apply, settle, commit; all in one transaction, so that the work and its
 * effects are one fact. What fails is told apart:
 * - the database or the link is unavailable: everything rolls back and is tried again later, nothing is parked;
 * - the data is at fault: the batch is cut in halves until the guilty update is found, which alone is parked;
 * - the process dies: the work is found again and tried with care (`careful.ts`).
 */
import { transaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { applyInHalves, applyRows, applyWhole, nothing, type BatchOptions, type BatchResult, type Done } from "./apply.ts";
import { isUnavailable } from "./blame.ts";
import { forgiveSurvived, runWithCare } from "./careful.ts";
import { claimPending, wholeShare, type ClaimLimits, type PendingRow } from "./pending.ts";

/** Throws only when the database is unavailable. */
export async function runBatch(options: BatchOptions): Promise<BatchResult> {
  await forgiveSurvived(options.db);
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
