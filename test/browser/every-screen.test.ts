/** Every screen with a florist's day in it, in three languages: Axe finds nothing, and nothing stands wider than the screen. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openBrowser, openPage } from "./browser.ts";
import { seedDemo } from "./demo-data.ts";
import { expectAccessible, startBrowserSandbox, waitMs } from "./sandbox.ts";
import { keepDemoPhones, screens, showScreen } from "./screen-list.ts";

const looks = [
  { language: "he", theme: "light", viewport: { width: 1280, height: 800 } },
  { language: "en", theme: "dark", viewport: { width: 1280, height: 800 } },
  { language: "ar", theme: "dark", viewport: { width: 390, height: 844 } },
] as const;
const client = join(import.meta.dirname, "../../inbox/src");
const ids = {
  noa: "$conversationId",
  closed: "$conversationId",
  failed: "$conversationId",
  mariam: "$conversationId",
  connection: "$connectionId",
};

test("Every path of the router and every part of the settings is among the screens that are looked at", async () => {
  const router = await readFile(join(client, "app/router.tsx"), "utf8");
  const parts = await readFile(join(client, "settings/sections.ts"), "utf8");
  const listed = new Set(screens.map(({ path }) => path(ids).replace("inbox/all", "inbox/$view")));
  for (const [, path = ""] of router.matchAll(/(?:screen\(|path: )"\/([^"]+)"/g)) {
    if (path !== "settings" && path !== "settings/$section") assert.ok(listed.has(path), path);
  }
  for (const [, id = ""] of parts.matchAll(/ id: "([^"]+)"/g)) assert.ok(listed.has(`settings/${id}`), `settings/${id}`);
});

test("Axe finds nothing on any screen, nothing is wider than it, and nothing is asked of anybody else", async (t) => {
  const sandbox = await startBrowserSandbox(t);
  const { url } = sandbox.program;
  const browser = await openBrowser(t);
  const first = await openPage(browser, url, { language: "he" });
  await first.page.goto(sandbox.link);
  await first.page.getByRole("navigation").first().waitFor();
  const seeded = await seedDemo(first.page, sandbox).catch((error: unknown) => {
    throw new Error(sandbox.program.output.slice(-3_000), { cause: error });
  });
  const { cookies } = await first.context.storageState();
  // The screens that people live in in all three, each other one in one of them.
  const wantedBy = (look: number) => screens.filter(({ isMain }, index) => isMain === true || index % looks.length === look);
  await t.test("in Hebrew by day, English by night, Arabic on a phone", { concurrency: true }, async (all) => {
    await Promise.all(
      looks.map((look, index) =>
        all.test(look.language, async () => {
          const { page, context, troubles } = await openPage(browser, url, { ...look, storageState: { cookies, origins: [] } });
          page.setDefaultTimeout(waitMs);
          await keepDemoPhones(context);
          const faults: string[] = [];
          for (const screen of wantedBy(index)) {
            if (screen.name === "sign-in") await context.clearCookies();
            await showScreen(page, screen, { url, ids: seeded, language: look.language }).catch((error: unknown) => {
              faults.push(`${screen.name}: ${String(error)}`);
            });
            await expectAccessible(page, `${screen.name} ${look.language}`).catch((error: unknown) => faults.push(String(error)));
            if ((await page.evaluate("document.documentElement.scrollWidth > innerWidth")) === true)
              faults.push(`${screen.name}: too wide`);
          }
          assert.deepEqual([...faults, ...troubles], []);
        }),
      ),
    );
  });
});
