/**
 * Hostile text: 200 payloads by signed webhooks into the real browser, in every place where a stranger's words stand, and a walk over every
 * screen. Nothing of it may run, load, or report. Then a stream that is cut.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { startTcpProxy } from "../support/proxy.ts";
import { until } from "../support/program.ts";
import { openBrowser, openPage, type Watched } from "./browser.ts";
import { ask, control, startBrowserSandbox, waitMs } from "./sandbox.ts";

/** What is called if one of them runs. */
const mark = "kesherRan";
const run = `window.${mark}=1`;
const away = "http://evil.example";

const markup = [
  `<script>${run}</script>`,
  `<img src=x onerror="${run}">`,
  `<svg onload="${run}">`,
  `<svg><script>${run}</script></svg>`,
  `<iframe srcdoc="<script>parent.${mark}=1</script>"></iframe>`,
  `<iframe src="javascript:parent.${mark}=1">`,
  `<body onload="${run}">`,
  `<details open ontoggle="${run}">`,
  `<video><source onerror="${run}"></video>`,
  `<math><mtext><img src=x onerror="${run}"></mtext></math>`,
  `"><img src=x onerror="${run}">`,
  `' autofocus onfocus='${run}`,
  `</textarea><script>${run}</script>`,
  `</title><script>${run}</script>`,
  `<style>@import '${away}/a.css';*{background:url(${away}/b)}</style>`,
  `<link rel=stylesheet href="${away}/c.css">`,
  `<img src="${away}/d.png">`,
  `<meta http-equiv="refresh" content="0;url=${away}/">`,
  `<base href="${away}/">`,
  `<form action="${away}/"><button autofocus>x</button></form>`,
  `<object data="${away}/e"></object>`,
  `<a href="javascript:${run}">link</a>`,
  `<noscript><p title="</noscript><img src=x onerror=${run}>">`,
  `&lt;img src=x onerror=${run}&gt;`,
  String.raw`\u003cscript\u003e${run}\u003c/script\u003e`,
];
const addresses = [
  `javascript:${run}`,
  `JaVaScRiPt:${run}`,
  `java\tscript:${run}`,
  ` javascript:${run}`,
  `data:text/html,<script>${run}</script>`,
  `vbscript:${run}`,
  `blob:${away}/x`,
  `file:///etc/passwd`,
  `${away}/?a="onmouseover="${run}`,
  `https://user:pass@${away.slice(7)}/`,
  `https://ex\u202Eample.com/moc.elgoog`,
  `//evil.example/x`,
];
const words = [
  `*_~\`${"*".repeat(400)}`,
  "```".repeat(300),
  "_a*b~".repeat(500),
  "\u202Egpj.exe",
  "\u2066\u2067\u2068 abc \u2069",
  "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308".repeat(80),
  "\u200B\u200C\u200D\uFEFF",
  "\u0007\u0008\u001B[31mred",
  "👨‍👩‍👧‍👦".repeat(60),
  "ﷺ".repeat(80),
  "{{constructor.constructor('return 1')()}}",
  "${7*7} #{7*7} <%= 7*7 %>",
  "__proto__",
  "constructor",
  "'; drop table messages; --",
  "%00%0a%0d../../etc/passwd",
  "\uD83D",
  "I\u0307\u0131İſK",
  "x".repeat(3_000),
];
const texts = [...markup, ...addresses, ...words];
/** Each screen is walked in one of them. */
const looks = [
  { language: "he", theme: "light", walks: ["overview", "connections", "templates", "parked"] },
  { language: "en", theme: "dark", walks: ["parked/deliveries", "parked/tenants", "settings", "sandbox"] },
] as const;
const business = { wabaId: "100000000000001", phoneNumberId: "200000000000002" };
const seconds = String(Math.floor(Date.now() / 1_000));

/** Each place of a webhook where a stranger's words stand. */
const places: Record<string, (words: string) => object> = {
  body: (body) => ({ type: "text", text: { body } }),
  caption: (caption) => ({ type: "image", image: { id: "1", mime_type: "image/png", sha256: "x", caption } }),
  filename: (filename) => ({ type: "document", document: { id: "2", mime_type: "text/html", sha256: "x", filename, caption: filename } }),
  vcard: (text) => ({
    type: "contacts",
    contacts: [
      {
        name: { formatted_name: text, first_name: text },
        org: { company: text, title: text },
        phones: [{ phone: text, wa_id: text, type: text }],
        emails: [{ email: text, type: text }],
        urls: [{ url: text, type: text }],
        addresses: [{ street: text, city: text }],
      },
    ],
  }),
  place: (text) => ({ type: "location", location: { latitude: 31.7, longitude: 35.2, name: text, address: text, url: text } }),
  list: (text) => ({
    type: "interactive",
    interactive: { type: "list_reply", list_reply: { id: text.slice(0, 200), title: text, description: text } },
  }),
  button: (text) => ({ type: "button", button: { payload: text, text } }),
  flow: (text) => ({
    type: "interactive",
    interactive: {
      type: "nfm_reply",
      nfm_reply: { name: text, body: text, response_json: JSON.stringify({ [text]: text, answer: text }) },
    },
  }),
  referral: (text) => ({
    type: "text",
    text: { body: "from an ad" },
    referral: {
      source_url: text,
      source_type: "ad",
      source_id: "1",
      headline: text,
      body: text,
      media_type: "image",
      image_url: text,
      thumbnail_url: text,
      ctwa_clid: text,
    },
  }),
  order: (text) => ({
    type: "order",
    order: {
      catalog_id: text,
      text,
      product_items: [{ product_retailer_id: text, quantity: 1, item_price: 1, currency: text.slice(0, 3) }],
    },
  }),
  error: (text) => ({ type: "unsupported", errors: [{ code: 131_051, title: text, message: text, error_data: { details: text } }] }),
  unknown: (text) => ({ type: "from_the_future", from_the_future: { body: text, [text.slice(0, 40)]: text } }),
};

/** 200 of them: the kinds of text go round over the places. */
function makePayloads(count: number): { place: string; words: string }[] {
  const names = Object.keys(places);
  return Array.from({ length: count }, (_, index) => ({
    place: names[index % names.length] ?? "body",
    words: texts[(index + Math.floor(index / names.length)) % texts.length] ?? "",
  }));
}

/** Meta's JSON; a lone half of a character goes as its escape. */
function webhook(messages: object[], contacts: object[], statuses: object[] = []): object {
  const metadata = { display_phone_number: "972550000000", phone_number_id: business.phoneNumberId };
  const value = { messaging_product: "whatsapp", metadata, contacts, messages, ...(statuses.length === 0 ? {} : { statuses }) };
  return { object: "whatsapp_business_account", entry: [{ id: business.wabaId, changes: [{ field: "messages", value }] }] };
}

test("Hostile text stands as text in every place and on every screen, and a cut loses nothing", async (t) => {
  const sandbox = await startBrowserSandbox(t);
  const { program, link, post } = sandbox;
  const proxy = await startTcpProxy(t, { host: "127.0.0.1", port: Number(new URL(program.url).port) });
  const cutUrl = `http://127.0.0.1:${proxy.port}`;
  const browser = await openBrowser(t);
  const first = await openPage(browser, program.url, { language: "he", theme: "light" });
  const { page, context } = first;
  page.setDefaultTimeout(waitMs);
  await watchPolicy(context);
  await page.goto(link);
  await page.getByText("אין כאן שיחות").waitFor();
  // The session alone: what else is stored would overrule the language and the theme that are asked for.
  const state = { cookies: (await context.storageState()).cookies, origins: [] };

  await t.test("200 payloads by signed webhooks", async () => {
    const payloads = makePayloads(200);
    assert.equal(new Set(payloads.map(({ place }) => place)).size, Object.keys(places).length);
    assert.equal(new Set(payloads.map((one) => one.words)).size, texts.length);
    await Promise.all(
      payloads.map(async ({ place, words: said }, index) => {
        // The name of whoever writes is hostile, too; several customers.
        const from = `97250900${String(index % 8).padStart(4, "0")}`;
        const message = { from, id: `wamid.hostile${index}`, timestamp: seconds, ...places[place]?.(said) };
        await post(webhook([message], [{ profile: { name: said.slice(0, 900) }, wa_id: from }]));
      }),
    );
    await until("all are there", waitMs, async () => {
      const { stored } = await ask(page, "GET", "/api/v1/stats");
      return stored >= 200;
    });
  });

  await t.test("Failures of ours, reactions and statuses say what strangers say, too", async () => {
    // By the sandbox's own phone, which opens the window in its books, too.
    await control(page, "POST", "phones/972509000000/messages", { type: "text", name: markup[0], text: markup[1] });
    const { data } = (await ask(page, "GET", "/api/v1/conversations?waId=972509000000")) as { data: { id: string }[] };
    await page.goto(`${program.url}/inbox/all/${data[0]?.id ?? ""}`);
    const box = page.getByLabel("כתיבת הודעה");
    await control(page, "POST", "faults", { rules: [{ fault: { kind: "no_statuses" }, times: null }] });
    await box.fill("<b>שלנו</b>");
    await box.press("Enter");
    let waMessageId = "";
    await until("it was accepted", waitMs, async () => {
      const entries = (await control(page, "GET", "ledger")).entries as { waMessageId: string; body: object }[];
      waMessageId = entries.find(({ body }) => JSON.stringify(body).includes("שלנו"))?.waMessageId ?? "";
      return waMessageId !== "";
    });
    await control(page, "DELETE", "faults");
    const evil = markup[1] ?? "";
    const error = { code: 131_026, title: evil, message: evil, error_data: { details: evil }, href: `javascript:${run}` };
    await post(webhook([], [], [{ id: waMessageId, status: "failed", timestamp: seconds, recipient_id: "972509000000", errors: [error] }]));
    await page.getByTestId("thread").locator("article", { hasText: "<b>שלנו</b>" }).locator("[data-status=failed]").waitFor();
    // What nobody can apply is parked with its words.
    await post({
      object: "whatsapp_business_account",
      entry: [{ id: "999", changes: [{ field: evil, value: { messages: [{ id: evil, from: evil, type: evil }] } }] }],
    });
  });

  const hrefs = new Set<string>();
  await t.test("Every conversation, in Hebrew light and English dark, is read to its beginning", async () => {
    const { data } = (await ask(page, "GET", "/api/v1/conversations?limit=200")) as { data: { id: string }[] };
    const read = async ({ walks, ...look }: (typeof looks)[number]): Promise<void> => {
      const other = await openPage(browser, program.url, { ...look, storageState: state });
      await watchPolicy(other.context);
      other.page.setDefaultTimeout(waitMs);
      let bubbles = 0;
      for (const { id } of data) {
        await other.page.goto(`${program.url}/inbox/all/${id}`);
        await other.page.getByTestId("thread").locator("article").first().waitFor();
        bubbles += await readWhole(other.page, id, hrefs);
      }
      assert.ok(bubbles >= 200, `${bubbles} bubbles were seen`);
      await walkScreens(other.page, program.url, walks);
      await expectHarmless(other);
      await other.context.close();
    };
    await Promise.all(looks.map(read));
  });

  await t.test("Links go to the web, a phone or a mailbox, and nowhere else", async () => {
    assert.ok(hrefs.size > 0, "some links were drawn");
    for (const href of hrefs) assert.match(href, /^(?:https?:|tel:|mailto:|\/)/);
    await expectHarmless(first);
  });

  await t.test("A stream that is cut again and again while customers write loses nothing and repeats nothing", async () => {
    const cut = await openPage(browser, cutUrl, { language: "he", theme: "light", storageState: state });
    cut.page.setDefaultTimeout(waitMs);
    const gal = "972533333333";
    await control(page, "POST", `phones/${gal}/messages`, { type: "text", name: "גל", text: "מספר 0 בדיוק" });
    await cut.page.goto(`${cutUrl}/inbox/all`);
    await cut.page.locator("[data-testid=conversation-list] li", { hasText: "גל" }).click();
    await cut.page.getByTestId("thread").locator("article", { hasText: "מספר 0 בדיוק" }).waitFor();
    for (let index = 1; index <= 12; index += 1) {
      await control(page, "POST", `phones/${gal}/messages`, { type: "text", name: "גל", text: `מספר ${index} בדיוק` });
      // In the middle of what is being told.
      if (index % 4 === 0) proxy.cutAll();
    }
    const articles = cut.page.getByTestId("thread").locator("article", { hasText: "בדיוק" });
    await articles.filter({ hasText: "מספר 12 בדיוק" }).waitFor();
    await until("all are there", waitMs, async () => (await articles.count()) >= 13);
    const numbers = (await articles.allTextContents()).map((said) => Number(/מספר (\d+) בדיוק/.exec(said)?.[1]));
    assert.deepEqual(
      numbers,
      Array.from({ length: 13 }, (_, index) => index),
    );
    await cut.context.close();
  });
});

/** Counts reports of the policy in every page of this context. */
async function watchPolicy(context: BrowserContext): Promise<void> {
  await context.addInitScript(`addEventListener("securitypolicyviolation", (event) => {
    (globalThis.kesherReports ??= []).push(event.violatedDirective + " " + event.blockedURI);
  });`);
}

async function expectHarmless({ page, troubles }: Watched): Promise<void> {
  assert.deepEqual(troubles, []);
  assert.deepEqual(await page.evaluate("globalThis.kesherReports ?? []"), []);
  assert.equal(await page.evaluate(`globalThis.${mark} ?? null`), null);
}

const thread = "[data-testid=thread]";

/** From its end to its beginning; answers how many bubbles there were, and gathers where links lead. */
async function readWhole(page: Page, conversationId: string, hrefs: Set<string>): Promise<number> {
  const { data } = (await ask(page, "GET", `/api/v1/conversations/${conversationId}/messages?limit=200`)) as { data: { id: string }[] };
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    const ids = await page.evaluate<string[]>(
      `[...document.querySelectorAll("${thread} [data-message-id]")].map((one) => one.dataset.messageId)`,
    );
    for (const id of ids) seen.add(id);
    const links = await page.evaluate<string[]>(`[...document.querySelectorAll("main a[href]")].map((one) => one.getAttribute("href"))`);
    for (const href of links) hrefs.add(href);
    await expectNothingRan(page);
    await page.evaluate(`document.querySelector("${thread} [data-message-id]")?.scrollIntoView({ block: "end" })`);
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  };
  await until("all of it was read", waitMs, async () => {
    await look();
    return data.every(({ id }) => seen.has(id));
  });
  return seen.size;
}

async function expectNothingRan(page: Page): Promise<void> {
  assert.equal(await page.evaluate(`globalThis.${mark} ?? null`), null);
}

async function walkScreens(page: Page, url: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await page.goto(`${url}/${path}`);
    await page.locator("main h1").first().waitFor();
    await page.evaluate("new Promise((done) => requestIdleCallback(done, { timeout: 2000 }))");
    const closed = page.locator("main [aria-expanded=false]");
    for (let index = 0; index < Math.min(3, await closed.count()); index += 1) await closed.first().click();
    assert.deepEqual(await page.evaluate("globalThis.kesherReports ?? []"), [], path);
    await expectNothingRan(page);
  }
}
