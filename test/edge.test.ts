/** What stands before all routes: headers of every answer, the shape of requests, names, bodies, the metrics. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { sign } from "../src/core/signature.ts";
import { securityHeaders } from "../src/http/headers.ts";
import { isOwnHost } from "../src/http/own-host.ts";
import { createWebhookHandler } from "../src/http/webhook.ts";
import { limits } from "../src/limits.ts";
import { openMediaStore } from "../src/services/media-store.ts";
import { adminKey, startApi } from "./support/api.ts";
import { answersIn, head, raw, type RawAnswer } from "./support/raw-http.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = await mkdtemp(join(tmpdir(), "kesher-edge-"));
after(() => rm(folder, { recursive: true, force: true }));
const secret = "the-secret-of-the-app";
const metricsKey = "a-key-for-metrics-of-32-characters";
const publicUrl = "https://kesher.example";
const stored: Buffer[] = [];
const api = await startApi(
  { after },
  {
    publicUrl,
    metrics: { key: metricsKey },
    media: { store: await openMediaStore(folder), publicUrl },
    webhook: createWebhookHandler({
      secretsOf: () => [secret],
      receive: async (_appKey, body) => {
        stored.push(body);
        return { received: "stored", updates: 1 };
      },
      onAnswer: () => undefined,
      isDraining: () => false,
    }),
  },
);
const port = Number(new URL(api.url).port);
const host = `host: 127.0.0.1:${port}`;
const tenant = await api.tenant();
const body = Buffer.from('{"object":"whatsapp_business_account","entry":[]}');

function assertGuarded(headers: Headers, what: string): void {
  assert.equal(headers.get("x-content-type-options"), "nosniff", what);
  assert.equal(headers.get("referrer-policy"), "no-referrer", what);
  assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", what);
  assert.ok(["same-origin", "same-origin-allow-popups"].includes(headers.get("cross-origin-opener-policy") ?? ""), what);
  assert.match(headers.get("strict-transport-security") ?? "", /^max-age=\d{8}/, what);
  assert.match(headers.get("permissions-policy") ?? "", /geolocation=\(\)/, what);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src '(none|self)'/, what);
  assert.doesNotMatch(policy, /unsafe-|https?:(?!\/\/)|\*/, what);
  for (const name of ["server", "x-powered-by", "x-aspnet-version", "via"]) assert.equal(headers.get(name), null, `${what}: ${name}`);
}

/** Nothing of the inside: no paths, no stack, no SQL, no library, no version. */
function assertTerse(text: string, what: string): void {
  assert.doesNotMatch(text, /node_modules|\bat .*:\d+:\d+|\.ts:\d|fastify|FST_|select .* from|typebox|pg-?boss/i, what);
}

/** Strangers are counted by the minute. */
function laterByAMinute(): void {
  api.clock.nowMs = (api.clock.nowMs ?? Date.now()) + limits.rateWindowMs + 1;
}

type Path = Record<string, { parameters?: { in: string; name: string }[] }>;
const { paths } = (await api.call("GET", "/openapi.json")).json as { paths: Record<string, Path> };
const routes = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
);

test("every route answers with the same guard in its headers, whoever asks and whatever comes of it, and tells nothing of the inside", async () => {
  assert.ok(routes.length >= 50);
  const callers = [{}, { key: tenant.key }, { key: adminKey }, { key: "nobody's" }];
  for (const [method, path] of routes) {
    laterByAMinute();
    const url = path.replaceAll(/\{\w+\}/g, (name) => (name === "{version}" ? "v26.0" : randomUUID()));
    for (const caller of callers) {
      for (const request of method === "GET" ? [{}] : [{}, { body: {} }, { body: "{" }]) {
        const answer = await look(method, `${url}${path.endsWith("/stream") ? "?after=0" : ""}`, { ...caller, ...request });
        assertGuarded(answer.headers, `${method} ${path}`);
        assert.notEqual(answer.status, 500, `${method} ${path}: ${answer.text}`);
        if (!path.startsWith("/metrics")) assertTerse(answer.text, `${method} ${path}`);
      }
    }
  }
});

test("so does every kind of answer beside the routes: pages, files, what is not there, and what was never a request", async () => {
  for (const path of [
    "/docs",
    "/docs/",
    "/docs/static/index.html",
    "/docs/static/swagger-ui.css",
    "/docs/static/swagger-initializer.js",
    "/docs/json",
  ]) {
    const answer = await api.call("GET", path);
    assertGuarded(answer.headers, path);
    if ((answer.headers.get("content-type") ?? "").startsWith("text/html")) {
      assert.match(answer.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/, path);
    }
  }
  for (const [method, path] of [
    ["GET", "/nothing/here"],
    ["GET", "/api/nothing"],
    ["GET", "/sign-in/x"],
    ["GET", "/webhook/whatsapp?hub.mode=subscribe&hub.challenge=x&hub.verify_token=wrong"],
    ["POST", "/webhook/whatsapp"],
    ["OPTIONS", "/api/v1/messages"],
    ["HEAD", "/livez"],
    ["DELETE", "/livez"],
    ["PROPFIND", "/api/v1/tenants"],
  ] as const) {
    const answer = await api.call(method, path);
    assertGuarded(answer.headers, `${method} ${path}`);
    assertTerse(answer.text, `${method} ${path}`);
  }
  const odd = [
    "nonsense\r\n\r\n",
    head("GET / HTTP/1.1"),
    head("GET /livez HTTP/1.1", host, `x: ${"x".repeat(limits.httpHeaderBytesMax)}`),
    head("GET /livez HTTP/1.1", host, "expect: a-miracle"),
    head("POST /webhook/whatsapp HTTP/1.1", host, "content-length: 5", "content-length: 6"),
  ];
  for (const bytes of odd) assertGuarded((await only(bytes)).headers, bytes.slice(0, 60));
});

test("only where the world comes by https are browsers told to use nothing else", () => {
  const names = (url: string | null): string[] => securityHeaders(url).map(([name]) => name);
  assert.ok(names("https://kesher.example").includes("strict-transport-security"));
  for (const url of [null, "http://kesher.example"]) assert.ok(!names(url).includes("strict-transport-security"));
});

test("a request that two readers could read in two ways is refused by both doors, and nothing behind it is taken for a request", async () => {
  const smuggled = head("GET /livez HTTP/1.1", host);
  const shapes: [name: string, lines: string[]][] = [
    ["length and chunks", [host, "content-length: 4", "transfer-encoding: chunked"]],
    ["chunks and length", [host, "transfer-encoding: chunked", "content-length: 4"]],
    ["two lengths", [host, "content-length: 4", "content-length: 8"]],
    ["two equal lengths", [host, "content-length: 4", "content-length: 4"]],
    ["a list of lengths", [host, "content-length: 4, 4"]],
    ["a signed length", [host, "content-length: +4"]],
    ["a negative length", [host, "content-length: -4"]],
    ["a length in hex", [host, "content-length: 0x4"]],
    ["a length beyond numbers", [host, "content-length: 99999999999999999999"]],
    ["an empty length", [host, "content-length:"]],
    ["another coding", [host, "transfer-encoding: gzip"]],
    ["chunks last, another first", [host, "transfer-encoding: gzip, chunked"]],
    ["chunks twice", [host, "transfer-encoding: chunked, chunked"]],
    ["two codings in two headers", [host, "transfer-encoding: chunked", "transfer-encoding: identity"]],
    ["a coding that looks like chunks", [host, "transfer-encoding: xchunked"]],
    ["a coding behind a tab", [host, "transfer-encoding:\tchunked", "content-length: 4"]],
    ["a space before the colon", [host, "content-length : 4"]],
    ["a folded header", [host, "x: a\r\n b", "content-length: 4"]],
    ["a folded length", [host, "content-length:\r\n 4"]],
    ["a header without a name", [host, ": x"]],
    ["a NUL in a header", [host, "x: a\0b"]],
    ["a bare CR in a header", [host, "x: a\rtransfer-encoding: chunked"]],
    ["two hosts", [host, "host: evil.example"]],
    ["two equal hosts", [host, host]],
    ["no host", []],
  ];
  const before = stored.length;
  for (const [name, lines] of shapes) {
    const isFramed = lines.some((line) => /content-length|transfer-encoding/i.test(line));
    for (const path of ["/api/v1/messages", "/webhook/whatsapp"]) {
      const bytes = `${head(`POST ${path} HTTP/1.1`, `x-hub-signature-256: ${sign(Buffer.from("0\r\n\r"), secret)}`, ...lines)}${isFramed ? "0\r\n\r\n" : ""}${smuggled}`;
      const answers = await all(bytes);
      assert.equal(answers.length, 1, `${name} at ${path}: ${answers.map(({ status }) => status).join(" ")}`);
      assert.ok([400, 431].includes(answers[0]?.status ?? 0), `${name} at ${path}: ${answers[0]?.status}`);
      assert.equal(answers[0]?.headers.get("connection"), "close", `${name} at ${path}`);
    }
  }
  assert.equal(stored.length, before);
  // The ways of the same that are none: taken.
  for (const line of ["content-length: 5", "transfer-encoding: chunked", "Transfer-Encoding: Chunked"]) {
    assert.equal((await only(`${head("POST /api/v1/messages HTTP/1.1", host, "connection: close", line)}0\r\n\r\n`)).status, 401, line);
  }
});

test("first lines that are no request of ours are refused: whole addresses, other protocols, unknown methods, characters that do not belong", async () => {
  for (const [line, status] of [
    ["GET http://evil.example/livez HTTP/1.1", 400],
    [`GET ${api.url}/livez HTTP/1.1`, 400],
    ["OPTIONS * HTTP/1.1", 400],
    ["GET livez HTTP/1.1", 400],
    ["BREW /livez HTTP/1.1", 400],
    ["get /livez HTTP/1.1", 400],
    ["GET /livez HTTP/1.1 x", 400],
    ["GET /livez HTTP/9.9", 400],
    ["GET /li\0vez HTTP/1.1", 400],
    ["PRI * HTTP/2.0", 400],
  ] as const) {
    const answers = await all(head(line, host, "connection: close"));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [status],
      line,
    );
  }
  assert.equal(await raw(port, [head("CONNECT evil.example:443 HTTP/1.1", host)]), "");
  for (const method of ["TRACE", "PROPFIND", "QUERY", "M-SEARCH", "PURGE"]) {
    const answer = await only(head(`${method} /api/v1/tenants HTTP/1.1`, host, "x-echo: seen", "connection: close"));
    assert.ok([400, 404, 405].includes(answer.status), `${method} ${answer.status}`);
    assert.ok(!answer.body.includes("seen"), method);
  }
});

test("a head is taken up to its bytes, its headers and the length of its address, and not beyond", async () => {
  const more = (count: number): string[] => Array.from({ length: count }, (_, index) => `x-${index}: y`);
  const status = async (...lines: string[]): Promise<number> => (await only(head(...lines))).status;
  assert.equal(await status("GET /livez HTTP/1.1", host, "connection: close", ...more(limits.httpHeadersMax - 2)), 200);
  assert.equal(await status("GET /livez HTTP/1.1", host, "connection: close", ...more(limits.httpHeadersMax - 1)), 431);
  assert.equal(await status("GET /livez HTTP/1.1", host, "connection: close", ...more(1_000)), 431);
  const path = (length: number): string => `/livez?${"x".repeat(length - 7)}`;
  assert.equal(await status(`GET ${path(limits.httpUrlBytesMax)} HTTP/1.1`, host, "connection: close"), 200);
  assert.equal(await status(`GET ${path(limits.httpUrlBytesMax + 1)} HTTP/1.1`, host, "connection: close"), 414);
  const filled = limits.httpHeaderBytesMax - head("GET /livez HTTP/1.1", host, "connection: close", "x: ").length;
  assert.equal(await status("GET /livez HTTP/1.1", host, "connection: close", `x: ${"y".repeat(filled - 64)}`), 200);
  assert.equal(await status("GET /livez HTTP/1.1", host, "connection: close", `x: ${"y".repeat(filled + 64)}`), 431);
  // As many parameters as fit.
  const many = `/api/v1/contacts?${"a&".repeat((limits.httpUrlBytesMax - 100) / 2)}`;
  assert.equal((await api.call("GET", many, { key: tenant.key })).status, 200);
  for (const query of ["limit=1&limit=2", "limit[]=1", "limit[a]=1", "__proto__=1&limit=1", "tenantId=&tenantId="]) {
    assert.ok((await api.call("GET", `/api/v1/contacts?${query}`, { key: tenant.key })).status < 500, query);
  }
});

test("bodies of the API are JSON, uncompressed and of a bounded depth; everything else is refused before it is read", async () => {
  const post = (text: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, path = "/api/v1/messages"): Promise<number> =>
    fetch(api.url + path, { method: "POST", body: text, headers: { authorization: `Bearer ${tenant.key}`, ...headers } }).then(
      ({ status }) => status,
    );
  const json = { "content-type": "application/json" };
  assert.equal(await post("{}", json), 400);
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "application/xml",
    "a",
    "application/",
    "application/json, text/plain",
    "application/json garbage",
    "multipart/form-data",
  ]) {
    assert.equal(await post("{}", { "content-type": type }), 415, type);
  }
  for (const coding of ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, identity", "x"]) {
    assert.equal(await post(new Uint8Array(gzipSync("{}")), { ...json, "content-encoding": coding }), 415, coding);
  }
  assert.equal(await post("{}", { ...json, "content-encoding": "identity" }), 400);
  // The first two are a body that nests to the limit and then one level more.
  const nested = (depth: number): string =>
    `{"conversationId":"${randomUUID()}","content":{"type":"text","body":"x"},"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const code = async (text: string, path = "/api/v1/messages"): Promise<string> => {
    const answer = await api.call("POST", path, { key: tenant.key, body: text, headers: { "idempotency-key": randomUUID() } });
    assert.ok(answer.status < 500, `${path} ${answer.status}`);
    return `${answer.status} ${answer.json.detail ?? ""}`;
  };
  assert.doesNotMatch(await code(nested(limits.jsonDepthMax - 1)), /nests deeper/);
  assert.match(await code(nested(limits.jsonDepthMax)), /400 The body nests deeper/);
  assert.match(await code(nested(200_000)), /400 The body nests deeper/);
  for (const text of [
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":{"x":1}}}',
    "[]",
    "null",
    "1e400",
    '"x"',
    "{",
    "\ufeff{}",
    "",
    "{}{}",
  ]) {
    for (const path of ["/api/v1/messages", "/v26.0/123/messages"]) await code(text, path);
  }
});

test("in Meta's shape, too, a body that nests deeply is refused and ends nothing", async () => {
  const text = JSON.stringify({ messaging_product: "whatsapp", to: "972501234567", type: "text", text: { body: "x" } });
  const deep = `${text.slice(0, -1)},"more":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const answer = await api.call("POST", "/v26.0/123/messages", { key: tenant.key, body: deep, headers: { "idempotency-key": "deep" } });
  assert.equal(answer.status, 400);
});

test("a sender that asks for leave to go on gets it, and one that expects anything else is told no", async () => {
  const signed = `x-hub-signature-256: ${sign(body, secret)}`;
  const asked = head(
    "POST /webhook/whatsapp HTTP/1.1",
    host,
    signed,
    `content-length: ${body.length}`,
    "expect: 100-continue",
    "connection: close",
  );
  assert.match(await raw(port, [asked, body]), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  const other = await only(head("POST /webhook/whatsapp HTTP/1.1", host, signed, `content-length: ${body.length}`, "expect: 200-ok"));
  assert.deepEqual([other.status, other.headers.get("connection")], [417, "close"]);
});

test("requests behind each other are answered in their order, and one that cannot be read ends the line", async () => {
  const ask = (id: number, ...lines: string[]): string =>
    head(`GET /api/v1/contacts?after=${id} HTTP/1.1`, host, `authorization: Bearer ${tenant.key}`, ...lines);
  const count = 200;
  const answers = await all(Array.from({ length: count }, (_, id) => ask(id, ...(id === count - 1 ? ["connection: close"] : []))).join(""));
  assert.equal(answers.length, count);
  const broken = await all(`${head("GET /livez HTTP/1.1", host)}BREW / HTTP/1.1\r\n\r\n${head("GET /livez HTTP/1.1", host)}`);
  assert.ok(broken.length <= 2 && broken.every(({ status }) => status === 200 || status === 400));
});

test("who closes its side of the connection after asking ends its request, and a stream that nobody reads ends with it", async () => {
  const answers = answersIn(await raw(port, [head("GET /livez HTTP/1.1", host)], { half: true }));
  assert.ok(answers.length <= 1);
  const stream = head("GET /api/v1/activity/stream?after=0 HTTP/1.1", host, `authorization: Bearer ${tenant.key}`);
  assert.match(await raw(port, [stream], { half: true }), /^$|^HTTP\/1\.1 200 /);
});

test("under a stranger's name there is no page and no session, but whoever has a key, Meta and health checks are served", async () => {
  const cookie = `cookie: kesher_session=${"A".repeat(43)}; __Host-kesher_session=${"A".repeat(43)}`;
  const status = async (name: string, path: string, ...lines: string[]): Promise<number> =>
    (await only(head(`GET ${path} HTTP/1.1`, `host: ${name}`, "connection: close", ...lines))).status;
  for (const own of [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    `[::1]:${port}`,
    "localhost",
    "kesher.example",
    "KESHER.EXAMPLE:443",
    "192.168.1.7:3000",
  ]) {
    laterByAMinute();
    assert.deepEqual([await status(own, "/docs/static/swagger-ui.css"), await status(own, "/api/v1/tenants", cookie)], [200, 401], own);
  }
  for (const strange of [
    "evil.example",
    `evil.example:${port}`,
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "kesher.example.evil",
    "evil.kesher.example",
    "localhost.",
    "a.localhost",
    "",
    "@",
    "localhost@evil",
    "localhost/x",
    "[::1",
  ]) {
    for (const path of ["/api/v1/tenants", "/", "/docs/", "/api/v1/session", "/openapi.json"]) {
      assert.equal(await status(strange, path, cookie), 403, `${strange} ${path}`);
    }
  }
  const key = `authorization: Bearer ${tenant.key}`;
  assert.equal(await status("evil.example", "/api/v1/contacts", key), 200);
  assert.equal(await status("kesher", "/livez"), 200);
  assert.equal(await status("kesher", "/readyz"), 200);
  const meta = head(
    "POST /webhook/whatsapp HTTP/1.1",
    "host: somewhere.example",
    `x-hub-signature-256: ${sign(body, secret)}`,
    `content-length: ${body.length}`,
    "connection: close",
  );
  assert.equal((await only(meta + body.toString())).status, 200);
});

test("without a public address only addresses and localhost are names of ours", () => {
  assert.ok(isOwnHost("localhost:3000", null) && isOwnHost("127.0.0.1", null) && isOwnHost("[::1]:1", null));
  for (const name of [undefined, "", "kesher.example", "null", "localhost:x", "127.0.0.1:3000:1"])
    assert.equal(isOwnHost(name, null), false, String(name));
});

test("the metrics are the operator's, and those of who has their key, which opens nothing else", async () => {
  laterByAMinute();
  const read = async (key?: string): Promise<number> => (await api.call("GET", "/metrics", key === undefined ? {} : { key })).status;
  assert.deepEqual([await read(), await read("x"), await read(tenant.key)], [401, 401, 403]);
  assert.deepEqual([await read(adminKey), await read(metricsKey)], [200, 200]);
  assert.equal(
    (await api.call("GET", "/metrics", { headers: { "x-forwarded-for": "127.0.0.1", forwarded: "for=127.0.0.1" } })).status,
    401,
  );
  assert.equal((await api.call("GET", "/api/v1/tenants", { key: metricsKey })).status, 401);
});

test("health says one word to whoever asks", async () => {
  assert.deepEqual([(await api.call("GET", "/livez")).text, (await api.call("GET", "/readyz")).text], ["ok\n", "ready\n"]);
});

async function all(bytes: string): Promise<RawAnswer[]> {
  return answersIn(await raw(port, [Buffer.from(bytes, "latin1")]));
}

async function only(bytes: string): Promise<RawAnswer> {
  const [answer, ...more] = await all(bytes);
  assert.ok(answer !== undefined && more.length === 0, `${bytes.slice(0, 80)}: ${more.length + (answer === undefined ? 0 : 1)} answers`);
  return answer;
}

/** Of a stream only its beginning. */
async function look(
  method: string,
  path: string,
  { key, body: sent }: { key?: string; body?: unknown },
): Promise<{ status: number; headers: Headers; text: string }> {
  const answer = await fetch(api.url + path, {
    method,
    redirect: "manual",
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(sent === undefined ? {} : { body: typeof sent === "string" ? sent : JSON.stringify(sent) }),
  });
  const isStream = (answer.headers.get("content-type") ?? "").startsWith("text/event-stream");
  if (isStream) await answer.body?.cancel();
  return { status: answer.status, headers: answer.headers, text: isStream ? "" : await answer.text() };
}
