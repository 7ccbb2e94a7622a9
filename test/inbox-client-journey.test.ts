/** The inbox in a real browser, on the real program in its sandbox: what a customer and an agent see of each other, in every language. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, openPage, type Watched } from "./browser/browser.ts";
import { expectErased } from "./browser/erased.ts";
import { answersOn, bubble, row, send, takeJourney } from "./browser/journey.ts";
import { control, expectAccessible, startBrowserSandbox, waitMs } from "./browser/sandbox.ts";
import { wordsOf, type Language } from "./browser/words.ts";
import { until } from "./support/program.ts";

const noa = "972521234567";
const looks = [
  { language: "he", theme: "light" },
  { language: "en", theme: "dark" },
  { language: "ar", theme: "dark" },
] as const;

test("A customer writes, an agent answers, and both see it without a reload", async (t) => {
  const { program, link } = await startBrowserSandbox(t);
  const browser = await openBrowser(t);
  const first = await openPage(browser, program.url, looks[0]);
  const { page, context, troubles } = first;
  page.setDefaultTimeout(waitMs);
  await page.goto(link);
  await page.getByText(wordsOf("he")("list_empty")).waitFor();
  const { cookies } = await context.storageState();
  const others = await Promise.all(
    looks.slice(1).map(async (look): Promise<{ language: Language; watched: Watched }> => {
      const watched = await openPage(browser, program.url, { ...look, storageState: { cookies, origins: [] } });
      watched.page.setDefaultTimeout(waitMs);
      await watched.page.goto(program.url);
      return { language: look.language, watched };
    }),
  );
  const agents = [{ language: "he" as Language, watched: first }, ...others];

  await t.test("Journeys in Hebrew, English and Arabic, side by side", { concurrency: true }, async (journeys) => {
    await Promise.all(agents.map((agent) => takeJourney((name, run) => journeys.test(name, run), { ...agent, url: program.url })));
  });

  await t.test("Three agents at once: each sees what the others write, once, and in the same order", async () => {
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה לוי", text: "מי עונה לי?" });
    await Promise.all(
      agents.map(async ({ watched: one }) => {
        await row(one.page, "נועה לוי").click();
        await bubble(one.page, "מי עונה לי?").waitFor();
      }),
    );
    await Promise.all(agents.map(({ language, watched }) => send(watched.page, wordsOf(language), `agent ${language}`)));
    const orders = await Promise.all(
      agents.map(async ({ watched: { page: seen } }) => {
        for (const { language } of agents) await bubble(seen, `agent ${language}`).locator("[data-status=read]").waitFor();
        return (await seen.getByTestId("thread").locator("article").allTextContents()).map((said) => /agent \w\w/.exec(said)?.[0] ?? "");
      }),
    );
    assert.equal(orders[0]?.filter((said) => said !== "").length, 3);
    for (const order of orders) assert.deepEqual(order, orders[0]);
    assert.equal((await answersOn(page, noa)).length, 3);
    for (const { watched } of others) {
      assert.deepEqual(watched.troubles, []);
      await watched.context.close();
    }
    await page.bringToFront();
  });

  await t.test("An answer of the server that is lost sends nothing twice", async () => {
    let tries = 0;
    await page.route("**/api/v1/messages?*", async (route) => {
      tries += 1;
      if (tries > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    // Nor does the page learn of it by the stream before it has tried again.
    await page.route("**/api/v1/messages/*", (route) => (tries < 2 ? route.abort() : route.continue()));
    const box = page.getByLabel("כתיבת הודעה");
    await box.fill("פעם אחת בלבד");
    await box.press("Enter");
    await bubble(page, "פעם אחת בלבד").locator("[data-status=read]").waitFor();
    await until("it was tried again", waitMs, async () => (await page.locator("[data-pending]").count()) === 0);
    // The next one goes behind it: whatever was sent twice would be there by now.
    await box.fill("והבאה");
    await box.press("Enter");
    await bubble(page, "והבאה").locator("[data-status=read]").waitFor();
    const answers = await answersOn(page, noa);
    assert.equal(tries, 3);
    assert.equal(answers.filter((one) => JSON.stringify(one).includes("פעם אחת בלבד")).length, 1);
    await page.unrouteAll();
  });

  await t.test("A second tab shows the same from the disk, shares the stream, and both hear the next word", async () => {
    const second = await context.newPage();
    second.setDefaultTimeout(waitMs);
    await second.goto(`${program.url}/`);
    await row(second, "נועה לוי").click();
    await bubble(second, "מי עונה לי?").waitFor();
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה לוי", text: "לשתי הלשוניות" });
    await Promise.all([bubble(second, "לשתי הלשוניות").waitFor(), bubble(page, "לשתי הלשוניות").waitFor()]);
    await second.close();
  });

  await t.test("A note is seen by the team alone, and a label or an assignee shows at once", async () => {
    await page.getByRole("button", { name: "הערה לצוות" }).click();
    await page.getByLabel("הערה שרק הצוות רואה").fill("לקוח ותיק");
    await page.getByLabel("הערה שרק הצוות רואה").press("Enter");
    await page.locator("[data-note-id]", { hasText: "לקוח ותיק" }).waitFor();
    assert.ok(!JSON.stringify(await answersOn(page, noa)).includes("לקוח ותיק"));
    await page.getByLabel("כתיבת הודעה").press("Escape");
    await page.keyboard.press("a");
    await page.getByRole("menuitem", { name: "(אני)" }).click();
    await page.getByRole("link", { name: "שלי", exact: true }).first().click();
    await row(page, "נועה לוי").waitFor();
  });

  await t.test("Keys: J opens, E sets aside, ⌘K finds; the page speaks English and Arabic, too", async () => {
    await page.locator("body").press("Escape");
    await page.getByTestId("conversation-list").waitFor();
    await page.keyboard.press("j");
    await bubble(page, "מי עונה לי?").waitFor();
    await page.keyboard.press("e");
    await page.getByText("סומן כטופל").waitFor();
    await until("the row has left the view", waitMs, async () => (await row(page, "נועה לוי").count()) === 0);
    await page.keyboard.press("Control+k");
    await page.getByPlaceholder("מה לעשות").waitFor();
    await expectAccessible(page, "commands");
    await page.getByPlaceholder("מה לעשות").fill("English");
    await page.keyboard.press("Enter");
    await page.getByPlaceholder("Search people and messages").waitFor();
    assert.equal(await page.evaluate("document.documentElement.dir + document.documentElement.lang"), "ltren");
  });

  await t.test(
    "Whoever is erased goes from every browser: from an open thread at once, from the disk, and from one that was closed meanwhile",
    () => expectErased(page, context, program.url),
  );

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});
