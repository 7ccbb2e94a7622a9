/**
 * Meta's dialogue from the inbox: a window at Meta's address, whose part a page of this test plays, back to ours, to the connected number. The
 * program is a real one, without Meta's script anywhere; Graph is the sandbox.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { appSecret, makeProgram, until, type Program } from "../support/program.ts";
import { openBrowser, openPage } from "./browser.ts";
import { ask, waitMs } from "./sandbox.ts";

const meta = "https://www.facebook.com";
/** What the page at Meta's address does, given the query that it was opened with. */
type Play = (query: URLSearchParams) => string;

test("A number is connected through Meta's dialogue", async (t) => {
  const sandbox = await startSandbox({
    appSecret,
    appId: "1",
    ingressUrl: "http://127.0.0.1:9/",
    nowMs: Date.now,
    log: () => undefined,
    statusDelaysMs: null,
  });
  t.after(() => sandbox.stop());
  const program = await makeProgram(t, { graphUrl: sandbox.graphUrl, configId: "a-configuration" });
  program.spawn();
  // How fast it starts is another test's matter (I12).
  await program.ready(120_000);
  await until("the inbox is built and served", 180_000, async () => (await fetch(`${program.url}/`)).status === 200);
  const browser = await openBrowser(t);
  const { page, context, troubles } = await openPage(browser, program.url, { language: "en" });
  page.setDefaultTimeout(waitMs);
  await signIn(program, context);
  let play: Play = () => "";
  const asked: URL[] = [];
  await context.route(`${meta}/**`, async (route) => {
    const url = new URL(route.request().url());
    asked.push(url);
    await route.fulfill({ contentType: "text/html", body: `<!doctype html><script>${play(url.searchParams)}</script>` });
  });

  await t.test(
    "Without a word from its window the number is found by the code; the address has what Meta needs, and comes back to us",
    async () => {
      const { wabaId, phoneNumberId } = sandbox.addNumber({ status: "PENDING", displayPhoneNumber: "972552222222" });
      play = (query) => goBack(query, { code: sandbox.issueCode([wabaId], redirectOf(query)) });
      await openDialogue(page, program);
      await page.locator("[data-step=register][data-state=done]").waitFor();
      assert.equal((await newest(page)).phoneNumberId, phoneNumberId);
      const [url] = asked;
      assert.equal(url?.pathname, "/v26.0/dialog/oauth");
      const query = Object.fromEntries(url.searchParams);
      assert.deepEqual(
        [query["client_id"], query["config_id"], query["response_type"], query["redirect_uri"]],
        ["1", "a-configuration", "code", `${program.url}/connect/whatsapp`],
      );
    },
  );

  await t.test(
    "Ids that Meta's window says are taken, those that another window says are not, and the code of another dialogue neither",
    async () => {
      const first = sandbox.addNumber();
      const second = sandbox.addNumber({ wabaId: first.wabaId });
      const ids = { waba_id: second.wabaId, phone_number_id: second.phoneNumberId };
      const stranger = { type: "WA_EMBEDDED_SIGNUP", event: "FINISH", data: { ...ids, phone_number_id: first.phoneNumberId } };
      play = (query) =>
        `opener.postMessage(${JSON.stringify({ type: "WA_EMBEDDED_SIGNUP", event: "FINISH", data: ids })}, "*");` +
        goBack(query, { code: sandbox.issueCode([first.wabaId], redirectOf(query)) }, 300);
      await openDialogue(page, program, async () => {
        const otherCode = JSON.stringify({ code: "another", state: "another", error: null });
        // Again and again, so that the last word before the code is a stranger's.
        await page.evaluate(`setInterval(() => {
        postMessage(${JSON.stringify(stranger)}, "*");
        const channel = new BroadcastChannel("kesher.connect");
        channel.postMessage(${otherCode});
        channel.close();
      }, 20)`);
      });
      await page.locator("[data-step=token][data-state=done]").waitFor();
      assert.equal((await newest(page)).phoneNumberId, second.phoneNumberId);
    },
  );

  await t.test("Of several numbers the person chooses, without going through the dialogue again", async () => {
    const first = sandbox.addNumber({ displayPhoneNumber: "972553333333" });
    sandbox.addNumber({ wabaId: first.wabaId, displayPhoneNumber: "972554444444" });
    play = (query) => goBack(query, { code: sandbox.issueCode([first.wabaId], redirectOf(query)) });
    await openDialogue(page, program);
    await page.getByRole("button", { name: "+972 55-333-3333" }).click();
    await page.locator("[data-step=token][data-state=done]").waitFor();
    assert.equal((await newest(page)).phoneNumberId, first.phoneNumberId);
  });

  await t.test("A dialogue that the person closes or refuses says so, and can be opened again", async () => {
    play = (query) => goBack(query, { error: "access_denied" });
    await openDialogue(page, program);
    await page.getByText("Meta’s window was closed before the end.").waitFor();
    play = () => "";
    const opened = context.waitForEvent("page", { timeout: waitMs });
    await page.getByRole("button", { name: "Open Meta’s window" }).click();
    await page.getByText("Go on in Meta’s window").waitFor();
    // Only now: by itself it might be gone before anybody has looked.
    await (await opened).close();
    await page.getByText("Meta’s window was closed before the end.").waitFor();
    play = (query) => goBack(query, { code: "no-code" });
    await page.getByRole("button", { name: "Open Meta’s window" }).click();
    await page.getByText("Meta did not take the code").waitFor();
  });

  await t.test("Nothing but Meta's dialogue was asked for, and no script of Meta's was loaded", () => {
    assert.deepEqual(
      troubles.filter((trouble) => !trouble.startsWith(`request: ${meta}/v26.0/dialog/oauth?`)),
      [],
    );
  });
});

async function signIn(program: Program, context: BrowserContext): Promise<void> {
  await until("the console shows the link", waitMs, () => /Make the first account.*: \S+#\S+/.test(program.output));
  const token = /Make the first account.*: \S+#(\S+)/.exec(program.output)?.[1];
  const answer = await fetch(`${program.url}/auth/first-account`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", "content-type": "application/json" },
    body: JSON.stringify({ token, name: "Noa", email: "noa@people.example", password: "correct horse battery", tenantName: "Flowers" }),
  });
  assert.equal(answer.status, 204, await answer.text());
  const [pair = ""] = (answer.headers.getSetCookie()[0] ?? "").split(";");
  const [name = "", value = ""] = pair.split("=");
  await context.addCookies([{ name, value, url: program.url }]);
}

async function openDialogue(page: Page, program: Program, meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
  await page.goto(`${program.url}/connections`);
  await page.getByRole("banner").or(page.locator("main header")).getByRole("button", { name: "Connect a number" }).click();
  await page.getByRole("button", { name: "Open Meta’s window" }).click();
  await meanwhile();
}

function redirectOf(query: URLSearchParams): string {
  return query.get("redirect_uri") ?? "";
}

/** As Meta sends the window back to who opened it. */
function goBack(query: URLSearchParams, result: Record<string, string>, afterMs = 0): string {
  const url = new URL(redirectOf(query));
  for (const [name, value] of Object.entries({ ...result, state: query.get("state") ?? "" })) url.searchParams.set(name, value);
  return `setTimeout(() => location.replace(${JSON.stringify(url.href)}), ${afterMs});`;
}

async function newest(page: Page): Promise<{ phoneNumberId: string }> {
  const { data } = (await ask(page, "GET", "/api/v1/connections?limit=1")) as { data: { phoneNumberId: string }[] };
  return data[0] ?? assert.fail("no connection");
}
