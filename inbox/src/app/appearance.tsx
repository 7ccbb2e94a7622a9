/** Language, direction and theme. They are this browser's own; `public/boot.js` reads them before the first paint. */
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

export const locales = ["he", "en", "ar"] as const;
export type Locale = (typeof locales)[number];
export type Theme = "system" | "light" | "dark";

export type Appearance = {
  locale: Locale;
  direction: "rtl" | "ltr";
  theme: Theme;
  setLocale: (locale: Locale) => void;
  setTheme: (theme: Theme) => void;
  /** For who has not chosen. */
  suggestLocale: (locale: string) => void;
};

const localeKey = "kesher.locale";
const themeKey = "kesher.theme";
const Context = createContext<Appearance | null>(null);

export function useAppearance(): Appearance {
  const appearance = useContext(Context);
  if (appearance === null) throw new Error("There is no AppearanceProvider");
  return appearance;
}

export function AppearanceProvider({ children }: { children: ReactNode }) {
  const [chosen, setChosen] = useState<Locale | null>(() => localeOf(read(localeKey)));
  const [suggested, setSuggested] = useState<Locale | null>(null);
  const [theme, setThemeState] = useState<Theme>(() => themeOf(read(themeKey)));
  const locale = chosen ?? suggested ?? localeOf(navigator.language) ?? "he";
  const direction = locale === "en" ? "ltr" : "rtl";

  useEffect(() => {
    document.documentElement.lang = locale;
    document.documentElement.dir = direction;
  }, [locale, direction]);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const show = (): void => {
      document.documentElement.dataset["theme"] = theme === "dark" || (theme === "system" && dark.matches) ? "dark" : "light";
    };
    show();
    dark.addEventListener("change", show);
    return () => dark.removeEventListener("change", show);
  }, [theme]);

  const appearance = useMemo(
    () =>
      ({
        locale,
        direction,
        theme,
        setLocale(next: Locale) {
          write(localeKey, next);
          setChosen(next);
        },
        setTheme(next: Theme) {
          write(themeKey, next);
          setThemeState(next);
        },
        suggestLocale: (tag: string) => setSuggested(localeOf(tag)),
      }) satisfies Appearance,
    [locale, direction, theme],
  );
  return <Context value={appearance}>{children}</Context>;
}

function localeOf(tag: string | null): Locale | null {
  const language = tag?.split(/[-_]/, 1)[0]?.toLowerCase();
  return locales.find((locale) => locale === (language === "iw" ? "he" : language)) ?? null;
}

function themeOf(word: string | null): Theme {
  return word === "light" || word === "dark" ? word : "system";
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden or full: the choice holds for this visit.
  }
}
