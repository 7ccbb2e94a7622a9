/** Keys: how they are spelled, who made them, when they end, and what one that is bound to a single connection reaches. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { newId } from "../src/db/new-id.ts";
import { transaction } from "../src/db/transaction.ts";
import { createKeyCache } from "../src/http/key-cache.ts";
import { limits } from "../src/limits.ts";
import { appendActivity } from "../src/services/activity/append.ts";
import { ofConnection } from "../src/services/activity/of-connection.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { seedWorld, startApi, type Api, type World } from "./support/api.ts";

const cleanups: (() => Promise<void>)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const directory = await mkdtemp(join(tmpdir(), "kesher-keys-"));
cleanups.push(() => rm(directory, { recursive: true }));
const api: Api = await startApi(
  { after: (cleanup) => void cleanups.push(cleanup) },
  { media: { store: await openMediaStore(directory), publicUrl: null }, sends: { answerMsMax: 1 } },
);
const png = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489000007d04944415478", "hex"),
  randomBytes(500),
]);

let tenant: { id: string; key: string };
/** Of one tenant: what the bound key is for, and what it is not for. */
let own: World;
let other: World;
let bound: string;
let numberOf: (world: World) => Promise<string>;

before(async () => {
  tenant = await api.tenant();
  own = await seedWorld(api, tenant.id, { waId: "972501111111" });
  other = await seedWorld(api, tenant.id, { waId: "972502222222" });
  bound = (await makeKey({ scopes: ["read", "send", "manage"], connectionId: own.connectionId })).apiKey;
  numberOf = async ({ connectionId }) => (await get(`connections/${connectionId}`, tenant.key)).json.phoneNumberId as string;
});

test("a key ends with a checksum: a typing error is told as one, and keys without a checksum still work", async () => {
  const { apiKey, id } = await makeKey({ scopes: ["read"] });
  assert.match(apiKey, /^ksh_[0-9a-f]{32}_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}$/);
  assert.equal((await get("conversations", apiKey)).status, 200);
  for (const at of [6, 40, apiKey.length - 1]) {
    const wrong = apiKey.slice(0, at) + (apiKey[at] === "a" ? "b" : "a") + apiKey.slice(at + 1);
    const refused = await get("conversations", wrong);
    assert.deepEqual([refused.status, refused.json.code], [401, "unauthorized"]);
    assert.match(refused.json.detail, /mistyped or cut off/);
  }
  // Not the checksum's fault: it is simply nobody's.
  assert.doesNotMatch((await get("conversations", apiKey.slice(0, -6))).json.detail, /mistyped/);
  const old = `ksh_${id.replaceAll("-", "")}_${randomBytes(32).toString("base64url")}`;
  await api.platform.pool.query(`insert into api_keys (tenant_id, id, name, secret_sha256, scopes) values ($1, $2, 'old', $3, '{read}')`, [
    tenant.id,
    newId(Date.now()),
    createHash("sha256").update(old).digest(),
  ]);
  assert.equal((await get("conversations", old)).status, 200);
});

test("the list says who made each key, for which connection, how often it may ask, and when it was used last", async () => {
  const made = await makeKey({ name: "the bot's", scopes: ["read"], connectionId: own.connectionId, requestsPerMinute: 77 });
  await get("session", made.apiKey);
  const { data } = (await get("api-keys", tenant.key)).json;
  const shown = data.find((key: { id: string }) => key.id === made.id);
  const [maker] = data.filter((key: { name: string }) => key.name === "First key");
  assert.deepEqual(
    { ...shown, lastUsedAt: typeof shown.lastUsedAt, createdAt: typeof shown.createdAt },
    {
      id: made.id,
      name: "the bot's",
      scopes: ["read"],
      connectionId: own.connectionId,
      requestsPerMinute: 77,
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: "string",
      madeBy: { kind: "api_key", id: maker.id, name: "First key" },
      createdAt: "string",
    },
  );
  assert.deepEqual(
    [maker.madeBy.kind, maker.connectionId, maker.requestsPerMinute],
    ["operator", null, limits.keyRequestsPerMinuteDefault],
  );
  assert.ok(!JSON.stringify(data).includes("ksh_"));
});

test("making, changing and revoking a key are in the audit log, and never its secret", async () => {
  const { id, apiKey } = await makeKey({ name: "short-lived", scopes: ["read", "send"] });
  assert.equal(
    (await api.call("PATCH", `/api/v1/api-keys/${id}`, { key: tenant.key, body: { name: "renamed", requestsPerMinute: 9 } })).json
      .requestsPerMinute,
    9,
  );
  await api.call("DELETE", `/api/v1/api-keys/${id}`, { key: tenant.key });
  await api.call("DELETE", `/api/v1/api-keys/${id}`, { key: tenant.key });
  assert.equal((await api.call("PATCH", `/api/v1/api-keys/${id}`, { key: tenant.key, body: { name: "again" } })).status, 404);
  const { rows } = await (
    await api.session("superuser")
  ).query<{ action: string; actor_name: string; data: unknown }>(
    `select action, actor_name, data from audit_events where subject_id = $1 order by id`,
    [id],
  );
  assert.deepEqual(
    rows.map(({ action, actor_name: name }) => [action, name]),
    [
      ["api_key.created", "First key"],
      ["api_key.changed", "First key"],
      ["api_key.revoked", "First key"],
    ],
  );
  assert.deepEqual(rows[1]?.data, { name: "renamed", requestsPerMinute: 9 });
  assert.ok(!JSON.stringify(rows).includes(apiKey.slice(-20)));
});

test("a revoked or changed key works no longer at once here, and on another node no longer than its cache lives", async () => {
  const { id, apiKey } = await makeKey({ scopes: ["read"] });
  const clock = { nowMs: Date.now() };
  const elsewhere = createKeyCache(api.platform, () => clock.nowMs);
  assert.equal((await elsewhere.find(apiKey))?.id, id);
  assert.equal((await get("conversations", apiKey)).status, 200);
  await api.call("DELETE", `/api/v1/api-keys/${id}`, { key: tenant.key });
  assert.equal((await get("conversations", apiKey)).status, 401);
  clock.nowMs += limits.apiKeyCacheMs + 1;
  assert.equal(await elsewhere.find(apiKey), null);
  assert.ok(limits.apiKeyCacheMs <= 2_000);
});

test("a key for one connection cannot have admin, nor be for a connection that is not the tenant's", async () => {
  const refusals = [
    [{ scopes: ["admin"], connectionId: own.connectionId }, 400],
    [{ scopes: ["read"], connectionId: newId(Date.now()) }, 404],
    [{ scopes: ["read"], connectionId: (await seedWorld(api, (await api.tenant()).id)).connectionId }, 404],
    [{ scopes: ["read"], requestsPerMinute: limits.keyRequestsPerMinuteMax + 1 }, 400],
    [{ scopes: ["read"], requestsPerMinute: 0 }, 400],
  ] as const;
  for (const [body, status] of refusals) {
    const { status: found } = await api.call("POST", "/api/v1/api-keys", { key: tenant.key, body: { name: "x", ...body } });
    assert.equal(found, status, JSON.stringify(body));
  }
  const largest = await makeKey({ scopes: ["read"], requestsPerMinute: limits.keyRequestsPerMinuteMax });
  assert.equal((await get("conversations", largest.apiKey)).headers.get("x-ratelimit-limit"), String(limits.keyRequestsPerMinuteMax));
});

/** What a key for one connection reaches; `{}` in a path is an id. Every other route answers it 403, one that is new as well. */
const reachable = new Set([
  "GET /api/v1/session",
  "GET /api/v1/connections",
  "GET /api/v1/connections/{}",
  "GET /api/v1/connections/{}/status",
  "POST /api/v1/connections/{}/probe",
  "GET /api/v1/connections/{}/sending",
  "PATCH /api/v1/connections/{}/sending",
  "GET /api/v1/conversations",
  "GET /api/v1/conversations/{}",
  "GET /api/v1/conversations/{}/window",
  "GET /api/v1/conversations/{}/messages",
  "GET /api/v1/conversations/{}/waiting",
  "PATCH /api/v1/conversations/{}",
  "POST /api/v1/conversations/{}/read",
  "POST /api/v1/conversations/{}/unread",
  "POST /api/v1/conversations/{}/labels",
  "GET /api/v1/conversations/{}/notes",
  "POST /api/v1/conversations/{}/notes",
  "PATCH /api/v1/conversations/{}/notes/{}",
  "DELETE /api/v1/conversations/{}/notes/{}",
  // What conversations are marked with and answered by; nothing of any connection is in them.
  "GET /api/v1/labels",
  "GET /api/v1/overview",
  "GET /api/v1/canned-replies",
  "GET /api/v1/messages",
  "POST /api/v1/messages",
  "GET /api/v1/messages/{}",
  "GET /api/v1/messages/{}/timeline",
  "POST /api/v1/messages/{}/cancel",
  "POST /api/v1/messages/{}/mark-failed",
  "POST /api/v1/messages/{}/resend",
  "POST /api/v1/messages/{}/read",
  "POST /api/v1/media",
  "GET /api/v1/media/{}",
  "GET /api/v1/media/{}/info",
  "POST /api/v1/media/{}/fetch",
  "GET /api/v1/activity",
  "GET /api/v1/activity/stream",
  "POST /{}/{}/messages",
  "POST /{}/{}/media",
  "GET /{}/{}",
  "DELETE /{}/{}",
]);

test("of all routes of the description a key for one connection reaches those alone that are about one; there, what belongs to another is not found", async () => {
  const operations = await operationsOf();
  assert.ok(operations.length > 60, `only ${operations.length} routes`);
  const unknownTo = operations.filter(({ name }) => reachable.has(name)).map(({ name }) => name);
  assert.deepEqual(
    [...reachable].filter((name) => !unknownTo.includes(name)),
    [],
    "no such route any more",
  );
  const foreign = [other.connectionId, other.conversationId, other.messageIds[0] ?? "", await upload(other.connectionId)];
  const faults: string[] = [];
  for (const { name, method, path } of operations) {
    if (!reachable.has(name)) {
      const answer = await api.call(method, path(newId(Date.now())), {
        key: bound,
        ...(method === "GET" || method === "DELETE" ? {} : { body: {} }),
      });
      if (answer.status !== 403 || !/one connection only/.test(answer.text)) faults.push(`${name} answers ${answer.status} ${answer.text}`);
    } else if (name.startsWith("GET /api/v1/") || /\/(messages|conversations|connections)\/\{\}/.test(name)) {
      if (!name.includes("{}")) continue;
      for (const id of foreign) {
        const answer = await api.call(method, path(id), {
          key: bound,
          ...(method === "GET" ? {} : { body: name.includes("sending") ? { paused: true } : {} }),
        });
        if (answer.status !== 404) faults.push(`${name} of another connection answers ${answer.status} ${answer.text}`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test("a key for one connection reads what belongs to it, and its lists hold nothing else", async () => {
  assert.deepEqual(await idsOf("connections"), [own.connectionId]);
  assert.deepEqual(await idsOf("conversations"), [own.conversationId]);
  assert.deepEqual(await idsOf(`conversations?connectionId=${own.connectionId}`), [own.conversationId]);
  assert.deepEqual((await idsOf("messages")).toSorted(), own.messageIds.toSorted());
  assert.deepEqual(await idsOf(`messages?waMessageId=${own.waMessageIds[0] ?? ""}`), [own.messageIds[0]]);
  assert.deepEqual(await idsOf(`messages?waMessageId=${other.waMessageIds[0] ?? ""}`), []);
  assert.deepEqual((await idsOf(`messages?conversationId=${own.conversationId}`)).length, 2);
  for (const path of [
    `conversations?connectionId=${other.connectionId}`,
    `messages?connectionId=${other.connectionId}`,
    `messages?conversationId=${other.conversationId}`,
    `conversations/${own.conversationId}?tenantId=${newId(Date.now())}`,
  ]) {
    assert.equal((await get(path, bound)).status, 404, path);
  }
  for (const path of [
    `connections/${own.connectionId}`,
    `conversations/${own.conversationId}/messages`,
    `conversations/${own.conversationId}/window`,
    `messages/${own.messageIds[0] ?? ""}/timeline`,
  ]) {
    assert.equal((await get(path, bound)).status, 200, path);
  }
  const file = await upload(null, bound);
  assert.deepEqual(
    [(await get(`media/${file}/info`, bound)).json.connectionId, (await get(`media/${file}`, bound)).status],
    [own.connectionId, 200],
  );
  assert.equal((await get(`media/${await upload(null)}/info`, bound)).status, 404, "a file of no connection");
});

test("a key for one connection sends from it alone, in both shapes, with no file and no kept answer of another one", async () => {
  const text = { type: "text", body: "hello" };
  const send = async (body: object, key = bound, headers = {}) =>
    (await api.call("POST", "/api/v1/messages", { key, body, headers })).status;
  const to = { waId: "972501111111" };
  assert.equal(await send({ conversationId: own.conversationId, content: text }), 201);
  assert.equal(await send({ connectionId: own.connectionId, to, content: text }), 201);
  assert.equal(await send({ conversationId: other.conversationId, content: text }), 404);
  assert.equal(await send({ connectionId: other.connectionId, to, content: text }), 404);
  const image = async (connectionId: string) => ({ type: "image", media: { mediaId: await upload(connectionId) } });
  assert.equal(await send({ conversationId: own.conversationId, content: await image(own.connectionId) }), 201);
  assert.equal(await send({ conversationId: own.conversationId, content: await image(other.connectionId) }), 404);
  const both = { conversationId: other.conversationId, content: text };
  assert.equal(await send(both, tenant.key, { "idempotency-key": "shared" }), 201);
  assert.equal(await send(both, bound, { "idempotency-key": "shared" }), 404);

  const graph = (number: string, key: string) =>
    api.call("POST", `/v26.0/${number}/messages`, {
      key,
      body: { messaging_product: "whatsapp", to: "972501111111", type: "text", text: { body: "hi" } },
    });
  assert.equal(await graph(await numberOf(own), bound).then(({ status }) => status), 200);
  const [foreign, unknown] = [await graph(await numberOf(other), bound), await graph("0".repeat(9), bound)];
  assert.deepEqual([foreign.status, foreign.json.error.code, foreign.json.error.error_subcode], [400, 100, 33]);
  assert.equal(foreign.text.replace(await numberOf(other), "N"), unknown.text.replace("0".repeat(9), "N"));
  const waMediaId = await graphUpload(await numberOf(other), tenant.key);
  assert.equal((await api.call("GET", `/v26.0/${waMediaId}`, { key: tenant.key })).status, 200);
  for (const method of ["GET", "DELETE"])
    assert.equal((await api.call(method, `/v26.0/${waMediaId}`, { key: bound })).json.error.error_subcode, 33);
  assert.equal((await api.call("GET", `/v26.0/${waMediaId}`, { key: tenant.key })).status, 200, "it is still there");
});

test("a key for one connection reads its part of the activity from any cursor: nothing of others, nothing missed, nothing twice", async () => {
  const { json: start } = await get("activity?limit=1", tenant.key);
  assert.ok(start.data.length === 1);
  const from = await headOf();
  const wrote: number[] = [];
  for (let commit = 0; commit < 4; commit += 1) {
    // More of others than one read holds.
    const strangers = Array.from({ length: Math.floor(limits.activityPageMax * 0.6) }, () => eventOf(other.conversationId));
    await append([...strangers, eventOf(null, { connectionId: other.connectionId }), eventOf(null, {})]);
    await append([eventOf(own.conversationId), eventOf(null, { connectionId: own.connectionId })]);
    const head = await headOf();
    wrote.push(head - 1, head);
  }
  const seen: number[] = [];
  let after = String(from);
  for (let page = 0; page < 50; page += 1) {
    const { data, next } = (await get(`activity?limit=3&after=${after}`, bound)).json;
    seen.push(...data.map(({ seq }: { seq: number }) => seq));
    if (next === null) break;
    assert.ok(Number(next) > Number(after));
    after = next;
  }
  assert.deepEqual(seen, wrote);

  const stream = await openStream(bound, from);
  while (stream.seqs.length < wrote.length) assert.ok(await stream.readOn());
  await append(Array.from({ length: 5 }, () => eventOf(other.conversationId)));
  const head = await headOf();
  while (stream.lastId() < head) assert.ok(await stream.readOn());
  assert.deepEqual([stream.seqs, stream.lastId()], [wrote, head], "its cursor moves over what is not for it");
  stream.abort.abort();
  const resumed = await openStream(bound, stream.lastId());
  await append([eventOf(own.conversationId)]);
  while (resumed.seqs.length === 0) assert.ok(await resumed.readOn());
  assert.deepEqual(resumed.seqs, [head + 1]);
  resumed.abort.abort();
});

test("a reader of one connection knows its own conversations among more than it remembers", async () => {
  const filter = ofConnection(api.app, tenantScope(tenant.id), own.connectionId);
  const eventAt = (seq: number, conversationId: string) => ({
    seq,
    type: "message.received",
    conversationId,
    messageId: null,
    data: {},
    createdAt: "",
  });
  let seq = 0;
  for (let seen = 0; seen <= limits.activityConversationsKnownMax * 2; seen += limits.activityPageMax) {
    const batch = Array.from({ length: limits.activityPageMax }, () => eventAt((seq += 1), newId(Date.now())));
    const mine = eventAt((seq += 1), own.conversationId);
    assert.deepEqual(await filter([...batch, mine, eventAt((seq += 1), other.conversationId)]), [mine]);
  }
});

async function makeKey(wanted: { name?: string; scopes: string[]; connectionId?: string; requestsPerMinute?: number }) {
  const { status, json, text } = await api.call("POST", "/api/v1/api-keys", { key: tenant.key, body: { name: "a key", ...wanted } });
  assert.equal(status, 201, text);
  return json as { id: string; apiKey: string };
}

const get = (path: string, key: string) => api.call("GET", `/api/v1/${path}`, { key });

async function idsOf(path: string): Promise<string[]> {
  const { status, json, text } = await get(path, bound);
  assert.equal(status, 200, text);
  return json.data.map(({ id }: { id: string }) => id);
}

async function upload(connectionId: string | null, key = tenant.key): Promise<string> {
  const body = new FormData();
  body.append("file", new Blob([png, randomBytes(4)]), "a.png");
  const query = connectionId === null ? "" : `?connectionId=${connectionId}`;
  const answer = await fetch(`${api.url}/api/v1/media${query}`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
  assert.equal(answer.status, 201);
  return ((await answer.json()) as { id: string }).id;
}

async function graphUpload(number: string, key: string): Promise<string> {
  const body = new FormData();
  body.append("messaging_product", "whatsapp");
  body.append("file", new Blob([png], { type: "image/png" }), "a.png");
  const answer = await fetch(`${api.url}/v26.0/${number}/media`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { id: string }).id;
}

type Operation = { name: string; method: string; path: (id: string) => string };

/** Of those that ask for a key. */
async function operationsOf(): Promise<Operation[]> {
  const { json } = await api.call("GET", "/openapi.json");
  const paths: [string, Record<string, { security?: unknown[] }>][] = Object.entries(json.paths);
  return paths.flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security?.length !== 0)
      .map(([method]) => ({
        name: `${method.toUpperCase()} ${path.replaceAll(/\{[^}]+\}/g, "{}")}`,
        method: method.toUpperCase(),
        path: (id: string) => path.replaceAll("{version}", "v26.0").replaceAll(/\{[^}]+\}/g, id),
      })),
  );
}

function eventOf(conversationId: string | null, data: object = {}) {
  return { tenantId: tenant.id, type: "message.received", conversationId, messageId: null, data: { ...data } };
}

async function append(events: ReturnType<typeof eventOf>[]): Promise<void> {
  await transaction(api.ingest, (tx) => appendActivity(tx, events, Date.now()));
  api.hub.publish([tenant.id]);
}

async function headOf(): Promise<number> {
  const { rows } = await api.ingest.pool.query<{ seq: number }>("select seq from activity_counters where tenant_id = $1", [tenant.id]);
  return rows[0]?.seq ?? 0;
}

async function openStream(key: string, afterSeq: number) {
  const abort = new AbortController();
  const answer = await fetch(`${api.url}/api/v1/activity/stream`, {
    signal: abort.signal,
    headers: { authorization: `Bearer ${key}`, "last-event-id": String(afterSeq) },
  });
  assert.equal(answer.status, 200);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const seqs: number[] = [];
  let [text, lastId] = ["", afterSeq];
  const readOn = async (): Promise<boolean> => {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    const frames = (text + (value ?? "")).split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const id = /^id: (\d+)$/m.exec(frame)?.[1];
      if (id !== undefined) lastId = Number(id);
      if (id !== undefined && /^data: /m.test(frame)) seqs.push(Number(id));
    }
    return !done;
  };
  return { seqs, readOn, lastId: () => lastId, abort };
}
