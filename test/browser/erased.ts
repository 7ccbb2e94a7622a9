/** What an agent's browser keeps of a customer, and that an erasure takes it away there, too. */
import assert from "node:assert/strict";
import type { BrowserContext, Page } from "playwright-core";
import { until } from "../support/program.ts";
import { bubble, row } from "./journey.ts";
import { control, waitMs } from "./sandbox.ts";
import { wordsOf } from "./words.ts";

const dayMs = 24 * 3_600_000;
const say = wordsOf("he");

/** In an open thread, on the disk, in a browser that was closed meanwhile, and in one that was closed for longer than it reads what it missed. */
export async function expectErased(page: Page, context: BrowserContext, url: string): Promise<void> {
  const listed = async () =>
    (await (await context.request.get(`${url}/api/v1/conversations`)).json()) as {
      data: { contact: { id: string; profileName: string } | null }[];
    };
  const erase = async (name: string): Promise<void> => {
    const contacts = (await listed()).data.flatMap(({ contact }) => contact ?? []);
    const id = contacts.find(({ profileName }) => profileName === name)?.id ?? assert.fail(name);
    const asked = await context.request.post(`${url}/api/v1/contacts/${id}/erase`, { data: { confirm: id }, headers: { origin: url } });
    assert.equal(asked.status(), 202, await asked.text());
  };
  await control(page, "POST", "phones/972502030303/messages", { type: "text", name: "רותם", text: "פרטים של רותם" });
  await control(page, "POST", "phones/972502040404/messages", { type: "text", name: "יערה", text: "פרטים של יערה" });
  await page.evaluate("localStorage.setItem('kesher.locale', 'he')");
  await page.goto(`${url}/inbox/all`);
  await row(page, "יערה").click();
  await bubble(page, "פרטים של יערה").waitFor();
  await row(page, "רותם").click();
  await bubble(page, "פרטים של רותם").waitFor();
  await page.getByLabel(say("message_write")).fill("טיוטה לרותם");
  await until("the disk has it", waitMs, async () => /פרטים של רותם/.test(await kept(page)) && /טיוטה לרותם/.test(await kept(page)));
  await erase("רותם");
  await page.getByText(say("thread_erased")).waitFor();
  assert.equal(await row(page, "רותם").count(), 0);
  await until("the disk has nothing of the one", waitMs, async () => !(await kept(page)).includes("רותם"));

  // Under this address there is no script: the inbox is closed.
  await page.goto(`${url}/livez`);
  await erase("יערה");
  await until("the server has forgotten the other", waitMs, async () => !JSON.stringify(await listed()).includes("יערה"));
  assert.match(await kept(page), /פרטים של יערה/);
  await page.goto(`${url}/inbox/all`);
  await until("the disk has nothing of the other", waitMs, async () => !(await kept(page)).includes("יערה"));
  assert.equal(await row(page, "יערה").count(), 0);

  await page.goto(`${url}/livez`);
  await page.evaluate(putOld);
  assert.match(await kept(page), /מלפני יום/);
  await page.goto(`${url}/inbox/all`);
  await until("the disk has nothing of yesterday", waitMs, async () => !(await kept(page)).includes("מלפני יום"));
}

const end = `const end = (asked) => new Promise((resolve, reject) => { asked.onsuccess = () => resolve(asked.result); asked.onerror = () => reject(asked.error); });`;

/** All that the inbox has on this browser's disk. */
const kept = (page: Page): Promise<string> =>
  page.evaluate(`(async () => {
    ${end}
    const all = [];
    for (const { name } of await indexedDB.databases()) {
      const db = await end(indexedDB.open(name));
      for (const table of db.objectStoreNames) all.push(await end(db.transaction(table).objectStore(table).getAll()));
      db.close();
    }
    return JSON.stringify(all);
  })()`);

/** As if the inbox had been open a day ago for the last time. */
const putOld = `(async () => {
  ${end}
  const [{ name }] = await indexedDB.databases();
  const db = await end(indexedDB.open(name));
  const tx = db.transaction(["conversation", "list", "meta"], "readwrite");
  tx.objectStore("conversation").put({ id: "old", contact: null, lastMessagePreview: "מלפני יום" }, "old");
  tx.objectStore("list").put({ ids: ["old"], next: null, isStale: false }, '["all","","","",false]');
  tx.objectStore("meta").put({ seq: 1, savedAtMs: Date.now() - ${dayMs} }, "cursor");
  await new Promise((done) => { tx.oncomplete = done; });
  db.close();
})()`;
