/** The conversation as an agent works in it: every kind of message, what waits, notes, the contact, templates, voice, failures, keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { until } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { kinds, webhookOf } from "./every-kind.ts";
import { ask, control, expectAccessible, startBrowserSandbox, waitMs } from "./sandbox.ts";

const noa = { digits: "972521234567", name: "נועה לוי" };
const avi = { digits: "972541111111", name: "אבי כהן" };
const nowSeconds = Math.floor(Date.now() / 1_000);
const hourMs = 3_600_000;

const bubble = (page: Page, words: string | RegExp): Locator => page.locator("[data-testid=thread] article", { hasText: words });
const row = (page: Page, words: string): Locator => page.locator("[data-testid=conversation-list] li", { hasText: words });

test("An agent works in a conversation", async (t) => {
  const { program, link, post } = await startBrowserSandbox(t);
  const browser = await openBrowser(t, ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]);
  const { page, context, troubles } = await openPage(browser, program.url, {
    language: "he",
    theme: "light",
    permissions: ["microphone"],
  });
  page.setDefaultTimeout(waitMs);
  await page.goto(link);
  await page.getByText("אין כאן שיחות").waitFor();
  const box = page.getByLabel("כתיבת הודעה");
  const write = async (words: string): Promise<void> => {
    await box.fill(words);
    await box.press("Enter");
  };
  const hear = (text: string, who = noa): Promise<unknown> =>
    control(page, "POST", `phones/${who.digits}/messages`, { type: "text", name: who.name, text });

  await t.test("Every type of Meta's is drawn as what it is, and what cannot be shown says why", async () => {
    for (const type of ["image", "image", "audio", "document"]) {
      await control(page, "POST", `phones/${noa.digits}/messages`, { type, name: noa.name, filename: "הצעה.pdf" });
    }
    for (const [index, { body }] of kinds.entries()) {
      await post(webhookOf(noa, { id: `wamid.kind.${index}`, atSeconds: nowSeconds + 10 + index, body }));
    }
    await row(page, noa.name).first().click();
    await page.setViewportSize({ width: 1280, height: 4_200 });
    for (const { name, sees } of kinds) {
      const one = page
        .locator("[data-testid=thread] [data-message-id]")
        .filter({ hasText: sees[0] ?? /x/ })
        .last();
      await one.waitFor();
      const said = (await one.textContent()) ?? "";
      for (const words of sees) assert.match(said, words, name);
    }
    await page.getByLabel("שתי תמונות").waitFor();
    const file = bubble(page, "הצעה.pdf");
    await file.getByText(/בייט|kB|ק״ב/).waitFor();
    await page.locator("[data-testid=thread] audio").waitFor();
    await page.getByTestId("thread").getByTitle("מהירות ההשמעה").click();
    await page.getByTestId("thread").getByText("1.5×").waitFor();
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  await t.test("In a group each bubble says by name who wrote", async () => {
    await hear("לבד", avi);
    const message = {
      id: "wamid.group.1",
      atSeconds: nowSeconds,
      body: { type: "text", text: { body: "שלום לקבוצה" } },
      groupId: "12036@g.us",
    };
    await post(webhookOf(avi, message));
    await row(page, "שלום לקבוצה").click();
    await bubble(page, "שלום לקבוצה").getByText(avi.name).waitFor();
  });

  await t.test("A message's timeline tells when the POST came, when it was stored and shown, and what an edit replaced", async () => {
    await row(page, "לבד").click();
    const word = { id: "wamid.edited", atSeconds: nowSeconds + 1, body: { type: "text", text: { body: "לפני העריכה" } } };
    await post(webhookOf(avi, word));
    await bubble(page, "לפני העריכה").waitFor();
    const edit = { original_message_id: word.id, message: { type: "text", text: { body: "אחרי העריכה" } } };
    await post(webhookOf(avi, { id: "wamid.edit", atSeconds: nowSeconds + 2, body: { type: "edit", edit } }));
    await bubble(page, "אחרי העריכה").getByRole("button", { name: "נערכה" }).click();
    const timeline = page.getByTestId("timeline");
    await timeline.getByText("הגיעה לשרת שלנו").waitFor();
    const steps = await timeline.locator("li").all();
    const names = await Promise.all(steps.map((step) => step.getAttribute("data-step")));
    assert.deepEqual(names.slice(0, 3), ["timeline_said", "timeline_webhook", "timeline_stored"]);
    assert.ok(names.includes("timeline_drawn"));
    await timeline.getByText("לפני העריכה").waitFor();
    await expectAccessible(page, "timeline");
    await page.keyboard.press("Escape");
  });

  await t.test("What goes out later is listed with its time, and can be taken back; its bubble says when it goes", async () => {
    await box.fill("תזכורת למחר");
    await page.getByRole("button", { name: "תבניות ותזמון" }).click();
    await page.getByRole("menuitem", { name: "מועד אחר" }).click();
    await page.getByLabel("מתי לשלוח").fill("2020-01-01T10:00");
    await page.getByText("המועד כבר עבר").waitFor();
    assert.ok(await page.getByRole("button", { name: "תזמון", exact: true }).isDisabled());
    await page.getByLabel("מתי לשלוח").fill(localTime(Date.now() + 5 * hourMs));
    await page.getByRole("button", { name: "תזמון", exact: true }).click();
    await bubble(page, "תזכורת למחר")
      .getByText(/תישלח ב־/)
      .waitFor();
    await page.getByRole("button", { name: "הודעה אחת מחכה להישלח" }).click();
    await expectAccessible(page, "what waits");
    await page.getByLabel("מה עוד יישלח").getByRole("button", { name: "ביטול השליחה" }).click();
    await bubble(page, "תזכורת למחר").locator("[data-status=cancelled]").waitFor();
    await until("nothing waits", waitMs, async () => (await page.getByLabel("מה עוד יישלח").count()) === 0);
  });

  await t.test("A note mentions a colleague, is marked for them, and is changed and deleted by its author", async () => {
    const { data } = (await ask(page, "GET", "/api/v1/people")) as { data: { name: string }[] };
    const name = data[0]?.name ?? assert.fail("nobody is here");
    await page.getByRole("button", { name: "הערה לצוות" }).click();
    const note = page.getByLabel("הערה שרק הצוות רואה");
    // Whoever leaves it half-written, or saves it without a network, finds it where no customer would read it.
    await note.fill("רק בינינו");
    await page.getByRole("button", { name: "הערה לצוות" }).click();
    assert.equal(await box.inputValue(), "");
    await page.getByRole("button", { name: "הערה לצוות" }).click();
    await page.route("**/notes*", (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
    await note.press("Enter");
    await until("the note is back", waitMs, async () => (await note.count()) === 1 && (await note.inputValue()) === "רק בינינו");
    await page.unroute("**/notes*");
    await note.fill("");
    await note.pressSequentially(`@${name.slice(0, 2)}`);
    await page.getByRole("option", { name }).waitFor();
    await note.press("Enter");
    assert.equal(await note.inputValue(), `@${name} `);
    await note.pressSequentially("תבדקי?");
    await note.press("Enter");
    const card = page.locator("[data-testid=thread] [data-note-id]");
    await card.getByText("אליך").waitFor();
    await card.getByRole("button", { name: "אפשרויות להערה" }).click();
    await page.getByRole("menuitem", { name: "עריכת ההערה" }).click();
    await card.getByLabel("עריכת ההערה").fill("כבר לא");
    await card.getByRole("button", { name: "שמירת ההערה" }).click();
    await card.getByText("כבר לא").waitFor();
    await until("it is for nobody", waitMs, async () => (await card.getByText("אליך").count()) === 0);
    await card.getByRole("button", { name: "אפשרויות להערה" }).click();
    await page.getByRole("menuitem", { name: "מחיקת ההערה" }).click();
    await until("it is gone", waitMs, async () => (await card.count()) === 0);
  });

  await t.test("The contact opens by a key, switches marketing off and on, and gives the focus back", async () => {
    await page.getByTestId("thread").focus();
    await page.keyboard.press("i");
    const panel = page.getByTestId("contact");
    await panel.getByText("+972 54-111-1111").waitFor();
    const marketing = panel.getByRole("switch", { name: "מותר לשלוח תבניות שיווק" });
    assert.equal(await marketing.isChecked(), true);
    await marketing.click();
    await panel.getByText(/הוסר\/ה בידי הצוות/).waitFor();
    assert.equal(await marketing.isChecked(), false);
    await marketing.click();
    await panel.getByText("תבניות שירות ותשובות נשלחות בכל מקרה.").waitFor();
    await expectAccessible(page, "contact");
    await page.keyboard.press("Escape");
    await until("it is closed", waitMs, async () => (await panel.count()) === 0);
    const focused = (): Promise<string> => page.evaluate("document.activeElement?.getAttribute('aria-label')");
    await until("the focus is back", waitMs, async () => (await focused()) === "הודעות");
  });

  await t.test("A voice message that is recorded here reaches the customer as Ogg, as a voice note, and plays", async () => {
    await page.getByRole("button", { name: "הקלטת הודעה קולית" }).click();
    await page.getByText("מקליטים").waitFor();
    await until("a second was heard", waitMs, async () =>
      /0:0[1-9]/.test((await page.getByRole("group", { name: "הקלטת" }).textContent()) ?? ""),
    );
    await page.getByRole("button", { name: "שליחת ההקלטה" }).click();
    const voice = page.locator("[data-testid=thread] article").last();
    await voice.locator("[data-status=delivered], [data-status=read], [data-status=sent]").first().waitFor();
    const id = (await voice.getAttribute("data-message-id")) ?? "";
    const { content } = (await ask(page, "GET", `/api/v1/messages/${id}`)) as { content: { voice: boolean; mediaId: string } };
    assert.equal(content.voice, true);
    const { mimeType } = (await ask(page, "GET", `/api/v1/media/${content.mediaId}/info`)) as { mimeType: string };
    assert.equal(mimeType, "audio/ogg");
    const seconds = await page.evaluate<number>(`(async () => {
      const bytes = await (await fetch("/api/v1/media/${content.mediaId}")).arrayBuffer();
      return (await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes)).duration;
    })()`);
    assert.ok(seconds > 0.7 && seconds < 60, `${seconds} s`);
  });

  await t.test("Files show themselves and their size before they go; what WhatsApp does not take is told at once", async () => {
    const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    await page.getByTestId("files").setInputFiles([
      { name: "תמונה.png", mimeType: "image/png", buffer: png },
      { name: "setup.exe", mimeType: "application/x-msdownload", buffer: png },
    ]);
    await page.getByText(/setup\.exe.*לא מקבלת קובץ/).waitFor();
    const files = page.getByLabel("קבצים מצורפים");
    await files.locator("img[src^=blob]").waitFor();
    await files.getByText(/מתוך/).waitFor();
    // Through what is being told above it, which stays for longer.
    await files.getByRole("button", { name: "הסרת תמונה.png" }).click({ timeout: 6_000 });
  });

  await t.test("Emoji are searched in the reader's language", async () => {
    await page.getByRole("button", { name: "אימוג׳י" }).click();
    await page.getByLabel("חיפוש אימוג׳י").fill("תודה");
    await page.getByLabel("חיפוש אימוג׳י").press("Enter");
    assert.equal(await box.inputValue(), "🙏");
    await box.fill("");
  });

  await t.test("A template that cannot be sent says why; one that can says what is wrong with what is filled in", async () => {
    type Kept = { id: string; name: string; usable: boolean };
    const { templates } = (await control(page, "GET", "templates")) as { templates: Kept[] };
    const other = templates.find(({ name }) => name !== "appointment_reminder") ?? assert.fail("one template alone");
    await control(page, "POST", "templates", { id: other.id, status: "PAUSED" });
    await until("it is known to be paused", waitMs, async () => {
      const { data } = (await ask(page, "GET", "/api/v1/templates?limit=200")) as { data: Kept[] };
      return data.some(({ usable }) => !usable);
    });
    await page.getByRole("button", { name: "תבניות ותזמון" }).click();
    await page.getByRole("menuitem", { name: "בחירת תבנית" }).click();
    const picker = page.getByTestId("template-picker");
    await picker.locator("button[disabled]").first().waitFor();
    assert.ok(((await picker.locator("button[disabled] span").last().textContent()) ?? "").length > 5, "the reason");
    await expectAccessible(page, "templates");
    await picker.getByText("appointment_reminder").first().click();
    await page.getByLabel("ערך 1").fill("a     b");
    await page.getByLabel("ערך 1").blur();
    await picker.getByText(/בלי טאבים/).waitFor();
    assert.ok(await page.getByRole("button", { name: "שליחת התבנית" }).isDisabled());
    await picker.getByRole("button", { name: "חזרה" }).click();
    await picker.getByRole("button", { name: "סגירה" }).click();
  });

  await t.test("A failure is told in the reader's language, whatever the tenant's, with a button for what to do", async () => {
    const fail = async (code: number, words: string): Promise<Locator> => {
      await control(page, "POST", "faults", { rules: [{ fault: { kind: "fails", code }, times: 1 }] });
      await write(words);
      const failed = bubble(page, words).filter({ has: page.locator("[data-status=failed]") });
      await failed.getByText(String(code)).waitFor();
      return failed;
    };
    const capped = await fail(131_049, "יותר מדי");
    // The window is open: what waits for the customer's word would go out at once.
    assert.equal(await capped.getByRole("button", { name: "לשלוח כשיכתבו" }).count(), 0);
    await capped.getByRole("button", { name: "שליחה מחדש" }).click();
    await bubble(page, "יותר מדי").locator("[data-status=delivered], [data-status=read]").waitFor();
    const out = await fail(131_050, "לא רוצים");
    await out.getByRole("button", { name: "להסרה מדיוור" }).click();
    await page.getByTestId("contact").getByRole("switch").waitFor();
    await page.keyboard.press("Escape");
    const { cookies } = await context.storageState();
    const readIn = async (language: "en" | "ar", words: RegExp): Promise<void> => {
      const other = await openPage(browser, program.url, { language, storageState: { cookies, origins: [] } });
      other.page.setDefaultTimeout(waitMs);
      await other.page.goto(page.url());
      await bubble(other.page, "יותר מדי").first().getByText(words).waitFor();
      if (language === "ar") await expectAccessible(other.page, "failures");
      assert.deepEqual(other.troubles, []);
      await other.context.close();
    };
    await Promise.all([readIn("en", /Meta limits this/), readIn("ar", /تحدّ Meta/)]);
    await page.bringToFront();
  });

  await t.test("What failed for the window's end waits for the customer, is listed with what waits, and goes when they write", async () => {
    await control(page, "POST", "faults", { rules: [{ fault: { kind: "fails", code: 131_047 }, times: 1 }] });
    await write("מאוחר מדי");
    const late = bubble(page, "מאוחר מדי");
    await late.getByText("131047").waitFor();
    await page.locator("[data-testid=window][data-state=closed]").waitFor();
    await late.getByRole("button", { name: "לשלוח כשיכתבו" }).click();
    await late.locator("[data-status=pending]").waitFor();
    await page.getByRole("button", { name: "הודעה אחת מחכה להישלח" }).waitFor();
  });

  await t.test("A screen reader hears what the customer writes, once; `?` shows the keys", async () => {
    await hear("ועכשיו?", avi);
    await page.getByTestId("new-words").filter({ hasText: "אבי כהן: ועכשיו?" }).waitFor({ state: "attached" });
    // What waited for this word goes out.
    await bubble(page, "מאוחר מדי").locator("[data-status=delivered], [data-status=read]").waitFor();
    await page.locator("body").press("?");
    await page.getByRole("dialog", { name: "מקשי קיצור" }).waitFor();
    await expectAccessible(page, "keys");
    await page.keyboard.press("Escape");
  });

  await t.test("Whoever scrolls up a long conversation is not moved by rows that are taller than thought", async () => {
    const dana = { digits: "972543333333", name: "דנה" };
    const said = Array.from({ length: 240 }, (_, index) => {
      const body = { type: "text", text: { body: `${index} ${"מילים ".repeat((index * 37) % 90)}` } };
      return webhookOf(dana, { id: `wamid.long.${index}`, atSeconds: nowSeconds - 9_000 + index * 30, body }) as { entry: object[] };
    });
    await post({ object: "whatsapp_business_account", entry: said.flatMap(({ entry }) => entry) });
    await row(page, dana.name).click();
    await bubble(page, "239 ").waitFor();
    const { moved, looked, first } = await page.evaluate<{ moved: number; looked: number; first: string }>(flingUp);
    assert.ok(looked > 20, `${looked} looks`);
    assert.ok(moved <= 2, `moved ${moved} times in ${looked} looks`);
    assert.match(first, /^0/);
  });

  await t.test("Nothing was refused by the policy, no script failed, nobody else was asked for anything", () => {
    assert.deepEqual(troubles, []);
  });
});

/**
 * Runs in the page: to the very beginning, a step in each frame. Whoever stands in the middle must stand in the next frame where the step
 * has put it. Only a page that comes between two frames may take back the step of a script (a wheel's was not seen to), however many come so.
 */
const flingUp = `new Promise((resolve) => {
  const thread = document.querySelector("[data-testid=thread]");
  const rows = () => [...thread.querySelectorAll("[data-message-id]")];
  const topOf = (row) => row.getBoundingClientRect().top;
  const began = performance.now();
  let [moved, looked, resting, watched] = [0, 0, 0, null];
  const step = () => {
    if (watched?.row.isConnected) {
      looked += 1;
      const offPx = topOf(watched.row) - watched.top;
      const hasPageCome = thread.scrollHeight - watched.heightPx > innerHeight;
      const isStepBack = Math.abs(offPx + watched.stepped) <= 30;
      if (Math.abs(offPx) > 30 && !(hasPageCome && isStepBack)) moved += 1;
    }
    const before = thread.scrollTop;
    const row = rows().find((one) => topOf(one) > 300);
    const top = row === undefined ? 0 : topOf(row);
    thread.scrollTop = before - 150;
    const stepped = before - thread.scrollTop;
    watched = row === undefined ? null : { row, top: top + stepped, stepped, heightPx: thread.scrollHeight };
    resting = stepped === 0 && rows()[0]?.textContent.startsWith("0 ") ? resting + 1 : 0;
    if (resting > 60 || performance.now() - began > 120000) resolve({ moved, looked, first: rows()[0]?.textContent ?? "" });
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

/** The page's zone is Jerusalem's. */
function localTime(ms: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Jerusalem", dateStyle: "short", timeStyle: "short" })
    .format(ms)
    .replace(" ", "T");
}
