/**
 * What a process remembers about work that may have ended another one (`careful.ts`), one memory per pool of
 * sessions, so for all lanes together.
 */
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import type { PendingRow } from "./pending.ts";

type Care = {
  /** Rows as they were before a counted attempt that failed because the database was unavailable: the count is to be taken back. */
  survived: PendingRow[];
  /** Ends with the last attempt alone that is under way or waits. */
  lastAlone: Promise<unknown>;
  /** Groups that are under way or wait for that one. */
  groups: Set<Promise<unknown>>;
  /** Small at first and doubled by each success: what ended the process is likely to come soon, and takes few others with it. */
  updatesAtOnce: number;
};
const cares = new WeakMap<Db, Care>();

export function careOf(db: Db): Care {
  const known = cares.get(db) ?? {
    survived: [],
    lastAlone: Promise.resolve(),
    groups: new Set<Promise<unknown>>(),
    updatesAtOnce: limits.carefulUpdatesMin,
  };
  cares.set(db, known);
  return known;
}

/** Takes rows from the front, always one. */
export function takeUpdates(rows: PendingRow[], updatesMax: number): PendingRow[] {
  let updates = 0;
  const end = rows.findIndex((row, index) => (updates += row.updates) > updatesMax && index > 0);
  return rows.splice(0, end === -1 ? rows.length : end);
}

/** A group beside other groups: whatever of them ends the process, its updates are only sent into solitude. */
export function amongGroups<T>(db: Db, act: () => Promise<T>): Promise<T> {
  const care = careOf(db);
  const turn = care.lastAlone.then(act);
  const group: Promise<unknown> = turn.catch(() => undefined).finally(() => care.groups.delete(group));
  care.groups.add(group);
  return turn;
}

/** Beside no other counted attempt of this process, in whatever lane: when it ends, only that one is to blame. */
export function alone<T>(db: Db, act: () => Promise<T>): Promise<T> {
  const care = careOf(db);
  const turn = Promise.all([care.lastAlone, ...care.groups]).then(act);
  care.lastAlone = turn.catch(() => undefined);
  return turn;
}
