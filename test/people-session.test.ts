/** Sessions of people: how they begin, what they open, and how each of their ends really ends them. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { after, afterEach, test } from "node:test";
import { createSessionCookie } from "../src/http/session.ts";
import { limits } from "../src/limits.ts";
import { createSessionCache } from "../src/people/session-cache.ts";
import { adminKey, startApi } from "./support/api.ts";
import { begin, callAs, cookieIn, join, makePerson, signedIn, signInLink } from "./support/signed-in.ts";

const api = await startApi({ after });
const [one, other] = [await api.tenant(), await api.tenant()];
afterEach(() => {
  api.clock.nowMs = null;
  api.people.sessions.forget();
});

const statusWith = async (cookie: string): Promise<number> => (await callAs(api, cookie)("GET", "/api/v1/session")).status;
const tokenOf = (cookie: string): string => cookie.split("=")[1] ?? "";

test("A session says who asks and what they may do; a key has no person", async () => {
  const agent = await signedIn(api, { tenantId: one.id, role: "agent" });
  const { json } = await agent.call("GET", "/api/v1/session");
  assert.deepEqual(json.person, { id: agent.id, name: `Person ${agent.email}`, email: agent.email });
  assert.deepEqual([json.role, json.scopes, json.isOperator, json.isSandbox], ["agent", ["read", "send"], false, true]);
  assert.deepEqual([json.tenant.id, json.tenant.locale, json.tenant.timeZone], [one.id, "he", "Asia/Jerusalem"]);
  assert.deepEqual(
    json.tenants.map(({ id, role }: { id: string; role: string }) => [id, role]),
    [[one.id, "agent"]],
  );
  const byKey = await api.call("GET", "/api/v1/session", { key: one.key });
  assert.deepEqual([byKey.json.person, byKey.json.role, byKey.json.tenant.id, byKey.json.tenants], [null, null, one.id, []]);
  assert.equal((await api.call("GET", "/api/v1/session")).status, 401);
});

test("A cookie that the browser brought to the sign-in is worth nothing after it, nor is one that an attacker chose", async () => {
  const chosen = `kesher_session=${randomBytes(32).toString("base64url")}`;
  const before = await signedIn(api, { tenantId: one.id });
  for (const cookie of [chosen, before.cookie]) {
    const link = await signInLink(api, { tenantId: one.id });
    const answer = await api.call("GET", `/sign-in/${link}`, { headers: { cookie } });
    const given = cookieIn(answer);
    assert.ok(given !== null && given !== cookie);
    assert.deepEqual([await statusWith(given), await statusWith(cookie)], [200, 401]);
  }
});

test("After sign-out the cookie opens nothing, in no spelling, and the browser is told to drop it", async () => {
  const { cookie, call } = await signedIn(api, { tenantId: one.id });
  assert.equal(await statusWith(cookie), 200);
  const out = await call("POST", "/auth/sign-out");
  assert.equal(out.status, 204);
  assert.match(out.headers.get("set-cookie") ?? "", /^kesher_session=; Max-Age=0; HttpOnly; SameSite=Lax; Path=\/$/);
  const token = tokenOf(cookie);
  for (const spelling of [token, `${token}=`, token.replaceAll("_", "/").replaceAll("-", "+"), encodeURIComponent(token), `"${token}"`]) {
    assert.equal(await statusWith(`kesher_session=${spelling}`), 401);
  }
  assert.equal((await call("POST", "/auth/sign-out")).status, 204);
});

test("With an https address the cookie has the prefix __Host- and is Secure; without one it is for this machine's own use", () => {
  const token = randomBytes(32).toString("base64url");
  const secure = createSessionCookie("https://kesher.example");
  const flags = `Max-Age=${limits.sessionMsMax / 1_000}; Secure; HttpOnly; SameSite=Lax; Path=/`;
  assert.equal(secure.set(token), `__Host-kesher_session=${token}; ${flags}`);
  assert.equal(secure.clear(), "__Host-kesher_session=; Max-Age=0; Secure; HttpOnly; SameSite=Lax; Path=/");
  assert.equal(secure.read(`kesher_session=${token}`), null, "a cookie that a neighbouring name may have planted");
  assert.equal(secure.read(`a=b; __Host-kesher_session=${token}; c`), token);
  for (const publicUrl of [null, "http://kesher.example"]) {
    assert.doesNotMatch(createSessionCookie(publicUrl).set(token), /Secure|__Host/);
  }
});

test("What the database holds of a session signs nobody in", async () => {
  const { cookie, id } = await signedIn(api, { tenantId: one.id });
  const { rows } = await api.people.auth.pool.query<Record<string, unknown>>("select * from auth.sessions where person_id = $1", [id]);
  const [row] = rows;
  assert.ok(row !== undefined && !JSON.stringify(row).includes(tokenOf(cookie)));
  assert.equal(row["token_sha256"], createHash("sha256").update(tokenOf(cookie)).digest("base64url"));
  for (const value of Object.values(row)) assert.equal(await statusWith(`kesher_session=${String(value)}`), 401);
});

test("A write with a cookie must come from our own page, and a read by another page's script or image is refused too", async () => {
  const { cookie } = await signedIn(api, { tenantId: one.id, role: "owner" });
  const sites = ["same-origin", "same-site", "cross-site", "none"];
  const origins = [undefined, api.url, "http://evil.example", "null", `${api.url}.evil.example`, api.url.replace("http:", "https:")];
  const writes: [string, string][] = [
    ["POST", "/api/v1/invitations"],
    ["PATCH", `/api/v1/tenants/${one.id}`],
    ["DELETE", `/api/v1/people/${one.id}`],
    ["POST", "/auth/sign-in"],
    ["POST", "/auth/sign-out"],
    ["POST", "/auth/invitations/accept"],
    ["POST", "/auth/oidc"],
  ];
  for (const [method, path] of writes) {
    for (const site of [undefined, ...sites]) {
      for (const origin of origins) {
        const headers = { cookie, ...(site === undefined ? {} : { "sec-fetch-site": site }), ...(origin === undefined ? {} : { origin }) };
        const isOwn =
          site === undefined ? origin !== undefined && URL.parse(origin)?.host === URL.parse(api.url)?.host : site === "same-origin";
        if (isOwn && path === "/auth/sign-out") continue;
        const { status, json } = await api.call(method, path, { headers, body: "{" });
        const wasRefused = status === 403 && json.detail.includes("own page");
        assert.equal(wasRefused, !isOwn, `${method} ${path} ${site} ${origin}: ${status}`);
      }
    }
  }
  // `fetch` sets sec-fetch-mode itself.
  const read = async (headers: Record<string, string>): Promise<number | undefined> => {
    const [answer] = await once(get(`${api.url}/api/v1/people`, { headers: { cookie, ...headers } }), "response");
    (answer as IncomingMessage).resume();
    return (answer as IncomingMessage).statusCode;
  };
  assert.equal(await read({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }), 403);
  assert.equal(await read({ "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }), 403);
  assert.equal(await read({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }), 200);
  assert.equal(await read({}), 200);
});

test("Only JSON is read as a body, so that no form of another page can be one", async () => {
  const { cookie } = await signedIn(api, { tenantId: one.id, role: "owner" });
  const { tenantId } = { tenantId: one.id };
  for (const type of [
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "text/json",
  ]) {
    const headers = { cookie, "sec-fetch-site": "same-origin", "content-type": type };
    const answer = await api.call("POST", "/api/v1/session/tenant", { headers, body: JSON.stringify({ tenantId }) });
    assert.equal(answer.status, 415, type);
  }
});

test("A session ends when it was idle for too long, and in any case after its longest time", async () => {
  const beganMs = Date.now();
  api.clock.nowMs = beganMs;
  const { cookie } = await signedIn(api, { tenantId: one.id });
  const statusAt = (atMs: number): Promise<number> => {
    api.clock.nowMs = atMs;
    return statusWith(cookie);
  };
  let lastMs = beganMs;
  // Used again and again just before the idle end.
  for (; lastMs + limits.sessionIdleMsMax < beganMs + limits.sessionMsMax; lastMs += limits.sessionIdleMsMax - limits.sessionSeenMs) {
    assert.equal(await statusAt(lastMs), 200);
  }
  assert.equal(await statusAt(lastMs), 200);
  assert.equal(await statusAt(beganMs + limits.sessionMsMax - 1), 200);
  assert.equal(await statusAt(beganMs + limits.sessionMsMax), 401);
  api.clock.nowMs = beganMs;
  const idle = await signedIn(api, { tenantId: one.id });
  api.clock.nowMs = beganMs + limits.sessionIdleMsMax - 1;
  const { pool } = api.people.auth;
  const seen = async (): Promise<Date> =>
    (await pool.query<{ at: string }>("select updated_at::text as at from auth.sessions where person_id = $1", [idle.id])).rows.map(
      ({ at }) => new Date(at),
    )[0] ?? new Date(0);
  assert.equal((await seen()).getTime(), beganMs);
  api.clock.nowMs = beganMs + limits.sessionSeenMs - 1;
  assert.equal(await statusWith(idle.cookie), 200);
  assert.equal((await seen()).getTime(), beganMs, "the use is noted at most once a minute");
  api.people.sessions.forget();
  api.clock.nowMs = beganMs + limits.sessionIdleMsMax;
  assert.equal(await statusWith(idle.cookie), 401);
});

test("One's own sessions are listed and ended one by one, and nobody else's", async () => {
  const agent = await signedIn(api, { tenantId: one.id });
  const [second, stranger] = [await begin(api, agent.id), await signedIn(api, { tenantId: one.id, role: "owner" })];
  const listed = (await agent.call("GET", "/api/v1/sessions")).json.data;
  assert.equal(listed.length, 2);
  assert.ok(
    listed.every((each: { ip: string; expiresAt: string }) => each.ip.endsWith("127.0.0.1") && each.expiresAt > new Date().toISOString()),
  );
  assert.ok(!JSON.stringify(listed).includes(tokenOf(agent.cookie)));
  const theirs = listed.find((each: { isCurrent: boolean }) => !each.isCurrent);
  assert.equal((await stranger.call("DELETE", `/api/v1/sessions/${theirs.id}`)).status, 404);
  assert.equal(await statusWith(second.cookie), 200);
  assert.equal((await agent.call("DELETE", `/api/v1/sessions/${theirs.id}`)).status, 204);
  assert.deepEqual([await statusWith(second.cookie), await statusWith(agent.cookie)], [401, 200]);
  assert.equal((await agent.call("DELETE", `/api/v1/sessions/${theirs.id}`)).status, 404);
  assert.equal((await api.call("GET", "/api/v1/sessions", { key: one.key })).status, 403);
});

test("A person has so many sessions at a time; the one that was unused for longest makes room", async () => {
  const { id } = await makePerson(api, { tenantId: one.id });
  const begun: string[] = [];
  for (let count = 0; count <= limits.sessionsPerPersonMax; count += 1) {
    api.clock.nowMs = Date.now() + count;
    begun.push((await begin(api, id)).cookie);
  }
  api.clock.nowMs = null;
  assert.equal(await statusWith(begun[0] ?? ""), 401);
  assert.equal(await statusWith(begun[1] ?? ""), 200);
  assert.equal(await statusWith(begun.at(-1) ?? ""), 200);
});

test("Sessions that were looked up are remembered for a moment, in bounded number, and never past a change on this node", async () => {
  const { cookie, id } = await signedIn(api, { tenantId: one.id });
  let nowMs = Date.now();
  const cache = createSessionCache(api.people.auth, () => nowMs);
  const token = tokenOf(cookie);
  assert.equal((await cache.find(token))?.person.id, id);
  await api.people.auth.pool.query("delete from auth.sessions where person_id = $1", [id]);
  nowMs += limits.sessionCacheMs - 1;
  assert.equal((await cache.find(token))?.person.id, id);
  nowMs += 1;
  assert.equal(await cache.find(token), null);
  assert.ok(limits.sessionCacheMs + limits.streamAuthorizeMs < 30_000);

  const many = await makePerson(api, { tenantId: one.id });
  const tokens = Array.from({ length: limits.sessionCacheMax + 1 }, () => randomBytes(32).toString("base64url"));
  await api.people.auth.pool.query(
    `insert into auth.sessions (id, person_id, token_sha256, expires_at, created_at, updated_at)
     select gen_random_uuid(), $1, t, now() + interval '1 day', now(), now() from unnest($2::text[]) t`,
    [many.id, tokens.map((each) => createHash("sha256").update(each).digest("base64url"))],
  );
  // Looked up at once they would come in any order.
  await cache.find(tokens[0] ?? "");
  await Promise.all(tokens.slice(1).map((each) => cache.find(each)));
  await api.people.auth.pool.query("delete from auth.sessions where person_id = $1", [many.id]);
  assert.equal(await cache.find(tokens[0] ?? ""), null, "the oldest made room");
  assert.ok((await cache.find(tokens.at(-1) ?? "")) !== null);
  cache.forget();
  assert.equal(await cache.find(tokens.at(-1) ?? ""), null);
});

test("A person of several tenants asks in the one that the request names, else in the active one, and never in another", async () => {
  const third = await api.tenant();
  const person = await signedIn(api, { tenantId: one.id, role: "viewer" });
  await join(api, person.id, other.id, "admin");
  const session = async (query = "") => (await person.call("GET", `/api/v1/session${query}`)).json;
  assert.deepEqual([(await session()).tenant.id, (await session()).role], [one.id, "viewer"]);
  const named = await session(`?tenantId=${other.id}`);
  assert.deepEqual([named.tenant.id, named.role, named.scopes.includes("admin")], [other.id, "admin", true]);
  assert.equal((await person.call("GET", "/api/v1/invitations")).status, 403);
  assert.equal((await person.call("GET", `/api/v1/invitations?tenantId=${other.id.toUpperCase()}`)).status, 200);
  assert.equal((await person.call("GET", `/api/v1/people?tenantId=${third.id}`)).status, 404);
  assert.equal((await person.call("POST", "/api/v1/session/tenant", { tenantId: third.id })).status, 404);
  assert.equal((await person.call("POST", "/api/v1/session/tenant", { tenantId: other.id })).status, 204);
  assert.deepEqual([(await session()).tenant.id, (await session()).role], [other.id, "admin"]);
  assert.equal((await person.call("GET", "/api/v1/invitations")).status, 200);
});

test(
  "Sign-out, an ended session, a changed role, removal and the end of the tenant end open streams within 30 s; others stay open",
  { timeout: 60_000 },
  async (t) => {
    const abort = new AbortController();
    t.after(() => abort.abort());
    const closing = await api.tenant();
    const owner = await signedIn(api, { tenantId: one.id, role: "owner" });
    const inTenant = (tenantId: string) => signedIn(api, { tenantId, role: "agent" });
    const [out, ended, changed, removed, stays] = [
      await inTenant(one.id),
      await inTenant(one.id),
      await inTenant(one.id),
      await inTenant(one.id),
      await inTenant(one.id),
    ];
    const [ofClosed, elsewhere] = [await inTenant(closing.id), await inTenant(other.id)];
    await join(api, elsewhere.id, one.id, "agent");
    const open = async (cookie: string, query = ""): Promise<{ ended: Promise<unknown> }> => {
      const headers = { cookie, "sec-fetch-site": "same-origin" };
      const answer = await fetch(`${api.url}/api/v1/activity/stream${query}`, { headers, signal: abort.signal });
      assert.equal(answer.status, 200);
      return { ended: answer.text().catch(() => assert.fail("cut off")) };
    };
    const streams = await Promise.all([
      open(out.cookie),
      open(ended.cookie),
      open(changed.cookie),
      open(removed.cookie),
      open(ofClosed.cookie),
      // Signed in at another tenant, reading this one.
      open(elsewhere.cookie, `?tenantId=${one.id}`),
    ]);
    const staying = await open(stays.cookie);
    let isOpen = true;
    void staying.ended.then(
      () => (isOpen = false),
      () => undefined,
    );
    const sessionId = (await ended.call("GET", "/api/v1/sessions")).json.data[0].id;
    const beganMs = performance.now();
    const done = await Promise.all([
      out.call("POST", "/auth/sign-out"),
      ended.call("DELETE", `/api/v1/sessions/${sessionId}`),
      owner.call("PATCH", `/api/v1/people/${changed.id}`, { role: "viewer" }),
      owner.call("DELETE", `/api/v1/people/${removed.id}`),
      api.call("DELETE", `/api/v1/tenants/${closing.id}`, { key: adminKey }),
      owner.call("PATCH", `/api/v1/people/${elsewhere.id}`, { role: "viewer" }),
    ]);
    assert.deepEqual(
      done.map(({ status }) => status),
      [204, 204, 200, 204, 204, 200],
    );
    await Promise.all(streams.map((stream) => stream.ended));
    assert.ok(performance.now() - beganMs < 30_000);
    assert.equal(isOpen, true);
    assert.deepEqual(await Promise.all([out, ended, changed, removed].map(({ cookie }) => statusWith(cookie))), [401, 401, 401, 401]);
    const { json } = await elsewhere.call("GET", "/api/v1/session");
    assert.equal(json.tenant.id, other.id, "the session at the other tenant goes on");
    assert.deepEqual((await ofClosed.call("GET", "/api/v1/session")).json.tenants, []);
    assert.equal((await ofClosed.call("GET", "/api/v1/conversations")).status, 403);
  },
);
