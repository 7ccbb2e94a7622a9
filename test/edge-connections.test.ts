/** Connections that are slow, silent, idle, half open, or too many: they end, and nobody else waits for them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { sign } from "../src/core/signature.ts";
import { answerUnreadable, boundServer, serverOptions, type ServerBounds } from "../src/http/edge.ts";
import { securityHeaders } from "../src/http/headers.ts";
import { createWebhookHandler } from "../src/http/webhook.ts";
import { limits } from "../src/limits.ts";
import { startApi } from "./support/api.ts";
import { answersIn, dial, head, raw } from "./support/raw-http.ts";

type Scope = { after(fn: () => void): void };
const headers = securityHeaders(null);

async function serve(
  t: Scope,
  listener: RequestListener,
  bounds?: Partial<ServerBounds>,
  options: object = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer({ ...serverOptions, ...options }, listener);
  server.on("clientError", (error, socket) => answerUnreadable(error, socket as Socket, headers));
  boundServer(server, headers, { connectionsMax: limits.httpConnectionsMax, silenceMsMax: limits.httpSilenceMsMax, ...bounds });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { server, port: address.port };
}

const get = head("GET / HTTP/1.1", "host: x");
const getAndClose = head("GET / HTTP/1.1", "host: x", "connection: close");

test("a node takes as many connections as it may; idle ones make room for the next, and those that wait for an answer do not", async (t) => {
  const connectionsMax = 5;
  const { server, port } = await serve(t, (request, response) => (request.url === "/wait" ? undefined : response.end("here")), {
    connectionsMax,
  });
  assert.equal((await serve(t, () => undefined)).server.maxConnections, limits.httpConnectionsMax);
  const waiting = await dial(port);
  waiting.write(head("GET /wait HTTP/1.1", "host: x"));
  await once(server, "request");
  const idle = await Promise.all(Array.from({ length: connectionsMax - 1 }, () => dial(port)));
  for (const socket of idle) {
    socket.write(get);
    await once(socket, "data");
  }
  const idleGone = Promise.all(idle.map((socket) => once(socket, "close")));
  assert.equal(await raw(port, [getAndClose]), "");
  await idleGone;
  assert.match(await raw(port, [getAndClose]), /here$/);
  assert.equal(waiting.destroyed || waiting.closed, false);
  waiting.destroy();
});

test("a connection on which nothing moves is closed, whether it asks, listens or only stays", async (t) => {
  const silenceMsMax = 100;
  const flood = Buffer.alloc(64 * 2 ** 20);
  const { server, port } = await serve(t, (request, response) => (request.url === "/flood" ? response.end(flood) : undefined), {
    silenceMsMax,
  });
  const gone: Promise<unknown>[] = [];
  server.on("connection", (socket: Socket) => gone.push(closed(socket)));
  assert.equal((await serve(t, () => undefined)).server.timeout, limits.httpSilenceMsMax);
  // Longer than any answer may take to begin, than a stream is silent, and than an idle connection is kept.
  for (const longest of [
    limits.streamHeartbeatMs,
    limits.sendAnswerMsMax,
    limits.statementMsMax,
    limits.httpKeepAliveMs,
    limits.httpRequestMsMax,
  ]) {
    assert.ok(limits.httpSilenceMsMax > longest);
  }
  const unanswered = await dial(port);
  const ended = [closed(unanswered.resume())];
  unanswered.write(head("GET /wait HTTP/1.1", "host: x"));
  const unread = await dial(port);
  unread.pause();
  unread.write(head("GET /flood HTTP/1.1", "host: x"));
  const mute = await dial(port);
  ended.push(closed(mute.resume()));
  await Promise.all(ended);
  await Promise.all(gone);
  assert.equal(gone.length, 3);
  unread.destroy();
});

test("heads and bodies that come byte by byte are cut off in their time with an answer, however alive their connection is", async (t) => {
  const slow = { headersTimeout: 300, requestTimeout: 600, connectionsCheckingInterval: 50 };
  const { port } = await serve(t, (request) => void request.resume(), {}, slow);
  for (const start of [
    "GET / HTTP/1.1\r\nhost: x\r\nx: ",
    head("POST / HTTP/1.1", "host: x", "content-length: 100000"),
    `${head("POST / HTTP/1.1", "host: x", "transfer-encoding: chunked")}186a0\r\n`,
  ]) {
    const socket = await dial(port);
    const end = closed(socket);
    let said = "";
    socket.on("data", (data: Buffer) => (said += data.toString("latin1")));
    socket.write(start);
    const drip = setInterval(() => socket.write("a"), 20);
    await end;
    clearInterval(drip);
    const [answer] = answersIn(said);
    assert.deepEqual(
      [answer?.status, answer?.headers.get("connection"), answer?.headers.get("x-content-type-options")],
      [408, "close", "nosniff"],
      start,
    );
  }
});

test("a request has httpRequestMsMax, a connection waits httpKeepAliveMs for its next one, and a peer that is silent for keepAliveDelayMs is probed", async (t) => {
  const { server, port } = await serve(t, (_request, response) => response.end("here"));
  assert.equal(server.requestTimeout, limits.httpRequestMsMax);
  assert.equal(server.keepAliveTimeout, limits.httpKeepAliveMs);
  const began = performance.now();
  const socket = await dial(port);
  socket.write(get);
  const [said] = (await once(socket, "data")) as [Buffer];
  assert.equal(answersIn(said.toString("latin1"))[0]?.headers.get("keep-alive"), `timeout=${limits.httpKeepAliveMs / 1_000}`);
  if (process.platform === "linux") {
    const probedMs = await probedInMs(port, socket.localPort ?? 0);
    // What has passed since is missing from it; a tick of the kernel's clock, too.
    const passedMs = performance.now() - began + 10;
    assert.ok(
      probedMs <= limits.keepAliveDelayMs && probedMs + passedMs >= limits.keepAliveDelayMs,
      `${probedMs} ms, ${passedMs} ms later`,
    );
  }
  socket.destroy();
  const short = await serve(t, (_request, response) => response.end("here"), {}, { keepAliveTimeout: 50, keepAliveTimeoutBuffer: 0 });
  const idle = await dial(short.port);
  const idleEnd = closed(idle.resume());
  idle.write(get);
  await idleEnd;
});

/** However it ends: a peer that is cut off in mid-word may see a reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** What the kernel says about this side's connection; its clock has hundredths of a second. */
async function probedInMs(localPort: number, remotePort: number): Promise<number> {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, "0");
  const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((line) => line.trim().split(/ +/));
  const line = lines.find(
    ([, local, remote]) => local?.endsWith(`:${hex(localPort)}`) === true && remote?.endsWith(`:${hex(remotePort)}`) === true,
  );
  const [kind, when = ""] = (line?.[5] ?? "").split(":");
  assert.equal(kind, "02", "a timer for probes is set");
  return Number.parseInt(when, 16) * 10;
}

test("what cannot be read behind a request that is being answered puts nothing into that answer", async (t) => {
  const { port } = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("five ");
    setImmediate(() => response.end("more."));
  });
  const said = await raw(port, [`${get}BREW / HTTP/1.1\r\n\r\n`]);
  assert.ok(!/^HTTP[^]*HTTP/.test(said) || /five more\.HTTP/.test(said), said);
});

test("while hundreds dawdle over their heads and bodies at both doors, others are served as ever", async () => {
  const secret = "secret";
  const api = await startApi(
    { after },
    {
      webhook: createWebhookHandler({
        secretsOf: () => [secret],
        receive: async () => ({ received: "stored", updates: 1 }),
        onAnswer: () => undefined,
        isDraining: () => false,
      }),
    },
  );
  const tenant = await api.tenant();
  const port = Number(new URL(api.url).port);
  const dawdlers = await Promise.all(Array.from({ length: 600 }, () => dial(port)));
  for (const [index, socket] of dawdlers.entries()) {
    const door = index % 2 === 0 ? "POST /webhook/whatsapp HTTP/1.1" : "POST /api/v1/messages HTTP/1.1";
    socket.write(
      index % 3 === 0
        ? `${door}\r\nhost: 127.0.0.1\r\n`
        : head(door, "host: 127.0.0.1", `authorization: Bearer ${tenant.key}`, "content-type: application/json", "content-length: 1000"),
    );
    if (index % 3 === 1) socket.write("{");
  }
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [] });
  const began = performance.now();
  for (let round = 0; round < 50; round += 1) {
    const answers = await Promise.all([
      api.call("GET", "/api/v1/contacts", { key: tenant.key }),
      api.call("POST", "/webhook/whatsapp", { body, headers: { "x-hub-signature-256": sign(Buffer.from(body), secret) } }),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
  }
  const ms = (performance.now() - began) / 50;
  for (const socket of dawdlers) socket.destroy();
  assert.ok(ms < 200, `${Math.round(ms)} ms a round`);
});
