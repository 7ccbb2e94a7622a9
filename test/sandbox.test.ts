import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { isSigned } from "../src/core/signature.ts";
import type { SandboxOptions } from "../src/sandbox/create-world.ts";
import { customerMessageTypes } from "../src/sandbox/customer.ts";
import { sandboxUserId } from "../src/sandbox/people.ts";
import { startSandbox, type Sandbox } from "../src/sandbox/sandbox.ts";
import { createGraphClient, type GraphOutcome } from "../src/services/whatsapp/graph/client.ts";
import { decodeUpdate } from "../src/services/whatsapp/graph/decode.ts";
import { encodeTextMessage } from "../src/services/whatsapp/graph/encode.ts";
import { locateUpdates, parseBody } from "../src/services/whatsapp/graph/locate.ts";
import type { Update } from "../src/services/whatsapp/graph/updates.ts";
import { holdTime } from "./support/held-time.ts";

const appSecret = "sandbox-secret";
const dayMs = 24 * 60 * 60 * 1000;
/** Nobody waits for so long: what is answered at all is answered by then. */
const patientMs = 60_000;

/** An ingress that checks signatures and hands over what it got. */
async function setUp(t: TestContext, options: Partial<SandboxOptions> = {}) {
  const waiting: ((update: Update) => void)[] = [];
  const arrived: Update[] = [];
  const clock = { ms: Date.UTC(2026, 10, 22) };
  const refusals = { left: 0 };
  const ingress = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const header = request.headers["x-hub-signature-256"];
      if (!isSigned(body, typeof header === "string" ? header : undefined, [appSecret])) return response.writeHead(401).end();
      if (refusals.left-- > 0) return response.writeHead(503).end();
      for (const update of read(body)) (waiting.shift() ?? ((one: Update) => arrived.push(one)))(update);
      return response.writeHead(200).end();
    });
  });
  ingress.listen(0, "127.0.0.1");
  await once(ingress, "listening");
  // Listening on TCP, so the address is no path.
  const ingressUrl = `http://127.0.0.1:${(ingress.address() as AddressInfo).port}/webhook/whatsapp`;
  const troubles: unknown[] = [];
  const sandbox = await startSandbox({
    appSecret,
    ingressUrl,
    nowMs: () => clock.ms,
    log: (trouble) => troubles.push(trouble),
    statusDelaysMs: null,
    ...options,
  });
  t.after(async () => {
    await sandbox.stop();
    ingress.closeAllConnections();
    ingress.close();
  });
  const next = (): Promise<Update> => {
    const update = arrived.shift();
    return update === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(update);
  };
  return { sandbox, clock, next, troubles, refusals };
}

function read(body: Buffer): Update[] {
  const parsed = parseBody(body);
  assert(parsed.ok);
  return locateUpdates(parsed.body).map(decodeUpdate);
}

function send(
  sandbox: Sandbox,
  more: { token?: string; to?: { phone: string | null; userId: string | null }; timeoutMs?: number } = {},
): Promise<GraphOutcome> {
  return createGraphClient({ url: sandbox.graphUrl, version: "v26.0" }).sendMessage({
    phoneNumberId: sandbox.phoneNumberId,
    accessToken: more.token ?? sandbox.accessToken,
    body: encodeTextMessage({ to: more.to ?? { phone: "972501234567", userId: null }, text: "שלום", messageId: "our-id" }),
    timeoutMs: more.timeoutMs ?? patientMs,
  });
}

const customer = { from: "972501234567", name: "דנה" };

test("A customer can write in every kind, and each arrives signed and readable", async (t) => {
  const { sandbox, next } = await setUp(t);
  for (const type of customerMessageTypes) {
    const sent = await sandbox.sendCustomerMessage({ ...customer, type, text: "שלום / <b>&", targetWaMessageId: "wamid.target" });
    assert.equal(sent.status, 200, type);
    const update = await next();
    assert(update.kind === "message", `${type} is ${update.kind}`);
    assert.equal(update.waMessageId, sent.waMessageId);
    assert.equal(update.from.phone, customer.from);
    assert.notEqual(update.type, "unrecognised", type);
    if (type !== "system") assert.equal(update.from.profileName, "דנה");
  }
});

test("A kind that nobody knows is sent as such, and a hidden phone is left out", async (t) => {
  const { sandbox, next } = await setUp(t);
  await sandbox.sendCustomerMessage({ ...customer, type: "hologram", hidesPhone: true });
  const update = await next();
  assert(update.kind === "message");
  assert.equal(update.type, "unrecognised");
  assert.deepEqual([update.from.phone, update.from.userId], [null, sandboxUserId(customer.from)]);
});

test("A message inside the window is accepted once, entered in the ledger, and its fate reported in order", async (t) => {
  const { sandbox, next } = await setUp(t, { statusDelaysMs: { sent: 1, delivered: 30, read: 60 } });
  await sandbox.sendCustomerMessage({ ...customer, type: "text", text: "hi" });
  await next();
  const outcome = await send(sandbox);
  assert(outcome.kind === "accepted");
  assert.deepEqual(
    sandbox.ledger().map(({ waMessageId, to, callback }) => ({ waMessageId, to, callback })),
    [{ waMessageId: outcome.waMessageId, to: customer.from, callback: "our-id" }],
  );
  const seen = new Set<string>();
  for (let count = 0; count < 3; count += 1) {
    const update = await next();
    assert(update.kind === "status");
    assert.deepEqual([update.waMessageId, update.callback], [outcome.waMessageId, "our-id"]);
    seen.add(update.status);
  }
  // Posted in order; on the way one may overtake another.
  assert.deepEqual(seen, new Set(["sent", "delivered", "read"]));
  assert.deepEqual(sandbox.ledger()[0]?.reported, ["sent", "delivered", "read"]);
});

test("A status that was not taken is posted again", async (t) => {
  const { sandbox, next, refusals } = await setUp(t, { statusDelaysMs: { sent: 1, delivered: 1_000_000, read: 1_000_000 } });
  await sandbox.sendCustomerMessage({ ...customer, type: "text" });
  await next();
  refusals.left = 1;
  await send(sandbox);
  const update = await next();
  assert(update.kind === "status");
  assert.equal(update.status, "sent");
});

test("Outside the window Graph answers 131047, for phone and user id alike, to the millisecond", async (t) => {
  const { sandbox, clock, next } = await setUp(t);
  const code = async (to: { phone: string | null; userId: string | null }): Promise<number | string> => {
    const outcome = await send(sandbox, { to });
    return outcome.kind === "refused" ? outcome.error.code : outcome.kind;
  };
  const phone = { phone: customer.from, userId: null };
  const user = { phone: null, userId: sandboxUserId(customer.from) };
  assert.equal(await code(phone), 131_047);
  await sandbox.sendCustomerMessage({ ...customer, type: "reaction", targetWaMessageId: "wamid.x" });
  await next();
  assert.equal(await code(phone), 131_047, "a reaction opens nothing");
  await sandbox.sendCustomerMessage({ ...customer, type: "audio" });
  await next();
  clock.ms += dayMs - 1;
  assert.deepEqual([await code(phone), await code(user)], ["accepted", "accepted"]);
  clock.ms += 1;
  assert.deepEqual([await code(phone), await code(user)], [131_047, 131_047]);
  assert.equal(sandbox.ledger().length, 2);
});

test("A wrong token, number or body is refused in Graph's own shape and enters nothing", async (t) => {
  const { sandbox } = await setUp(t);
  const wrongToken = await send(sandbox, { token: "other" });
  assert(wrongToken.kind === "refused");
  assert.deepEqual([wrongToken.error.code, wrongToken.error.httpStatus], [190, 401]);
  const post = async (path: string, body: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${sandbox.accessToken}` };
    const response = await fetch(`${sandbox.graphUrl}${path}`, { method: "POST", headers, body });
    const answer: unknown = await response.json();
    return typeof answer === "object" && answer !== null && "error" in answer ? answer.error : answer;
  };
  const own = `/v26.0/${sandbox.phoneNumberId}/messages`;
  const bodies = [
    "",
    "[]",
    "{}",
    '{"messaging_product":"whatsapp","to":"+972","type":"text","text":{}}',
    '{"messaging_product":"whatsapp","to":"+972501234567","type":"text"}',
  ];
  for (const body of bodies) assert.equal(codeOf(await post(own, body)), 100, body);
  assert.equal(codeOf(await post("/v26.0/1/messages", "{}")), 100);
  assert.equal(codeOf(await post("/v26.0/1", "{}")), 100);
  assert.equal(sandbox.ledger().length, 0);
});

test("Scripted faults hit one request each, and the ledger tells which were accepted all the same", async (t) => {
  const { sandbox, next } = await setUp(t);
  await sandbox.sendCustomerMessage({ ...customer, type: "text" });
  await next();
  const time = holdTime(t);
  let taken = Promise.withResolvers<void>();
  const test = ({ isSend }: { isSend: boolean }): boolean => {
    if (isSend) taken.resolve();
    return isSend;
  };
  const expected = [
    [{ kind: "status", status: 502 }, "unknown", 0],
    [{ kind: "error", code: 131_056 }, "refused", 0],
    [{ kind: "timeout", accepts: false }, "unknown", 0],
    [{ kind: "timeout", accepts: true }, "unknown", 1],
    [{ kind: "reset", accepts: false }, "unknown", 0],
    [{ kind: "reset", accepts: true }, "unknown", 1],
    [{ kind: "answer", status: 200, body: "{}" }, "unknown", 1],
  ] as const;
  sandbox.fail(...expected.map(([fault]) => ({ when: { test }, fault })));
  for (const [fault, kind, accepted] of expected) {
    const before = sandbox.ledger().length;
    taken = Promise.withResolvers();
    const outcome = send(sandbox);
    await taken.promise;
    // The caller's patience ends once the request was taken, however long that lasted.
    if (fault.kind === "timeout") time.pass(patientMs);
    assert.equal((await outcome).kind, kind, JSON.stringify(fault));
    assert.equal(sandbox.ledger().length - before, accepted, JSON.stringify(fault));
  }
  assert.equal((await send(sandbox)).kind, "accepted");
});

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : error;
}
