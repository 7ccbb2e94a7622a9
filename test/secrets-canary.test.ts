/**
 * The whole program with secrets and content that are known to the letter; everything is driven that could let them out: sends, Graph errors that
 * echo, errors of the database, malformed bodies, wrong keys. Afterwards they are looked for in the log of all levels, in every column of every
 * table, in the metrics and in every answer. Graph demands `appsecret_proof` throughout: a call without it would fail here.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startSandbox, type Sandbox } from "../src/sandbox/sandbox.ts";
import { withDatabase } from "./support/database.ts";
import { freePort } from "./support/program.ts";

const canary = (what: string): string => `Canary${what}${randomBytes(12).toString("hex")}`;
/** Never anywhere, but sealed or hashed. */
const secrets = {
  accessToken: canary("Token"),
  ownToken: canary("OwnToken"),
  appSecret: canary("AppSecret"),
  ownAppSecret: canary("OwnAppSecret"),
  verifyToken: canary("VerifyToken"),
  ownVerifyToken: canary("OwnVerifyToken"),
  adminKey: canary("AdminKeyOf32Characters"),
  encryptionKey: randomBytes(32).toString("base64"),
  wrongKey: canary("WrongKey"),
  password: canary("Password"),
};
/** Only where messages and people are kept. */
const content = { phone: "972587654321", text: canary("Text"), name: canary("Name"), sent: canary("Sent"), echoed: canary("Echoed") };

const png = Buffer.concat([
  Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489000007d04944415478", "hex"),
  Buffer.alloc(500, 7),
]);

/** Tables that hold what people write and who they are, by what they are for. */
const contentTables = new Set([
  "webhook_deliveries", // the raw bodies
  "parked_updates",
  "whatsapp_messages",
  "whatsapp_contacts",
  "whatsapp_contact_addresses",
  "whatsapp_contact_names",
  "whatsapp_conversations", // where an answer goes
  "whatsapp_message_statuses",
  "whatsapp_sends",
  "idempotency_keys", // the answer that is given once more
  "activity_events",
  "forward_updates",
  "search_contacts",
  "search_messages",
]);

const cleanups: (() => Promise<unknown> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const database = await withDatabase({ after: (cleanup) => void cleanups.push(cleanup) });
const owner = await database.session("superuser");
const dataDir = await mkdtemp(join(tmpdir(), "kesher-canary-"));
cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
const url = `http://127.0.0.1:${await freePort()}`;
const sandbox = await startSandbox({
  appSecret: secrets.appSecret,
  ingressUrl: `${url}/webhook/whatsapp`,
  nowMs: () => Date.now(),
  log: () => undefined,
  statusDelaysMs: { sent: 5, delivered: 10, read: 15, played: 20 },
  identity: { accessToken: secrets.accessToken },
  appId: "300000000000003",
  requiresProof: true,
});
cleanups.push(() => sandbox.stop());
let output = "";
/** Every answer's head and body. Those that show a secret on purpose, once, are left out. */
const answers: string[] = [];
const onceShown = new Map<string, string>();

before(async () => {
  await startProgram();
  await drive(sandbox);
});

test("no secret is in the log, whatever its level", () => {
  assert.ok(output.split("\n").length > 20 && /"level":(10|20)/.test(output), "the log has all levels");
  assert.deepEqual(linesWith(allSecrets()), []);
});

test("neither is what people wrote, nor their names and phones", () => {
  assert.deepEqual(linesWith(content), []);
});

test("no table has a secret in the clear, and what people wrote is only where it belongs", async () => {
  const leaks: string[] = [];
  const holders = new Set<string>();
  for (const { schema, name, text } of await dump()) {
    for (const secret of found(text, allSecrets())) leaks.push(`${schema}.${name} holds ${secret}`);
    for (const what of found(text, content)) {
      holders.add(name);
      if (schema !== "public" || !contentTables.has(name)) leaks.push(`${schema}.${name} holds ${what}`);
    }
  }
  assert.deepEqual(leaks, []);
  for (const name of ["webhook_deliveries", "whatsapp_messages", "whatsapp_contacts", "parked_updates"])
    assert.ok(holders.has(name), `${name} was looked at`);
});

test("no answer shows a secret after the one that gave it, and no error tells what people wrote", async () => {
  assert.ok(answers.length > 30);
  assert.deepEqual(found(answers.join("\n"), allSecrets()), []);
  const errors = answers.filter((answer) => /^HTTP [45]/.test(answer)).map((answer) => answer.slice(answer.indexOf("\n")));
  assert.ok(errors.length > 10);
  assert.deepEqual(
    errors.filter((error) => found(error, content).length > 0),
    [],
  );
});

test("the metrics hold neither", async () => {
  const metrics = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${secrets.adminKey}` } })).text();
  assert.match(metrics, /^kesher_|^process_/m);
  assert.deepEqual(found(metrics, { ...allSecrets(), ...content }), []);
});

test("every call to Graph was proven with the secret of the account's own app", () => {
  assert.equal(sandbox.ledger().filter(({ phoneNumberId }) => phoneNumberId === sandbox.phoneNumberId).length >= 2, true);
  assert.equal(
    sandbox.ledger().some(({ phoneNumberId }) => phoneNumberId !== sandbox.phoneNumberId),
    true,
    "the tenant's own app sends, too",
  );
});

test("a leak would be found: in clear, in hex, in base64, in a log and in a table", async () => {
  assert.deepEqual(found(`x${secrets.accessToken}y`, secrets), ["accessToken"]);
  assert.deepEqual(found(Buffer.from(secrets.accessToken).toString("hex"), secrets), ["accessToken"]);
  assert.deepEqual(found(Buffer.from(secrets.ownToken).toString("base64"), secrets), ["ownToken"]);
  assert.deepEqual(found(`+${content.phone}`, content), ["phone"]);
  await owner.query("create table planted (t text, b bytea)");
  await owner.query("insert into planted values ($1, $2)", [secrets.verifyToken, Buffer.from(content.text)]);
  const planted = (await dump()).find(({ name }) => name === "planted")?.text ?? "";
  assert.deepEqual(found(planted, { ...secrets, ...content }), ["verifyToken", "text"]);
});

async function startProgram(): Promise<void> {
  const { server } = database;
  assert.ok("host" in server);
  const at = new URL(`postgres:///${server.database}`);
  at.search = new URLSearchParams({ host: server.host, port: String(server.port), user: server.user }).toString();
  const child = spawn(process.execPath, ["src/index.ts"], {
    cwd: new URL("..", import.meta.url),
    env: {
      PATH: process.env["PATH"] ?? "",
      PORT: new URL(url).port,
      DATA_DIR: dataDir,
      DATABASE_URL: at.href,
      META_APP_ID: "300000000000003",
      META_APP_SECRET: secrets.appSecret,
      META_VERIFY_TOKEN: secrets.verifyToken,
      ENCRYPTION_KEYS: `k1:${secrets.encryptionKey}`,
      ADMIN_API_KEY: secrets.adminKey,
      GRAPH_URL: sandbox.graphUrl,
      LOG_LEVEL: "trace",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const hear = (text: Buffer): void => void (output += text.toString());
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  cleanups.push(async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  await until(
    async () => (await fetch(`${url}/readyz`)).ok,
    () => `the program is ready: ${output}`,
  );
}

type Called = { status: number; text: string; json: Record<string, unknown> };

async function call(
  method: string,
  path: string,
  options: { key?: string; body?: unknown; headers?: Record<string, string>; showsSecret?: true } = {},
): Promise<Called> {
  const { key = secrets.adminKey, body, headers = {}, showsSecret } = options;
  const answer = await fetch(url + path, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (showsSecret === undefined) answers.push(`HTTP ${answer.status}\n${JSON.stringify([...answer.headers])}\n${text}`);
  const isJson = (answer.headers.get("content-type") ?? "").includes("json") && text !== "";
  return { status: answer.status, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

/** Whatever this program does with secrets and people's words, and whatever can go wrong on the way. */
async function drive(meta: Sandbox): Promise<void> {
  const tenant = (await call("POST", "/api/v1/tenants", { body: { name: "T", slug: "t" }, showsSecret: true })).json;
  const [tenantId, key] = [String(tenant["id"]), String(tenant["apiKey"])];
  onceShown.set("apiKey", key);
  const connect = async (
    number: { wabaId: string; phoneNumberId: string; displayPhoneNumber: string; accessToken: string },
    appKey?: string,
  ) => {
    const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = number;
    const body = { tenantId, wabaId, phoneNumberId, displayPhoneNumber, accessToken, ...(appKey === undefined ? {} : { appKey }) };
    const made = await call("POST", "/api/v1/connections", { body });
    assert.equal(made.status, 201, made.text);
    return String(made.json["id"]);
  };
  const connectionId = await connect(meta);
  const app = await call("POST", "/api/v1/apps", {
    body: { tenantId, appId: "77", appSecret: secrets.ownAppSecret, verifyToken: secrets.ownVerifyToken },
  });
  const appKey = String(app.json["appKey"]);
  const ownNumber = meta.addNumber({
    accessToken: secrets.ownToken,
    app: { secret: secrets.ownAppSecret, url: () => `${url}/webhook/whatsapp/${appKey}`, id: "77" },
  });
  const ownConnectionId = await connect(ownNumber, appKey);
  const endpoint = await call("POST", "/api/v1/endpoints", {
    key,
    body: { name: "e", url: "https://127.0.0.1:9/hook", form: "events" },
    showsSecret: true,
  });
  if (endpoint.status === 201) onceShown.set("endpointSecret", String(endpoint.json["secret"]));
  const made = await call("POST", "/api/v1/api-keys", { key, body: { name: "second", scopes: ["read"] }, showsSecret: true });
  onceShown.set("secondKey", String(made.json["apiKey"]));

  const from = { from: content.phone, name: content.name };
  for (const phoneNumberId of [meta.phoneNumberId, ownNumber.phoneNumberId]) {
    assert.equal((await meta.sendCustomerMessage({ ...from, type: "text", text: content.text, phoneNumberId })).status, 200);
    assert.equal((await meta.sendCustomerMessage({ ...from, type: "image", text: content.text, phoneNumberId })).status, 200);
  }
  await until(
    async () => Number((await call("GET", "/api/v1/stats")).json["pending"]) === 0,
    () => `webhooks are applied: ${answers.at(-1) ?? ""} ${output.slice(-3_000)}`,
  );
  const conversations = (await call("GET", "/api/v1/conversations", { key })).json["data"] as { id: string; connectionId: string }[];
  const conversationOf = (id: string): string => conversations.find((one) => one.connectionId === id)?.id ?? "none";

  const send = async (conversationId: string, headers = {}) => {
    const { json } = await call("POST", "/api/v1/messages", {
      key,
      headers,
      body: { conversationId, content: { type: "text", body: content.sent } },
    });
    return String(json["id"]);
  };
  const statusOf = async (id: string) => String((await call("GET", `/api/v1/messages/${id}`, { key })).json["status"]);
  const settled = (id: string, ...statuses: string[]) =>
    until(
      async () => statuses.includes(await statusOf(id)),
      () => `${id} is ${statuses.join(" or ")}: ${output.slice(-2_000)}`,
    );
  await settled(await send(conversationOf(connectionId), { "idempotency-key": "one" }), "delivered", "read");
  await send(conversationOf(connectionId), { "idempotency-key": "one" });
  await settled(await send(conversationOf(ownConnectionId)), "delivered", "read");
  // Graph echoes what it was given.
  const echo = `Bearer ${secrets.accessToken} ${content.echoed}`;
  meta.failNext({ kind: "error", code: 131_009, details: `${content.echoed} is not valid` });
  await settled(await send(conversationOf(connectionId)), "failed");
  meta.failNext({ kind: "answer", status: 500, body: `<html>${echo} ${content.sent}</html>` });
  await settled(await send(conversationOf(connectionId)), "unknown", "delivered", "read", "sent");
  const graph = await call("POST", `/v26.0/${meta.phoneNumberId}/messages`, {
    key,
    body: { messaging_product: "whatsapp", to: content.phone, type: "text", text: { body: content.sent } },
  });
  assert.equal(graph.status, 200, graph.text);
  const inbound = (
    (await call("GET", "/api/v1/messages?limit=200", { key })).json["data"] as { id: string; direction: string; type: string }[]
  ).filter(({ direction }) => direction === "inbound");
  await call("POST", `/api/v1/messages/${inbound.find(({ type }) => type === "text")?.id ?? ""}/read`, { key, body: { typing: true } });
  await until(
    async () => (await owner.query("select from whatsapp_media where state <> 'stored'")).rowCount === 0,
    () => "the customers' files are here",
  );
  // Where a file lies is asked for, as it is once the address in the webhook works no longer; and one of ours is brought to Meta.
  const { rows } = await owner.query<{ id: string }>(
    "update whatsapp_media set state = 'failed', url = null, url_expires_at = null returning id",
  );
  for (const { id } of rows) assert.equal((await call("POST", `/api/v1/media/${id}/fetch`, { key })).status, 202);
  await until(
    async () => (await owner.query("select from whatsapp_media where state <> 'stored'")).rowCount === 0,
    () => `the customers' files are fetched again: ${output.slice(-2_000)}`,
  );
  const form = new FormData();
  form.append("file", new Blob([png]), "a.png");
  const uploaded = await fetch(`${url}/api/v1/media`, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: form });
  const image = { type: "image", media: { mediaId: ((await uploaded.json()) as { id: string }).id }, caption: content.sent };
  const sentImage = await call("POST", "/api/v1/messages", { key, body: { conversationId: conversationOf(connectionId), content: image } });
  await settled(String(sentImage.json["id"]), "delivered", "read");
  await call("POST", "/api/v1/templates/sync", {
    key,
    body: { accountId: ((await call("GET", "/api/v1/accounts", { key })).json["data"] as { id: string }[])[0]?.id },
  });
  for (const id of [connectionId, ownConnectionId]) await call("POST", `/api/v1/connections/${id}/probe`, { key, body: {} });

  // The database says no and quotes the row.
  await owner.query(`alter table whatsapp_messages add constraint no_canary check (content::text !~ 'refuse me') not valid`);
  await call("POST", "/api/v1/messages", {
    key,
    body: { conversationId: conversationOf(connectionId), content: { type: "text", body: `${content.sent} refuse me` } },
  });
  await meta.sendCustomerMessage({ ...from, type: "text", text: `${content.text} refuse me` });
  await until(
    async () => (await owner.query("select from parked_updates")).rowCount === 1,
    () => "the update is parked",
  );

  // Bodies that nobody can read, keys that nobody has, and what strangers try.
  const broken = `{"text":"${content.text}","token":"${secrets.wrongKey}"`;
  await call("POST", "/api/v1/messages", { key, body: broken });
  await call("POST", "/api/v1/messages", { key, body: { conversationId: content.text, to: content.phone, content: content.sent } });
  await call("PATCH", `/api/v1/tenants/${tenantId}`, { key, body: { timeZone: content.name, locale: 5 } });
  await call("GET", `/api/v1/conversations?waId=${content.phone}&after=${content.text}`, { key });
  await call("GET", `/api/v1/conversations/${content.text}`, { key });
  await call("GET", "/api/v1/conversations", { key: secrets.wrongKey });
  await call("GET", "/api/v1/conversations", { key: `${key.slice(0, -1)}!` });
  await call("GET", `/api/v1/deliveries`, { key });
  await call("POST", `/v26.0/${meta.phoneNumberId}/messages`, {
    key,
    body: { messaging_product: "whatsapp", to: content.phone, type: "carrier_pigeon", text: { body: content.text } },
  });
  await call("POST", `/v26.0/${meta.phoneNumberId}/messages`, { key: secrets.wrongKey, body: {} });
  await call("POST", "/auth/sign-in", {
    body: { email: "a@b.example", password: secrets.password },
    headers: { "sec-fetch-site": "same-origin" },
  });
  await call("GET", `/webhook/whatsapp?hub.mode=subscribe&hub.verify_token=${secrets.wrongKey}&hub.challenge=1`);
  await call("GET", `/webhook/whatsapp?hub.mode=subscribe&hub.verify_token=${secrets.verifyToken}&hub.challenge=1`);
  const sign = (body: string, secret: string): string => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  await call("POST", "/webhook/whatsapp", { body: broken, headers: { "x-hub-signature-256": sign(broken, "another") } });
  await call("POST", "/webhook/whatsapp", {
    body: `${content.text} is no JSON`,
    headers: { "x-hub-signature-256": sign(`${content.text} is no JSON`, secrets.appSecret) },
  });
  await until(
    async () => (await owner.query("select from parked_updates")).rowCount === 2,
    () => "the unreadable body is parked",
  );

  meta.revokeToken(secrets.ownToken);
  await settled(await send(conversationOf(ownConnectionId)), "failed", "pending", "unknown");
  for (const path of [
    "tenants",
    "accounts",
    "connections",
    "contacts",
    "conversations",
    "messages",
    "api-keys",
    "endpoints",
    "parked",
    "templates",
    "activity",
    "audit",
    "usage",
    "session",
  ]) {
    await call("GET", `/api/v1/${path}`, { key });
  }
  await call("GET", "/api/v1/deliveries");
  await call("GET", "/openapi.json");
  await call("GET", "/readyz");
}

function allSecrets(): Record<string, string> {
  // The last characters are the secret; what comes before is its id.
  return { ...secrets, ...Object.fromEntries([...onceShown].map(([name, value]) => [name, value.slice(-30)])) };
}

function linesWith(wanted: Readonly<Record<string, string>>): string[] {
  return output.split("\n").filter((line) => found(line, wanted).length > 0);
}

/** Names of what is in the text, as it is, in hex or in base64; in whatever case, since what is searched for is stored folded. */
function found(text: string, wanted: Readonly<Record<string, string>>): string[] {
  const folded = text.toLowerCase();
  return Object.entries(wanted)
    .filter(([, value]) => {
      const bytes = Buffer.from(value);
      // Base64 of the inside, whatever stands before it.
      const encoded = [0, 1, 2].map((shift) =>
        bytes.subarray(shift, shift + Math.floor((bytes.length - shift) / 3) * 3).toString("base64"),
      );
      return [value, bytes.toString("hex"), ...encoded].some((form) => folded.includes(form.toLowerCase()));
    })
    .map(([name]) => name);
}

/** Every row of every table as text; bytes as hex. */
async function dump(): Promise<{ schema: string; name: string; text: string }[]> {
  const { rows } = await owner.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema)' order by 1, 2`,
  );
  assert.ok(rows.length > 30);
  const tables = [];
  for (const { schema, name } of rows) {
    const { rows: lines } = await owner.query<{ line: string }>(`select whole_row::text as line from "${schema}"."${name}" whole_row`);
    tables.push({ schema, name, text: lines.map(({ line }) => line).join("\n") });
  }
  return tables;
}

async function until(isSo: () => Promise<boolean>, what: () => string): Promise<void> {
  const giveUpAt = performance.now() + 120_000;
  while (!(await isSo().catch(() => false))) {
    assert.ok(performance.now() < giveUpAt, what());
    await pause(30);
  }
}
