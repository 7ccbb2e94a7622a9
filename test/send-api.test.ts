/** Sending over HTTP: our own shape and Meta's, and what people do about what was sent. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { limits } from "../src/limits.ts";
import { createGraphClient } from "../src/services/whatsapp/graph/client.ts";
import { adminKey, seedWorld, startApi, type Answer, type World } from "./support/api.ts";
import { handSender } from "./support/sender.ts";
import type { Rig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** Meta, as far as this file needs it: it answers what it is told to. */
type Asked = { url: string; token: string; body: Record<string, unknown> };
const asked: Asked[] = [];
/** Nobody waits for so long who is to be answered at all. */
const patientMs = 60_000;
let meta: (request: Asked) => { status: number; json: object } | null = () => null;
const accepted = (): { status: number; json: object } => ({ status: 200, json: { messages: [{ id: `wamid.${randomUUID()}` }] } });
const metaServer = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const came = { url: request.url ?? "", token: request.headers.authorization ?? "", body };
    asked.push(came);
    const answer = meta(came);
    if (answer !== null) response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.json));
  });
});
metaServer.listen(0, "127.0.0.1");
await once(metaServer, "listening");
cleanups.push(() => {
  metaServer.closeAllConnections();
  metaServer.close();
});
const metaGraph = { url: `http://127.0.0.1:${(metaServer.address() as AddressInfo).port}`, version: "v26.0" };

let wake = (): void => undefined;
/** How long a caller in Meta's shape waits. */
let answerMsMax = patientMs;
const pieces = { answers: null as never };
const api = await startApi(
  { after: (cleanup) => void cleanups.push(cleanup) },
  { sends: { graph: metaGraph, wake: () => wake(), ...answersOf() } },
);
function answersOf(): { answers: ReturnType<typeof handSender>["answers"] } {
  // The sender and the routes of a node share them.
  const { answers } = handSender({} as Rig, createGraphClient(metaGraph));
  const wait = answers.wait.bind(answers);
  Reflect.set(answers, "wait", (messageId: string, _msMax: number, look: () => Promise<unknown>) => wait(messageId, answerMsMax, look));
  Object.assign(pieces, { answers });
  return { answers };
}
const node = handSender({ ingest: api.ingest, app: api.app } as Rig, createGraphClient(metaGraph), pieces);
const owner = api.open("owner");
const ours = await api.tenant();
const theirs = await api.tenant();
let world: World;
let theirWorld: World;

before(async () => {
  [world, theirWorld] = [await seedWorld(api, ours.id), await seedWorld(api, theirs.id)];
  await api.ingest.pool.query(`update whatsapp_conversations set reply_phone = '972501234567' where reply_phone is null`);
});
beforeEach(async () => {
  asked.length = 0;
  meta = accepted;
  wake = () => undefined;
  answerMsMax = patientMs;
  await api.ingest.pool.query(`delete from whatsapp_sends`);
  await api.ingest.pool
    .query(`delete from whatsapp_send_pairs`)
    .catch(() => api.ingest.pool.query(`update whatsapp_send_pairs set paid_until = now()`));
});

const text = { type: "text", body: "שלום" };
const post = (path: string, body?: unknown, more: { key?: string; headers?: Record<string, string> } = {}): Promise<Answer> =>
  api.call("POST", `/api/v1${path}`, { key: ours.key, ...(body === undefined ? {} : { body }), ...more });
const send = (more: object = {}, options: { key?: string; headers?: Record<string, string> } = {}): Promise<Answer> =>
  post("/messages", { conversationId: world.conversationId, content: text, ...more }, options);
const fieldsOf = ({ json }: Answer): string[] => (json.errors as { field: string }[]).map(({ field }) => field);
async function keyWith(...scopes: string[]): Promise<string> {
  const { json } = await post("/api-keys", { name: scopes.join(), scopes });
  return json.key ?? json.apiKey;
}

test("a message is taken with 201, stands in the conversation, and goes out", async () => {
  const sent = await send({ callback: "order 7" });
  assert.equal(sent.status, 201, sent.text);
  const { id, status, sends, callback, conversationId, type } = sent.json;
  assert.deepEqual([status, sends, callback, conversationId, type], ["pending", "now", "order 7", world.conversationId, "text"]);
  await node.turn();
  assert.deepEqual(
    asked.map(({ body }) => [body["to"], body["biz_opaque_callback_data"]]),
    [["+972501234567", id]],
  );
  const { json } = await api.call("GET", `/api/v1/messages/${id}`, { key: ours.key });
  assert.equal(json.status, "accepted");
});

test("every rejection names the field", async () => {
  const to = { waId: "972501234567" };
  const later = new Date(Date.now() + 400 * 86_400_000).toISOString();
  const cases: [object, string[]][] = [
    [{ content: undefined }, ["content"]],
    [{ content: { type: "text" } }, ["content.body"]],
    [{ content: { type: "text", body: "" } }, ["content.body"]],
    [{ content: { type: "hologram" } }, ["content.type"]],
    [{ conversationId: undefined }, ["conversationId"]],
    [{ conversationId: "no id" }, ["conversationId"]],
    [{ connectionId: world.connectionId }, ["conversationId"]],
    [{ conversationId: undefined, connectionId: world.connectionId }, ["to"]],
    [{ conversationId: undefined, connectionId: world.connectionId, to: {} }, ["to"]],
    [{ conversationId: undefined, connectionId: world.connectionId, to: { ...to, userId: "IL.1" } }, ["to"]],
    [{ conversationId: undefined, connectionId: world.connectionId, to: { waId: "12" } }, ["to.waId"]],
    [{ sendAt: "tomorrow" }, ["sendAt"]],
    [{ sendAt: later }, ["sendAt"]],
    [{ whenTheyWrite: { expiresAt: later } }, ["whenTheyWrite.expiresAt"]],
    [{ whenTheyWrite: { expiresAt: "2020-01-01T00:00:00Z" } }, ["whenTheyWrite.expiresAt"]],
    [{ sendAt: new Date(Date.now() + 60_000).toISOString(), whenTheyWrite: {} }, ["sendAt"]],
    [{ replyToMessageId: randomUUID() }, ["replyToMessageId"]],
    [{ callback: "x".repeat(600) }, ["callback"]],
    [{ surprise: 1 }, ["surprise"]],
  ];
  for (const [more, fields] of cases) {
    const answer = await send(more);
    assert.equal(answer.status, 400, `${JSON.stringify(more)}: ${answer.text}`);
    assert.equal(answer.json.code, "invalid_request");
    assert.deepEqual(fieldsOf(answer), fields, `${JSON.stringify(more)}: ${answer.text}`);
  }
  for (const body of ["[]", "null", "7", '"x"']) assert.equal((await post("/messages", body)).status, 400, body);
});

test("the scope send is needed, and another tenant's conversation, number or message is not found", async () => {
  const reader = await keyWith("read");
  assert.equal((await send({}, { key: reader })).status, 403);
  assert.equal((await send({}, { key: "nonsense" })).status, 401);
  assert.equal((await send({ conversationId: theirWorld.conversationId })).status, 404);
  const elsewhere = { conversationId: undefined, connectionId: theirWorld.connectionId, to: { waId: "972501234567" } };
  assert.equal((await send(elsewhere)).status, 404);
  const { json } = await post("/messages", { conversationId: theirWorld.conversationId, content: text }, { key: theirs.key });
  for (const verb of ["cancel", "resend", "mark-failed"]) {
    assert.equal((await post(`/messages/${json.id}/${verb}`)).status, 404, verb);
    assert.equal((await post(`/messages/${json.id}/${verb}`, undefined, { key: reader })).status, 403, verb);
  }
  assert.equal((await post(`/messages/${theirWorld.messageIds[0]}/read`, {})).status, 404);
  assert.equal((await api.call("GET", `/api/v1/connections/${theirWorld.connectionId}/sending`, { key: ours.key })).status, 404);
  assert.equal(
    (await api.call("PATCH", `/api/v1/connections/${theirWorld.connectionId}/sending`, { key: ours.key, body: { paused: true } })).status,
    404,
  );
});

test("outside the window the answer says since when, and which templates may go", async () => {
  const old = await seedWorld(api, ours.id, { waId: "972500000001", lastAtMs: Date.now() - 25 * 3_600_000 });
  const answer = await send({ conversationId: old.conversationId });
  assert.deepEqual([answer.status, answer.json.code], [409, "window_closed"]);
  assert.ok(Math.abs(Date.parse(answer.json.windowExpiredAt) - (Date.now() - 3_600_000)) < 60_000);
  assert.deepEqual(answer.json.templates, []);
  assert.equal(
    (await send({ conversationId: old.conversationId, content: { type: "template", name: "hello", language: "en" } })).status,
    201,
  );
  assert.equal((await send({ conversationId: old.conversationId, whenTheyWrite: {} })).json.sends, "when_they_write");
});

test("thirty identical calls at once with one Idempotency-Key are one message and thirty equal answers; another body is a conflict", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const answers = await Promise.all(Array.from({ length: 30 }, () => send({ callback: "once" }, { headers })));
  assert.equal(new Set(answers.map(({ status, text: body }) => `${status} ${body}`)).size, 1);
  assert.equal(answers[0]?.status, 201);
  const { rows } = await api.ingest.pool.query(`select count(*)::int as n from whatsapp_sends where conversation_id = $1`, [
    world.conversationId,
  ]);
  assert.deepEqual(rows, [{ n: 1 }]);
  const other = await send({ callback: "another" }, { headers });
  assert.deepEqual([other.status, other.json.code], [409, "idempotency_conflict"]);
  // The same key of another tenant is another key.
  const foreign = await post("/messages", { conversationId: theirWorld.conversationId, content: text }, { key: theirs.key, headers });
  assert.equal(foreign.status, 201);
});

test("a key whose call was rejected is free, and so is one that is more than a day old", async () => {
  const headers = { "idempotency-key": randomUUID() };
  assert.equal((await send({ content: { type: "text", body: "" } }, { headers })).status, 400);
  assert.equal((await send({ replyToMessageId: randomUUID() }, { headers })).status, 400);
  const first = await send({}, { headers });
  assert.equal(first.status, 201);
  assert.equal((await send({}, { headers })).json.id, first.json.id);
  const age = (ms: number) =>
    ownSql(`update idempotency_keys set created_at = now() - make_interval(secs => $1) where key = $2`, [
      ms / 1_000,
      headers["idempotency-key"],
    ]);
  await age(limits.idempotencyKeyMs - 60_000);
  assert.equal((await send({}, { headers })).json.id, first.json.id);
  await age(limits.idempotencyKeyMs + 1_000);
  const again = await send({ callback: "fresh" }, { headers });
  assert.equal(again.status, 201);
  assert.notEqual(again.json.id, first.json.id);
  assert.equal((await send({}, { headers: { "idempotency-key": "k".repeat(limits.idempotencyKeyCharsMax + 1) } })).status, 400);
});

test("what waits can be cancelled, what was sent can not; what failed or is unknown can be sent anew, once for a key", async () => {
  const { json: waiting } = await send();
  assert.equal((await post(`/messages/${waiting.id}/cancel`)).status, 204);
  assert.equal((await post(`/messages/${waiting.id}/cancel`)).status, 204);
  assert.equal((await post(`/messages/${waiting.id}/mark-failed`)).status, 409);
  const { json: sent } = await send();
  assert.equal((await post(`/messages/${sent.id}/resend`)).status, 409);
  await node.turn();
  for (const verb of ["cancel", "resend", "mark-failed"])
    assert.deepEqual([(await post(`/messages/${sent.id}/${verb}`)).status, verb], [409, verb]);
  const { json: lost } = await send({ callback: "mine" });
  meta = () => ({ status: 200, json: {} });
  await node.turn();
  const resend = () => post(`/messages/${lost.id}/resend`, undefined, { headers: { "idempotency-key": "again" } });
  const anew = await resend();
  assert.deepEqual([anew.status, anew.json.resendOf, anew.json.callback], [201, lost.id, "mine"]);
  assert.equal((await resend()).json.id, anew.json.id);
  assert.equal((await post(`/messages/${lost.id}/mark-failed`)).status, 204);
  assert.equal((await post(`/messages/${lost.id}/mark-failed`)).status, 409);
  meta = accepted;
  assert.equal((await node.drain()).taken, 1);
  assert.equal((await post(`/messages/${world.messageIds[0]}/cancel`)).status, 404);
  assert.equal((await post(`/messages/${randomUUID()}/cancel`)).status, 404);
});

test("a number is paused and resumed by people, its pace is changed, and its headroom shows what one customer may get", async () => {
  const path = `/api/v1/connections/${world.connectionId}/sending`;
  const change = (body: object) => api.call("PATCH", path, { key: ours.key, body });
  await send();
  const paused = await change({ paused: true, messagesPerSecond: 20 });
  const { state, reason, until, messagesPerSecond, queued } = paused.json;
  assert.deepEqual([paused.status, state, reason, until, messagesPerSecond, queued], [200, "paused", "person", null, 20, 1]);
  assert.equal((await node.turn()).taken, 0);
  assert.equal((await change({ paused: false })).json.state, "active");
  assert.equal((await node.turn()).taken, 1);
  const { json } = await api.call("GET", `/api/v1/conversations/${world.conversationId}`, { key: ours.key });
  assert.deepEqual(json.headroom, { sendsNow: 44, nextAt: null });
  for (const bad of [{ messagesPerSecond: 0 }, { messagesPerSecond: 1_001 }, { paused: "no" }])
    assert.equal((await change(bad)).status, 400);
  assert.equal((await api.call("PATCH", path, { key: await keyWith("send"), body: { paused: true } })).status, 403);
});

test("a customer learns that his message was read, and that somebody is writing; what Meta refuses is a conflict", async () => {
  meta = () => ({ status: 200, json: { success: true } });
  const unread = async (): Promise<number> =>
    (await api.call("GET", `/api/v1/conversations/${world.conversationId}`, { key: ours.key })).json.unreadCount;
  const [first, last] = world.messageIds;
  assert.equal((await post(`/messages/${first}/read`, { typing: true })).status, 204);
  assert.deepEqual(asked[0]?.body, {
    messaging_product: "whatsapp",
    status: "read",
    message_id: world.waMessageIds[0],
    typing_indicator: { type: "text" },
  });
  assert.equal(await unread(), 1);
  assert.equal((await post(`/messages/${last}/read`)).status, 204);
  assert.equal(asked[1]?.body["typing_indicator"], undefined);
  assert.equal(await unread(), 0);
  meta = () => ({ status: 400, json: { error: { message: "(#100) no", code: 100 } } });
  assert.equal((await post(`/messages/${first}/read`, {})).status, 409);
  assert.equal((await post(`/messages/${first}/read`, { typing: 1 })).status, 400);
  const { json } = await send();
  assert.equal((await post(`/messages/${json.id}/read`, {})).status, 404);
});

/** In Meta's shape, with the sender awake. */
const numberOf = async (): Promise<string> =>
  (await api.call("GET", `/api/v1/connections/${world.connectionId}`, { key: ours.key })).json.phoneNumberId;
const inMetasShape = async (body: unknown, more: { key?: string; number?: string } = {}): Promise<Answer> =>
  api.call("POST", `/v26.0/${more.number ?? (await numberOf())}/messages`, { key: more.key ?? ours.key, body });
const metaText = { messaging_product: "whatsapp", to: "972501234567", type: "text", text: { body: "hello" } };
/** One turn for every wake, as the loops of the sender make it. */
function awake(): void {
  let turns = Promise.resolve<unknown>(undefined);
  wake = () => {
    turns = turns.then(() => node.turn());
  };
}

test("in Meta's shape a message is answered with Graph's own wamid", async () => {
  awake();
  meta = () => ({ status: 200, json: { messages: [{ id: "wamid.of-graph" }] } });
  const answer = await inMetasShape(metaText);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json, {
    messaging_product: "whatsapp",
    contacts: [{ input: "972501234567", wa_id: "972501234567" }],
    messages: [{ id: "wamid.of-graph", message_status: "accepted" }],
  });
});

test("in Meta's shape Graph's refusal comes back as it was, with its status", async () => {
  awake();
  const error = {
    message: "(#131026) Message undeliverable",
    type: "OAuthException",
    code: 131_026,
    error_subcode: 2_494_010,
    error_data: { messaging_product: "whatsapp", details: "Message undeliverable." },
    fbtrace_id: "Az8or2yhqkZfEZ",
  };
  meta = () => ({ status: 400, json: { error } });
  const answer = await inMetasShape(metaText);
  assert.deepEqual([answer.status, answer.json], [400, { error }]);
});

test("in Meta's shape our own refusals wear Meta's codes: closed window, bad key, missing right, foreign number, bad body", async () => {
  const old = await seedWorld(api, ours.id, { waId: "972500000002", lastAtMs: Date.now() - 25 * 3_600_000 });
  assert.ok(old.conversationId);
  const { json: connection } = await api.call("GET", `/api/v1/connections/${old.connectionId}`, { key: ours.key });
  const codes = async (answer: Promise<Answer>): Promise<unknown[]> => {
    const { status, json, text: body } = await answer;
    return [status, json?.error?.code ?? body];
  };
  assert.deepEqual(await codes(inMetasShape({ ...metaText, to: "972500000002" }, { number: connection.phoneNumberId })), [400, 131_047]);
  assert.deepEqual(await codes(inMetasShape(metaText, { key: "nonsense" })), [401, 190]);
  assert.deepEqual(await codes(api.call("POST", `/v26.0/${connection.phoneNumberId}/messages`, { body: metaText })), [401, 190]);
  assert.deepEqual(await codes(inMetasShape(metaText, { key: await keyWith("read") })), [403, 10]);
  const { json: foreign } = await api.call("GET", `/api/v1/connections/${theirWorld.connectionId}`, { key: theirs.key });
  assert.deepEqual(await codes(inMetasShape(metaText, { number: foreign.phoneNumberId })), [400, 100]);
  assert.deepEqual(await codes(inMetasShape(metaText, { number: "1" })), [400, 100]);
  assert.deepEqual(await codes(inMetasShape({ ...metaText, text: {} })), [400, 131_008]);
  assert.deepEqual(await codes(inMetasShape("{")), [400, 100]);
  assert.equal(asked.length, 0);
});

test("in Meta's shape a message that is not sent in time is answered with our id, under which its fate is found", async () => {
  answerMsMax = 500;
  const answer = await inMetasShape(metaText);
  const id: string = answer.json.messages[0].id;
  assert.equal((await api.call("GET", `/api/v1/messages/${id}`, { key: ours.key })).json.status, "pending");
  await node.turn();
  assert.equal((await api.call("GET", `/api/v1/messages/${id}`, { key: ours.key })).json.status, "accepted");
});

test("in Meta's shape what goes wrong on our side is told in Meta's words, too", async () => {
  const codeOf = ({ status, json, text: body }: Answer): unknown[] => [status, json?.error?.code ?? body];
  assert.deepEqual(codeOf(await inMetasShape({ ...metaText, biz_opaque_callback_data: "a\u0000b" })), [400, 100]);
  assert.deepEqual(codeOf(await inMetasShape(metaText, { number: "%00" })), [400, 100]);
  await owner.pool.query(`revoke insert on whatsapp_sends from kesher_app`);
  const broken = await inMetasShape(metaText).finally(() => owner.pool.query(`grant insert on whatsapp_sends to kesher_app`));
  assert.deepEqual(codeOf(broken), [500, 1]);
});

test("in Meta's shape a message that is queued is never answered with an error because its outcome cannot be read: the caller would send it once more", async () => {
  answerMsMax = 500;
  let taken: Promise<unknown> = Promise.resolve();
  wake = () => {
    taken = owner.pool.query(`revoke select on whatsapp_messages from kesher_app`);
  };
  const answer = await inMetasShape(metaText);
  await taken;
  await owner.pool.query(`grant select on whatsapp_messages to kesher_app`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await api.call("GET", `/api/v1/messages/${answer.json.messages[0].id}`, { key: ours.key })).status, 200);
});

test("in Meta's shape a message is marked as read, with the typing sign", async () => {
  meta = () => ({ status: 200, json: { success: true } });
  const body = { messaging_product: "whatsapp", status: "read", message_id: world.waMessageIds[0], typing_indicator: { type: "text" } };
  const answer = await inMetasShape(body);
  assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
  assert.deepEqual(asked[0]?.body, body);
  const error = { message: "(#131009) bad id", type: "OAuthException", code: 131_009 };
  meta = () => ({ status: 400, json: { error } });
  const refused = await inMetasShape(body);
  assert.deepEqual([refused.status, refused.json], [400, { error }]);
});

test("a new token by POST /connections lets a number go on that was paused for the old one", async () => {
  const { json } = await send();
  meta = () => ({ status: 401, json: { error: { message: "expired", code: 190 } } });
  await node.turn();
  const sending = (): Promise<Answer> => api.call("GET", `/api/v1/connections/${world.connectionId}/sending`, { key: ours.key });
  assert.deepEqual([(await sending()).json.state, (await sending()).json.errorCode], ["paused", 190]);
  const { json: number } = await api.call("GET", `/api/v1/connections/${world.connectionId}`, { key: ours.key });
  const { wabaId, phoneNumberId } = number;
  const body = { tenantId: ours.id, wabaId, phoneNumberId, displayPhoneNumber: "+972 50-123-4567", accessToken: "a-new-token" };
  assert.ok((await api.call("POST", "/api/v1/connections", { key: adminKey, body })).status < 300);
  assert.equal((await sending()).json.state, "active");
  meta = accepted;
  await node.drain();
  assert.equal((await api.call("GET", `/api/v1/messages/${json.id}`, { key: ours.key })).json.status, "accepted");
  assert.match(asked.at(-1)?.token ?? "", /a-new-token/);
});

/** As the tenant itself. */
async function ownSql(sql: string, values: unknown[]): Promise<void> {
  const session = await api.app.pool.connect();
  try {
    await session.query("begin");
    await session.query("select set_config('app.tenant_id', $1, true)", [ours.id]);
    assert.equal((await session.query(sql, values)).rowCount, 1);
    await session.query("commit");
  } finally {
    session.release();
  }
}
