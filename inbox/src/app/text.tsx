/** The texts of the reader's language, and how dates and numbers are written in it. Hebrew comes with the first load, the others when chosen. */
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { IntlProvider, useIntl } from "react-intl";
import { useAppearance, type Locale } from "./appearance.tsx";
import type { TextKey, Texts } from "../texts/keys.ts";

const loaders: Record<Locale, () => Promise<Texts>> = {
  he: async () => (await import("../texts/he/all.ts")).he,
  en: async () => (await import("../texts/en/all.ts")).en,
  ar: async () => (await import("../texts/ar/all.ts")).ar,
};

export function TextProvider({ children }: { children: ReactNode }) {
  const { locale } = useAppearance();
  const [loaded, setLoaded] = useState<{ locale: Locale; texts: Texts } | null>(null);
  useEffect(() => {
    let isWanted = true;
    void (async () => {
      const texts = await loaders[locale]();
      if (isWanted) setLoaded({ locale, texts });
    })();
    return () => {
      isWanted = false;
    };
  }, [locale]);
  // Until a newly chosen language is here, the one before stays.
  if (loaded === null) return null;
  return (
    <IntlProvider locale={tagOf(loaded.locale)} messages={loaded.texts} onError={() => undefined}>
      {children}
    </IntlProvider>
  );
}

export type Values = Readonly<Record<string, string | number>>;

/** `text("unread", { count: 3 })`. */
export function useText(): (key: TextKey, values?: Values) => string {
  const intl = useIntl();
  return useMemo(
    () => (key, values) => {
      const plain = values === undefined ? intl.messages[key] : undefined;
      // Most texts say nothing to the formatter, and a screen has hundreds.
      if (typeof plain === "string" && !/[{}'<#]/.test(plain)) return plain;
      return intl.formatMessage({ id: key }, values);
    },
    [intl],
  );
}

export type Formats = {
  /** The hour today, "yesterday", the weekday of this week, else the date. */
  list: (at: string) => string;
  clock: (at: string) => string;
  day: (at: string) => string;
  full: (at: string) => string;
  /** Day and hour, short: `24 Nov, 08:00`. */
  moment: (at: string) => string;
  number: (value: number) => string;
  /** Of a file: `2.4 MB`, in the reader's language. */
  bytes: (value: number) => string;
  /** `3:07:20`, or without hours `7:20`. */
  countdown: (ms: number) => string;
};

const dayMs = 86_400_000;

export function useFormats(): Formats {
  const { locale } = useIntl();
  const known = formatsOf.get(locale);
  if (known !== undefined) return known;
  const made = makeFormats(locale);
  formatsOf.set(locale, made);
  return made;
}

/** Of the page, not of each bubble: what `Intl` makes takes a millisecond. */
const formatsOf = new Map<string, Formats>();

/** Western digits and the calendar that customers' messages are dated by, in Arabic too. */
function tagOf(locale: Locale): string {
  return { he: "he-IL", en: "en-GB", ar: "ar-u-nu-latn-ca-gregory" }[locale];
}

function makeFormats(locale: string): Formats {
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
  const weekday = new Intl.DateTimeFormat(locale, { weekday: "long" });
  const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "numeric", year: "2-digit" });
  const long = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
  const moment = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const number = new Intl.NumberFormat(locale);
  const daysAgo = (at: Date): number => Math.round((startOfDay(new Date()) - startOfDay(at)) / dayMs);
  return {
    list(iso) {
      const at = new Date(iso);
      const days = daysAgo(at);
      if (days <= 0) return clock.format(at);
      if (days === 1) return relative.format(-1, "day");
      return days < 7 ? weekday.format(at) : date.format(at);
    },
    clock: (iso) => clock.format(new Date(iso)),
    day(iso) {
      const at = new Date(iso);
      const days = daysAgo(at);
      return days === 0 || days === 1 ? relative.format(-days, "day") : days > 1 && days < 7 ? weekday.format(at) : long.format(at);
    },
    full: (iso) => full.format(new Date(iso)),
    moment: (iso) => moment.format(new Date(iso)),
    number: (value) => number.format(value),
    bytes(value) {
      const unit = units.find(({ least }) => value >= least) ?? units.at(-1);
      const { name, least } = unit ?? { name: "byte", least: 1 };
      const maximumFractionDigits = value / least < 10 && least > 1 ? 1 : 0;
      return new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits }).format(
        value / least,
      );
    },
    countdown(ms) {
      const seconds = Math.max(0, Math.floor(ms / 1_000));
      const hours = Math.floor(seconds / 3_600);
      const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
      return hours > 0 ? [hours, ...parts].join(":") : `${Math.floor(seconds / 60)}:${parts[1]}`;
    },
  };
}

const units = [
  { name: "megabyte", least: 2 ** 20 },
  { name: "kilobyte", least: 2 ** 10 },
  { name: "byte", least: 1 },
];

function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}
