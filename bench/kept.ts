/**
 * What the last run of each row has measured, in `bench/results.json`: a run of some of the rows, or one that was ended from outside, leaves those of the
 * others as they were, each with its date and commit.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { describeCommit } from "./machine.ts";
import type { Results, RowName } from "./rows.ts";

/** When something was measured, and of what. */
export type Stamp = { at: string; commit: string; isQuick: boolean };
export type KeptValue = Stamp & { value: number; note: string };
export type KeptLines = Stamp & { lines: readonly string[] };
export type Kept = {
  /** The resident memory is kept for each run that has measured it: the row shows the greatest. */
  values: Partial<Record<RowName, Record<string, KeptValue>>>;
  limits: Partial<Record<RowName, string>>;
  /** Lines by the run that said them. */
  beside: Record<string, KeptLines>;
  profiles: Record<string, KeptLines>;
  mixPerSecond: number | null;
};

const file = new URL("results.json", import.meta.url);

export async function readKept(): Promise<Kept> {
  const text = await readFile(file, "utf8").catch(() => null);
  // Written by `writeKept` alone.
  return text === null ? { values: {}, limits: {}, beside: {}, profiles: {}, mixPerSecond: null } : (JSON.parse(text) as Kept);
}

export async function writeKept(kept: Kept): Promise<void> {
  const path = file.pathname;
  await writeFile(`${path}.new`, `${JSON.stringify(kept, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

export function stampNow(isQuick: boolean): Stamp {
  return { at: `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`, commit: describeCommit(), isQuick };
}

/** What the run of this name has found takes the place of what it found before; what it did not come to stays. */
export function keep(kept: Kept, name: string, results: Results, stamp: Stamp): void {
  for (const [row, found] of results.values) {
    // Nothing was seen at all: not a figure.
    if (!Number.isFinite(found.value)) continue;
    const of = row === "memory" ? { ...kept.values[row], [name]: { ...stamp, ...found } } : { [name]: { ...stamp, ...found } };
    kept.values[row] = of;
  }
  for (const [row, limit] of results.limits) kept.limits[row] = limit;
  for (const { title, lines } of results.profiles) kept.profiles[title] = { ...stamp, lines };
  if (results.beside.length > 0) kept.beside[name] = { ...stamp, lines: results.beside };
  kept.mixPerSecond = results.mixPerSecond ?? kept.mixPerSecond;
}

/** Of several the greatest: only the memory has several. */
export function keptValue(kept: Kept, row: RowName): KeptValue | null {
  return Object.values(kept.values[row] ?? {}).reduce<KeptValue | null>(
    (most, one) => (most === null || one.value > most.value ? one : most),
    null,
  );
}
