/** What came from Meta, and the sandbox's phone: the screens in a real browser, on the real program. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { control, expectAccessible, startBrowserSandbox, waitMs } from "./sandbox.ts";

const noa = "972521234567";
/** An account that nobody has connected. */
const strange = (id: string, words: string) => ({
  object: "whatsapp_business_account",
  entry: [
    {
      id: "987654321",
      changes: [
        {
          field: "messages",
          value: {
            messaging_product: "whatsapp",
            metadata: { display_phone_number: "1", phone_number_id: "123456789" },
            contacts: [{ profile: { name: "Noa" }, wa_id: noa }],
            messages: [{ from: noa, id, timestamp: "1790000000", type: "text", text: { body: words } }],
          },
        },
      ],
    },
  ],
});

test("What could not be applied, what came from Meta, and a customer's phone", async (t) => {
  const { program, link, post } = await startBrowserSandbox(t);
  const browser = await openBrowser(t);
  const { page, troubles } = await openPage(browser, program.url, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);
  await page.getByText("אין כאן שיחות").waitFor();

  await t.test(
    "Parked updates tell their reason and what to do, show their content, and are replayed one by one, together, and by time",
    async () => {
      await page.goto(`${program.url}/parked`);
      await page.getByText("אין עדכונים מעוכבים").waitFor();
      for (const id of ["wamid.one", "wamid.two", "wamid.three"]) await post(strange(id, "\u202Eevil\u202C <b>שם</b>"));
      await page.reload();
      const items = page
        .getByRole("list", { name: "מעוכבים" })
        .getByRole("listitem")
        .filter({ has: page.getByRole("checkbox") });
      await until("three are parked", waitMs, async () => {
        if ((await items.count()) === 3) return true;
        await page.reload();
        await items.first().waitFor();
        return (await items.count()) === 3;
      });
      await items.first().getByText("המספר או החשבון אינם מוכרים כאן").waitFor();
      await items.first().getByRole("button", { name: "הצגת התוכן" }).click();
      const content = items.first().getByRole("region", { name: "תוכן העדכון" });
      const shown = (await content.textContent()) ?? "";
      // What would turn the order of what follows is shown, not obeyed.
      assert.match(shown, /\\u202eevil\\u202c <b>שם<\/b>/);
      assert.ok(!shown.includes("\u202E"));
      await expectAccessible(page, "parked");
      await items.first().getByRole("button", { name: "להריץ שוב" }).click();
      await page.getByText("0 הוחלו, 1 עדיין מעוכבים").waitFor();
      await page.getByLabel("לבחור הכול").check();
      await page.getByRole("button", { name: "להריץ שוב 3" }).click();
      await page.getByText("0 הוחלו, 3 עדיין מעוכבים").waitFor();
      await page.getByRole("button", { name: "להריץ טווח" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "להריץ שוב" }).click();
      await page.getByText("3 הורצו שוב").waitFor();
    },
  );

  await t.test("The operator finds deliveries by state and time, reads a body as it came, and applies one again", async () => {
    await control(page, "POST", `phones/${noa}/messages`, { type: "text", name: "נועה", text: "שלום" });
    await page.getByRole("link", { name: "משלוחים" }).click();
    const items = page.locator("[data-delivery-id]");
    await until("four deliveries", waitMs, async () => (await items.count()) === 4);
    await items.getByText("הוחל", { exact: true }).waitFor();
    await page.getByLabel("מצב").selectOption("applied");
    await until("one was applied", waitMs, async () => (await items.count()) === 1);
    await items.first().getByRole("button", { name: "הצגת התוכן" }).click();
    const body = items.first().getByRole("region", { name: "הגוף כמו שהתקבל" });
    await body.getByText('"שלום"').waitFor();
    await items.first().getByRole("button", { name: "כמו שהתקבל" }).click();
    await body.getByText('{"object":"whatsapp_business_account"').waitFor();
    await expectAccessible(page, "deliveries");
    await items.first().getByRole("button", { name: "להריץ שוב" }).click();
    await page.getByText("אחד הורץ שוב").waitFor();
    await page.getByLabel("עד").fill("2020-01-01T00:00");
    await page.getByText("אין משלוחים כאלה").waitFor();
  });

  await t.test("The operator makes a business, is shown its secrets once, and looks into its inbox", async () => {
    await page.getByRole("link", { name: "עסקים" }).click();
    await page.getByText("פתוח עכשיו").waitFor();
    await page.getByRole("button", { name: "עסק חדש" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("שם העסק").fill("קפה ארומה");
    await dialog.getByLabel("שם מקוצר").fill("Not A Slug");
    await dialog.getByLabel("הדוא״ל של הבעלים").fill("owner@example.com");
    await dialog.getByRole("button", { name: "יצירת העסק" }).click();
    await dialog.locator("[aria-invalid]").waitFor();
    await dialog.getByLabel("שם מקוצר").fill("aroma");
    await dialog.getByRole("button", { name: "יצירת העסק" }).click();
    assert.match(await dialog.getByLabel("קישור לבעלים").inputValue(), /#/);
    assert.notEqual(await dialog.getByLabel("מפתח API").inputValue(), "");
    await dialog.getByRole("button", { name: "סיום", exact: true }).click();
    await expectAccessible(page, "tenants");
    await page.getByRole("button", { name: "פתיחת התיבה: קפה ארומה" }).click();
    await page.getByText("אין כאן שיחות").waitFor();
    await page.goto(`${program.url}/parked/tenants`);
    await page.getByRole("button", { name: "פתיחת התיבה: Demo" }).click();
    await page.locator("[data-testid=conversation-list] li", { hasText: "נועה" }).waitFor();
  });

  await t.test("On the customer's phone one writes, is answered, watches the ticks, reacts, edits and deletes", async () => {
    await page.goto(`${program.url}/sandbox`);
    const phone = page.getByTestId("phone");
    await phone.getByText("שלום").waitFor();
    await phone.getByLabel("הודעה בתור הלקוח").fill("יש לכם שולחן?");
    await phone.getByRole("button", { name: "שליחה" }).click();
    const own = phone.locator("li[data-direction=fromCustomer]", { hasText: "יש לכם שולחן?" });
    await own.waitFor();
    await own.getByRole("button", { name: "מה לעשות עם ההודעה" }).click();
    await page.getByRole("menuitem", { name: "עריכה" }).click();
    await phone.getByLabel("הודעה בתור הלקוח").fill("יש לכם שולחן לשניים?");
    await phone.getByRole("button", { name: "שליחה" }).click();
    await phone.getByText("נערכה").waitFor();

    await page.getByRole("link", { name: "שיחות", exact: true }).click();
    await page.locator("[data-testid=conversation-list] li", { hasText: "נועה" }).click();
    await page.locator("[data-testid=thread] article", { hasText: "שולחן לשניים" }).waitFor();
    await page.getByLabel("כתיבת הודעה").fill("כן, בשמונה");
    await page.getByLabel("כתיבת הודעה").press("Enter");
    await page.locator("[data-testid=thread] article", { hasText: "בשמונה" }).locator("[data-status=read]").waitFor();

    await page.getByRole("link", { name: "ארגז חול" }).click();
    const theirs = phone.locator("li[data-direction=fromBusiness]", { hasText: "בשמונה" });
    await theirs.locator("[data-status=read]").waitFor();
    await theirs.getByRole("button", { name: "מה לעשות עם ההודעה" }).click();
    await page.getByRole("menuitem", { name: "תגובה 👍" }).click();
    await theirs.getByText("👍").waitFor();
    const edited = phone.locator("li[data-direction=fromCustomer]", { hasText: "לשניים" });
    await edited.getByRole("button", { name: "מה לעשות עם ההודעה" }).click();
    await page.getByRole("menuitem", { name: "מחיקה לכולם" }).click();
    await phone.getByText("הודעה זו נמחקה").waitFor();
    await expectAccessible(page, "sandbox");
  });

  await t.test("Every kind can be written, another customer has another chat, and a chosen fault meets the next send", async () => {
    const phone = page.getByTestId("phone");
    await page.getByRole("button", { name: /^עידו כהן/ }).click();
    await phone.getByText("עוד לא כתבו כאן דבר").waitFor();
    const kinds = await page.evaluate<string[]>(`[...document.querySelectorAll("[data-testid=phone] option")].map((one) => one.value)`);
    assert.ok(kinds.length >= 15);
    const words = phone.getByLabel("הודעה בתור הלקוח");
    for (const kind of kinds) {
      await phone.getByLabel("סוג ההודעה").selectOption(kind);
      await words.fill(`סוג ${kind}`);
      await phone.getByRole("button", { name: "שליחה" }).click();
      // Emptied by the program's answer.
      await until(`${kind} was written`, waitMs, async () => (await words.inputValue()) === "");
    }
    await until("all kinds show", waitMs, async () => (await phone.locator("li[data-direction=fromCustomer]").count()) >= kinds.length);
    await page.getByLabel("קוד השגיאה").fill("131000");
    await page.getByRole("button", { name: "להפעיל" }).click();
    await page.getByText("תקלה אחת מחכה").waitFor();
    // The server's word moves it, not the click.
    const hidesPhone = page.getByLabel("מסתיר את מספר הטלפון (מזוהה בשם משתמש)");
    await hidesPhone.click();
    await until("the phone hides its number", waitMs, () => hidesPhone.isChecked());
    await page.getByRole("link", { name: "שיחות", exact: true }).click();
    await page.locator("[data-testid=conversation-list] li", { hasText: "עידו כהן" }).click();
    await page.getByLabel("כתיבת הודעה").fill("זו תיכשל");
    await page.getByLabel("כתיבת הודעה").press("Enter");
    await page.locator("[data-testid=thread] article", { hasText: "זו תיכשל" }).locator("[data-status=failed]").waitFor();
  });

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});
