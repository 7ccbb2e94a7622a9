/** Opting out over HTTP: what a person may set, what a tenant may choose, and how a marketing template is refused in both shapes. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { newId } from "../src/db/new-id.ts";
import { adminKey, seedWorld, startApi } from "./support/api.ts";

const api = await startApi({ after }, { sends: { answerMsMax: 1 } });
const ours = await api.tenant();
const theirs = await api.tenant();
const world = await seedWorld(api, ours.id);
const foreign = await seedWorld(api, theirs.id, { waId: "972509999999" });
const { key } = ours;
const reader = (await api.call("POST", "/api/v1/api-keys", { key, body: { name: "r", scopes: ["read", "send"] } })).json.apiKey;
const { rows: numbers } = await api.ingest.pool.query<{ number: string }>(
  "select phone_number_id as number from whatsapp_connections where id = $1",
  [world.connectionId],
);
const phoneNumberId = numbers[0]?.number ?? "";
const path = `/api/v1/contacts/${world.contactId}`;
const activityOf = async (): Promise<unknown[]> =>
  (await api.call("GET", "/api/v1/activity?limit=200", { key })).json.data
    .filter((event: { type: string }) => event.type === "contact.changed")
    .map((event: { data: unknown }) => event.data);

test("A person with the scope manage opts a customer out and in again; the contact and the activity show it, and it is audited", async () => {
  const before = (await api.call("GET", path, { key })).json;
  assert.deepEqual([before.optedOutAt, before.optOutSource], [null, null]);
  const set = await api.call("PUT", `${path}/opt-out`, { key });
  assert.deepEqual([set.status, set.json.optOutSource], [200, "person"]);
  assert.ok(Math.abs(Date.parse(set.json.optedOutAt) - Date.now()) < 60_000);
  assert.deepEqual((await api.call("PUT", `${path}/opt-out`, { key })).json, set.json);
  assert.deepEqual((await api.call("GET", path, { key })).json, set.json);
  const lifted = await api.call("DELETE", `${path}/opt-out`, { key });
  assert.deepEqual([lifted.status, lifted.json], [200, before]);
  const { contactId } = world;
  assert.deepEqual(await activityOf(), [
    { contactId, marketing: "stop", source: "person" },
    { contactId, marketing: "resume", source: "person" },
  ]);
  const audited = await api.call("GET", `/api/v1/audit?subjectKind=contact&subjectId=${contactId}`, { key });
  assert.deepEqual(
    audited.json.data.map((event: { action: string }) => event.action),
    ["contact.opted_in", "contact.opted_out"],
  );
});

test("Nobody else does: not without the scope, not for another tenant's contact", async () => {
  for (const method of ["PUT", "DELETE"]) {
    assert.equal((await api.call(method, `${path}/opt-out`, { key: reader })).status, 403);
    assert.equal((await api.call(method, `${path}/opt-out`)).status, 401);
    assert.equal((await api.call(method, `/api/v1/contacts/${foreign.contactId}/opt-out`, { key })).status, 404);
    assert.equal((await api.call(method, `/api/v1/contacts/${newId(Date.now())}/opt-out`, { key })).status, 404);
    assert.equal((await api.call(method, "/api/v1/contacts/x/opt-out", { key })).status, 404);
    assert.equal((await api.call(method, `${path}/opt-out?tenantId=${theirs.id}`, { key: adminKey })).status, 404);
  }
});

test("A marketing template to whoever has opted out is 409 opted_out, and Meta's own 131050 on the route in Meta's shape", async () => {
  await api.ingest.pool.query("update whatsapp_conversations set reply_phone = '972501234567' where id = $1", [world.conversationId]);
  await api.call("PUT", `${path}/opt-out`, { key });
  const content = { type: "template", name: "sale", language: "he" };
  const refused = await api.call("POST", "/api/v1/messages", { key, body: { conversationId: world.conversationId, content } });
  assert.deepEqual([refused.status, refused.json.code], [409, "opted_out"]);
  assert.match(refused.json.detail, /^This customer opted out of marketing messages at 20/);
  const to = { connectionId: world.connectionId, to: { waId: "972501234567" } };
  assert.equal((await api.call("POST", "/api/v1/messages", { key, body: { ...to, content } })).json.code, "opted_out");
  const body = {
    messaging_product: "whatsapp",
    to: "972501234567",
    type: "template",
    template: { name: "sale", language: { code: "he" } },
  };
  const inMetasShape = await api.call("POST", `/v26.0/${phoneNumberId}/messages`, { key, body });
  assert.deepEqual([inMetasShape.status, inMetasShape.json.error.code], [400, 131_050]);
  const { rows } = await api.ingest.pool.query("select 1 from whatsapp_sends where tenant_id = $1", [ours.id]);
  assert.equal(rows.length, 0);
  // What answers the customer is no marketing: it is queued.
  const reply = { conversationId: world.conversationId, content: { type: "text", body: "x" } };
  assert.equal((await api.call("POST", "/api/v1/messages", { key, body: reply })).status, 201);
  await api.call("DELETE", `${path}/opt-out`, { key });
  assert.equal((await api.call("POST", "/api/v1/messages", { key, body: { conversationId: world.conversationId, content } })).status, 201);
});

test("A tenant changes its words up to optOutWordsMax of optOutWordCharsMax each, and has ours again with null", async () => {
  const change = (body: unknown) => api.call("PATCH", `/api/v1/tenants/${ours.id}`, { key, body });
  const before = (await api.call("GET", `/api/v1/tenants/${ours.id}`, { key })).json;
  assert.ok(before.optOutWords.includes("הסר") && before.optInWords.includes("start"));
  assert.equal(before.optOutReply, null);
  const own = { optOutWords: ["Genug", "די"], optInWords: [], optOutReply: "להתראות" };
  assert.deepEqual((await change(own)).json, { ...before, ...own });
  const words = Array.from({ length: limits.optOutWordsMax }, (_, index) => `${index}`.padEnd(limits.optOutWordCharsMax, "x"));
  assert.equal((await change({ optOutWords: words })).status, 200);
  for (const body of [
    { optOutWords: [...words, "one"] },
    { optInWords: ["x".repeat(limits.optOutWordCharsMax + 1)] },
    { optOutWords: [""] },
    { optOutWords: ["!?"] },
    { optOutWords: ["a\u0000b"] },
    { optOutWords: "stop" },
    { optOutReply: "" },
    { optOutReply: "  " },
    { optOutReply: "x".repeat(limits.autoReplyTextCharsMax + 1) },
  ]) {
    assert.equal((await change(body)).status, 400, JSON.stringify(body).slice(0, 80));
  }
  assert.deepEqual((await change({ optOutWords: null, optInWords: null, optOutReply: null })).json, before);
});
