/** The overview, the numbers and the templates: the screens in a real browser, on the real program in its sandbox. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { until } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { ask, control, expectAccessible, startBrowserSandbox, waitMs } from "./sandbox.ts";

const noa = "972521234567";

test("How the business does, how its numbers are, and what it may send", async (t) => {
  const { program, link } = await startBrowserSandbox(t);
  const browser = await openBrowser(t);
  const { page, troubles } = await openPage(browser, program.url, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);
  await page.getByText("אין כאן שיחות").waitFor();

  await t.test("The overview says when there is nothing, and counts what comes in and goes out without a reload", async () => {
    await page.goto(`${program.url}/overview`);
    await page.getByText("אין הודעות בטווח הזה").waitFor();
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה", text: "שלום" });
    await tile(page, "נכנסו", "1").waitFor();
    await control(page, "POST", "faults", { rules: [{ fault: { kind: "fails", code: 131_026 }, times: 1 }] });
    const [conversation] = (await ask(page, "GET", "/api/v1/conversations")).data;
    for (const body of ["לא תגיע", "תגיע"]) {
      await ask(page, "POST", "/api/v1/messages", { conversationId: conversation.id, content: { type: "text", body } });
    }
    await tile(page, "נשלחו", "2").waitFor();
    await page.getByText("אין לו וואטסאפ").waitFor();
    await page.getByText("קוד 131026").waitFor();
  });

  await t.test("Its chart is a table for who wants one, and its times are chosen by name or by days in order", async () => {
    await page.getByRole("img", { name: /הודעות לאורך זמן: 1 נכנסו, 2 נשלחו/ }).waitFor();
    await page.getByRole("button", { name: "הצגה כטבלה" }).click();
    assert.equal(await page.getByRole("table", { name: "הודעות לאורך זמן" }).locator("tbody tr").count(), 7);
    await page.getByRole("button", { name: "היום", exact: true }).click();
    await until(
      "the day's hours",
      waitMs,
      async () => (await page.getByRole("table", { name: "הודעות לאורך זמן" }).locator("tbody tr").count()) >= 23,
    );
    await page.getByRole("button", { name: "תאריכים" }).click();
    await page.getByLabel("מתאריך").fill("2099-01-01");
    await page.getByText("בחרו תאריכים לפי הסדר").waitFor();
    await tile(page, "נכנסו", "1").waitFor();
    await expectAccessible(page, "overview");
  });

  await t.test("A number's trouble stands in the list, with its sentence; its page says what to do, and the button does it", async () => {
    // The first look at a new number does what is missing: until that is over, it would subscribe again by itself. And who looked a moment ago does
    // not look again, unless a step is asked for.
    const [{ id }] = (await ask(page, "GET", "/api/v1/connections")).data;
    const setUp = (body: object): Promise<{ steps: { state: string }[] }> => ask(page, "POST", `/api/v1/connections/${id}/setup`, body);
    await until("nothing waits at Meta", waitMs, async () => (await setUp({})).steps.every(({ state }) => state !== "pending"));
    await control(page, "POST", "states", { isSubscribed: false, qualityRating: "YELLOW" });
    await setUp({ steps: ["token"] });
    await page.goto(`${program.url}/connections`);
    await page.getByRole("list", { name: "חיבורים" }).getByRole("link").click();
    await page.getByRole("button", { name: "בדיקה עכשיו" }).click();
    const subscription = page.locator("[data-check=subscription]");
    await subscription.and(page.locator("[data-state=problem]")).waitFor();
    await page.locator("[data-check=quality][data-state=warning]").getByText("בינונית", { exact: true }).waitFor();
    await expectAccessible(page, "connection");
    await page.getByRole("link", { name: "לכל החיבורים" }).click();
    await page.getByText("האפליקציה שלנו אינה רשומה לחשבון").waitFor();
    await expectAccessible(page, "connections");
    await page.getByRole("list", { name: "חיבורים" }).getByRole("link").click();
    await subscription.getByRole("button", { name: "המשך הגדרה" }).click();
    await subscription.and(page.locator("[data-state=ok]")).waitFor();
  });

  await t.test("Sending is paused after a question and goes on at once; a new pace is kept", async () => {
    await page.getByRole("button", { name: "השהיית השליחה" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "השהיית השליחה" }).click();
    await page.getByText("מישהו מהצוות השהה את השליחה.").waitFor();
    await page.getByRole("button", { name: "חידוש השליחה" }).click();
    await page.getByText("שולח כרגיל").waitFor();
    await page.getByLabel("קצב מרבי").selectOption("20");
    await page.getByText("הקצב שונה").waitFor();
    await page.reload();
    await page.getByText("שולח כרגיל").waitFor();
    assert.equal(await page.getByLabel("קצב מרבי").inputValue(), "20");
  });

  await t.test("A token that is no use is refused at its field, in words; a number that was disconnected is connected again", async () => {
    const [number] = (await control(page, "GET", "numbers")).numbers;
    const { accessToken } = await control(page, "POST", "tokens", { wabaIds: [number.wabaId] });
    await page.getByRole("button", { name: "ניתוק", exact: true }).click();
    await page.getByRole("dialog").getByText("אין הודעות שמחכות לשליחה.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "ניתוק", exact: true }).click();
    await page.getByText("הודעות נכנסות עוד נשמרות, אבל שום דבר לא נשלח").waitFor();
    await page.getByRole("button", { name: "חיבור מחדש" }).click();
    const token = page.getByRole("dialog").getByLabel("אסימון גישה");
    await token.fill("no-token");
    await page.getByRole("button", { name: "בדיקה ושמירה" }).click();
    await page.locator("input[aria-invalid=true]").waitFor();
    assert.match((await page.getByRole("dialog").textContent()) ?? "", /אסימון הגישה פג או בוטל/);
    await token.fill(accessToken);
    await page.getByRole("button", { name: "בדיקה ושמירה" }).click();
    await page.getByText("האסימון הוחלף").waitFor();
    await page.getByRole("button", { name: "בדיקה עכשיו" }).waitFor();
  });

  await t.test("Templates come from Meta, change live, say what is the matter, and look as the customer sees them", async () => {
    await page.goto(`${program.url}/templates`);
    const card = (name: string) => page.getByRole("list", { name: "תבניות" }).getByRole("button", { name });
    await card("order_update").getByText("מאושרת").waitFor();
    const { templates } = await control(page, "GET", "templates");
    const { id } = templates.find(({ name }: { name: string }) => name === "order_update");
    await control(page, "POST", "templates", { id, status: "REJECTED", reason: "INVALID_FORMAT" });
    await card("order_update").getByText("מטא דחתה את התבנית").waitFor();
    await page.getByLabel("מצב", { exact: true }).selectOption("rejected");
    await until(
      "only that one is listed",
      waitMs,
      async () => (await page.getByRole("list", { name: "תבניות" }).getByRole("listitem").count()) === 1,
    );
    await card("order_update").click();
    await page.getByRole("dialog").getByText("INVALID_FORMAT").waitFor();
    await page.getByRole("dialog").getByLabel("name").fill("דנה");
    await page.getByTestId("template-preview").getByText("Hi דנה, your order {{order}} is on its way.").waitFor();
    await expectAccessible(page, "template");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "סנכרון עם מטא" }).click();
    await page.getByText(/תבניות: 0 חדשות|: 0 חדשות/).waitFor();
    await page.getByLabel("חיפוש בשם או בנוסח").fill("אין דבר כזה");
    await page.getByText("אין תבניות שמתאימות לסינון").waitFor();
  });

  await t.test("A number is connected by its ids and a token; what is missing is said before anything is asked", async () => {
    const { wabaId, phoneNumberId, accessToken, displayPhoneNumber } = await control(page, "POST", "numbers", {
      displayPhoneNumber: "972551111111",
      status: "PENDING",
    });
    await page.goto(`${program.url}/connections`);
    await page.getByRole("button", { name: "חיבור מספר" }).click();
    await page.getByText("החיבור דרך מטא לא הוגדר בשרת הזה").waitFor();
    await page.getByRole("button", { name: "עם מזהים ואסימון" }).click();
    await page.getByRole("button", { name: "חיבור", exact: true }).click();
    assert.equal(await page.getByText("צריך למלא את זה").count(), 3);
    await page.getByLabel("מזהה החשבון").fill(wabaId);
    await page.getByLabel("מזהה המספר").fill(phoneNumberId);
    await page.getByLabel("אסימון גישה").fill(accessToken);
    await expectAccessible(page, "connect");
    await page.getByRole("button", { name: "חיבור", exact: true }).click();
    await page.locator("[data-step=register][data-state=done]").waitFor();
    assert.equal(displayPhoneNumber, "972551111111");
    await page.locator("h2").getByText("+972 55-111-1111").waitFor();
  });

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});

const tile = (page: Page, label: string, value: string) =>
  page
    .locator("dl > div", { has: page.getByText(label, { exact: true }) })
    .getByText(value, { exact: true })
    .first();
