import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { limits } from "../src/limits.ts";
import { callGraph, type GraphAnswer, type GraphCall } from "../src/services/whatsapp/graph/call.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listening on TCP, so the address is no path.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function call(url: string, more: Partial<GraphCall> = {}): Promise<GraphAnswer> {
  return callGraph(
    { url, version: "v26.0" },
    { method: "GET", path: ["900", "message_templates"], accessToken: "token-canary", timeoutMs: 5_000, ...more },
  );
}

test("A call is one request with the token in the header only, its proof and its query in the address", async (t) => {
  const seen: string[] = [];
  const url = await serve(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.end('{"data":[]}');
  });
  assert.deepEqual(await call(url, { query: { fields: "id,name" }, appSecret: "app-secret" }), { kind: "answered", value: { data: [] } });
  const proof = createHmac("sha256", "app-secret").update("token-canary").digest("hex");
  assert.deepEqual(seen, [`GET /v26.0/900/message_templates?fields=id%2Cname&appsecret_proof=${proof} Bearer token-canary`]);
});

test("A body goes as JSON, as multipart or as urlencoded, each with its content type", async (t) => {
  const seen: [string, string][] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    seen.push([String(request.headers["content-type"]), await textOf(request)]);
    response.end("{}");
  };
  const url = await serve(t, (request, response) => void answer(request, response));
  const form = new FormData();
  form.set("messaging_product", "whatsapp");
  form.set("file", new Blob(["bytes"], { type: "image/png" }), "a.png");
  const post = { method: "POST" } as const;
  for (const body of [{ a: 1 }, form, new URLSearchParams({ a: "1 2" })])
    assert.equal((await call(url, { ...post, body })).kind, "answered");
  assert.deepEqual(seen[0], ["application/json", '{"a":1}']);
  assert.match(seen[1]?.[0] ?? "", /^multipart\/form-data; boundary=/);
  assert.match(seen[1]?.[1] ?? "", /filename="a\.png"\r\nContent-Type: image\/png\r\n\r\nbytes/);
  assert.deepEqual(seen[2], ["application/x-www-form-urlencoded;charset=UTF-8", "a=1+2"]);
});

test("Refusals come from the table whatever their status, and answers that say nothing usable are unavailable", async (t) => {
  const answers: [number, string, string][] = [
    [200, '{"success":true}', "answered"],
    [400, '{"error":{"code":190,"message":"expired"}}', "refused 190"],
    [200, '{"error":{"code":4}}', "refused 4"],
    [200, "", "unavailable status_200"],
    [200, "[]", "unavailable status_200"],
    [200, '{"success":tr', "unavailable status_200"],
    [302, '{"data":[]}', "unavailable status_302"],
    [404, '{"data":[]}', "unavailable status_404"],
    [502, "<html>", "unavailable status_502"],
    [400, '{"error":"no"}', "unavailable status_400"],
  ];
  for (const [status, answer, expected] of answers) {
    let requests = 0;
    const url = await serve(t, (_, response) => {
      requests++;
      response.writeHead(status, { location: "/elsewhere" }).end(answer);
    });
    const outcome = await call(url);
    const shown = outcome.kind === "refused" ? outcome.error.code : outcome.kind === "unavailable" ? outcome.reason : "";
    assert.equal(`${outcome.kind} ${shown}`.trim(), expected, answer);
    assert.equal(requests, 1);
  }
});

test("Silence, a cut answer, an endless one and a closed port are unavailable", async (t) => {
  const silent = await serve(t, () => undefined);
  assert.deepEqual(await call(silent, { timeoutMs: 50 }), { kind: "unavailable", reason: "TimeoutError" });
  const cut = await serve(t, (_, response) => {
    response.writeHead(200, { "content-length": "1000" }).write("{}");
    response.socket?.end();
  });
  assert.equal((await call(cut)).kind, "unavailable");
  const long = await serve(t, (_, response) => response.end(`${" ".repeat(limits.graphResponseBytesMax)}{}`));
  assert.deepEqual(await call(long), { kind: "unavailable", reason: "answer_too_long" });
  assert.equal((await call(long, { bytesMax: limits.graphResponseBytesMax + 2 })).kind, "answered");
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  // Listening on TCP, so the address is no path.
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  assert.deepEqual(await call(`http://127.0.0.1:${port}`), { kind: "unavailable", reason: "ECONNREFUSED" });
});

test("An id cannot lead the token to another address, and a token that no header can hold is not thrown about", async (t) => {
  const seen: string[] = [];
  const url = await serve(t, (request, response) => {
    seen.push(request.url ?? "");
    response.end("{}");
  });
  for (const path of [[], [""], ["900", ".."], ["."]])
    assert.deepEqual(await call(url, { path }), { kind: "unavailable", reason: "unusable_path" });
  await call(url, { path: ["9/../../x?y#z", "m"] });
  assert.deepEqual(seen, ["/v26.0/9%2F..%2F..%2Fx%3Fy%23z/m"]);
  const outcome = await call(url, { accessToken: "token-canary\nx: y" });
  assert.deepEqual(outcome, { kind: "unavailable", reason: "TypeError" });
});
