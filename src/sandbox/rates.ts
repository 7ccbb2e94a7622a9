/**
 * How fast Meta takes messages (its pages on throughput and pair rates, read 2026-09): per number so many in any rolling second, per
 * number and customer one in 6 s, with bursts of 45 that are borrowed from the time to come. Both cost the same however long they run.
 */

export const pairEveryMs = 6_000;
export const pairBurst = 45;

export type RollingRate = { isFree(nowMs: number): boolean; take(nowMs: number): void };

/** The times of the last so many; one more is free when the oldest of them is a second old. Null: as many as come. */
export function createRollingRate(perSecond: number | null): RollingRate {
  if (perSecond === null) return { isFree: () => true, take: () => undefined };
  const times = new Float64Array(perSecond).fill(-Infinity);
  let oldest = 0;
  return {
    isFree: (nowMs) => nowMs - (times[oldest] ?? -Infinity) >= 1_000,
    take(nowMs) {
      times[oldest] = nowMs;
      oldest = (oldest + 1) % perSecond;
    },
  };
}

/** `debtMs`: until when the messages so far would have taken at one in 6 s. */
export function isPairFree(debtMs: number, nowMs: number): boolean {
  return Math.max(debtMs, nowMs) - nowMs <= (pairBurst - 1) * pairEveryMs;
}

export function pairDebtAfter(debtMs: number, nowMs: number): number {
  return Math.max(debtMs, nowMs) + pairEveryMs;
}
