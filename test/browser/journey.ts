/**
 * What an agent does all day, once for each language: the words on the screen are read from the inbox's own catalogues. Several run side by side on
 * one program, each with customers of its own.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Watched } from "./browser.ts";
import { control, expectAccessible } from "./sandbox.ts";
import { wordsOf, type Language, type Say } from "./words.ts";

export type Journey = { language: Language; url: string; watched: Watched };
type Step = (name: string, run: () => Promise<void>) => Promise<unknown>;
type Customer = { phone: string; name: string };
type Chat = { messages: { direction: string; text?: string }[] };

const dayMs = 24 * 3_600_000;
/**
 * How long an answer is still possible on the screen before the templates come: far longer than the way of a word to the screen, which
 * a busy machine makes long, and no longer, since all of it is waited for.
 */
const windowLeftMs = 24_000;

export const bubble = (page: Page, words: string) => page.locator("[data-testid=thread] article", { hasText: words });
export const row = (page: Page, words: string) => page.locator("[data-testid=conversation-list] li", { hasText: words });

const windowThatIs = (page: Page, state: "open" | "closing" | "closed") => page.locator(`[data-testid=window][data-state=${state}]`);

const people: Record<Language, { writes: Customer; waits: Customer; body: string; bold: string }> = {
  he: {
    writes: { phone: "972521110001", name: "תמר <b>לוי</b>" },
    waits: { phone: "972521110002", name: "גיא" },
    body: "שלום *עולם* 052-111-0001",
    bold: "עולם",
  },
  en: {
    writes: { phone: "972521110003", name: "Tamar <b>Levi</b>" },
    waits: { phone: "972521110004", name: "Guy" },
    body: "Hello *world* 052-111-0003",
    bold: "world",
  },
  ar: {
    writes: { phone: "972521110005", name: "تمار <b>ليفي</b>" },
    waits: { phone: "972521110006", name: "غاي" },
    body: "مرحبا *بالعالم* 052-111-0005",
    bold: "بالعالم",
  },
};

export async function takeJourney(step: Step, journey: Journey): Promise<void> {
  const { language, watched } = journey;
  const { page, context } = watched;
  const say = wordsOf(language);
  const { writes, waits, body, bold } = people[language];
  const box = page.getByLabel(say("message_write"));

  await step(
    `${language}: who writes shows in the list and the thread, as WhatsApp would show it, and the window counts down`,
    async () => {
      const direction = language === "en" ? "ltr" : "rtl";
      assert.equal(await page.evaluate("document.documentElement.dir + document.documentElement.lang"), direction + language);
      await control(page, "POST", `phones/${writes.phone}/messages`, { type: "text", name: writes.name, text: body });
      await row(page, writes.name).click();
      await bubble(page, bold).locator("strong", { hasText: bold }).waitFor();
      assert.match((await page.getByTestId("window").textContent()) ?? "", /(?:23:59:\d\d|24:00:00)/);
      assert.equal(await page.getByTestId("window").getAttribute("data-state"), "open");
    },
  );

  await step(`${language}: an answer shows at once, reaches the phone once, and its ticks turn blue when it is read`, async () => {
    await send(page, say, `1 ${bold}?`);
    await bubble(page, `1 ${bold}?`).locator("[data-status=read]").waitFor();
    assert.equal(await bubble(page, `1 ${bold}?`).count(), 1);
    assert.equal((await answersOn(page, writes.phone)).length, 1);
    assert.equal(await box.inputValue(), "");
  });

  await step(`${language}: a message's timeline is one click away, and tells each state`, async () => {
    const own = bubble(page, `1 ${bold}?`);
    await own.hover();
    await own.getByRole("button", { name: say("message_menu") }).click();
    await page.getByRole("menuitem", { name: say("timeline") }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(say("timeline_created")).waitFor();
    if (language === "he") await expectAccessible(page, "timeline");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  await step(`${language}: without a network the page says so, and what is written waits and goes out once when it is back`, async () => {
    await context.setOffline(true);
    await send(page, say, `2 ${bold}`);
    await page.locator("[data-pending=waiting]", { hasText: `2 ${bold}` }).waitFor();
    await page.getByText(say("line_offline")).first().waitFor();
    await context.setOffline(false);
    await bubble(page, `2 ${bold}`).locator("[data-status=read]").waitFor();
    await control(page, "POST", `phones/${writes.phone}/messages`, { type: "text", name: writes.name, text: `3 ${bold}` });
    await bubble(page, `3 ${bold}`).waitFor();
    assert.equal((await answersOn(page, writes.phone)).length, 2);
  });

  await step(`${language}: a message that fails says why, whose fault it is and what to do; its button sends it anew`, async () => {
    const rule = { when: { to: writes.phone }, fault: { kind: "fails", code: 131_000 }, times: 1 };
    await control(page, "POST", "faults", { rules: [rule] });
    await send(page, say, `4 ${bold}`);
    const failed = bubble(page, `4 ${bold}`).filter({ has: page.locator("[data-status=failed]") });
    await failed.getByText("131000").waitFor();
    await failed.getByText(say("error_blame", { blame: "meta" })).waitFor();
    await failed.getByRole("button", { name: say("send_again") }).click();
    await bubble(page, `4 ${bold}`).locator("[data-status=read]").waitFor();
    await failed.getByText("131000").waitFor();
  });

  await step(`${language}: Axe finds nothing in the list beside a thread with a failure`, async () => {
    await expectAccessible(page, `thread ${language}`);
  });

  await step(
    `${language}: when the window closes the composer becomes the templates, and a text again when the customer writes, without a reload`,
    async () => {
      const atMs = Date.now() - dayMs + windowLeftMs;
      await control(page, "POST", `phones/${waits.phone}/messages`, { type: "text", name: waits.name, text: "…", atMs });
      await row(page, waits.name).click();
      await box.waitFor();
      await windowThatIs(page, "closing").waitFor();
      const picker = page.getByTestId("template-picker");
      await picker.waitFor();
      await windowThatIs(page, "closed").waitFor();
      await picker.getByText("appointment_reminder").first().click();
      await page.getByLabel(say("template_place", { number: 1 })).fill(waits.name);
      const button = page.getByRole("button", { name: say("send_template") });
      assert.ok(await button.isDisabled());
      await page.getByLabel(say("template_place", { number: 2 })).fill("10:30");
      if (language === "ar") await expectAccessible(page, "template");
      await button.click();
      await bubble(page, "10:30").locator("[data-status=read]").waitFor();
      await control(page, "POST", `phones/${waits.phone}/messages`, { type: "text", name: waits.name, text: `5 ${bold}` });
      await box.waitFor();
      await windowThatIs(page, "open").waitFor();
    },
  );
}

/** What the business sent that this phone has. */
export async function answersOn(page: Page, phone: string): Promise<Chat["messages"]> {
  const { messages } = (await control(page, "GET", `phones/${phone}/chat`)) as Chat;
  return messages.filter(({ direction }) => direction !== "fromCustomer");
}

export async function send(page: Page, say: Say, words: string): Promise<void> {
  const box = page.getByLabel(say("message_write"));
  await box.fill(words);
  await box.press("Enter");
}
