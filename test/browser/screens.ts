/**
 * `npm run screens`: starts the program in its sandbox with a florist's day and takes a picture of every screen, in both directions and both themes,
 * into `docs/screens/`, with an index. With `SCREENS_PNG` the same as PNG into that folder, to be looked at. `SCREENS_ONLY` takes parts of names, with commas.
 */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { openBrowser, openPage } from "./browser.ts";
import { seedDemo, type DemoIds } from "./demo-data.ts";
import { keepDemoPhones, screens, showScreen, type Look, type Screen } from "./screen-list.ts";
import { startBrowserSandbox, waitMs } from "./sandbox.ts";

const folder = join(import.meta.dirname, "../../docs/screens");
const pngFolder = process.env["SCREENS_PNG"] ?? "";
const only = (process.env["SCREENS_ONLY"] ?? "").split(",");

const everything: readonly Look[] = [
  { language: "he", theme: "light", device: "desktop" },
  { language: "en", theme: "dark", device: "desktop" },
];
const mains: readonly Look[] = [
  { language: "he", theme: "dark", device: "desktop" },
  { language: "en", theme: "light", device: "desktop" },
  { language: "ar", theme: "light", device: "desktop" },
  { language: "ar", theme: "dark", device: "desktop" },
  { language: "he", theme: "light", device: "phone" },
  { language: "en", theme: "dark", device: "phone" },
  { language: "ar", theme: "light", device: "phone" },
];

const endings: (() => Promise<void>)[] = [];
const scope = { after: (end: () => Promise<void>) => void endings.push(end) };
try {
  await takeAll();
} finally {
  for (const end of endings.toReversed()) await end();
}

async function takeAll(): Promise<void> {
  const sandbox = await startBrowserSandbox(scope);
  const browser = await openBrowser(scope);
  const { url } = sandbox.program;
  const first = await openPage(browser, url, { language: "he", theme: "light" });
  await first.page.goto(sandbox.link);
  await first.page.getByRole("navigation").first().waitFor();
  const ids = await seedDemo(first.page, sandbox);
  const { cookies } = await first.context.storageState();
  if (only.every((part) => part === "")) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const look of [...everything, ...mains]) {
    const wanted = screens.filter(
      ({ isMain, name }) => (isMain === true || everything.includes(look)) && only.some((part) => nameOf(name, look).includes(part)),
    );
    if (wanted.length > 0) await takeOf(browser, { url, ids, cookies, look, wanted });
  }
  await writeIndex();
}

type Round = {
  url: string;
  ids: DemoIds;
  cookies: Awaited<ReturnType<Awaited<ReturnType<typeof openPage>>["context"]["storageState"]>>["cookies"];
  look: Look;
  wanted: readonly Screen[];
};

async function takeOf(browser: Browser, { url, ids, cookies, look, wanted }: Round): Promise<void> {
  const { page, context } = await openPage(browser, url, {
    language: look.language,
    theme: look.theme,
    storageState: { cookies, origins: [] },
    reducedMotion: "reduce",
    locale: { he: "he-IL", en: "en-GB", ar: "ar" }[look.language],
    ...(look.device === "phone" ? { viewport: { width: 390, height: 844 }, hasTouch: true } : { viewport: { width: 1280, height: 800 } }),
  });
  page.setDefaultTimeout(waitMs);
  await keepDemoPhones(context);
  const session = await context.newCDPSession(page);
  for (const screen of wanted) {
    const { name } = screen;
    // Who is signed in sees no sign-in.
    if (name === "sign-in") await context.clearCookies();
    try {
      await showScreen(page, screen, { url, ids, language: look.language });
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`${nameOf(name, look)}: ${String(error).slice(0, 300)}\n`);
    }
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 55, optimizeForSpeed: false });
    await writeFile(join(folder, `${nameOf(name, look)}.webp`), Buffer.from(data, "base64"));
    if (pngFolder !== "") await page.screenshot({ path: join(pngFolder, `${nameOf(name, look)}.png`) });
  }
  await context.close();
}

function nameOf(name: string, { language, theme, device }: Look): string {
  return `${name}.${language}.${theme}.${device}`;
}

/** One row for each screen; what stands in it is what lies in the folder. */
async function writeIndex(): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".webp")).toSorted();
  const names = [...new Set(files.map((file) => file.split(".")[0] ?? ""))];
  const rows = names.map((name) => {
    const those = files.filter((file) => file.startsWith(`${name}.`));
    return `| ${name} | ${those.map((file) => `[${file.split(".").slice(1, 4).join(" ")}](${file})`).join(", ")} |`;
  });
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  const kilobytes = Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1_024);
  const head =
    "# Every screen\n\nTaken by `npm run screens`, from the sandbox with invented customers. The name says language, theme and device.\n";
  await writeFile(join(folder, "README.md"), `${head}\n| screen | pictures |\n| --- | --- |\n${rows.join("\n")}\n`);
  process.stdout.write(`${files.length} pictures, ${kilobytes} KiB\n`);
}
