import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { newId } from "../src/db/new-id.ts";
import { adminKey, startApi } from "./support/api.ts";

const api = await startApi({ after });

test("the same slug again gives the same id and no second secret", async () => {
  const body = { name: "Café", slug: "cafe", locale: "he", timeZone: "Asia/Jerusalem" };
  const first = await api.call("POST", "/api/v1/tenants", { key: adminKey, body });
  const second = await api.call("POST", "/api/v1/tenants", { key: adminKey, body });
  assert.equal(first.status, 201);
  assert.match(first.json.apiKey, /^ksh_[0-9a-f]{32}_[A-Za-z0-9_-]{49}$/);
  assert.equal(second.status, 200);
  assert.deepEqual(second.json, { id: first.json.id });
  const own = await api.call("GET", `/api/v1/tenants/${first.json.id}`, { key: first.json.apiKey });
  assert.equal(own.json.autoReplyInterval, 86_400);
  assert.deepEqual(own.json.supportedTypes, ["text", "image"]);
});

test("a tenant's settings change only where the request says so", async () => {
  const { id, key } = await api.tenant();
  const changed = await api.call("PATCH", `/api/v1/tenants/${id}`, { key, body: { autoReplyEnabled: false, supportedTypes: ["text"] } });
  assert.equal(changed.status, 200);
  assert.equal(changed.json.autoReplyEnabled, false);
  assert.deepEqual(changed.json.supportedTypes, ["text"]);
  assert.equal(changed.json.locale, "he");
  const wrong = await api.call("PATCH", `/api/v1/tenants/${id}`, { key, body: { timeZone: "Mars/Olympus" } });
  assert.equal(wrong.status, 400);
  assert.match(wrong.json.detail, /timeZone/);
});

test("a connection is made once, keeps its id, takes the new token, and is refused to another tenant", async () => {
  const [one, other] = [await api.tenant(), await api.tenant()];
  const body = { tenantId: one.id, wabaId: "w1", phoneNumberId: "p1", displayPhoneNumber: "+1 555", accessToken: "first" };
  const first = await api.call("POST", "/api/v1/connections", { key: adminKey, body });
  assert.equal(first.status, 201);
  assert.equal(first.json.verification.checked, false);
  const again = await api.call("POST", "/api/v1/connections", { key: adminKey, body: { ...body, accessToken: "second" } });
  assert.equal(again.status, 200);
  assert.equal(again.json.id, first.json.id);
  const { rows } = await api.platform.pool.query("select access_token from whatsapp_connections where id = $1", [first.json.id]);
  const sealed = JSON.parse(rows[0].access_token.toString());
  assert.deepEqual(sealed, {
    table: "whatsapp_connections",
    column: "access_token",
    tenantId: one.id,
    rowId: first.json.id,
    plain: "second",
  });
  for (const wanted of [
    { ...body, tenantId: other.id },
    { ...body, tenantId: other.id, wabaId: "w2" },
  ]) {
    const refused = await api.call("POST", "/api/v1/connections", { key: adminKey, body: wanted });
    assert.equal(refused.status, 409);
    assert.equal(refused.json.code, "conflict");
  }
  const events = await api.call("GET", "/api/v1/activity", { key: one.key });
  assert.deepEqual(
    events.json.data.map((event: { type: string }) => event.type),
    ["connection.changed", "connection.changed"],
  );
});

test("many calls at once for one number make one connection", async () => {
  const { id } = await api.tenant();
  const body = { tenantId: id, wabaId: "w-race", phoneNumberId: "p-race", displayPhoneNumber: "+1", accessToken: "t" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.call("POST", "/api/v1/connections", { key: adminKey, body })));
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
});

test("a discovered connection is completed under its id", async () => {
  const { id, key } = await api.tenant();
  const body = { tenantId: id, wabaId: "w-disc", phoneNumberId: "p-disc-1", displayPhoneNumber: "+1", accessToken: "t" };
  await api.call("POST", "/api/v1/connections", { key: adminKey, body });
  const { json: accounts } = await api.call("GET", "/api/v1/accounts", { key });
  const discoveredId = newId(Date.now());
  await api.ingest.pool.query(
    `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) values ($1, $2, $3, 'p-disc-2', 'discovered')`,
    [id, discoveredId, accounts.data[0].id],
  );
  const completed = await api.call("POST", "/api/v1/connections", { key: adminKey, body: { ...body, phoneNumberId: "p-disc-2" } });
  assert.equal(completed.json.id, discoveredId);
  const read = await api.call("GET", `/api/v1/connections/${discoveredId}`, { key });
  assert.equal(read.json.state, "connected");
});

test("connecting an account puts exactly its own parked updates into the queue", async () => {
  const { id } = await api.tenant();
  const park = async (fields: { waba: string; app: string; reason: string; number: string; resolved?: boolean }): Promise<string> => {
    const parkedId = newId(Date.now());
    await api.ingest.pool.query(
      `insert into parked_updates (id, delivery_id, update_index, kind, app_key, waba_id, phone_number_id, reason, detail, update_json, received_at, parked_at, resolved_at)
       values ($1, $2, 3, 'whatsapp-messages', $3, $4, $5, $6, '', '{}', now(), now(), case when $7 then now() end)`,
      [parkedId, randomUUID(), fields.app, fields.waba, fields.number, fields.reason, fields.resolved ?? false],
    );
    return parkedId;
  };
  const wanted = [
    await park({ waba: "w-parked", app: "", reason: "unrouted", number: "p9" }),
    await park({ waba: "w-parked", app: "", reason: "number_mismatch", number: "p-parked" }),
  ];
  await park({ waba: "w-parked", app: "other-app", reason: "unrouted", number: "p9" });
  await park({ waba: "w-else", app: "", reason: "unrouted", number: "p9" });
  await park({ waba: "w-parked", app: "", reason: "number_mismatch", number: "p-else" });
  await park({ waba: "w-parked", app: "", reason: "bad_update", number: "p9" });
  await park({ waba: "w-parked", app: "", reason: "unrouted", number: "p9", resolved: true });
  const body = { tenantId: id, wabaId: "w-parked", phoneNumberId: "p-parked", displayPhoneNumber: "+1", accessToken: "t" };
  assert.equal((await api.call("POST", "/api/v1/connections", { key: adminKey, body })).status, 201);
  const { rows } = await api.platform.pool.query("select * from webhook_pending where account = 'w-parked' order by id");
  assert.deepEqual(
    rows.map((row) => row.parked_id),
    wanted,
  );
  assert.ok(rows.every((row) => row.is_replay && row.update_index === 3 && row.counted_deliveries === 0 && row.updates === 1));
});

test("a tenant's own Meta app gets a path, and keeps it when its secret changes", async () => {
  const { id, key } = await api.tenant();
  const body = { tenantId: id, appId: "123456", appSecret: "s1", verifyToken: "v" };
  const first = await api.call("POST", "/api/v1/apps", { key: adminKey, body });
  assert.equal(first.status, 201);
  assert.equal(first.json.webhookPath, `/webhook/whatsapp/${first.json.appKey}`);
  const again = await api.call("POST", "/api/v1/apps", { key: adminKey, body: { ...body, appSecret: "s2,s1" } });
  assert.equal(again.status, 200);
  assert.equal(again.json.appKey, first.json.appKey);
  assert.equal((await api.call("POST", "/api/v1/apps", { key, body })).status, 403);
});

test("verification of the webhook gives the challenge to who knows the word, and nothing else", async () => {
  const path = (app: string, query: Record<string, string>): string => `/webhook/whatsapp${app}?${new URLSearchParams(query).toString()}`;
  const good = { "hub.mode": "subscribe", "hub.verify_token": "token of the platform", "hub.challenge": "1158201444" };
  const answer = await api.call("GET", path("", good));
  assert.equal(answer.status, 200);
  assert.equal(answer.text, "1158201444");
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.equal((await api.call("GET", path("/abc", { ...good, "hub.verify_token": "token of abc" }))).text, "1158201444");
  for (const bad of [
    { ...good, "hub.mode": "other" },
    { ...good, "hub.verify_token": "wrong" },
    { ...good, "hub.challenge": "<script>alert(1)</script>" },
    { ...good, "hub.challenge": "1".repeat(257) },
    { "hub.mode": "subscribe", "hub.verify_token": "token of the platform" },
    {},
  ]) {
    assert.equal((await api.call("GET", path("", bad as Record<string, string>))).status, 403);
  }
});

test("webhook POSTs reach their handler without the web framework", async () => {
  assert.equal((await api.call("POST", "/webhook/whatsapp", { body: "not json" })).text, "webhook ");
  assert.equal((await api.call("POST", "/webhook/whatsapp/key1?x=1", { body: {} })).text, "webhook key1");
});

test("health, description and docs are there without a key, the metrics with the operator's, and none loads anything from elsewhere", async () => {
  assert.equal((await api.call("GET", "/livez")).status, 200);
  assert.equal((await api.call("GET", "/readyz")).status, 200);
  assert.match((await api.call("GET", "/metrics", { key: adminKey })).text, /kesher_up 1/);
  const description = await api.call("GET", "/openapi.json");
  assert.equal(description.json.openapi, "3.1.0");
  assert.ok(description.json.paths["/webhook/whatsapp"].post);
  const docs = await api.call("GET", "/docs/");
  assert.equal(docs.status, 200);
  assert.match(docs.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  assert.doesNotMatch(docs.text, /(src|href)="(https?:)?\/\//);
  const initializer = await api.call("GET", "/docs/static/swagger-initializer.js");
  assert.match(initializer.text, /"validatorUrl":\s*null/);
});
