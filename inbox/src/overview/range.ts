/** The times that the overview can look back on, by the tenant's clock. Pure. */
export const rangeNames = ["today", "week", "month", "quarter", "year"] as const;
export type RangeName = (typeof rangeNames)[number];
/** `custom`: days as `2026-11-22`, both of them included. */
export type RangeChoice = { kind: RangeName } | { kind: "custom"; first: string; last: string };

export type Interval = "hour" | "day" | "week" | "month";
export type Range = {
  from: string;
  to: string;
  interval: Interval;
  /** The same time just before, to compare with. */
  before: { from: string; to: string };
};

const dayMs = 86_400_000;
/** One less than the server's `overviewDaysMax`: days in which clocks are put back are longer than a day. */
export const daysMax = 365;
const days: Readonly<Record<RangeName, number>> = { today: 1, week: 7, month: 30, quarter: 90, year: 365 };

/** Null for days that are none, or too many. The present day is part of every named range. */
export function rangeOf(choice: RangeChoice, now: { ms: number; timeZone: string }): Range | null {
  const today = dayOf(now.ms, now.timeZone);
  const [first, last] = choice.kind === "custom" ? [choice.first, choice.last] : [addDays(today, 1 - days[choice.kind]), today];
  if (!isDay(first) || !isDay(last) || first > last) return null;
  const count = daysBetween(first, last) + 1;
  if (count > daysMax) return null;
  const at = (day: string): string => new Date(startOfDay(day, now.timeZone)).toISOString();
  const from = at(first);
  return { from, to: at(addDays(last, 1)), interval: intervalOf(count), before: { from: at(addDays(first, -count)), to: from } };
}

function intervalOf(count: number): Interval {
  if (count <= 2) return "hour";
  if (count <= 45) return "day";
  return count <= 190 ? "week" : "month";
}

/** The day that it is at a moment, as `2026-11-22`. */
export function dayOf(ms: number, timeZone: string): string {
  const parts = partsOf(ms, timeZone);
  return `${parts.year}-${parts.month}-${parts.day}`;
}

/** Where a day begins. Where its midnight does not exist (clocks that go forward at it), the first moment after. */
export function startOfDay(day: string, timeZone: string): number {
  const wanted = Date.parse(`${day}T00:00:00Z`);
  let ms = wanted;
  // The offset at the guess may not be that of the midnight itself: twice is enough, since offsets change hours apart.
  for (let round = 0; round < 2; round += 1) ms = wanted - offsetMs(ms, timeZone);
  return dayOf(ms, timeZone) < day ? ms + 3_600_000 : ms;
}

function offsetMs(ms: number, timeZone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(ms, timeZone);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(ms / 1_000) * 1_000;
}

type Parts = Record<"year" | "month" | "day" | "hour" | "minute" | "second", string>;

function partsOf(ms: number, timeZone: string): Parts {
  const digits = "2-digit" as const;
  const format = new Intl.DateTimeFormat("en-CA-u-ca-gregory-nu-latn", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: digits,
    day: digits,
    hour: digits,
    minute: digits,
    second: digits,
  });
  const found = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const part = (name: keyof Parts): string => found.get(name) ?? "00";
  return { year: part("year"), month: part("month"), day: part("day"), hour: part("hour"), minute: part("minute"), second: part("second") };
}

function isDay(day: string): boolean {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // The 31st of February is read as one of March.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * dayMs).toISOString().slice(0, 10);
}

function daysBetween(first: string, last: string): number {
  return Math.round((Date.parse(`${last}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / dayMs);
}
