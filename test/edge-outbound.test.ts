/**
 * Every address that this program calls, and who may name it (RELIABILITY 3.3). The guard for addresses of tenants is tested in `ssrf`, the hosts
 * of files in `media-core`; here, that there is no other way out, and that what merely passes through is never called.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CreateConnection } from "../src/contract/connections.ts";
import { compileValidator } from "../src/http/validate.ts";
import { createGraphClient } from "../src/services/whatsapp/graph/client.ts";
import { callGraph } from "../src/services/whatsapp/graph/call.ts";
import { parseOutgoing } from "../src/services/whatsapp/graph/parse-outgoing.ts";
import { readSources } from "./support/imports.ts";

/** Files that open connections, and to where. */
const waysOut: Readonly<Record<string, string>> = {
  "src/webhooks/forward-connector.ts": "addresses of tenants: each judged and pinned",
  "src/services/whatsapp/graph/call.ts": "Graph, whose host is a setting",
  "src/services/whatsapp/graph/client.ts": "Graph, whose host is a setting",
  "src/services/whatsapp/graph/media-client.ts": "Graph, and Meta's hosts for files: nothing else gets past isMediaUrl",
};

/** Outside of the sandbox, which is a stand-in on this machine and calls this program alone. */
const callsOut =
  /\bfetch\s*\(|[:=]\s*fetch\b|\bfetch\s*[,}] =|\b(?:https?|tls|net|http2|dns)\.(?:request|get|connect|createConnection|lookup|resolve)\b|import \{[^}]*\b(?:request|get|connect|createConnection|Agent|Resolver|lookup|resolve[46]?)\b[^}]*\} from "node:(?:https?|tls|net|http2|dns)[^"]*"|from "undici"|new (?:WebSocket|EventSource)\b/;

test("nothing calls out but what was looked at: Meta, and tenants' endpoints through the one guarded connector", async () => {
  const found = (await readSources())
    .filter(({ path }) => !path.startsWith("src/sandbox/"))
    .filter(({ text }) => callsOut.test(text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "")))
    .map(({ path }) => path);
  assert.deepEqual(found.toSorted(), Object.keys(waysOut).toSorted());
  for (const text of [
    "await fetch(url)",
    'import { request } from "node:https";',
    'import { lookup } from "node:dns/promises";',
    "const { fetch: go = fetch } = graph",
    "new WebSocket(url)",
  ]) {
    assert.match(text, callsOut);
  }
});

const hostile = [
  "../../x",
  "..",
  ".",
  "1/../../x",
  "1?x=",
  "1#x",
  "//evil.example/",
  "\\\\evil.example",
  "1%2f..%2fx",
  "@evil.example",
  "1\r\nx: y",
  "http://evil.example/",
];

test("ids that a tenant gave stay one segment of Graph's address: none leads to another path or host", async () => {
  const asked: URL[] = [];
  const record: typeof fetch = (input) => {
    asked.push(new URL(input instanceof Request ? input.url : input));
    return Promise.resolve(Response.json({}));
  };
  const graph = { url: "https://graph.facebook.com", version: "v26.0", fetch: record };
  for (const id of hostile) {
    await callGraph(graph, { method: "GET", path: [id, "phone_numbers"], accessToken: "t", timeoutMs: 1_000 });
    // These are no ids by contract: see below.
    if (id === "." || id === "..") continue;
    await createGraphClient(graph).sendMessage({ phoneNumberId: id, accessToken: "t", body: {}, timeoutMs: 1_000 });
  }
  assert.ok(asked.length >= 2 * (hostile.length - 2));
  for (const { origin, pathname, search, href } of asked) {
    assert.equal(origin, "https://graph.facebook.com", href);
    assert.match(pathname, /^\/v26\.0\/[^/]+\/(?:phone_numbers|messages)$/, href);
    assert.doesNotMatch(search, /x=/, href);
  }
});

test("an id at Meta has neither dots nor slashes, whoever connects a number", () => {
  const validate = compileValidator({ schema: CreateConnection, method: "POST", url: "/", httpPart: "body" });
  const wanted = { wabaId: "1", phoneNumberId: "2", displayPhoneNumber: "3", accessToken: "t" };
  assert.ok("value" in Object(validate(wanted)));
  for (const id of [...hostile, ""]) {
    for (const field of ["wabaId", "phoneNumberId"])
      assert.ok(!("value" in Object(validate({ ...wanted, [field]: id }))), `${field} ${id}`);
  }
});

test("links in a message are Meta's to fetch: they are carried as they are and never called from here", () => {
  for (const link of [
    "http://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1/",
    "file:///etc/passwd",
    "https://internal.example/a.png",
  ]) {
    const parsed = parseOutgoing({ messaging_product: "whatsapp", to: "972501234567", type: "image", image: { link } });
    assert.ok(parsed.kind === "invalid" || JSON.stringify(parsed).includes(link), link);
  }
});
