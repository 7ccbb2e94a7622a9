/** The first people of a whole program: from the sandbox into the real world on the same data, without a default password. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "../src/contract/people.ts";
import { freePort, makeProgram, Program, until } from "./support/program.ts";

test("The sandbox's link signs in; in the real world its session is void, and a link on the console makes the first account, once", async (t) => {
  const sandbox = await makeProgram(t, { sandbox: "newcomer" });
  // How fast it starts is another test's matter (I12).
  sandbox.spawn();
  await sandbox.ready(startMsMax);
  const link = await said(sandbox, /Open this link once to sign in: (\S+)/);
  const opened = await fetch(link, { redirect: "manual" });
  const demo = opened.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const session = (url: string, cookie: string) => fetch(`${url}/api/v1/session`, { headers: { cookie } });
  const known = async (url: string, cookie: string) => (await (await session(url, cookie)).json()) as Session;
  const inSandbox = await known(sandbox.url, demo);
  assert.deepEqual([inSandbox.isOperator, inSandbox.role, inSandbox.isSandbox], [true, "owner", true]);
  assert.equal((await fetch(link, { redirect: "manual" })).status, 403);
  const unused = await fetch(`${sandbox.url}/auth/links`, {
    method: "POST",
    headers: own,
    body: JSON.stringify({ token: link.split("/").at(-1) }),
  });
  assert.equal(unused.status, 404);
  await stop(sandbox);

  const live = new Program(sandbox.dataDir, await freePort(), {});
  t.after(() => live.destroy());
  live.spawn();
  await live.ready(startMsMax);
  const accountLink = await said(live, /Make the first account.*: (\S+)/);
  assert.equal((await session(live.url, demo)).status, 401);
  const token = accountLink.split("#")[1];
  const body = JSON.stringify({
    token,
    name: "Noa",
    email: "noa@people.example",
    password: "correct horse battery",
    tenantName: "Flowers",
  });
  const make = () => fetch(`${live.url}/auth/first-account`, { method: "POST", headers: own, body });
  const made = await make();
  assert.equal(made.status, 204);
  assert.equal((await make()).status, 404);
  const cookie = made.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const first = await known(live.url, cookie);
  assert.deepEqual([first.isOperator, first.role, first.tenant?.name, first.isSandbox], [true, "owner", "Flowers", false]);
  assert.equal(
    (await fetch(`${live.url}/sign-in/${"A".repeat(43)}`, { redirect: "manual", headers: { cookie } })).headers.get("set-cookie"),
    null,
  );
});

const startMsMax = 120_000;
const own = { "sec-fetch-site": "same-origin", "content-type": "application/json" };

async function said(program: Program, words: RegExp): Promise<string> {
  await until("the console says it", 60_000, () => Promise.resolve(words.test(program.output)));
  return words.exec(program.output)?.[1] ?? "";
}

async function stop(program: Program): Promise<void> {
  program.signal("SIGTERM");
  await program.ended();
}
