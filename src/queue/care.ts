/**
 * What a process remembers about work that may have ended another one (see `runWithCare` in `batch.ts`), one memory per pool of
 * sessions, so for all lanes together.
 */
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import type { PendingRow } from "./pending.ts";

type Care = {
  /** Rows whose counted attempt failed because the database was unavailable: the process outlived it, so it counts no further. */
  survived: Set<PendingRow["id"]>;
  lastTurn: Promise<unknown>;
  /** Small at first and doubled by each success: what ended the process is likely to come soon, and takes few others with it. */
  updatesAtOnce: number;
};
const cares = new WeakMap<Db, Care>();

export function careOf(db: Db): Care {
  const known = cares.get(db) ?? { survived: new Set(), lastTurn: Promise.resolve(), updatesAtOnce: limits.pendingRowUpdatesMax };
  cares.set(db, known);
  return known;
}

/** Takes rows from the front, always one. */
export function takeUpdates(rows: PendingRow[], updatesMax: number): PendingRow[] {
  let updates = 0;
  const end = rows.findIndex((row, index) => (updates += row.updates) > updatesMax && index > 0);
  return rows.splice(0, end === -1 ? rows.length : end);
}

/** One counted attempt at a time over all lanes of this process: when it ends, only that one is to blame. */
export function inTurn<T>(db: Db, act: () => Promise<T>): Promise<T> {
  const care = careOf(db);
  const turn = care.lastTurn.then(act);
  care.lastTurn = turn.catch(() => undefined);
  return turn;
}
