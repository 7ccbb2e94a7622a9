import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { isPublicAddress } from "../src/core/ssrf-addresses.ts";
import { readTarget } from "../src/core/ssrf.ts";
import { limits } from "../src/limits.ts";
import { createConnector, type Resolve } from "../src/webhooks/forward-connector.ts";
import { startReceiver } from "./support/endpoint.ts";
import { holdTime } from "./support/held-time.ts";

const strict = { allowsLoopback: false };
const patientMs = 60_000;
const refusedUrls = [
  // Schemes
  "http://example.com/",
  "ftp://example.com/",
  "file:///etc/passwd",
  "gopher://example.com/",
  "javascript:alert(1)",
  "data:text/plain,x",
  "//example.com/",
  "example.com",
  "",
  "https://",
  "https:///x",
  // Ports
  "https://example.com:80/",
  "https://example.com:22/",
  "https://example.com:6379/",
  "https://example.com:65536/",
  "https://example.com:3000/",
  // User names, fragments, spaces, backslashes
  "https://example.com@127.0.0.1/",
  "https://user:password@example.com/",
  "https://user@example.com/",
  "https://example.com/#@127.0.0.1",
  "https://example.com\\@127.0.0.1/",
  "https:\\\\example.com\\x",
  "https://exam ple.com/",
  "https://example.com/a b",
  "https://example.com\t/",
  "https://exa\nmple.com/",
  // Loopback in its spellings
  "https://127.0.0.1/",
  "https://127.0.0.1./",
  "https://127.1/",
  "https://127.0.1/",
  "https://0177.0.0.1/",
  "https://0x7f.0.0.1/",
  "https://0x7f000001/",
  "https://0x7f.1/",
  "https://2130706433/",
  "https://017700000001/",
  "https://127.255.255.254/",
  "https://①②⑦.⓪.⓪.①/",
  "https://127。0。0。1/",
  "https://%31%32%37.0.0.1/",
  "https://0/",
  "https://0.0.0.0/",
  "https://0.0.0.1/",
  "https://localhost/",
  "https://LOCALHOST./",
  "https://ｌｏｃａｌｈｏｓｔ/",
  "https://sub.localhost/",
  "https://[::1]/",
  "https://[0:0:0:0:0:0:0:1]/",
  "https://[::]/",
  // Private and special IPv4
  "https://10.0.0.1/",
  "https://10.255.255.255/",
  "https://172.16.0.1/",
  "https://172.31.255.255/",
  "https://192.168.1.1/",
  "https://3232235777/",
  "https://169.254.169.254/latest/meta-data/",
  "https://0xa9fea9fe/",
  "https://2852039166/",
  "https://0251.0376.0251.0376/",
  "https://100.64.0.1/",
  "https://100.100.100.200/",
  "https://198.18.0.1/",
  "https://192.0.0.1/",
  "https://192.0.2.1/",
  "https://198.51.100.1/",
  "https://203.0.113.1/",
  "https://192.88.99.1/",
  "https://224.0.0.1/",
  "https://239.255.255.255/",
  "https://240.0.0.1/",
  "https://255.255.255.255/",
  "https://168.63.129.16/",
  // IPv6 that is not global, and IPv4 inside IPv6
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:7f00:1]/",
  "https://[::ffff:a9fe:a9fe]/",
  "https://[0:0:0:0:0:ffff:10.0.0.1]/",
  "https://[::ffff:8.8.8.8]/",
  "https://[::127.0.0.1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://[64:ff9b::8.8.8.8]/",
  "https://[64:ff9b:1::a00:1]/",
  "https://[2002:7f00:1::]/",
  "https://[2002:a9fe:a9fe::1]/",
  "https://[2001::1]/",
  "https://[2001:0:53aa:64c::1]/",
  "https://[2001:db8::1]/",
  "https://[3fff::1]/",
  "https://[fe80::1]/",
  "https://[fe80::1%25eth0]/",
  "https://[fec0::1]/",
  "https://[fc00::1]/",
  "https://[fd00:ec2::254]/",
  "https://[ff02::1]/",
  "https://[100::1]/",
  // Names that are no public ones
  "https://intranet/",
  "https://metadata.google.internal/",
  "https://printer.local/",
  "https://nas.lan/",
  "https://router.home.arpa/",
  "https://service.corp/",
  "https://x.test/",
  "https://x.onion/",
  "https://a..example.com/",
  "https://.example.com/",
];

test("a hundred spellings of what an endpoint may not be are refused, each with a reason", () => {
  assert.ok(refusedUrls.length >= 100);
  for (const url of refusedUrls) assert.equal(typeof readTarget(url, strict), "string", url);
});

test("what an endpoint may be is taken, with the host, port and path that will be used", () => {
  for (const [url, host, port] of [
    ["https://example.com/hook?a=1", "example.com", 443],
    ["https://EXAMPLE.com.:8443/hook", "example.com", 8443],
    ["https://8.8.8.8/", "8.8.8.8", 443],
    ["https://[2606:4700:4700::1111]/", "2606:4700:4700::1111", 443],
    ["https://xn--4dbcagdahymbxekheh6e0a7fei0b.xn--4dbrk0ce/", "xn--4dbcagdahymbxekheh6e0a7fei0b.xn--4dbrk0ce", 443],
    ["https://דוגמה.ישראל/", "xn--6dbbec0c.xn--4dbrk0ce", 443],
    ["https://127.0.0.1.nip.io/", "127.0.0.1.nip.io", 443],
  ] as const) {
    const target = readTarget(url, strict);
    assert.ok(typeof target === "object", `${url}: ${String(target)}`);
    assert.deepEqual([target.host, target.port, target.isSecure], [host, port, true], url);
  }
});

test("the sandbox's exception is for this machine alone", () => {
  const sandbox = { allowsLoopback: true };
  for (const url of ["http://127.0.0.1:3000/", "http://localhost:8080/x", "http://[::1]:99/", "https://127.0.0.1:3000/"]) {
    assert.equal(typeof readTarget(url, sandbox), "object", url);
  }
  for (const url of [
    "http://10.0.0.1/",
    "http://example.com/",
    "http://169.254.169.254/",
    "https://[::ffff:127.0.0.1]:80/",
    "ftp://127.0.0.1/",
  ]) {
    assert.equal(typeof readTarget(url, sandbox), "string", url);
  }
});

test("what is no address at all is not public", () => {
  for (const text of [
    "",
    "x",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1:2",
    ":::",
    "2606::1::2",
    "12345::",
    "2606:4700::1%eth0",
    "8.8.8.8 ",
  ]) {
    assert.equal(isPublicAddress(text), false, text);
  }
});

/** Waits for longer than any answer lasts here; where time itself is the matter, a test lets it pass. */
function connectorWith(t: { after(fn: () => Promise<void>): void }, resolve: Resolve, rules = strict) {
  const connector = createConnector({ rules, resolve, nowMs: () => Date.now(), requestMsMax: patientMs });
  t.after(async () => connector.close());
  const post = (url: string, signal = new AbortController().signal) =>
    connector.post({ url, headers: {}, body: Buffer.from("{}"), signal });
  return post;
}

test("a name with any address that is not public is refused before a connection is made, whatever it answered before", async (t) => {
  const answers = [["8.8.8.8", "127.0.0.1"], ["10.0.0.1"], ["2606:4700::1", "::1"], ["::ffff:127.0.0.1"], ["not an address"]];
  for (const addresses of answers) {
    const post = connectorWith(t, async () => addresses);
    assert.deepEqual(await post("https://rebinding.example.com/"), {
      kind: "unreachable",
      reason: "the name leads to an address that is not public",
    });
  }
  const none = connectorWith(t, async () => []);
  assert.deepEqual(await none("https://nobody.example.com/"), { kind: "unreachable", reason: "the name has no address" });
});

test("the connection goes to the address that was checked: nobody asks for the name again", async (t) => {
  // A second look-up would be told loopback. What guards the tests from leaving this machine sees where the connection goes.
  let asked = 0;
  const post = connectorWith(t, async () => {
    asked += 1;
    return asked === 1 ? ["192.31.196.1"] : ["127.0.0.1"];
  });
  await assert.rejects(post("https://rebinding.example.com/"), /tried to leave this machine: 192\.31\.196\.1$/);
  await assert.rejects(post("https://8.8.4.4/"), /tried to leave this machine: 8\.8\.4\.4$/);
  assert.equal(asked, 1);
});

test("over TLS the certificate must be the name's, of somebody who is trusted", async (t) => {
  const server = createTlsServer({ key: testKey, cert: testCertificate }, (request, response) => {
    request.resume();
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const stranger = connectorWith(t, async () => [], { allowsLoopback: true });
  const trusting = createConnector({ rules: { allowsLoopback: true }, ca: testCertificate, nowMs: () => Date.now() });
  t.after(async () => {
    trusting.close();
    server.closeAllConnections();
    server.close();
  });
  const post = (host: string) =>
    trusting.post({ url: `https://${host}:${address.port}/`, headers: {}, body: Buffer.from("{}"), signal: new AbortController().signal });
  assert.partialDeepStrictEqual(await post("localhost"), { kind: "answered", status: 204 });
  assert.deepEqual(await post("127.0.0.1"), { kind: "unreachable", reason: "certificate not accepted (ERR_TLS_CERT_ALTNAME_INVALID)" });
  assert.deepEqual(await stranger(`https://localhost:${address.port}/`), {
    kind: "unreachable",
    reason: "certificate not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)",
  });
});

test("a redirect to the metadata service is an answer like any other, and is not followed", async (t) => {
  const receiver = await startReceiver(t, () => (response) => {
    response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end("x".repeat(1_000));
  });
  const post = connectorWith(t, async () => assert.fail("no name is looked up"), { allowsLoopback: true });
  const answer = await post(receiver.url);
  assert.ok(answer.kind === "answered");
  assert.equal(answer.status, 302);
  assert.equal(answer.shown.length, limits.forwardAnswerShownCharsMax);
  assert.equal(receiver.received.length, 1);
});

test("an answer without end is cut, a silent or dripping one is given up in time, and the status still counts", async (t) => {
  const receiver = await startReceiver(t, () => (response) => {
    response.writeHead(200);
    const flood = (): void => {
      while (!response.destroyed && response.write("x".repeat(limits.forwardAnswerBytesMax)));
    };
    response.on("drain", flood);
    flood();
  });
  const time = holdTime(t);
  const post = connectorWith(t, async () => [], { allowsLoopback: true });
  const flooded = await post(receiver.url);
  assert.ok(flooded.kind === "answered" && flooded.status === 200);
  // Whoever asks afterwards has been answered: what came before has been read.
  const endOfTime = async (came: Promise<void>): Promise<void> => {
    await came;
    for (let turn = 0; turn < 3; turn += 1) assert.equal((await fetch(receiver.url)).status, 404);
    time.pass(patientMs);
  };
  const drip = Promise.withResolvers<void>();
  receiver.answer = () => (response) => void response.writeHead(200).write("drip", () => drip.resolve());
  const dripped = post(receiver.url);
  await endOfTime(drip.promise);
  assert.deepEqual(await dripped, { kind: "answered", status: 200, retryAfterMs: null, shown: "drip" });
  const silence = Promise.withResolvers<void>();
  receiver.answer = () => () => silence.resolve();
  const silent = post(receiver.url);
  await endOfTime(silence.promise);
  assert.deepEqual(await silent, { kind: "unreachable", reason: "no answer in time" });
  const stopping = new AbortController();
  const stopped = post(receiver.url, stopping.signal);
  stopping.abort();
  assert.deepEqual(await stopped, { kind: "stopped" });
});

test("an answer that wants another protocol ends the attempt, and leaves nothing under way", async (t) => {
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const post = connectorWith(t, async () => [], { allowsLoopback: true });
  assert.deepEqual(await post(`http://127.0.0.1:${address.port}/`), { kind: "unreachable", reason: "connection lost" });
});

test("a name server that never answers is not waited for", async (t) => {
  const time = holdTime(t);
  const post = connectorWith(t, () => new Promise(() => undefined));
  const answer = post("https://slow.example.com/");
  time.pass(patientMs);
  assert.deepEqual(await answer, { kind: "unreachable", reason: "no answer in time" });
});

test("a port where nobody listens is told without the address", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  await new Promise((resolve) => server.close(resolve));
  const post = connectorWith(t, async () => [], { allowsLoopback: true });
  assert.deepEqual(await post(`http://127.0.0.1:${address.port}/`), { kind: "unreachable", reason: "connection refused" });
});

/** Of `localhost`, for this test alone, for a hundred years. */
const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5dUVudICOkqw5Uko
2gavdNymLDGBzmXz4j2u1pmcgoChRANCAATGSJ2yb+aQV/uF/VGcG7tCvXl6S/kb
ySCtHFhd4A42yFlPvhYxuuWp+q1HQVyX/alH0g4pUCn8Eqjx4gLEwAUE
-----END PRIVATE KEY-----`;
const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUUVz1iEsz/TVz6PqazbfqlV3Rt3kwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE4NTc1OFoYDzIxMjYxMDI5
MTg1NzU4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATGSJ2yb+aQV/uF/VGcG7tCvXl6S/kbySCtHFhd4A42yFlPvhYxuuWp
+q1HQVyX/alH0g4pUCn8Eqjx4gLEwAUEo2kwZzAdBgNVHQ4EFgQUFSIB+GaWrW+r
nXagJU7tTbp6RgEwHwYDVR0jBBgwFoAUFSIB+GaWrW+rnXagJU7tTbp6RgEwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhAJWPULm8F/4DUfuKE3F6M6nJfa7AuqZ3oXzf0SWTlZGnAiEA9zlfHiRL
CGIKlnTnmtIzG58qI+kD/5+aoDXQw3cZyMk=
-----END CERTIFICATE-----`;
