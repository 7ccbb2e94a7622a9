/** How often a key, a person and the operator may ask, and what strangers with wrong keys get. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FastifyRequest } from "fastify";
import { addressGroup, counted } from "../src/core/rate-window.ts";
import { Rejection } from "../src/core/rejection.ts";
import type { Principal } from "../src/http/authenticate.ts";
import { limitRates } from "../src/http/rate-limits.ts";
import { createStreams, type Streams } from "../src/http/stream.ts";
import { createWebNode } from "../src/http/web-node.ts";
import { limits } from "../src/limits.ts";
import { createHub } from "../src/services/activity/hub.ts";
import { adminKey, seedWorld, startApi, type Answer } from "./support/api.ts";
import { holdTime } from "./support/held-time.ts";

const api = await startApi({ after });
const tenant = await api.tenant();
const get = (key: string, path = "/api/v1/conversations"): Promise<Answer> => api.call("GET", path, { key });
const nobody = `ksh_${"0".repeat(32)}_${"A".repeat(43)}`;

test("a key that asks more often than it may is told so with the usual headers, and no other key waits for it", async (t) => {
  t.after(() => void (api.clock.nowMs = null));
  api.clock.nowMs = Date.now();
  const { id, apiKey } = await makeKey({ requestsPerMinute: 5 });
  for (let nth = 1; nth <= 5; nth += 1) {
    const { status, headers } = await get(apiKey);
    assert.equal(status, 200);
    assert.deepEqual(ratesIn(headers), ['"key";q=5;w=60', `"key";r=${5 - nth};t=60`, "5", String(5 - nth), "60"]);
  }
  api.clock.nowMs += 19_500;
  const refused = await get(apiKey);
  assert.deepEqual([refused.status, refused.json.code, refused.json.retryAfterSeconds], [429, "rate_limited", 41]);
  assert.equal(refused.headers.get("retry-after"), "41");
  assert.deepEqual(ratesIn(refused.headers), ['"key";q=5;w=60', '"key";r=0;t=41', "5", "0", "41"]);
  assert.match(refused.headers.get("content-type") ?? "", /problem\+json/);
  assert.equal((await get(tenant.key)).status, 200);
  // What the key may not do costs it as much as what it may.
  assert.equal((await api.call("GET", "/api/v1/api-keys", { key: apiKey })).status, 429);

  assert.equal((await api.call("PATCH", `/api/v1/api-keys/${id}`, { key: tenant.key, body: { requestsPerMinute: 9 } })).status, 200);
  assert.equal((await get(apiKey)).headers.get("ratelimit"), '"key";r=1;t=41');
  api.clock.nowMs += 41_000;
  assert.equal((await get(apiKey)).headers.get("ratelimit"), '"key";r=8;t=60');
});

test("the routes in Meta's shape answer a caller that asks too often as Meta does", async () => {
  const world = await seedWorld(api, tenant.id);
  const { phoneNumberId } = (await get(tenant.key, `/api/v1/connections/${world.connectionId}`)).json;
  const { apiKey } = await makeKey({ requestsPerMinute: 1, scopes: ["send"] });
  await get(apiKey);
  const { status, json, headers } = await api.call("POST", `/v26.0/${phoneNumberId}/messages`, { key: apiKey, body: {} });
  assert.deepEqual([status, json.error.code, json.error.is_transient, json.error.type], [429, 80_007, true, "OAuthException"]);
  assert.ok(Number(headers.get("retry-after")) > 0);
});

test("wrong keys of an address get to wait for its minute, and lock out nobody: keys that are right work from there, and the webhook too", async (t) => {
  t.after(() => void (api.clock.nowMs = null));
  api.clock.nowMs = Date.now() + 3_600_000;
  const [known, unproven] = [await makeKey({}), await makeKey({})];
  assert.equal((await get(known.apiKey)).status, 200);
  for (let nth = 0; nth < limits.failedAuthPerMinuteMax; nth += 1) assert.equal((await get(nobody)).status, 401);
  const refused = await get(nobody);
  assert.deepEqual([refused.status, refused.json.code, refused.headers.get("retry-after")], [429, "rate_limited", "60"]);
  assert.equal((await get(`x${adminKey}`)).status, 429);
  assert.equal((await get(unproven.apiKey)).status, 200, "a key that was never seen before");
  assert.equal((await get(adminKey, "/api/v1/tenants")).status, 200);
  assert.equal((await get(known.apiKey)).status, 200);
  assert.equal((await api.call("DELETE", `/api/v1/api-keys/${known.id}`, { key: tenant.key })).status, 204);
  assert.deepEqual(
    [(await get(known.apiKey)).status, (await get(known.apiKey)).status],
    [401, 429],
    "what is revoked is as unknown as any",
  );
  assert.equal((await api.call("GET", "/api/v1/conversations")).status, 401, "no key is no guess");
  const webhook = await api.call("POST", "/webhook/whatsapp", { body: "{}", headers: { authorization: `Bearer ${nobody}` } });
  assert.deepEqual([webhook.status, webhook.headers.get("ratelimit")], [200, null]);
  for (const path of ["/livez", "/openapi.json"]) assert.equal((await api.call("GET", path)).headers.get("ratelimit"), null);
  api.clock.nowMs += limits.rateWindowMs;
  assert.equal((await get(nobody)).status, 401);
});

test("what a key for one connection may not reach costs it as much as what it may", async () => {
  const { connectionId } = await seedWorld(api, tenant.id);
  const { apiKey } = await makeKey({ connectionId, requestsPerMinute: 2 });
  for (const expected of [403, 403, 429]) assert.equal((await get(apiKey, "/api/v1/accounts")).status, expected);
});

test("each caller has its own count up to its kind's limit, over any number of credentials, and what is remembered is bounded", async () => {
  let nowMs = 1_000;
  let principal = principalOf("person", "p", undefined);
  const limited = limitRates(
    () => Promise.resolve(principal),
    () => nowMs,
  );
  const ask = async (authorization: string, ip = "192.0.2.1"): Promise<boolean> => {
    const request = { headers: { authorization }, ip, rate: null } as unknown as FastifyRequest;
    const [result] = await Promise.allSettled([limited(request)]);
    if (result?.status === "rejected") assert.ok(result.reason instanceof Rejection && result.reason.code === "rate_limited");
    return result?.status === "fulfilled";
  };
  const kinds = [
    ["person", limits.sessionRequestsPerMinuteMax],
    ["operator", limits.operatorRequestsPerMinuteMax],
    ["api_key", limits.keyRequestsPerMinuteDefault],
  ] as const;
  for (const [kind, max] of kinds) {
    principal = principalOf(kind, `of ${kind}`, undefined);
    for (let nth = 0; nth < max; nth += 1) assert.ok(await ask(`credential ${nth % 3}`), `${kind} ${nth}`);
    assert.ok(!(await ask("credential 1")), kind);
  }
  principal = principalOf("person", "another", undefined);
  assert.ok(await ask("credential 1"));

  // Full: the oldest count makes room, and its caller begins anew.
  principal = principalOf("api_key", "first", 1);
  assert.ok((await ask("a")) && !(await ask("a")));
  for (let index = 0; index < limits.rateKeysMax * 2; index += 1) {
    principal = principalOf("api_key", `filler ${index}`, 1);
    await ask("a");
  }
  principal = principalOf("api_key", "first", 1);
  assert.ok(await ask("a"));
  nowMs += limits.rateWindowMs;
  assert.ok(await ask("a"));
});

test("from an address with many failures so many strangers are looked up at a time and so many wait; who worked lately passes them", async () => {
  for (const [others, expected] of [
    [limits.knownCredentialsMax - 1, "ok"],
    [limits.knownCredentialsMax * 2, "rate_limited"],
  ] as const) {
    const { promise: held, resolve: release } = Promise.withResolvers<Principal>();
    let lookedUp = 0;
    const limited = limitRates(
      ({ headers: { authorization = "" } }) => {
        if (authorization === "wrong") return Promise.reject(new Rejection("unauthorized", 401, "no"));
        if (!authorization.startsWith("slow")) return Promise.resolve(principalOf("api_key", authorization, 1_000));
        lookedUp += 1;
        return held;
      },
      () => 1_000,
    );
    const ask = async (authorization: string, ip = "::1"): Promise<string> => {
      const [result] = await Promise.allSettled([limited({ headers: { authorization }, ip, rate: null } as unknown as FastifyRequest)]);
      return result?.status === "fulfilled" ? "ok" : result?.reason instanceof Rejection ? result.reason.code : "broken";
    };
    assert.equal(await ask("first"), "ok");
    for (let index = 0; index < others; index += 1) await ask(`other ${index}`);
    for (let index = 0; index < limits.failedAuthPerMinuteMax; index += 1) assert.equal(await ask("wrong"), "unauthorized");
    const most = limits.strangerLookUpsMax + limits.strangersWaitingMax;
    const waiting = Array.from({ length: most }, (_, index) => ask(`slow ${index}`));
    assert.equal(await ask("wrong"), "rate_limited", "one too many");
    assert.equal(lookedUp, limits.strangerLookUpsMax);
    assert.equal(await ask("first"), expected);
    assert.equal(await ask("newcomer", "192.0.2.1"), "ok", "another address has nothing to do with it");
    release(principalOf("api_key", "slow", 1_000));
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["ok"]));
  }
});

test("the operator sets a tenant's quotas and everybody of it reads its use; what is above them is refused with when it may go on", async (t) => {
  t.after(() => void (api.clock.nowMs = null));
  // Of one day, also at midnight.
  const nowMs = (api.clock.nowMs = Date.now());
  const { id, key } = await api.tenant();
  const world = await seedWorld(api, id);
  const quotas = { sendsPerDay: 1, openStreams: 1 };
  assert.equal((await api.call("PATCH", `/api/v1/tenants/${id}`, { key, body: { quotas } })).status, 403);
  assert.equal((await api.call("PATCH", `/api/v1/tenants/${id}`, { key: adminKey, body: { quotas: { sendsPerDay: -1 } } })).status, 400);
  assert.equal(
    (await api.call("PATCH", `/api/v1/tenants/${id}`, { key: adminKey, body: { quotas: { sendsPerDay: limits.sendsPerDayMax + 1 } } }))
      .status,
    400,
  );
  assert.equal(
    (await api.call("PATCH", `/api/v1/tenants/${id}`, { key: adminKey, body: { quotas: { sendsPerDay: limits.sendsPerDayMax } } })).status,
    200,
  );
  assert.equal(
    (await api.call("PATCH", `/api/v1/tenants/${id}`, { key: adminKey, body: { name: "Renamed", quotas } })).json.name,
    "Renamed",
  );
  const send = (headers = {}) =>
    api.call("POST", "/api/v1/messages", {
      key,
      headers,
      body: { conversationId: world.conversationId, content: { type: "text", body: "x" } },
    });
  assert.equal((await send()).status, 201);
  const refused = await send();
  assert.deepEqual([refused.status, refused.json.code], [429, "quota_exceeded"]);
  assert.equal(refused.headers.get("retry-after"), String(refused.json.retryAfterSeconds));
  assert.ok(Date.parse(refused.json.resetsAt) > nowMs);
  const { phoneNumberId } = (await get(key, `/api/v1/connections/${world.connectionId}`)).json;
  const body = { messaging_product: "whatsapp", to: "972501234567", type: "text", text: { body: "hi" } };
  const graph = await api.call("POST", `/v26.0/${phoneNumberId}/messages`, { key, body });
  assert.deepEqual([graph.status, graph.json.error.code], [429, 80_007]);

  const abort = new AbortController();
  const open = () => fetch(`${api.url}/api/v1/activity/stream`, { headers: { authorization: `Bearer ${key}` }, signal: abort.signal });
  // Held until the end: the body of an answer that nobody holds is cancelled with the next collection of garbage.
  const first = await open();
  assert.equal(first.status, 200);
  const second = await open();
  assert.deepEqual([second.status, ((await second.json()) as { code: string }).code], [429, "quota_exceeded"]);
  const { sends, streams } = (await get(key, "/api/v1/usage")).json;
  assert.deepEqual([sends.today, sends.quota, streams], [1, 1, { open: 1, quota: 1 }]);
  abort.abort();
  await assert.rejects(first.text(), { name: "AbortError" });
});

test("a window ends after its time, also when the clock is set back; addresses of one IPv6 network count as one", () => {
  const first = counted(undefined, 1_000, 60_000);
  assert.deepEqual(first, { count: 1, endsAtMs: 61_000 });
  assert.deepEqual(counted(first, 60_999, 60_000), { count: 2, endsAtMs: 61_000 });
  assert.deepEqual(counted(first, 61_000, 60_000), { count: 1, endsAtMs: 121_000 });
  assert.deepEqual(counted(first, -5_000, 60_000), { count: 1, endsAtMs: 55_000 });
  const groups: readonly [string, string][] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
    ["2001:db8:0:1::9", "2001:db8:0:1::/64"],
    ["2001:DB8::", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ];
  for (const [ip, group] of groups) assert.equal(addressGroup(ip), group);
});

function failWith(error: unknown): never {
  assert.fail(String(error));
}

function principalOf(kind: Principal["actor"]["kind"], id: string, requestsPerMinute: number | undefined): Principal {
  return {
    isPlatform: false,
    tenant: null,
    scopes: new Set(),
    connectionId: null,
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    actor: { kind, id, name: id, ip: null, requestId: null },
    isStillValid: () => Promise.resolve(true),
  };
}

async function makeKey(wanted: {
  requestsPerMinute?: number;
  scopes?: string[];
  connectionId?: string;
}): Promise<{ id: string; apiKey: string }> {
  const { json, text, status } = await api.call("POST", "/api/v1/api-keys", {
    key: tenant.key,
    body: { name: "a key", scopes: ["read"], ...wanted },
  });
  assert.equal(status, 201, text);
  return json as { id: string; apiKey: string };
}

function ratesIn(headers: Headers): (string | null)[] {
  return ["ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"].map((name) =>
    headers.get(name),
  );
}

test("over two nodes a key gets its rate once, and a tenant its quota of streams, whatever is opened at the same moment; a node that falls silent or stops gives its places back", async () => {
  const clock = { nowMs: Date.now() };
  const nodes = [0, 1].map(() => {
    const open = { count: 0 };
    const own = createWebNode({ platform: api.platform, openOf: () => open.count, nowMs: () => clock.nowMs, onError: failWith });
    const actor = { kind: "api_key", id: "one", name: "key", ip: null, requestId: null } as const;
    const principal: Principal = { ...principalOf("api_key", "one", 10), actor };
    const limited = limitRates(
      () => Promise.resolve(principal),
      () => clock.nowMs,
      own,
    );
    const ask = async (): Promise<number> => {
      const request = { headers: { authorization: "Bearer one" }, ip: "127.0.0.1", rate: null } as unknown as FastifyRequest;
      return limited(request).then(
        () => request.rate?.remaining ?? Number.NaN,
        (error: unknown) => (error instanceof Rejection && error.code === "rate_limited" ? -1 : assert.fail(String(error))),
      );
    };
    const take = async (): Promise<boolean> => {
      open.count += 1;
      const isTaken = await own.takeStream(tenant.id, 5);
      if (!isTaken) open.count -= 1;
      return isTaken;
    };
    return { own, open, ask, take };
  });
  const [first, second] = nodes;
  assert.ok(first !== undefined && second !== undefined);
  for (let nth = 0; nth < 6; nth += 1) await first.ask();
  await first.own.beat();
  await second.own.beat();
  assert.deepEqual([await second.ask(), await second.ask(), await second.ask(), await second.ask(), await second.ask()], [3, 2, 1, 0, -1]);
  await second.own.beat();
  await first.own.beat();
  assert.equal(await first.ask(), -1);
  clock.nowMs += limits.rateWindowMs;
  assert.equal(await first.ask(), 9, "what was told of a window that is over does not count");

  const taken = await Promise.all(Array.from({ length: 12 }, (_, nth) => (nth % 2 === 0 ? first : second).take()));
  assert.equal(taken.filter(Boolean).length, 5);
  assert.equal(first.open.count + (await first.own.streamsElsewhere(tenant.id)), 5);
  for (const { own, open } of nodes) {
    open.count = 0;
    own.streamsChanged(tenant.id);
    await own.beat();
  }
  for (const node of [first, first, first, second, second]) assert.ok(await node.take());
  // One ends on the first; the second may have its place from the next beat on.
  first.open.count -= 1;
  first.own.streamsChanged(tenant.id);
  await first.own.beat();
  assert.deepEqual([await second.take(), await second.take()], [true, false]);
  // The database forgot them, in a crash for example: they are told anew, also where a stream of somebody else comes before the next beat.
  const owner = await api.session("superuser");
  const other = await api.tenant();
  for (const comesFirst of [() => Promise.resolve(true), () => first.own.takeStream(other.id, 100)]) {
    await owner.query("truncate web_nodes, web_streams");
    assert.ok(await comesFirst());
    for (const { own } of [...nodes, ...nodes]) await own.beat();
    assert.deepEqual([await first.take(), await second.take()], [false, false]);
  }
  // The second falls silent.
  await owner.query("update web_nodes set alive_until = now() - interval '1 second'");
  await first.own.beat();
  assert.equal(await first.take(), true);
  await first.own.stop();
  assert.equal(await second.own.streamsElsewhere(tenant.id), 0);
  await second.own.stop();
});

test("a stream whose place is found while the program stops is not opened, since nobody would end it", async () => {
  const owner = await api.session("superuser");
  const node = createWebNode({ platform: api.platform, openOf: (id) => streams.openOf(id), nowMs: Date.now, onError: failWith });
  const hub = createHub({ app: api.platform, platform: api.platform, onError: failWith });
  const streams: Streams = createStreams({ app: api.platform, hub, onError: failWith, node });
  const lock = [tenant.id];
  await owner.query("select pg_advisory_lock(hashtextextended('streams:' || $1::text, 0))", lock);
  const reserving = streams.reserve(tenant.id, 5);
  await streams.close();
  await owner.query("select pg_advisory_unlock(hashtextextended('streams:' || $1::text, 0))", lock);
  assert.deepEqual([(await reserving)?.code, streams.openOf(tenant.id)], ["unavailable", 0]);
  await node.stop();
});

test("a node tells of itself once in a beat, of the most frequent callers and so many tenants at a time, counts for so long, and does not wait long to leave", async (t) => {
  const owner = await api.session("superuser");
  const rows = async <Row>(text: string): Promise<Row[]> => (await owner.query<Row & object>(text)).rows;
  await rows(
    `insert into tenants (id, name, slug) select gen_random_uuid(), 'n', 'node-' || n from generate_series(0, ${limits.webNodeStreamsToldMax}) n`,
  );
  const make = () => createWebNode({ platform: api.platform, openOf: () => 1, nowMs: () => Date.now(), onError: failWith });
  const [first, second] = [make(), make()];
  const endsAtMs = Date.now() + limits.rateWindowMs;
  const [{ began } = { began: "" }] = await rows<{ began: string }>("select now()::text as began");
  // From here on by our hand: no beat of its own comes between what follows.
  const time = holdTime(t);
  first.exchange("known", { count: 1, endsAtMs });
  first.start();
  time.pass(limits.webNodeBeatMs - 1);
  time.pass(1);
  const told = `select from web_nodes where rates ? 'known' and alive_until > '${began}'::timestamptz + interval '${limits.webNodeAliveMs} ms'`;
  while ((await rows(told)).length === 0);
  assert.deepEqual(await rows(`select from web_nodes where alive_until > now() + interval '${limits.webNodeAliveMs} ms'`), []);

  first.exchange("rare", { count: 1, endsAtMs });
  for (let nth = 0; nth < limits.webNodeRatesMax; nth += 1) first.exchange(`caller ${nth}`, { count: 2, endsAtMs });
  await second.beat();
  for (const { id } of await rows<{ id: string }>("select id from tenants where slug like 'node-%'")) first.streamsChanged(id);
  await first.beat();
  await second.beat();
  const asked = (caller: string): number => second.exchange(caller, { count: 1, endsAtMs });
  assert.deepEqual([asked("rare"), asked("caller 0"), asked(`caller ${limits.webNodeRatesMax - 1}`)], [0, 2, 2]);
  const streams = "select from web_streams s join tenants t on t.id = s.tenant_id where t.slug like 'node-%'";
  assert.equal((await rows(streams)).length, limits.webNodeStreamsToldMax);
  await first.beat();
  assert.equal((await rows(streams)).length, limits.webNodeStreamsToldMax + 1);

  await rows("begin");
  await rows("lock table web_nodes");
  let isStopped = false;
  const stopped = second.stop().then(() => void (isStopped = true));
  time.pass(limits.webNodeLeaveMsMax - 1);
  await Promise.resolve();
  assert.ok(!isStopped);
  time.pass(1);
  await stopped;
  await rows("rollback");
  await first.stop();
});
