/**
 * How often a number is heard of, hour by hour of the week, and whether its silence is unusual: nights, weekends and feasts of a business
 * are in its own past. A probe notes one hour at a time, so the path in has no part in it.
 */

const hourMs = 3_600_000;
export const hoursOfWeek = 168;
/** What was seen counts half as much once an hour of the week has been looked at so often: a rhythm may change. */
const lookedMax = 8;
/** An hour of the week tells something after so many looks. */
const lookedMin = 2;
/** Silence that the past would show less often than once in so many times is unusual. */
const unlikely = 1 / 200;
/** Below this nothing is called silent: Meta itself may be late. */
const silentMsMin = 2 * hourMs;

/** For each hour of the week, UTC, from Thursday 00:00 (1970-01-01): how often it was looked at, and how often something was heard in it. */
export type Rhythm = { readonly looked: readonly number[]; readonly heard: readonly number[]; readonly lastHour: number | null };

export const noRhythm: Rhythm = {
  looked: Array.from({ length: hoursOfWeek }, () => 0),
  heard: Array.from({ length: hoursOfWeek }, () => 0),
  lastHour: null,
};

/** Notes the hour that ended last, once. Hours in which nobody looked are not made up. */
export function noteRhythm(rhythm: Rhythm, { lastSeenAtMs, nowMs }: { lastSeenAtMs: number | null; nowMs: number }): Rhythm {
  const hour = Math.floor(nowMs / hourMs) - 1;
  if (rhythm.lastHour !== null && hour <= rhythm.lastHour) return rhythm;
  const slot = hour % hoursOfWeek;
  const isHeard = lastSeenAtMs !== null && lastSeenAtMs >= hour * hourMs;
  const isFull = (rhythm.looked[slot] ?? 0) >= lookedMax;
  const grown = (counts: readonly number[], more: number): number[] =>
    counts.map((count, index) => (index === slot ? (isFull ? count / 2 : count) + more : count));
  return { looked: grown(rhythm.looked, 1), heard: grown(rhythm.heard, isHeard ? 1 : 0), lastHour: hour };
}

/**
 * `unusual`: the past of these hours of the week makes such a silence very unlikely. `unknown`: too little past. The hour that runs counts
 * only once it is over.
 */
export function judgeSilence(
  rhythm: Rhythm,
  { lastSeenAtMs, nowMs }: { lastSeenAtMs: number | null; nowMs: number },
): "usual" | "unusual" | "unknown" {
  if (lastSeenAtMs === null) return "unknown";
  if (nowMs - lastSeenAtMs < silentMsMin) return "usual";
  const first = Math.floor(lastSeenAtMs / hourMs) + 1;
  const end = Math.min(Math.floor(nowMs / hourMs), first + hoursOfWeek);
  let likelihood = 1;
  let known = 0;
  for (let hour = first; hour < end; hour += 1) {
    const slot = hour % hoursOfWeek;
    const looked = rhythm.looked[slot] ?? 0;
    if (looked < lookedMin) continue;
    known += 1;
    // One more look with and one without a sound: what has always been heard can still be silent once.
    likelihood *= 1 - (rhythm.heard[slot] ?? 0) / (looked + 2);
  }
  if (likelihood <= unlikely) return "unusual";
  return known === 0 ? "unknown" : "usual";
}

/** What was kept, or none where it is no rhythm. */
export function readRhythm(value: unknown): Rhythm {
  if (typeof value !== "object" || value === null || !("looked" in value) || !("heard" in value)) return noRhythm;
  const { looked, heard } = value;
  const lastHour = "lastHour" in value && typeof value.lastHour === "number" ? value.lastHour : null;
  return isCounts(looked) && isCounts(heard) ? { looked, heard, lastHour } : noRhythm;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === hoursOfWeek && value.every((count) => typeof count === "number" && count >= 0);
}
