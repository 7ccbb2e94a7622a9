/** Templates that are written, the platform at a glance, quotas, everybody's deeds and a business's own Meta app: in a real browser, on the real program. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { ask, control, expectAccessible, startBrowserSandbox, waitMs } from "./sandbox.ts";

test("What an admin sets up, and what the platform's operator sees", async (t) => {
  const { program, link } = await startBrowserSandbox(t);
  const browser = await openBrowser(t);
  const { page, troubles } = await openPage(browser, program.url, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);

  await t.test("A new business is led through its first steps; what is done is ticked off, and the list is put away for good", async () => {
    const steps = page.getByRole("region", { name: "צעדים ראשונים" });
    await steps.getByText("מקבלים הודעה ראשונה").waitFor();
    await steps.getByText("מחברים מספר וואטסאפ (בוצע)").waitFor();
    await expectAccessible(page, "first steps");
    await control(page, "POST", "phones/972521234567/messages", { type: "text", name: "נועה", text: "שלום" });
    await page.goto(`${program.url}/overview`);
    await steps.getByText("מקבלים הודעה ראשונה (בוצע)").waitFor();
    await steps.getByRole("button", { name: "להסתיר את הצעדים הראשונים" }).click();
    await page.reload();
    await page.getByRole("heading", { name: "סקירה" }).waitFor();
    assert.equal(await steps.count(), 0);
  });

  const form = page.getByRole("dialog", { name: "תבנית חדשה" });
  const card = (name: string) => page.getByRole("list", { name: "תבניות" }).getByRole("button", { name });

  await t.test("A template's every fault is told at its field at once; sent to review it is approved before one's eyes", async () => {
    await page.goto(`${program.url}/templates`);
    await page.getByRole("button", { name: "תבנית חדשה" }).click();
    await form.getByLabel("שם", { exact: true }).fill("Order Ready!");
    await form.getByLabel("נוסח ההודעה").fill("{{1}}, ההזמנה מוכנה");
    await form.getByRole("button", { name: "הוספת כפתור" }).click();
    await page.getByRole("menuitem", { name: "קישור לאתר" }).click();
    await form.getByLabel("הכיתוב").fill("למעקב");
    await form.getByLabel("כתובת", { exact: true }).fill("example");
    await form.getByRole("button", { name: "שליחה לאישור" }).click();
    await form.getByText("הנוסח לא יכול להתחיל במשתנה").waitFor();
    await form.getByText("רק אותיות קטנות באנגלית, ספרות וקו תחתון.", { exact: true }).waitFor();
    await form.getByText("כתובת מלאה שמתחילה").waitFor();
    await form.getByText(/3 שדות שצריך לתקן/).waitFor();
    await expectAccessible(page, "template form");
    await form.getByLabel("שם", { exact: true }).fill("order_ready");
    await form.getByLabel("נוסח ההודעה").fill("שלום , ההזמנה מוכנה.");
    await form
      .getByLabel("נוסח ההודעה")
      .evaluate((area: { setSelectionRange(from: number, to: number): void }) => area.setSelectionRange(5, 5));
    await form.getByRole("button", { name: "הוספת משתנה" }).click();
    await form.getByLabel("ערך 1").fill("דנה");
    await page.getByTestId("template-preview").getByText("שלום דנה, ההזמנה מוכנה.").waitFor();
    await form.getByLabel("כתובת", { exact: true }).fill("https://example.com/orders");
    await form.getByRole("button", { name: "שליחה לאישור" }).click();
    await form.waitFor({ state: "detached" });
    await card("order_ready").getByText("מאושרת").waitFor();
  });

  await t.test("One that Meta's review refuses says so, is written anew, and is deleted after a question", async () => {
    await page.getByRole("button", { name: "תבנית חדשה" }).click();
    await form.getByLabel("שם", { exact: true }).fill("order_ready");
    await form.getByLabel("נוסח ההודעה").fill("דברו איתנו: https://wa.me/972501234567 בכל שעה.");
    await form.getByRole("button", { name: "שליחה לאישור" }).click();
    await form.getByText("already content in this language").waitFor();
    await form.getByLabel("שם", { exact: true }).fill("talk_to_us");
    await form.getByRole("button", { name: "שליחה לאישור" }).click();
    await card("talk_to_us").getByText("נדחתה").waitFor();
    await card("talk_to_us").click();
    const shown = page.getByRole("dialog", { name: "talk_to_us" });
    await shown.getByText("INVALID_FORMAT").waitFor();
    await shown.getByRole("button", { name: "עריכה" }).click();
    const editing = page.getByRole("dialog", { name: "עריכת תבנית" });
    await editing.getByLabel("נוסח ההודעה").fill("דברו איתנו כאן, בכל שעה.");
    await editing.getByRole("button", { name: "שליחה לאישור" }).click();
    await card("talk_to_us").getByText("מאושרת").waitFor();
    await card("talk_to_us").click();
    await shown.getByRole("button", { name: "מחיקה" }).click();
    await page.getByRole("dialog", { name: "למחוק את" }).getByRole("button", { name: "מחיקה" }).click();
    await card("talk_to_us").getByText("נמחקה", { exact: true }).waitFor();
  });

  await t.test("The operator sees that all is well, and then what is wrong, since when and what to do", async () => {
    await page.goto(`${program.url}/parked/platform`);
    await page.getByText("הכול תקין").waitFor();
    const [number] = (await control(page, "GET", "numbers")).numbers;
    await control(page, "POST", "states", { phoneNumberId: number.phoneNumberId, qualityRating: "RED" });
    const { data } = await ask(page, "GET", "/api/v1/connections");
    // Unlike a plain look this one is not spared when somebody looked a moment ago.
    await ask(page, "POST", `/api/v1/connections/${data[0].id}/setup`, { steps: ["token"] });
    const finding = page.locator("[data-finding=connections_failing]");
    await finding.getByText("מספר אחד עם תקלה").waitFor();
    await expectAccessible(page, "platform");
    await page.getByRole("list", { name: "מספר אחד עם תקלה" }).getByRole("button", { name: "לבדוק" }).click();
    await page.locator("[data-check=quality][data-state=problem]").waitFor();
  });

  await t.test("A quota is set where its use is shown, and everybody's deeds are read, by business and by who did them", async () => {
    await page.goto(`${program.url}/parked/tenants`);
    await page.getByRole("button", { name: "מכסות: Demo" }).click();
    await page.getByRole("dialog").getByLabel("הודעות ביום").fill("500");
    await page.getByRole("dialog").getByRole("button", { name: "שמירה" }).click();
    await page.getByText("0 מתוך 500").waitFor();
    await page.goto(`${program.url}/parked/audit`);
    const deeds = page.getByRole("list", { name: "יומן פעולות" });
    await deeds.getByText("תבנית נמחקה").waitFor();
    await page.getByLabel("של מי").selectOption({ label: "Demo" });
    await deeds.getByText("תבנית נמחקה").waitFor();
    await deeds.getByText("תבנית נמחקה").click();
    await deeds.getByRole("button", { name: "רק מה ש" }).first().click();
    await until("only a person's deeds are left", waitMs, async () => (await deeds.getByText("התוכנית").count()) === 0);
    await expectAccessible(page, "platform audit");
  });

  await t.test("A business's own Meta app: what to paste at Meta, a secret that changes in two steps, and its end", async () => {
    await page.goto(`${program.url}/settings/apps`);
    await page.getByRole("button", { name: "הוספת אפליקציה" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("מזהה האפליקציה").fill("123456789");
    await dialog.getByLabel("סוד האפליקציה").fill("first-secret");
    const word = await dialog.getByLabel("מילת האימות (verify token)").inputValue();
    await dialog.getByRole("button", { name: "הוספת אפליקציה" }).click();
    const address = await dialog.getByLabel("הכתובת לוובהוק (Callback URL)").inputValue();
    const verified = await fetch(`${address}?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${word}`);
    assert.deepEqual([verified.status, await verified.text()], [200, "42"]);
    await dialog.getByRole("button", { name: "סיימתי" }).click();
    const rotate = async (button: string, submit: string): Promise<void> => {
      await page.getByRole("button", { name: button }).click();
      await dialog.getByLabel("הסוד החדש").fill("second-secret");
      await dialog.getByRole("button", { name: submit }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await rotate("החלפת הסוד", "שמירה לצד הישן");
    await page.getByText("שני סודות תקפים עכשיו").waitFor();
    await expectAccessible(page, "apps");
    await rotate("סיום ההחלפה", "סיום ההחלפה");
    await page.getByRole("button", { name: "החלפת הסוד" }).waitFor();
    await page.getByRole("button", { name: "הסרה" }).click();
    await dialog.getByRole("button", { name: "הסרה" }).click();
    await page.getByText("משתמשים באפליקציה של הפלטפורמה", { exact: true }).waitFor();
  });

  assert.deepEqual(troubles, []);
});
