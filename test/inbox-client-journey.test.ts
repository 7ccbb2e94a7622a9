/** The inbox in a real browser, on the real program in its sandbox: what a customer and an agent see of each other. */
import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import { openBrowser, openPage } from "./browser/browser.ts";
import { makeProgram, until, type Program } from "./support/program.ts";

const waitMs = 60_000;
const noa = "972521234567";
const ido = "972502020202";
const dayMs = 24 * 3_600_000;

async function startSandbox(t: TestContext): Promise<{ program: Program; link: string }> {
  const program = await makeProgram(t, { sandbox: "newcomer" });
  await program.start();
  await until("the console shows the link", waitMs, () => /sign in: \S+\n/.test(program.output));
  await until("the inbox is built and served", 60_000, async () => (await fetch(`${program.url}/`)).status === 200);
  return { program, link: /sign in: (\S+)\n/.exec(program.output)?.[1] ?? assert.fail("no link") };
}

/** The customer's phone, held through the page's own session. */
async function control(page: Page, method: string, path: string, body?: object): Promise<unknown> {
  const { status, text } = await page.evaluate(
    async ([verb, target, json]) => {
      const answer = await fetch(`/sandbox/control/${target}`, {
        method: verb,
        ...(json === null ? {} : { body: json, headers: { "content-type": "application/json" } }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body === undefined ? null : JSON.stringify(body)] as const,
  );
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  assert.deepEqual(
    violations.map(
      ({ id, nodes }) =>
        `${what}: ${id}: ${nodes
          .map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary ?? ""}`)
          .slice(0, 3)
          .join(" | ")}`,
    ),
    [],
  );
}

const bubble = (page: Page, words: string) => page.locator("[data-testid=thread] article", { hasText: words });
const row = (page: Page, words: string) => page.locator("[data-testid=conversation-list] li", { hasText: words });

test("A customer writes, an agent answers, and both see it without a reload", async (t) => {
  const { program, link } = await startSandbox(t);
  const browser = await openBrowser(t);
  const { page, context, troubles } = await openPage(browser, program.url, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);

  await t.test("The list shows who wrote, live", async () => {
    await page.getByText("אין כאן שיחות").waitFor();
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה <b>לוי</b>", text: "שלום *עולם*" });
    await row(page, "נועה <b>לוי</b>").waitFor();
    await row(page, "שלום").locator("text=1").first().waitFor();
  });

  await t.test("The thread shows the words as WhatsApp would, and the window counts down", async () => {
    await row(page, "נועה").click();
    await bubble(page, "שלום").locator("strong", { hasText: "עולם" }).waitFor();
    assert.match((await page.getByTestId("window").textContent()) ?? "", /(?:23:59:\d\d|24:00:00)/);
    assert.equal(await page.getByTestId("window").getAttribute("data-state"), "open");
  });

  await t.test("An answer shows at once, reaches the phone once, and its ticks turn blue when it is read", async () => {
    const box = page.getByLabel("כתיבת הודעה");
    await box.fill("ערב טוב, במה אפשר לעזור?");
    await box.press("Enter");
    await bubble(page, "במה אפשר לעזור").waitFor();
    await bubble(page, "במה אפשר לעזור").locator("[data-status=read]").waitFor();
    assert.equal(await bubble(page, "במה אפשר לעזור").count(), 1);
    const { messages } = (await control(page, "GET", `phones/${noa}/chat`)) as { messages: { direction: string; text?: string }[] };
    assert.equal(messages.filter(({ direction }) => direction !== "fromCustomer").length, 1);
    assert.equal(await box.inputValue(), "");
  });

  await t.test(
    "With the network gone the page says so, what is written waits, and nothing is lost or doubled when it is back",
    async () => {
      await context.setOffline(true);
      const box = page.getByLabel("כתיבת הודעה");
      await box.fill("נכתב בלי רשת");
      await box.press("Enter");
      await page.locator("[data-pending=waiting]", { hasText: "נכתב בלי רשת" }).waitFor();
      await fetch(`${program.url}/readyz`);
      await context.setOffline(false);
      await bubble(page, "נכתב בלי רשת").locator("[data-status=read], [data-status=delivered], [data-status=sent]").first().waitFor();
      await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה", text: "אחרי הנתק" });
      await bubble(page, "אחרי הנתק").waitFor();
      assert.equal(await bubble(page, "נכתב בלי רשת").count(), 1);
    },
  );

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
    const { messages } = (await control(page, "GET", `phones/${noa}/chat`)) as { messages: object[] };
    assert.equal(tries, 3);
    assert.equal(messages.filter((one) => JSON.stringify(one).includes("פעם אחת בלבד")).length, 1);
    await page.unrouteAll();
  });

  await t.test("A second tab shows the same from the disk, shares the stream, and both hear the next word", async () => {
    const second = await context.newPage();
    second.setDefaultTimeout(waitMs);
    await second.goto(`${program.url}/`);
    await row(second, "נועה").click();
    await bubble(second, "אחרי הנתק").waitFor();
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה", text: "לשתי הלשוניות" });
    await Promise.all([bubble(second, "לשתי הלשוניות").waitFor(), bubble(page, "לשתי הלשוניות").waitFor()]);
    await second.close();
  });

  await t.test("Keys: J opens, E sets aside, ⌘K finds; the page speaks English and Arabic, too", async () => {
    await page.locator("body").press("Escape");
    await page.getByTestId("conversation-list").waitFor();
    await page.keyboard.press("j");
    await bubble(page, "אחרי הנתק").waitFor();
    await page.keyboard.press("e");
    await page.getByText("סומן כטופל").waitFor();
    await until("the row has left the view", waitMs, async () => (await row(page, "נועה").count()) === 0);
    await page.keyboard.press("Control+k");
    await page.getByPlaceholder("מה לעשות").fill("English");
    await page.keyboard.press("Enter");
    await page.getByPlaceholder("Search people and messages").waitFor();
    assert.equal(await page.evaluate("document.documentElement.dir + document.documentElement.lang"), "ltren");
  });

  await t.test(
    "When the window closes the composer becomes the templates, and a text again when the customer writes, without a reload",
    async () => {
      await page.evaluate("localStorage.setItem('kesher.locale', 'he')");
      await page.reload();
      const word = { type: "text", name: "עידו", text: "עוד רגע נסגר" };
      await control(page, "POST", `phones/${ido}/messages`, { ...word, atMs: Date.now() - dayMs + 9_000 });
      await row(page, "עידו").click();
      await page.getByLabel("כתיבת הודעה").waitFor();
      assert.equal(await page.getByTestId("window").getAttribute("data-state"), "closing");
      await page.getByTestId("template-picker").waitFor();
      assert.equal(await page.getByTestId("window").getAttribute("data-state"), "closed");
      await page.getByTestId("template-picker").getByText("appointment_reminder").first().click();
      await page.getByLabel("ערך 1").fill("עידו");
      assert.ok(await page.getByRole("button", { name: "שליחת התבנית" }).isDisabled());
      await page.getByLabel("ערך 2").fill("10:30");
      await page.getByTestId("template-picker").getByText("שלום עידו, מזכירים את התור שלך ב-10:30.").waitFor();
      await page.getByRole("button", { name: "שליחת התבנית" }).click();
      await bubble(page, "מזכירים את התור שלך ב-10:30").locator("[data-status=read]").waitFor();
      await control(page, "POST", `phones/${ido}/messages`, { type: "text", name: "עידו", text: "אני כאן" });
      await page.getByLabel("כתיבת הודעה").waitFor();
      assert.equal(await page.getByTestId("window").getAttribute("data-state"), "open");
    },
  );

  await t.test("A message that fails says why, whose fault it is and what to do; its button sends it anew", async () => {
    await control(page, "POST", "faults", { rules: [{ fault: { kind: "fails", code: 131_000 }, times: 1 }] });
    const box = page.getByLabel("כתיבת הודעה");
    await box.fill("זו לא תגיע");
    await box.press("Enter");
    const failed = bubble(page, "זו לא תגיע").filter({ has: page.locator("[data-status=failed]") });
    await failed.getByText("131000").waitFor();
    assert.match((await failed.textContent()) ?? "", /בצד של מטא/);
    await failed.getByRole("button", { name: "שליחה מחדש" }).click();
    await bubble(page, "זו לא תגיע").locator("[data-status=read]").waitFor();
    await failed.getByText("131000").waitFor();
  });

  await t.test("A note is seen by the team alone, and a label or an assignee shows at once", async () => {
    await page.getByRole("button", { name: "הערה לצוות" }).click();
    await page.getByLabel("הערה שרק הצוות רואה").fill("לקוח ותיק");
    await page.getByLabel("הערה שרק הצוות רואה").press("Enter");
    await page.locator("[data-note-id]", { hasText: "לקוח ותיק" }).waitFor();
    const { messages } = (await control(page, "GET", `phones/${ido}/chat`)) as { messages: { text?: string }[] };
    assert.ok(messages.every(({ text }) => text !== "לקוח ותיק"));
    await page.getByLabel("כתיבת הודעה").press("Escape");
    await page.keyboard.press("a");
    await page.getByRole("menuitem", { name: "(אני)" }).click();
    await page.getByRole("link", { name: "שלי", exact: true }).first().click();
    await row(page, "עידו").waitFor();
  });

  for (const [language, theme] of [
    ["he", "light"],
    ["ar", "dark"],
  ] as const) {
    await t.test(`Axe finds nothing in ${language}, ${theme}: the list, a thread, the commands`, async () => {
      await page.evaluate(`localStorage.setItem('kesher.locale', '${language}'); localStorage.setItem('kesher.theme', '${theme}')`);
      await page.goto(`${program.url}/`);
      await row(page, "נועה").first().or(row(page, "עידו").first()).first().waitFor();
      await expectAccessible(page, "list");
      await page.keyboard.press("j");
      await page.locator("[data-testid=thread] article").first().waitFor();
      await expectAccessible(page, "thread");
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      await expectAccessible(page, "commands");
      await page.keyboard.press("Escape");
    });
  }

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});
