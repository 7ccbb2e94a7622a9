import assert from "node:assert/strict";
import { AccessTokens } from "../src/services/whatsapp/outbox/access-tokens.ts";
import { Answers } from "../src/services/whatsapp/outbox/answers.ts";
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { after, test } from "node:test";
import pg from "pg";
import { pino } from "pino";
import { sign } from "../src/core/signature.ts";
import { createServer } from "../src/http/server.ts";
import { createWebhookHandler, type WebhookOutcome } from "../src/http/webhook.ts";
import { limits } from "../src/limits.ts";
import { createHub } from "../src/services/activity/hub.ts";
import { putApp } from "../src/services/tenants/apps.ts";
import { createAppSecrets } from "../src/webhooks/app-secrets.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { countsOf } from "./support/snapshot.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const secret = "the-secret-of-the-platform";
const platform = { secrets: [secret], verifyToken: "the-token-of-the-platform" };
const cleanups: (() => Promise<void> | void)[] = [];
// The server goes first: it uses the database.
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) });
const hub = createHub({ app: rig.app, platform: rig.platform, onError: () => undefined });
let skippedMs = 0;
const apps = createAppSecrets({
  platform,
  db: rig.platform,
  open: (_context, sealed) => Buffer.from(sealed).toString(),
  nowMs: () => Date.now() + skippedMs,
});
const answers: { outcome: WebhookOutcome; bytes: number; updates: number }[] = [];
let told: (() => void) | null = null;
const server = await createServer({
  app: rig.app,
  platform: rig.platform,
  hub,
  webhook: createWebhookHandler({
    secretsOf: apps.secretsOf,
    receive: (appKey, body) => rig.receiver.receive(appKey, body),
    onAnswer: ({ outcome, bytes, updates }) => {
      answers.push({ outcome, bytes, updates });
      told?.();
    },
    isDraining: () => false,
  }),
  adminKey: null,
  verifyToken: (appKey, token) => apps.verifyToken(appKey ?? "", token),
  secrets: { seal: (_context, plain) => Buffer.from(plain) },
  log: pino({ level: "silent" }),
  isReady: async () => true,
  metricsText: async () => "",
  nowMs: () => Date.now(),
  sends: {
    graph: { url: "http://127.0.0.1:9", version: "v26.0" },
    tokens: new AccessTokens(rig.app, (_context, sealed) => Buffer.from(sealed).toString()),
    answers: new Answers(),
    wake: () => undefined,
  },
});
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
cleanups.push(() => server.close());
const origin = `http://127.0.0.1:${port}`;
const path = "/webhook/whatsapp";

const mine = await rig.connect(await rig.tenant({ autoReplyEnabled: false }));
let ordinal = 0;
const text = (body = "שלום"): ReturnType<typeof message> =>
  message(mine, { phone: "15550001" }, `wamid.${(ordinal += 1)}`, rig.clock.nowMs, { type: "text", text: { body } });
const jsonOf = (body: unknown): Buffer => Buffer.from(JSON.stringify(body));
const deliveries = async (): Promise<number> =>
  (await rig.sql<{ n: number }>(`select count(*)::int as n from webhook_deliveries`))[0]?.n ?? -1;

type Sent = { signature?: string | null; headers?: Record<string, string>; to?: string };
async function post(body: Buffer, { signature = sign(body, secret), headers = {}, to = path }: Sent = {}) {
  const answer = await fetch(origin + to, {
    method: "POST",
    headers: { ...(signature === null ? {} : { "x-hub-signature-256": signature }), ...headers },
    body: new Uint8Array(body),
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

/** Bytes as they are on the wire; answers everything that comes back until the server or we are done. */
async function raw(pieces: readonly (Buffer | string)[], until: (received: string) => boolean): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  let received = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1");
    if (until(received)) resolve();
  });
  socket.on("close", () => resolve());
  for (const piece of pieces) socket.write(piece);
  await promise;
  socket.destroy();
  return received;
}
const head = (body: Buffer, more: readonly string[] = [`content-length: ${body.length}`]): string =>
  [`POST ${path} HTTP/1.1`, "host: kesher", `x-hub-signature-256: ${sign(body, secret)}`, ...more, "", ""].join("\r\n");
const answersIn = (received: string): string[] => [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, code]) => code ?? "");

test("Meta's verification is answered with its challenge as plain text, and with 403 for anything else", async () => {
  const ask = async (query: Record<string, string>, to = path) => {
    const answer = await fetch(`${origin}${to}?${new URLSearchParams(query).toString()}`);
    return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
  };
  const good = { "hub.mode": "subscribe", "hub.verify_token": platform.verifyToken, "hub.challenge": "1158201444" };
  assert.deepEqual(await ask(good), { status: 200, text: "1158201444", type: "text/plain; charset=utf-8" });
  const refused: [string, Record<string, string>][] = [
    ["wrong token", { ...good, "hub.verify_token": `${platform.verifyToken}x` }],
    ["token in another case", { ...good, "hub.verify_token": platform.verifyToken.toUpperCase() }],
    ["empty token", { ...good, "hub.verify_token": "" }],
    ["another mode", { ...good, "hub.mode": "unsubscribe" }],
    ["no challenge", { "hub.mode": "subscribe", "hub.verify_token": platform.verifyToken }],
    ["no mode", { "hub.verify_token": platform.verifyToken, "hub.challenge": "1" }],
    ["markup", { ...good, "hub.challenge": "<script>alert(1)</script>" }],
    ["a line break", { ...good, "hub.challenge": "1\r\nset-cookie: a=b" }],
    ["an endless challenge", { ...good, "hub.challenge": "1".repeat(7_000) }],
    ["nothing", {}],
  ];
  for (const [name, query] of refused) {
    const answer = await ask(query);
    assert.equal(answer.status, 403, name);
    assert.ok(!answer.text.includes("<script>"), name);
  }
  assert.equal((await ask(good, `${path}/nobodys`)).status, 403);
});

test("only the right signature over the very bytes is taken; nothing else leaves a trace", async () => {
  const body = jsonOf(bodyOf(text("é 🙂 https://a.example/x")));
  const good = sign(body, secret);
  const before = await deliveries();
  const refused: [string, Sent, Buffer?][] = [
    ["missing", { signature: null }],
    ["empty", { signature: "" }],
    ["prefix alone", { signature: "sha256=" }],
    ["without its prefix", { signature: good.slice("sha256=".length) }],
    ["short", { signature: good.slice(0, -1) }],
    ["long", { signature: `${good}0` }],
    ["not hex", { signature: `${good.slice(0, -1)}g` }],
    ["upper-case hex", { signature: `sha256=${good.slice("sha256=".length).toUpperCase()}` }],
    ["upper-case prefix", { signature: good.replace("sha256", "SHA256") }],
    ["sha1", { signature: good.replace("sha256", "sha1") }],
    ["one digit off", { signature: `${good.slice(0, -1)}${good.endsWith("0") ? "1" : "0"}` }],
    ["with another secret", { signature: sign(body, "another secret") }],
    ["with the empty secret", { signature: sign(body, "") }],
    ["of another body", { signature: sign(Buffer.from("{}"), secret) }],
    ["of a body written anew", {}, jsonOf(JSON.parse(body.toString()))],
    ["of an app that is not there", { to: `${path}/nobodys` }],
  ];
  for (const [name, how, sent = body] of refused) {
    // What is written anew has other bytes: Meta escapes what is not ASCII.
    const escaped = name === "of a body written anew" ? sign(Buffer.from(body.toString().replace("é", "\\u00e9")), secret) : undefined;
    assert.equal((await post(sent, escaped === undefined ? how : { signature: escaped })).status, 401, name);
  }
  const twice = await raw([head(body).replace("host: kesher", `host: kesher\r\nx-hub-signature-256: ${sign(body, "x")}`), body], (seen) =>
    seen.includes("401"),
  );
  assert.deepEqual(answersIn(twice), ["401"]);
  assert.equal(await deliveries(), before);
  assert.deepEqual(await post(body).then(({ status: code, text: said }) => [code, said]), [200, "stored\n"]);
  assert.equal(await deliveries(), before + 1);
});

test("while a secret is rotated both are taken, afterwards only the new one, and with no secret nothing", async () => {
  const body = jsonOf(bodyOf(text()));
  const [old, fresh] = [sign(body, secret), sign(body, "the-new-secret")];
  try {
    platform.secrets = ["the-new-secret", secret];
    assert.deepEqual([(await post(body, { signature: old })).status, (await post(body, { signature: fresh })).status], [200, 200]);
    platform.secrets = ["the-new-secret"];
    assert.deepEqual([(await post(body, { signature: old })).status, (await post(body, { signature: fresh })).status], [401, 200]);
    platform.secrets = [];
    assert.deepEqual([(await post(body, { signature: old })).status, (await post(body, { signature: sign(body, "") })).status], [401, 401]);
  } finally {
    platform.secrets = [secret];
  }
});

test("a tenant's own app has its own path, secrets and token, and another's open nothing", async () => {
  const tenantId = await rig.tenant();
  const wanted = { tenantId, appId: "123", appSecret: "own-secret,older-secret", verifyToken: "own-token" };
  const { appKey } = await putApp(rig.platform, wanted, { seal: (_context, plain) => Buffer.from(plain), nowMs: Date.now() });
  const to = `${path}/${appKey}`;
  const body = jsonOf(bodyOf(text()));
  for (const [signature, code] of [
    [sign(body, "own-secret"), 200],
    [sign(body, "older-secret"), 200],
    [sign(body, "own-secret,older-secret"), 401],
    [sign(body, secret), 401],
  ] as const) {
    assert.equal((await post(body, { signature, to })).status, code);
  }
  assert.equal((await post(body, { signature: sign(body, "own-secret") })).status, 401);
  const query = "hub.mode=subscribe&hub.challenge=7&hub.verify_token=";
  assert.equal((await fetch(`${origin}${to}?${query}own-token`)).status, 200);
  assert.equal((await fetch(`${origin}${to}?${query}${platform.verifyToken}`)).status, 403);
  // A secret that was taken away works no longer than what is remembered.
  await putApp(rig.platform, { ...wanted, appSecret: "own-secret" }, { seal: (_context, plain) => Buffer.from(plain), nowMs: Date.now() });
  skippedMs += limits.appSecretsKeptMs + 1;
  assert.equal((await post(body, { signature: sign(body, "older-secret"), to })).status, 401);
});

/** A signed body of exactly so many bytes. */
function bodyOfBytes(bytes: number): Buffer {
  const empty = jsonOf(bodyOf(text("")));
  return jsonOf(bodyOf(text("x".repeat(bytes - empty.length)))).subarray(0, bytes);
}

test("a body of 5 MB is taken, one byte more is 413, whoever signed it", async () => {
  const { webhookBodyBytesMax: max } = limits;
  const largest = bodyOfBytes(max);
  assert.equal((await post(largest)).status, 200);
  const tooLarge = Buffer.concat([largest, Buffer.from(" ")]);
  assert.equal((await post(tooLarge)).status, 413);
  assert.equal((await post(tooLarge, { signature: null })).status, 413);
  assert.equal((await post(largest, { signature: null })).status, 401);
  // The length is not announced: counted as it comes.
  const chunked = async (body: Buffer): Promise<string[]> => {
    const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
    return answersIn(await raw([head(body, ["transfer-encoding: chunked"]), chunk], (seen) => answersIn(seen).length > 0));
  };
  assert.deepEqual(await chunked(largest), ["200"]);
  assert.deepEqual(await chunked(tooLarge), ["413"]);
  const announced = head(largest, [`content-length: ${max + 1}`]);
  assert.deepEqual(answersIn(await raw([announced], (seen) => answersIn(seen).length > 0)), ["413"]);
});

test("what the headers say about the body does not matter: its bytes are what was signed", async () => {
  const body = jsonOf(bodyOf(text()));
  for (const headers of [
    {},
    { "content-type": "application/json" },
    { "content-type": "text/plain" },
    { "content-type": "application/x-www-form-urlencoded" },
    { "content-type": "application/json; charset=utf-16" },
    { "content-type": "no/such; type;;" },
    { "content-encoding": "gzip" },
    { "content-encoding": "br" },
    { accept: "image/png" },
  ] as Record<string, string>[]) {
    assert.equal((await post(body, { headers })).status, 200, JSON.stringify(headers));
  }
  const bare = await raw([head(body), body], (seen) => answersIn(seen).length > 0);
  assert.deepEqual(answersIn(bare), ["200"]);
  assert.equal((await post(gzipSync(body), { headers: { "content-encoding": "gzip", "content-type": "application/json" } })).status, 200);
});

test("a sender that waits for leave to go on gets it", async () => {
  const body = jsonOf(bodyOf(text()));
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(head(body, [`content-length: ${body.length}`, "expect: 100-continue"]));
  const [leave] = (await once(socket, "data")) as [Buffer];
  assert.match(leave.toString(), /^HTTP\/1\.1 100 /);
  socket.write(body);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  socket.destroy();
});

test("requests one behind the other on a connection are answered one behind the other", async () => {
  const [first, bad, last] = [jsonOf(bodyOf(text())), jsonOf({ entry: [] }), jsonOf(bodyOf(text()))];
  const wrong = head(bad).replace(/sha256=./, "sha256=x");
  const before = await deliveries();
  const seen = await raw([head(first), first, wrong, bad, head(last), last], (received) => answersIn(received).length === 3);
  assert.deepEqual(answersIn(seen), ["200", "401", "200"]);
  assert.equal(await deliveries(), before + 2);
});

test("other methods and neighbouring paths take nothing in", async () => {
  const body = jsonOf(bodyOf(text()));
  const before = await deliveries();
  for (const method of ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    const carries = method === "PUT" || method === "PATCH" || method === "DELETE";
    const sent = carries
      ? { body: new Uint8Array(body), headers: { "x-hub-signature-256": sign(body, secret), "content-type": "application/json" } }
      : {};
    const { status: code } = await fetch(origin + path, { method, ...sent });
    assert.ok(code >= 400 && code < 500, `${method} ${code}`);
  }
  for (const to of [
    "/webhook",
    "/webhook/whatsappx",
    `${path}/a/b`,
    `${path}/../whatsapp2`,
    "/webhook%2Fwhatsapp",
    `${path}/${"k".repeat(65)}`,
  ]) {
    const { status: code } = await post(body, { to, headers: { "content-type": "application/json" } });
    assert.ok(code >= 400 && code < 500, `${to} ${code}`);
  }
  assert.equal(await deliveries(), before);
});

test("a body that breaks off is not stored, and the next one is", async () => {
  const body = jsonOf(bodyOf(text()));
  const before = await deliveries();
  const aborted = new Promise<void>((resolve) => (told = resolve));
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(head(body));
  socket.write(body.subarray(0, 20));
  socket.end();
  socket.resume();
  await aborted;
  told = null;
  assert.equal(answers.at(-1)?.outcome, "aborted");
  assert.equal(await deliveries(), before);
  assert.equal((await post(body)).status, 200);
});

test("while the database takes nobody in, Meta is asked to come again; afterwards all is as before", async () => {
  const body = jsonOf(bodyOf(text()));
  const before = await deliveries();
  const { database } = rig.server;
  const elsewhere = new pg.Client({ ...rig.superuser, database: "postgres" });
  await elsewhere.connect();
  await elsewhere.query(`alter database ${database} allow_connections false`);
  try {
    await elsewhere.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1`, [database]);
    const refused = await post(body);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
    assert.equal((await post(body, { signature: null })).status, 401);
    assert.deepEqual(
      await Promise.all(Array.from({ length: 10 }, async () => (await post(body)).status)),
      Array.from({ length: 10 }, () => 503),
    );
  } finally {
    await elsewhere.query(`alter database ${database} allow_connections true`);
    await elsewhere.end();
  }
  assert.equal(await deliveries(), before);
  assert.equal((await post(body)).status, 200);
  assert.equal(await deliveries(), before + 1);
});

test("bodies in memory have a common limit: above it 503, and room again when they are gone", async () => {
  const { webhookBodyBytesMax: largest, webhookInFlightBytesMax: max } = limits;
  const fit = Math.floor(max / (largest - 1));
  const sockets = Array.from({ length: fit + 1 }, () => connect(port, "127.0.0.1"));
  const refused = Promise.race(
    sockets.map(async (socket) => {
      socket.on("error", () => undefined);
      // All but the last byte: nobody can be answered yet but for want of room.
      socket.write(head(Buffer.alloc(0), [`content-length: ${largest}`]));
      socket.write(Buffer.alloc(largest - 1, "x"));
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString();
    }),
  );
  assert.match(await refused, /^HTTP\/1\.1 503 [^]*retry-after: 5/i);
  assert.equal(answers.at(-1)?.outcome, "unavailable");
  assert.equal((await post(jsonOf(bodyOf(text())))).status, 200);
  const left = new Promise<void>((resolve) => {
    let waiting = fit;
    told = () => void ((waiting -= 1) === 0 && resolve());
  });
  for (const socket of sockets) socket.destroy();
  await left;
  told = null;
  assert.equal((await post(bodyOfBytes(largest))).status, 200);
});

/** Bodies that somebody with the secret could send, and what they count as. */
function hostileBodies(): [name: string, body: Buffer, updates: number][] {
  const whole = jsonOf(bodyOf(text()));
  const element = (fields: string): Buffer =>
    Buffer.from(
      whole
        .toString()
        .replace('"type":"text","text":{"body":"שלום"}', fields)
        .replace(/wamid\.\d+/, () => `wamid.${(ordinal += 1)}`),
    );
  const deep = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const wrong = [null, true, 0, -1, 1e308, "", "x", [], [[]], {}, [null]];
  const keys = [
    "from",
    "from_user_id",
    "type",
    "text",
    "image",
    "context",
    "errors",
    "reaction",
    "edit",
    "interactive",
    "system",
    "group_id",
    "contacts",
  ];
  const mistyped = keys.flatMap((key) => wrong.map((value) => ({ ...text().element, [key]: value })));
  const words = ["status", "recipient_id", "errors", "pricing", "conversation", "biz_opaque_callback_data"];
  const statuses = words.flatMap((key) =>
    wrong.map((value) => ({ ...status(mine, `wamid.${(ordinal += 1)}`, "sent", rig.clock.nowMs).element, [key]: value })),
  );
  const envelope = (value: unknown): Buffer =>
    jsonOf({ object: "whatsapp_business_account", entry: [{ id: mine.wabaId, changes: [{ field: "messages", value }] }] });
  const metadata = { display_phone_number: mine.displayPhoneNumber, phone_number_id: mine.phoneNumberId };
  const lists = ["messages", "statuses", "message_echoes", "calls", "user_preferences", "errors", "contacts", "standby"];
  return [
    ["U+0000", element(String.raw`"type":"text","text":{"body":"a\u0000b"}`), 1],
    ["U+0000 in a key", element(String.raw`"type":"later","la\u0000ter":{"\u0000":"\u0000"}`), 1],
    ["lone surrogates", element(String.raw`"type":"text","text":{"body":"\ud800 \udc00\ud83d"}`), 1],
    ["a depth of 200,000", Buffer.from(deep(200_000)), 1],
    ["a message of depth 200,000", element(`"type":"later","later":${deep(200_000)}`), 1],
    ["a million keys", element(`"type":"later","later":{${Array.from({ length: 300_000 }, (_, index) => `"${index}":0`).join(",")}}`), 1],
    ["the same key twice", element(`"type":"image","type":"text","text":{"body":"a"},"text":{"body":"b"}`), 1],
    ["__proto__", element(`"type":"__proto__","__proto__":{"isAdmin":true},"constructor":{"prototype":{}}`), 1],
    [
      "numbers beyond reach",
      element(`"type":"location","location":{"latitude":1e400,"longitude":-1e400,"n":123456789012345678901234567890}`),
      1,
    ],
    ["wrong types in a message", envelope({ metadata, messages: mistyped }), mistyped.length],
    ["wrong types in a status", envelope({ metadata, statuses }), statuses.length],
    ["things that are no elements", envelope({ metadata, messages: wrong, statuses: wrong, calls: wrong }), 3 * wrong.length],
    ...lists.flatMap((list) =>
      wrong.map((value, index): [string, Buffer, number] => [`${list} as value ${index}`, envelope({ metadata, [list]: value }), -1]),
    ),
    ...wrong.map((value, index): [string, Buffer, number] => [`a value that is value ${index}`, envelope(value), -1]),
    ["truncated", whole.subarray(0, -10), 1],
    ["empty", Buffer.alloc(0), 1],
    ["white space", Buffer.from(" \n"), 1],
    ["an array", Buffer.from("[1,2]"), 1],
    ["a number", Buffer.from("42"), 1],
    ["a byte order mark", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), jsonOf(bodyOf(text()))]), 1],
    ["invalid UTF-8", Buffer.from(whole.toString().replace("שלום", "\u00ff\u00fe"), "latin1"), 1],
    ["raw bytes", Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 31) % 256)), 1],
    ["a form", Buffer.from("object=whatsapp_business_account&entry=1"), 1],
    ["100,000 elements", envelope({ metadata, messages: Array.from({ length: 100_000 }, () => 0) }), 1],
  ];
}

test("a correctly signed body is never refused for its content, and each of its updates is stored or parked", async () => {
  await rig.drain();
  const began = await countsOf(rig);
  const bodies = hostileBodies();
  const seen: number[] = [];
  for (const [name, body, expected] of bodies) {
    assert.equal((await post(body)).status, 200, name);
    const updates = answers.at(-1)?.updates ?? 0;
    assert.ok(updates > 0 && (expected === -1 || updates === expected), `${name}: ${updates} updates`);
    seen.push(updates);
  }
  await rig.drain();
  const ended = await countsOf(rig);
  const updates = seen.reduce((sum, count) => sum + count, 0);
  assert.equal(ended.updates - began.updates, updates);
  assert.equal(ended.stored + ended.parked + ended.duplicates - began.stored - began.parked - began.duplicates, updates);
  const lost = await rig.sql(
    `select d.id from webhook_deliveries d where (select count(*) from webhook_results r where r.delivery_id = d.id) <> d.lanes
       or (select sum(r.stored + r.parked + r.duplicates) <> sum(r.updates) from webhook_results r where r.delivery_id = d.id)`,
  );
  assert.deepEqual(lost, []);
  const reasons = await rig.sql<{ reason: string }>(`select distinct reason from parked_updates order by reason`);
  assert.ok(!reasons.some(({ reason }) => reason === "rejected_by_database" || reason === "crashed_worker"), JSON.stringify(reasons));
  assert.equal((await rig.sql(`select from webhook_pending`)).length, 0);
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});

test("three hundred POSTs at once are each answered after their own commit", async () => {
  const before = await deliveries();
  const ids = Array.from({ length: 300 }, () => randomDigits());
  const codes = await Promise.all(
    ids.map(async (id) => (await post(jsonOf(bodyOf(message(mine, { phone: "15550001" }, id, rig.clock.nowMs))))).status),
  );
  assert.deepEqual(new Set(codes), new Set([200]));
  assert.equal(await deliveries(), before + ids.length);
  await rig.drain();
  const [row] = await rig.sql<{ n: number }>(`select count(*)::int as n from whatsapp_messages where wa_message_id = any($1)`, [ids]);
  assert.equal(row?.n, ids.length);
});
