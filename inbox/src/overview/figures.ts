/** Figures as people read them. Pure. */

/** Null where there is nothing to be a share of. */
export function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** How much more than before, as a share of it; null where nothing was before. */
export function changeOf(now: number | null, before: number | null): number | null {
  return now === null || before === null || before === 0 ? null : (now - before) / before;
}

/** `45 sec`, `12 min`, `3 hr 20 min`, `2 days`: the two greatest units at most, in the words of the language. */
export function durationText(ms: number, locale: string): string {
  const unit = (count: number, name: "second" | "minute" | "hour" | "day"): string =>
    new Intl.NumberFormat(locale, {
      style: "unit",
      unit: name,
      unitDisplay: name === "day" || locale.startsWith("ar") ? "long" : "short",
    }).format(count);
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 60) return unit(seconds, "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return unit(minutes, "minute");
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return minutes % 60 === 0 ? unit(hours, "hour") : `${unit(hours, "hour")} ${unit(minutes % 60, "minute")}`;
  return hours < 48 ? unit(Math.round(minutes / 60), "hour") : unit(Math.round(minutes / 1_440), "day");
}

/** The top of an axis: the next of 1, 2, 5, 10, 20, 50 … and how its steps are. */
export function axisOf(greatest: number): { top: number; ticks: number[] } {
  const wanted = Math.max(4, greatest);
  const power = 10 ** Math.floor(Math.log10(wanted / 4));
  const step = Math.max(
    1,
    ([1, 2, 2.5, 5, 10].find((factor) => factor * power * 4 >= wanted && Number.isInteger(factor * power)) ?? 10) * power,
  );
  const count = Math.ceil(wanted / step);
  return { top: step * count, ticks: Array.from({ length: count + 1 }, (_, index) => index * step) };
}

/** Every nth label, so that at most `labelsMax` are shown. */
export function labelEvery(count: number, labelsMax: number): number {
  return Math.max(1, Math.ceil(count / Math.max(1, labelsMax)));
}
