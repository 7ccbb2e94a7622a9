/** Limits that callers of the program meet, driven to their edges over real connections. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, test } from "node:test";
import { createKeyCache } from "../src/http/key-cache.ts";
import { registerSandboxRoutes } from "../src/http/sandbox-routes.ts";
import { createWebhookHandler } from "../src/http/webhook.ts";
import { createReadiness } from "../src/http/readiness.ts";
import { limits } from "../src/limits.ts";
import { createAppSecrets } from "../src/webhooks/app-secrets.ts";
import { adminKey, insertMessage, seedWorld, startApi } from "./support/api.ts";

const api = await startApi({ after });
const tenant = await api.tenant();
const asTenant = { key: tenant.key };
const asAdmin = { key: adminKey };
/** What a busy machine may add to a time that Node itself keeps; a limit that is not there would be Node's own one, of a minute or five. */
const slackMs = 20_000;
// Under way while the other tests run, since its end is 15 s off.
const halfHeaders = closedAfter(Number(new URL(api.url).port), "GET /livez HTTP/1.1\r\nHost: x\r\n");
const halfBody = startHalfBody();

test("Lists give their default without a limit, and as many as the most", async () => {
  const { id, key } = await api.tenant();
  const world = await seedWorld(api, id);
  for (let count = 0; count < limits.listLimitMax; count += 1) {
    await insertMessage(api, id, { ...world, waMessageId: `wamid.list.${count}`, atMs: count });
  }
  const path = `/api/v1/conversations/${world.conversationId}/messages`;
  assert.equal((await api.call("GET", path, { key })).json.data.length, limits.listLimitDefault);
  assert.equal((await api.call("GET", `${path}?limit=${limits.listLimitMax}`, { key })).json.data.length, limits.listLimitMax);
  assert.equal((await api.call("GET", `${path}?limit=${limits.listLimitMax + 1}`, { key })).status, 400);
});

test("Texts, tokens, secrets and lists in requests are taken to their limit and refused beyond it", async () => {
  const connection = (accessToken: string): Promise<number> =>
    status("POST", "/api/v1/connections", {
      tenantId: tenant.id,
      wabaId: "limits-waba",
      phoneNumberId: "limits-number",
      displayPhoneNumber: "1",
      accessToken,
    });
  assert.equal(await connection("x".repeat(limits.apiTokenCharsMax)), 201);
  assert.equal(await connection("x".repeat(limits.apiTokenCharsMax + 1)), 400);

  const app = (appSecret: string, verifyToken: string): Promise<number> =>
    status("POST", "/api/v1/apps", { tenantId: tenant.id, appId: "1", appSecret, verifyToken });
  const secrets = (count: number): string => Array.from({ length: count }, () => "secret").join(",");
  assert.equal(await app(secrets(limits.appSecretsMax), "x".repeat(limits.apiTextCharsMax)), 201);
  assert.equal(await app(secrets(limits.appSecretsMax + 1), "x"), 400);
  assert.equal(await app("secret", "x".repeat(limits.apiTextCharsMax + 1)), 400);

  const types = (count: number): Promise<number> =>
    status("PATCH", `/api/v1/tenants/${tenant.id}`, {
      supportedTypes: Array.from({ length: count }, (_, index) => `t${"x".repeat(index)}`),
    });
  assert.equal(await types(limits.supportedTypesMax), 200);
  assert.equal(await types(limits.supportedTypesMax + 1), 400);

  const cursor = (length: number): Promise<{ json: { detail: string } }> =>
    api.call("GET", `/api/v1/contacts?after=${"x".repeat(length)}`, asTenant);
  const [longest, longer] = [await cursor(limits.cursorCharsMax), await cursor(limits.cursorCharsMax + 1)];
  assert.notEqual(longest.json.detail, longer.json.detail);
});

test("A tenant has as many keys as it may have, and not one more", async () => {
  const { id, key } = await api.tenant();
  await api.platform.pool.query(
    `insert into api_keys (tenant_id, id, name, secret_sha256, scopes)
     select $1, gen_random_uuid(), 'k', sha256(gen_random_uuid()::text::bytea), '{read}' from generate_series(1, $2)`,
    [id, limits.apiKeysPerTenantMax - 2],
  );
  const make = (): Promise<{ status: number }> =>
    api.call("POST", "/api/v1/api-keys", { key, body: { name: "one more", scopes: ["read"] } });
  assert.equal((await make()).status, 201);
  assert.equal((await make()).status, 409);
});

test("Keys that were looked up are remembered for their time and up to their number, and the oldest is forgotten", async () => {
  let nowMs = 0;
  const cache = createKeyCache(api.platform, () => nowMs);
  const first = await cache.find(tenant.key);
  assert.ok(first !== null);
  nowMs = limits.apiKeyCacheMs - 1;
  assert.equal(await cache.find(tenant.key), first);
  nowMs = limits.apiKeyCacheMs;
  const second = await cache.find(tenant.key);
  assert.ok(second !== null && second !== first);

  const keys = Array.from(
    { length: limits.apiKeyCacheMax },
    () => `ksh_${randomBytes(16).toString("hex")}_${randomBytes(32).toString("base64url")}`,
  );
  await api.platform.pool.query(
    `insert into api_keys (tenant_id, id, name, secret_sha256, scopes) select $1, gen_random_uuid(), 'k', sha256(key::bytea), '{read}' from unnest($2::text[]) key`,
    [tenant.id, keys],
  );
  for (const key of keys.slice(1)) await cache.find(key);
  assert.equal(await cache.find(tenant.key), second);
  await cache.find(keys[0] ?? "");
  assert.notEqual(await cache.find(tenant.key), second);
});

test("The secrets of tenants' apps are remembered for their time and up to their number, unknown apps too", async () => {
  let nowMs = 0;
  let opened = 0;
  const body = { tenantId: tenant.id, appId: "77", appSecret: "s", verifyToken: "v" };
  const made = await api.call("POST", "/api/v1/apps", { ...asAdmin, body });
  const open = (): string => {
    opened += 1;
    return "secret";
  };
  const platform = { secrets: ["p"], verifyToken: "p" };
  const apps = createAppSecrets({ platform, db: api.platform, open, nowMs: () => nowMs });
  const look = async (): Promise<number> => {
    await apps.secretsOf(made.json.appKey);
    return opened;
  };
  const readings = await look();
  nowMs = limits.appSecretsKeptMs - 1;
  assert.equal(await look(), readings);
  nowMs = limits.appSecretsKeptMs;
  assert.equal(await look(), 2 * readings);
  for (let stranger = 1; stranger < limits.appSecretsKeptMax; stranger += 1)
    assert.equal(await apps.secretsOf(`stranger${stranger}`), null);
  assert.equal(await look(), 2 * readings);
  await apps.secretsOf("one stranger more");
  assert.equal(await look(), 3 * readings);
});

test("A page of messages resolves references, and a timeline its entries, up to their number", async () => {
  const { id, key } = await api.tenant();
  const world = await seedWorld(api, id);
  const [target] = world.waMessageIds;
  // In a group each participant has a reaction of their own.
  await api.ingest.pool.query("update whatsapp_conversations set contact_id = null, group_id = 'g' where tenant_id = $1", [id]);
  await api.ingest.pool.query(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status,
       wa_timestamp, sender_phone, target_wa_message_id, created_at)
     select $1, gen_random_uuid(), $2, $3, 'wamid.reaction.' || n, 'inbound', 'customer', 'reaction', 'reaction', '{"v":1,"kind":"reaction","emoji":"x"}', 'received',
       now() + make_interval(secs => n), '9725' || n, $4, now() from generate_series(1, $5) n`,
    [id, world.connectionId, world.conversationId, target, limits.messageReferencesMax + 1],
  );
  const message = await api.call("GET", `/api/v1/messages/${world.messageIds[0]}`, { key });
  assert.equal(message.json.reactions.length, limits.messageReferencesMax);
  const timeline = await api.call("GET", `/api/v1/messages/${world.messageIds[0]}/timeline`, { key });
  assert.equal(timeline.json.data.length, limits.timelineEntriesMax);
});

test("One call replays as many parked updates as it may, and says where to go on", async () => {
  const { id, key } = await api.tenant();
  await api.ingest.pool.query(
    `insert into parked_updates (id, delivery_id, update_index, kind, tenant_id, app_key, reason, detail, update_json, received_at, parked_at)
     select gen_random_uuid(), gen_random_uuid(), 0, 'whatsapp-messages', $1, '', 'bad_update', 'x', '{}', '2020-01-01T12:00:00Z', now() from generate_series(1, $2)`,
    [id, limits.replayMax + 1],
  );
  const range = { from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" };
  const first = await api.call("POST", "/api/v1/parked/replay", { key, body: range });
  assert.equal(first.json.replayed, limits.replayMax, first.text);
  const rest = await api.call("POST", "/api/v1/parked/replay", { key, body: { ...range, after: first.json.next } });
  assert.deepEqual(rest.json, { replayed: 1, next: null });
});

test("Readiness is asked of the database when the last answer is too old, and not before", async () => {
  let nowMs = 0;
  const db = api.open("kesher_ingest");
  const readiness = createReadiness({ db, nowMs: () => nowMs });
  assert.equal(await readiness.isReady(), true);
  await db.pool.end();
  nowMs = limits.readinessKeptMs - 1;
  assert.equal(await readiness.isReady(), true);
  nowMs = limits.readinessKeptMs;
  assert.equal(await readiness.isReady(), false);
});

test("A command to the sandbox takes its bytes and no more", async (t) => {
  const sandbox = { types: ["text"], control: () => Promise.resolve({ status: 200, json: {} }) };
  const { call } = await startApi(t, { registerPage: (fastify) => registerSandboxRoutes(fastify, { isSignedIn: () => true, sandbox }) });
  const headers = { "sec-fetch-site": "same-origin" };
  const command = async (bytes: number): Promise<number> =>
    (await call("POST", "/sandbox/control/faults", { headers, body: "{}".padEnd(bytes) })).status;
  assert.equal(await command(limits.sandboxControlBytesMax), 200);
  assert.equal(await command(limits.sandboxControlBytesMax + 1), 413);
});

test("A webhook's body that does not come to its end in time is 408, and holds no memory any more", async () => {
  const { said, ms } = await halfBody;
  assert.match(said, /^HTTP\/1.1 408 /);
  assert.ok(ms >= limits.webhookBodyMsMax - 50 && ms < limits.webhookBodyMsMax + slackMs, `${Math.round(ms)} ms`);
});

test("A caller that does not end its headers is cut off in time", async () => {
  const { ms } = await halfHeaders;
  const latestMs = limits.httpHeadersMsMax + limits.httpConnectionsCheckMs + slackMs;
  assert.ok(ms >= limits.httpHeadersMsMax && ms <= latestMs, `${Math.round(ms)} ms`);
});

async function status(method: string, path: string, body: unknown): Promise<number> {
  return (await api.call(method, path, { ...asAdmin, body })).status;
}

/** Sends this and no more. Resolves, when the server hangs up, with what it said, and after how long. */
async function closedAfter(port: number, text: string): Promise<{ said: string; ms: number }> {
  const startMs = performance.now();
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("utf8");
  let said = "";
  socket.on("data", (piece: string) => (said += piece));
  socket.write(text);
  await once(socket, "close");
  return { said, ms: performance.now() - startMs };
}

/** A webhook whose body never comes to its end. */
async function startHalfBody(): Promise<{ said: string; ms: number }> {
  const handle = createWebhookHandler({
    secretsOf: () => ["secret"],
    receive: () => Promise.reject(new Error("nothing was received")),
    onAnswer: () => undefined,
    isDraining: () => false,
  });
  const server = createServer((incoming, response) => handle(incoming, response, ""));
  await once(server.listen(0, "127.0.0.1"), "listening");
  after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  return closedAfter(address.port, "POST /webhook/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
}
