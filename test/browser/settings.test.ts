/** The settings in a real browser, on the real program: what is changed there holds, and who may not sees why. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { until } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { ask, control, startBrowserSandbox, waitMs } from "./sandbox.ts";

const noa = "972521234567";

test("Settings: the business, its people and keys, one's own account, privacy, and what else is set", async (t) => {
  const { program, link } = await startBrowserSandbox(t);
  const browser = await openBrowser(t);
  const { page, troubles } = await openPage(browser, program.url, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);
  await page.getByText("אין כאן שיחות").waitFor();
  const open = (section: string, on: Page = page) => on.goto(`${program.url}/settings/${section}`);
  const dialog = page.getByRole("dialog");
  const [tenant] = (await ask(page, "GET", "/api/v1/tenants")).data;

  await t.test("Of the business only what was changed is written, and the whole inbox knows its new name", async () => {
    await open("business");
    await page.getByLabel("שם העסק").fill("קפה ארומה");
    await page.getByRole("button", { name: "קול", exact: true }).click();
    await page.getByLabel("נוסח התשובה").fill("נחזור אליכם");
    await page.getByRole("button", { name: "שמירה" }).click();
    await page.getByText("נשמר", { exact: true }).waitFor();
    const after = await ask(page, "GET", `/api/v1/tenants/${tenant.id}`);
    assert.deepEqual([after.name, after.autoReplyText, after.optOutWords], ["קפה ארומה", "נחזור אליכם", tenant.optOutWords]);
    assert.deepEqual(after.supportedTypes.toSorted(), ["audio", "image", "text"]);
    await page.getByRole("button", { name: "החשבון שלי" }).click();
    await page.getByRole("menu").getByText("קפה ארומה").waitFor();
    await page.keyboard.press("Escape");
  });

  await t.test("A word that the server does not take is told at its field, and nothing is lost", async () => {
    await open("business");
    await page.getByLabel("מילים להסרה").fill("הסר\n!!!");
    await page.getByRole("button", { name: "שמירה" }).click();
    const words = page.getByLabel("מילים להסרה");
    await words.and(page.locator("[aria-invalid=true]")).waitFor();
    assert.equal(await words.inputValue(), "הסר\n!!!");
    await page.getByRole("button", { name: "לחזור לרשימה שלנו" }).first().click();
    // Ours already: there is nothing to be saved but the wish itself.
    await page.getByRole("button", { name: "שמירה" }).click();
    await page.getByText("נשמר", { exact: true }).waitFor();
  });

  await t.test("Somebody is invited by a link shown once, comes in with less, gets another role, and is removed", async () => {
    await open("people");
    await page.getByRole("button", { name: "הזמנה" }).first().click();
    await dialog.getByLabel("דוא״ל").fill("maya@example.com");
    await dialog.getByRole("button", { name: "יצירת הזמנה" }).click();
    const invitation = await dialog.getByLabel("קישור").inputValue();
    assert.match(invitation, /\/sign-in#[A-Za-z0-9_-]{43}$/);
    await dialog.getByRole("button", { name: "סיימתי" }).click();
    await page.getByText("maya@example.com").waitFor();

    const other = await openPage(browser, program.url, { language: "he" });
    other.page.setDefaultTimeout(waitMs);
    await other.page.goto(invitation);
    await other.page.locator("[name=name]").fill("מאיה");
    await other.page.locator("[name=newPassword]").fill("correct horse battery");
    await other.page.locator("form button").click();
    await other.page.getByText("אין כאן שיחות").waitFor();
    await open("people", other.page);
    await other.page.getByText("אפשר לראות כאן, אבל לא לשנות").waitFor();
    assert.equal(await other.page.getByRole("button", { name: "הזמנה" }).count(), 0);
    assert.equal(await other.page.getByRole("link", { name: "מפתחות API" }).count(), 0);

    await open("account", other.page);
    await other.page.getByLabel("הסיסמה הנוכחית").fill("not the one at all");
    await other.page.getByLabel("סיסמה חדשה").fill("another horse battery");
    await other.page.getByRole("button", { name: "החלפת סיסמה" }).click();
    await other.page.getByText("הסיסמה הנוכחית שגויה").waitFor();
    await other.page.getByLabel("הסיסמה הנוכחית").fill("correct horse battery");
    await other.page.getByRole("button", { name: "החלפת סיסמה" }).click();
    await other.page.getByText("הסיסמה הוחלפה").waitFor();
    await other.page.getByRole("button", { name: "יציאה" }).click();
    await other.page.waitForURL(/\/sign-in$/);
    const refused = await other.page.evaluate(async () => (await fetch("/api/v1/session")).status);
    assert.equal(refused, 401, "who signed out is out");

    const maya = page.getByRole("listitem").filter({ hasText: "מאיה" });
    await maya.getByRole("combobox").selectOption("viewer");
    await dialog.getByRole("button", { name: "שינוי התפקיד" }).click();
    await page.getByText("התפקיד שונה").waitFor();
    await until("her role is shown", waitMs, async () => (await maya.getByRole("combobox").inputValue()) === "viewer");
    await maya.getByRole("button", { name: /^עוד על/ }).click();
    await page.getByRole("menuitem", { name: "הסרה מהעסק" }).click();
    await dialog.getByRole("button", { name: "הסרה מהעסק" }).click();
    await maya.waitFor({ state: "detached" });
    const me = page.getByRole("listitem").filter({ hasText: "(אני)" });
    await me.getByRole("combobox").selectOption("agent");
    await dialog.getByRole("button", { name: "שינוי התפקיד" }).click();
    await dialog.getByText("אלה הבעלים האחרונים").waitFor();
    await page.keyboard.press("Escape");
    assert.deepEqual(other.troubles, []);
  });

  await t.test("A key is shown once, works for what it may do, and stops when it is revoked", async () => {
    await open("keys");
    await page.getByRole("button", { name: "מפתח חדש" }).click();
    await dialog.getByLabel("שם", { exact: true }).fill("CRM");
    await dialog.getByLabel("שליחה").uncheck();
    await dialog.getByRole("button", { name: "מפתח חדש" }).click();
    const key = await dialog.getByLabel("המפתח", { exact: true }).inputValue();
    const status = async (path: string): Promise<number> =>
      (await fetch(`${program.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${key}` } })).status;
    assert.deepEqual([await status("conversations"), await status("api-keys")], [200, 403]);
    await dialog.getByRole("button", { name: "סיימתי" }).click();
    const row = page.getByRole("listitem").filter({ hasText: "CRM" });
    await row.getByRole("button", { name: /^עוד על/ }).click();
    await page.getByRole("menuitem", { name: "ביטול" }).click();
    await dialog.getByRole("button", { name: "ביטול" }).last().click();
    await page.getByText("המפתח בוטל").waitFor();
    assert.equal(await status("conversations"), 401);
  });

  await t.test(
    "A customer's data is exported and erased from the conversation's menu, and a shorter retention is asked about",
    async () => {
      await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה לוי", text: "שלום" });
      await page.goto(program.url);
      await page.locator("[data-testid=conversation-list] li", { hasText: "נועה" }).click();
      await page.getByRole("button", { name: "עוד", exact: true }).click();
      await page.getByRole("menuitem", { name: "ייצוא ומחיקה של המידע…" }).click();
      await dialog.getByRole("button", { name: "הכנת קובץ" }).click();
      const file = dialog.getByRole("link", { name: /^הורדה/ });
      await file.waitFor();
      const [download] = await Promise.all([page.waitForEvent("download"), file.click()]);
      assert.match(download.suggestedFilename(), /^export-.*\.zip$/);
      await dialog.getByRole("button", { name: "מחיקה לתמיד" }).click();
      const question = page.getByRole("dialog").filter({ hasText: "כדי לאשר" });
      assert.ok(await question.getByRole("button", { name: "מחיקה לתמיד" }).isDisabled());
      await question.getByRole("textbox").fill("מחיקה");
      await question.getByRole("button", { name: "מחיקה לתמיד" }).click();
      // The conversation goes from the screen, and with it the dialog.
      await page.getByText("השיחה נמחקה לצמיתות").waitFor();
      await until("the dialog is gone", waitMs, async () => (await dialog.count()) === 0);
      assert.deepEqual((await ask(page, "GET", "/api/v1/conversations")).data, []);

      await open("privacy");
      await page.getByLabel("הודעות", { exact: true }).fill("3");
      await page.getByText("בין 15 ל־3,650 ימים").waitFor();
      await page.getByLabel("הודעות", { exact: true }).fill("90");
      await page.getByRole("button", { name: "שמירה" }).click();
      await dialog.getByRole("button", { name: "לקצר ולמחוק" }).click();
      await page.getByText("נשמר", { exact: true }).waitFor();
      assert.equal((await ask(page, "GET", "/api/v1/privacy/retention")).messages, 90);
      await page.getByRole("list", { name: "ייצוא ומחיקה" }).getByText("נמחק").waitFor();
    },
  );

  await t.test("An endpoint is made, tested, paused and deleted; a label and a canned reply are made", async () => {
    const hits: string[] = [];
    const crm = createServer((request, response) => {
      hits.push(request.url ?? "");
      response.end();
    }).listen(0, "127.0.0.1");
    t.after(() => crm.close());
    await once(crm, "listening");
    await open("endpoints");
    await page.getByRole("button", { name: "כתובת חדשה" }).click();
    await dialog.getByLabel("שם", { exact: true }).fill("CRM");
    await dialog.getByLabel("כתובת", { exact: true }).fill(`http://127.0.0.1:${(crm.address() as AddressInfo).port}/hook`);
    await dialog.getByRole("button", { name: "כתובת חדשה" }).click();
    assert.match(await dialog.getByLabel("סוד החתימה").inputValue(), /^whsec_/);
    await dialog.getByRole("button", { name: "סיימתי" }).click();
    const row = page.getByRole("listitem").filter({ hasText: "CRM" });
    await row.getByRole("button", { name: "בדיקה" }).click();
    await page.getByText(/הכתובת ענתה 200/).waitFor();
    assert.ok(hits.includes("/hook"));
    await row.getByRole("button", { name: /^עוד על/ }).click();
    await page.getByRole("menuitem", { name: "השהיה" }).click();
    await row.getByText("מושהית").waitFor();

    await open("labels");
    await page.getByRole("button", { name: "תווית חדשה" }).click();
    await dialog.getByLabel("שם", { exact: true }).fill("דחוף");
    await dialog.getByLabel("אדום").check();
    await dialog.getByRole("button", { name: "שמירה" }).click();
    await page.getByRole("list", { name: "תוויות" }).getByText("דחוף").waitFor();
    await open("replies");
    await page.getByRole("button", { name: "תשובה חדשה" }).click();
    await dialog.getByLabel("קיצור").fill("שעות");
    await dialog.getByLabel("עברית").fill("פתוח עד 18:00");
    await dialog.getByRole("button", { name: "שמירה" }).click();
    await page.getByText("פתוח עד 18:00").waitFor();
  });

  await t.test("The audit log tells what was done here, by whom, and that it is whole", async () => {
    await open("audit");
    await page.getByLabel("מה", { exact: true }).selectOption("api_key.revoked");
    const deeds = page.getByRole("list", { name: "יומן פעולות" }).getByRole("listitem");
    await deeds.filter({ hasText: "demo@kesher.example" }).first().waitFor();
    for (const deed of await deeds.all()) assert.match((await deed.textContent()) ?? "", /מפתח בוטל/);
    await page.getByRole("button", { name: "בדיקה" }).click();
    await page.getByText("היומן שלם").waitFor();
  });

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});
