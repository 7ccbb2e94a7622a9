/**
 * A real Chromium for tests: `CHROME_PATH`, else the system's, else the one that an npm package brings (unpacked into a temporary folder). Every page
 * that it opens counts what must not happen: reports of the policy, errors of scripts, dialogs, requests to anybody else.
 */
import { access } from "node:fs/promises";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";

type Scope = { after(fn: () => Promise<void>): void };

export type Watched = {
  page: Page;
  context: BrowserContext;
  /** What must stay empty. */
  troubles: string[];
};

const systemPaths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

export async function openBrowser(t: Scope, more: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...more],
    headless: true,
  });
  t.after(() => browser.close());
  return browser;
}

/** The packed one's own flags are not taken: they are for a function in a cloud, have one process for all pages, and switch the web's safety off. */
async function findChromium(): Promise<string> {
  const candidates = [process.env["CHROME_PATH"], ...systemPaths].flatMap((path) => path ?? []);
  for (const path of candidates) if (path !== "" && (await isThere(path))) return path;
  const { default: packed } = await import("@sparticuz/chromium");
  return packed.executablePath();
}

export type OpenOptions = BrowserContextOptions & { theme?: "light" | "dark"; language?: "he" | "en" | "ar" };

/** A page with a session of its own. `origin` is the only place that it may talk to. */
export async function openPage(browser: Browser, origin: string, { theme, language, ...options }: OpenOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: "Asia/Jerusalem", ...options });
  const troubles: string[] = [];
  await context.addInitScript(
    ([chosenTheme, chosenLanguage]) => {
      try {
        const { localStorage: kept } = globalThis as unknown as {
          localStorage: { getItem: (name: string) => string | null; setItem: (name: string, value: string) => void };
        };
        // Only at first: a test may choose another later.
        if (chosenTheme !== null && kept.getItem("kesher.theme") === null) kept.setItem("kesher.theme", chosenTheme);
        if (chosenLanguage !== null && kept.getItem("kesher.locale") === null) kept.setItem("kesher.locale", chosenLanguage);
      } catch {
        // An empty page has no storage.
      }
    },
    [theme ?? null, language ?? null] as const,
  );
  context.on("page", (page) => watch(page, origin, troubles));
  return { page: await context.newPage(), context, troubles };
}

function watch(page: Page, origin: string, troubles: string[]): void {
  page.on("dialog", (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A refusal of the API is no fault of the page: the page tells it to the person.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) troubles.push(`request: ${url}`);
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
