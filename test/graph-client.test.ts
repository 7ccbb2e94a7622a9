import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { limits } from "../src/limits.ts";
import { createGraphClient, type GraphOutcome } from "../src/services/whatsapp/graph/client.ts";
import { encodeTextMessage } from "../src/services/whatsapp/graph/encode.ts";
import { errorSentences } from "../src/services/whatsapp/graph/error-sentences.ts";
import { errorFact } from "../src/services/whatsapp/graph/errors.ts";

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  // Listening on TCP, so the address is no path.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  t.after(() => server.closeAllConnections());
  return listen(t, server);
}

const body = encodeTextMessage({ to: { phone: "972501234567", userId: null }, text: "שלום", messageId: "m-1" });

function send(url: string, more: { timeoutMs?: number; appSecret?: string; fetch?: typeof fetch } = {}): Promise<GraphOutcome> {
  const { timeoutMs = 60_000, appSecret, fetch } = more;
  const client = createGraphClient({ url, version: "v26.0", ...(fetch === undefined ? {} : { fetch }) });
  return client.sendMessage({
    phoneNumberId: "700",
    accessToken: "token-canary",
    body,
    timeoutMs,
    ...(appSecret === undefined ? {} : { appSecret }),
  });
}

const ok = JSON.stringify({ messaging_product: "whatsapp", contacts: [], messages: [{ id: "wamid.O1" }] });

test("A send is one POST with the token in the header only, and its answer's wamid is accepted", async (t) => {
  const seen: { url: string; headers: IncomingHttpHeaders; body: unknown }[] = [];
  const url = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({ url: request.url ?? "", headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.end(ok);
    });
  });
  assert.deepEqual(await send(url, { appSecret: "app-secret" }), { kind: "accepted", waMessageId: "wamid.O1" });
  assert.equal(seen.length, 1);
  const proof = createHmac("sha256", "app-secret").update("token-canary").digest("hex");
  assert.equal(seen[0]?.url, `/v26.0/700/messages?appsecret_proof=${proof}`);
  assert.equal(seen[0]?.headers.authorization, "Bearer token-canary");
  assert.deepEqual(seen[0]?.body, {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    to: "+972501234567",
    type: "text",
    text: { body: "שלום", preview_url: false },
    biz_opaque_callback_data: "m-1",
  });
});

test("A customer without a phone is written to by user id, and one without either not at all", () => {
  const encoded = encodeTextMessage({ to: { phone: null, userId: "US.1" }, text: "x", messageId: "m" });
  assert.equal(encoded["recipient"], "US.1");
  assert.equal("to" in encoded, false);
  assert.throws(() => encodeTextMessage({ to: { phone: null, userId: null }, text: "x", messageId: "m" }));
});

test("Graph's refusals are values from the table, whatever their HTTP status", async (t) => {
  const error = {
    message: "(#131047) Re-engagement message",
    code: 131_047,
    error_subcode: 2_494_055,
    error_data: { messaging_product: "whatsapp", details: "More than 24 hours" },
    fbtrace_id: "Atrace",
  };
  for (const status of [200, 400, 500]) {
    const url = await serve(t, (_, response) => response.writeHead(status).end(JSON.stringify({ error })));
    assert.deepEqual(await send(url), {
      kind: "refused",
      error: {
        code: 131_047,
        subcode: 2_494_055,
        title: "(#131047) Re-engagement message",
        details: "More than 24 hours",
        class: "fix",
        retryable: false,
        blame: "us",
        waitMs: null,
        fbtraceId: "Atrace",
        httpStatus: status,
      },
    });
  }
});

test("What Meta itself calls transient may be tried again, whatever the table says", async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(400).end('{"error":{"code":99999,"message":"x","is_transient":true}}'));
  const outcome = await send(url);
  assert(outcome.kind === "refused");
  assert.deepEqual([outcome.error.retryable, outcome.error.class, outcome.error.waitMs], [true, "retry_few", 1_000]);
});

test("Answers that prove nothing are unknown", async (t) => {
  const answers: [number, string][] = [
    [200, ""],
    [200, "<html>"],
    [200, "{}"],
    [200, "[]"],
    [200, '{"messages":[]}'],
    [200, '{"messages":[{"id":7}]}'],
    [200, '{"messages":[{"id":""}]}'],
    [200, ok.slice(0, -2)],
    [302, ok],
    [400, "<html>"],
    [500, ""],
    [502, "<html>"],
    [503, ok],
    [400, '{"error":{"code":"x"}}'],
    [400, '{"error":"no"}'],
  ];
  for (const [status, answer] of answers) {
    let requests = 0;
    const url = await serve(t, (_, response) => {
      requests++;
      response.writeHead(status, { location: "/elsewhere" }).end(answer);
    });
    assert.deepEqual(await send(url), { kind: "unknown", reason: `status_${status}` }, `${status} ${answer}`);
    assert.equal(requests, 1);
  }
});

test("A time-out, before the answer or in it, is unknown", async (t) => {
  const silent = await serve(t, () => undefined);
  assert.deepEqual(await send(silent, { timeoutMs: 50 }), { kind: "unknown", reason: "TimeoutError" });
  const halfway = await serve(t, (_, response) => response.writeHead(200).write(ok.slice(0, 10)));
  assert.deepEqual(await send(halfway, { timeoutMs: 50 }), { kind: "unknown", reason: "TimeoutError" });
});

test("A reset, a cut answer and an endless one are unknown", async (t) => {
  const reset = await listen(
    t,
    createTcpServer((socket) => {
      socket.on("error", () => undefined).on("data", () => socket.resetAndDestroy());
    }),
  );
  assert.equal((await send(reset)).kind, "unknown");
  const cut = await serve(t, (_, response) => {
    response.writeHead(200, { "content-length": "1000" }).write(ok);
    response.socket?.end();
  });
  assert.equal((await send(cut)).kind, "unknown");
  const endless = await serve(t, (_, response) => response.end(" ".repeat(limits.graphResponseBytesMax) + ok));
  assert.deepEqual(await send(endless), { kind: "unknown", reason: "answer_too_long" });
});

test("A kept-alive connection that dies with the second request in it is unknown, and nothing is sent again", async (t) => {
  let requests = 0;
  const url = await listen(
    t,
    createTcpServer((socket) => {
      socket
        .on("error", () => undefined)
        .on("data", (piece: Buffer) => {
          // A request may come in several pieces.
          if (!piece.includes("POST /")) return;
          requests++;
          if (requests === 1) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${ok.length}\r\nconnection: keep-alive\r\n\r\n${ok}`);
          else socket.resetAndDestroy();
        });
    }),
  );
  assert.equal((await send(url)).kind, "accepted");
  assert.equal((await send(url)).kind, "unknown");
  assert.equal(requests, 2);
});

test("Only what failed before the request is not sent", async (t) => {
  const server = createTcpServer();
  const url = await listen(t, server);
  server.close();
  await once(server, "close");
  assert.deepEqual(await send(url), { kind: "not_sent", reason: "ECONNREFUSED" });

  const before = [
    { code: "ENOTFOUND", syscall: "getaddrinfo" },
    { code: "EHOSTUNREACH", syscall: "connect" },
    { code: "UND_ERR_CONNECT_TIMEOUT" },
    { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
    { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  ];
  for (const cause of before) assert.deepEqual(await send(url, { fetch: failing(cause) }), { kind: "not_sent", reason: cause.code });
  const after = [{ code: "EHOSTUNREACH", syscall: "write" }, { code: "ECONNRESET", syscall: "read" }, { code: "UND_ERR_SOCKET" }, {}];
  for (const cause of after) assert.equal((await send(url, { fetch: failing(cause) })).kind, "unknown", JSON.stringify(cause));
});

test("The table says of the well-known codes what Meta's pages say", () => {
  const expected: [number, boolean, string, number | null][] = [
    [190, false, "us", null],
    [4, true, "us", 300_000],
    [250, false, "us", null],
    [130_429, true, "us", 1_000],
    [131_026, false, "user", null],
    [131_047, false, "us", null],
    [131_049, false, "meta", 86_400_000],
    [131_056, true, "us", 4_000],
    [131_057, true, "meta", 60_000],
    [133_016, false, "us", 259_200_000],
    [138_017, false, "us", null],
    [987_654, false, "meta", null],
    [-1, false, "meta", null],
  ];
  for (const [code, retryable, blame, waitMs] of expected) {
    const fact = errorFact(code);
    assert.deepEqual([fact.code, fact.retryable, fact.blame, fact.waitMs], [code, retryable, blame, waitMs], String(code));
  }
});

test("Every sentence is there in Hebrew, English and Arabic, each in its own script", () => {
  for (const [name, { he, en, ar }] of Object.entries(errorSentences)) {
    assert.match(he, /^[^\u0600-\u06ff]*[\u0590-\u05ff][^\u0600-\u06ff]*\.$/, name);
    assert.match(en, /^[\x20-\x7e]+\.$/, name);
    assert.match(ar, /^[^\u0590-\u05ff]*[\u0600-\u06ff][^\u0590-\u05ff]*\.$/, name);
  }
});

function failing(cause: object): typeof fetch {
  return () => Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error("x"), cause) }));
}
