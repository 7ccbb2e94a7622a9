// Before the first paint: language, direction and theme of the last visit, so that nothing flashes or jumps. `app/appearance.ts` does the rest.
(() => {
  const root = document.documentElement;
  let locale = null;
  let theme = null;
  try {
    locale = localStorage.getItem("kesher.locale");
    theme = localStorage.getItem("kesher.theme");
  } catch {
    // Storage may be forbidden: then the defaults hold.
  }
  if (locale === "en" || locale === "ar" || locale === "he") {
    root.lang = locale;
    root.dir = locale === "en" ? "ltr" : "rtl";
  }
  const isDark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = isDark ? "dark" : "light";
})();
