/** Times of answers on a scale of steps, each a quarter longer than the one before: counts of steps can be added up, and tell medians well enough. */
const firstMs = 1_000;
const factor = 1.25;
/** The last takes whatever is longer: about 33 days. */
export const responseStepsMax = 67;

export function stepOf(ms: number): number {
  if (ms <= firstMs) return 0;
  return Math.min(responseStepsMax, Math.ceil(Math.log(ms / firstMs) / Math.log(factor) - 1e-9));
}

/** The longest time of a step. */
export function stepMs(step: number): number {
  return Math.round(firstMs * factor ** step);
}

/** `share` of all answers came within this time; null without any. */
export function percentileMs(steps: ReadonlyMap<number, number>, share: number): number | null {
  const total = [...steps.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let passed = 0;
  for (const [step, count] of [...steps].toSorted(([a], [b]) => a - b)) {
    passed += count;
    if (passed >= total * share) return stepMs(step);
  }
  return null;
}
