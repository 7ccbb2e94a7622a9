/** A browser and its system by the words that it sends; it may say what it likes, so this is for the eye only. */
const browsers = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["SamsungBrowser/", "Samsung Internet"],
  ["Firefox/", "Firefox"],
  ["FxiOS/", "Firefox"],
  ["CriOS/", "Chrome"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;
const systems = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["CrOS", "ChromeOS"],
  ["Linux", "Linux"],
] as const;

export function browserOf(userAgent: string | null): { name: string | null; isPhone: boolean } {
  const words = userAgent ?? "";
  const browser = browsers.find(([mark]) => words.includes(mark))?.[1];
  const system = systems.find(([mark]) => words.includes(mark))?.[1];
  const known = [browser, system].filter((part) => part !== undefined).join(" · ");
  const isPhone = system === "Android" || system === "iPhone" || system === "iPad";
  return { name: known === "" ? (words === "" ? null : words.slice(0, 60)) : known, isPhone };
}
