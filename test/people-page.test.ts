/** The page for signing in, in a real browser, in its three languages. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openBrowser, openPage, type OpenOptions } from "./browser/browser.ts";
import { startApi } from "./support/api.ts";
import { callAs, signedIn } from "./support/signed-in.ts";

const api = await startApi({ after });
const browser = await openBrowser({ after });
const password = "correct horse battery";
const email = "noa@people.example";

test(
  "Whoever is invited makes an account, signs in with it, and joins another tenant, in he, en and ar, and the policy has nothing to report",
  { timeout: 180_000 },
  async () => {
    const [one, other] = [await api.tenant(), await api.tenant()];
    const invite = async (tenantId: string): Promise<string> => {
      const owner = await signedIn(api, { tenantId, role: "owner" });
      return (await owner.call("POST", "/api/v1/invitations", { email, role: "agent" })).json.link;
    };
    const open = async (address: string, options: OpenOptions) => {
      const watched = await openPage(browser, api.url, options);
      await watched.page.goto(address);
      await watched.page.waitForSelector("form input");
      return watched;
    };
    const send = async ({ page }: Awaited<ReturnType<typeof open>>, fields: Record<string, string>) => {
      for (const [name, value] of Object.entries(fields)) await page.fill(`[name=${name}]`, value);
      await page.click("form button");
    };
    const inside = ({ page }: Awaited<ReturnType<typeof open>>) => page.waitForURL(({ pathname }) => pathname === "/");

    const he = await open(await invite(one.id), { locale: "he-IL" });
    assert.deepEqual([await he.page.getAttribute("html", "dir"), new URL(he.page.url()).hash], ["rtl", ""]);
    await send(he, { name: "נועה", newPassword: password });
    await inside(he);

    const en = await open(`${api.url}/sign-in`, { locale: "en-US", colorScheme: "dark", viewport: { width: 390, height: 700 } });
    await send(en, { email, password: "a wrong password" });
    await en.page.waitForSelector("#trouble:not(:empty)");
    await send(en, { password });
    await inside(en);

    const ar = await open(await invite(other.id), { locale: "ar" });
    assert.equal(await ar.page.getAttribute("html", "dir"), "rtl");
    await send(ar, { email, password });
    await inside(ar);
    const [cookie] = await ar.context.cookies();
    assert.deepEqual([cookie?.name, cookie?.httpOnly, cookie?.sameSite], ["kesher_session", true, "Lax"]);
    const { json } = await callAs(api, `kesher_session=${cookie?.value}`)("GET", "/api/v1/session");
    assert.deepEqual([json.person.name, json.tenants.length], ["נועה", 2]);
    const expected = /status of 40[14]/;
    for (const { troubles, context } of [he, en, ar]) {
      assert.deepEqual(
        troubles.filter((trouble) => !expected.test(trouble)),
        [],
      );
      await context.close();
    }
  },
);
