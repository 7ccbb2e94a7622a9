import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { adminKey, seedWorld, startApi } from "./support/api.ts";
import { sampleOf, type Schema } from "./support/sample-json.ts";
import { signInLink } from "./support/signed-in.ts";

const api = await startApi({ after });
const [one, other] = [await api.tenant(), await api.tenant()];
const [own, foreign] = [await seedWorld(api, one.id), await seedWorld(api, other.id, { waId: "972509999999" })];

type Operation = {
  summary?: string;
  security?: unknown[];
  tags?: string[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
};
const description = await api.call("GET", "/openapi.json");
const operations = Object.entries(description.json.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const protectedOperations = operations.filter(({ path }) => path.startsWith("/api/v1/"));

/** A body that passes each route's schema. */
const bodyOf = (method: string, path: string): { body?: unknown } => {
  const schema = operations.find((each) => each.method === method && each.path === path)?.operation.requestBody?.content?.[
    "application/json"
  ]?.schema;
  return schema === undefined ? {} : { body: sampleOf(schema, { url: "https://example.com/", content: { type: "text", body: "x" } }) };
};

test("the description has every route of the design", () => {
  const described = operations.map(({ method, path }) => `${method} ${path}`);
  for (const wanted of [
    "POST tenants",
    "GET accounts",
    "POST connections",
    "GET contacts",
    "GET conversations",
    "GET conversations/{id}",
    "GET conversations/{id}/messages",
    "GET conversations/{id}/window",
    "GET messages",
    "GET messages/{id}",
    "GET messages/{id}/timeline",
    "POST messages",
    "POST messages/{id}/cancel",
    "POST messages/{id}/resend",
    "POST messages/{id}/mark-failed",
    "POST messages/{id}/read",
    "GET connections/{id}/sending",
    "PATCH connections/{id}/sending",
    "GET templates",
    "GET templates/{id}",
    "POST templates/{id}/preview",
    "POST templates/sync",
    "GET activity",
    "GET activity/stream",
    "GET parked",
    "POST parked/{id}/replay",
    "GET stats",
    "GET api-keys",
    "GET deliveries",
    "POST deliveries/{id}/replay",
    "POST deliveries/replay",
  ]) {
    const [method, path] = wanted.split(" ");
    assert.ok(described.includes(`${method} /api/v1/${path}`), wanted);
  }
});

test("no route of the API answers without a key, or with one that nobody has", async () => {
  for (const { method, path } of protectedOperations) {
    const url = path.replaceAll(/\{\w+\}/g, () => randomUUID());
    // Strangers are counted by the minute.
    api.clock.nowMs = (api.clock.nowMs ?? Date.now()) + limits.rateWindowMs + 1;
    for (const options of [
      {},
      { key: `ksh_${"0".repeat(32)}_${"A".repeat(43)}` },
      { key: "x" },
      { headers: { authorization: "Basic eDp5" } },
    ]) {
      const answer = await api.call(method, url, { ...options, ...bodyOf(method, path) });
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.json.code, "unauthorized");
      assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    }
  }
});

test("a tenant's key cannot do what is the operator's", async () => {
  for (const [method, path] of [
    ["POST", "/api/v1/tenants"],
    ["POST", "/api/v1/apps"],
    ["GET", "/api/v1/deliveries"],
    ["GET", "/api/v1/deliveries/{id}"],
    ["POST", "/api/v1/deliveries/{id}/replay"],
    ["POST", "/api/v1/deliveries/replay"],
  ] as const) {
    const answer = await api.call(method, path.replace("{id}", randomUUID()), { key: one.key, ...bodyOf(method, path) });
    assert.equal(answer.status, 403, `${method} ${path}`);
  }
});

test("a replay of parked updates reaches only the tenant's own", async () => {
  const answer = await api.call("POST", "/api/v1/parked/replay", {
    key: one.key,
    body: { from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" },
  });
  assert.deepEqual([answer.status, answer.json.replayed], [202, 1]);
  const { rows } = await api.platform.pool.query("select parked_id from webhook_pending where parked_id = any($1)", [
    [own.parkedId, foreign.parkedId],
  ]);
  assert.deepEqual(rows, [{ parked_id: own.parkedId }]);
});

test("the admin key reads as the tenant that it names, and must name one", async () => {
  const nameless = await api.call("GET", "/api/v1/conversations", { key: adminKey });
  assert.deepEqual([nameless.status, nameless.json.code], [400, "tenant_required"]);
  const named = await api.call("GET", `/api/v1/conversations?tenantId=${one.id}`, { key: adminKey });
  assert.deepEqual(
    named.json.data.map((conversation: { id: string }) => conversation.id),
    [own.conversationId],
  );
  const all = await api.call("GET", "/api/v1/parked", { key: adminKey });
  assert.equal(all.json.data.length, 2);
});

test("a key does no more than its scopes, and gives no more than it has", async () => {
  const make = async (scopes: string[]): Promise<string> =>
    (await api.call("POST", "/api/v1/api-keys", { key: one.key, body: { name: "k", scopes } })).json.apiKey;
  const [reader, sender, keeper] = [await make(["read"]), await make(["send"]), await make(["admin"])];
  assert.equal((await api.call("GET", "/api/v1/conversations", { key: reader })).status, 200);
  assert.equal((await api.call("GET", "/api/v1/conversations", { key: sender })).status, 403);
  assert.equal((await api.call("GET", "/api/v1/activity/stream", { key: sender })).status, 403);
  assert.equal((await api.call("PATCH", `/api/v1/tenants/${one.id}`, { key: reader, body: {} })).status, 403);
  assert.equal((await api.call("POST", `/api/v1/parked/${own.parkedId}/replay`, { key: reader })).status, 403);
  assert.equal((await api.call("GET", "/api/v1/api-keys", { key: reader })).status, 403);
  const excess = await api.call("POST", "/api/v1/api-keys", { key: keeper, body: { name: "k", scopes: ["send"] } });
  assert.deepEqual([excess.status, excess.json.code], [403, "forbidden"]);
});

test("a revoked key is refused at once, although it was in use a moment before", async () => {
  const { json } = await api.call("POST", "/api/v1/api-keys", { key: one.key, body: { name: "short", scopes: ["read"] } });
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 200);
  assert.equal((await api.call("DELETE", `/api/v1/api-keys/${json.id}`, { key: one.key })).status, 204);
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 401);
  assert.equal((await api.call("DELETE", `/api/v1/api-keys/${json.id}`, { key: one.key })).status, 204);
});

test("a key that another node revoked is refused once its memory is over", async () => {
  const { json } = await api.call("POST", "/api/v1/api-keys", { key: one.key, body: { name: "elsewhere", scopes: ["read"] } });
  const startMs = Date.now();
  api.clock.nowMs = startMs;
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 200);
  await revokeBehindTheApi(json.id);
  api.clock.nowMs = startMs + limits.apiKeyCacheMs + 1;
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 401);
  api.clock.nowMs = null;
  assert.ok(limits.apiKeyCacheMs <= 2_000);
});

test("an expired key is refused, and one that never lived is not made", async () => {
  const body = (expiresAt: string) => ({ name: "k", scopes: ["read"], expiresAt });
  assert.equal((await api.call("POST", "/api/v1/api-keys", { key: one.key, body: body("2020-01-01T00:00:00Z") })).status, 400);
  const { json } = await api.call("POST", "/api/v1/api-keys", { key: one.key, body: body(new Date(Date.now() + 3_600_000).toISOString()) });
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 200);
  await expireBehindTheApi(json.id);
  api.clock.nowMs = Date.now() + 10_000;
  assert.equal((await api.call("GET", "/api/v1/contacts", { key: json.apiKey })).status, 401);
  api.clock.nowMs = null;
});

test("secrets are stored as hashes and shown once", async () => {
  const listed = await api.call("GET", "/api/v1/api-keys", { key: one.key });
  assert.ok(!listed.text.includes("ksh_"));
  const { rows } = await api.platform.pool.query("select * from api_keys where tenant_id = $1", [one.id]);
  assert.ok(!JSON.stringify(rows).includes(one.key.slice(-43)));
});

test("a sign-in link works once, and its cookie writes only from our own page", async () => {
  const token = await signInLink(api, { tenantId: one.id, role: "owner", isOperator: true });
  const signedIn = await api.call("GET", `/sign-in/${token}`);
  assert.deepEqual([signedIn.status, signedIn.headers.get("location")], [303, "/"]);
  const setCookie = signedIn.headers.get("set-cookie") ?? "";
  assert.match(setCookie, /^kesher_session=[A-Za-z0-9_-]{43}; Max-Age=2592000; HttpOnly; SameSite=Lax; Path=\/$/);
  assert.equal((await api.call("GET", `/sign-in/${token}`)).status, 403);
  const cookie = setCookie.split(";")[0] ?? "";
  assert.equal((await api.call("GET", "/api/v1/conversations", { headers: { cookie } })).json.data.length, 1);
  assert.equal((await api.call("GET", "/api/v1/deliveries", { headers: { cookie } })).status, 200);
  const write = (headers: Record<string, string>) =>
    api.call("PATCH", `/api/v1/tenants/${one.id}`, { body: {}, headers: { cookie, ...headers } });
  assert.equal((await write({ "sec-fetch-site": "same-origin" })).status, 200);
  assert.equal((await write({ origin: api.url })).status, 200);
  for (const headers of [
    {},
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://evil.example" },
    { origin: "null" },
  ]) {
    assert.equal((await write(headers as Record<string, string>)).status, 403, JSON.stringify(headers));
  }
});

async function revokeBehindTheApi(id: string): Promise<void> {
  await asTenant(one.id, "update api_keys set revoked_at = now() where id = $1", [id]);
}

async function expireBehindTheApi(id: string): Promise<void> {
  const { pool } = api.open("owner");
  // No role may change it: time does.
  await pool.query("alter table api_keys disable row level security");
  await pool.query("update api_keys set expires_at = now() - interval '1 s' where id = $1", [id]);
  await pool.query("alter table api_keys enable row level security");
}

async function asTenant(tenantId: string, text: string, values: unknown[]): Promise<void> {
  const client = await api.app.pool.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
    await client.query(text, values);
    await client.query("commit");
  } finally {
    client.release();
  }
}
