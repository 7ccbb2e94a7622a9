/** Limits of what is held in memory, driven to their edges without a database. */
import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { after, test } from "node:test";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { backoffMs } from "../src/core/backoff.ts";
import { sharedBuffersBytes } from "../src/db/embedded-settings.ts";
import { hasGrown } from "../src/db/statistics.ts";
import { limits } from "../src/limits.ts";
import { Loop } from "../src/queue/loop.ts";
import { createWorld } from "../src/sandbox/create-world.ts";
import { readCall } from "../src/sandbox/graph/call.ts";
import { startSandbox, type Sandbox } from "../src/sandbox/sandbox.ts";
import type { Sighting } from "../src/services/whatsapp/contacts/contacts.ts";
import { makeLinkCache } from "../src/services/whatsapp/contacts/link-cache.ts";
import { PeopleCache } from "../src/services/whatsapp/contacts/people-cache.ts";
import { createTimers } from "../src/sandbox/timers.ts";
import { decodeUpdate } from "../src/services/whatsapp/graph/decode.ts";
import { Answers } from "../src/services/whatsapp/outbox/answers.ts";
import type { Attempt } from "../src/services/whatsapp/outbox/outcome.ts";
import { createEvents } from "../src/telemetry/events.ts";
import { createLog, errorFacts } from "../src/telemetry/log.ts";
import { createMetrics } from "../src/telemetry/metrics.ts";
import { DeliveryCache } from "../src/webhooks/delivery-cache.ts";
import { locateBody } from "../src/webhooks/locate-body.ts";
import { holdTime } from "./support/held-time.ts";

test("A body of the most updates is read, and one more makes it a single unreadable update", () => {
  const bodyOf = (count: number): Buffer => {
    const statuses = Array.from({ length: count }, (_, index) => ({ id: `w${index}` }));
    return Buffer.from(JSON.stringify({ entry: [{ id: "1", changes: [{ field: "messages", value: { statuses } }] }] }));
  };
  assert.equal(locateBody(bodyOf(limits.updatesPerBodyMax)).length, limits.updatesPerBodyMax);
  const [only, ...others] = locateBody(bodyOf(limits.updatesPerBodyMax + 1));
  assert.ok(only !== undefined && others.length === 0);
  assert.equal(decodeUpdate(only).kind, "bad");
});

test("A name of the most characters is kept whole, and a longer one is cut", () => {
  const nameIn = (length: number): number => {
    const value = {
      contacts: [{ wa_id: "972501234567", profile: { name: "נ".repeat(length) } }],
      messages: [{ id: "wamid.1", from: "972501234567", timestamp: "1770000000", type: "text", text: { body: "x" } }],
    };
    const [located] = locateBody(Buffer.from(JSON.stringify({ entry: [{ id: "1", changes: [{ field: "messages", value }] }] })));
    assert.ok(located !== undefined);
    const update = decodeUpdate(located);
    assert.ok(update.kind === "message" && update.from !== null);
    return update.from.profileName?.length ?? 0;
  };
  assert.equal(nameIn(limits.nameCharsMax), limits.nameCharsMax);
  assert.equal(nameIn(limits.nameCharsMax + 1), limits.nameCharsMax);
});

test("The cache of deliveries takes bodies up to its bytes, leaves out what does not fit, and has room again when they are taken", () => {
  const cache = new DeliveryCache(limits.deliveryCacheBytesMax);
  const delivery = { appKey: "", receivedAtMs: 1, located: [] };
  const lanes = ["whatsapp-messages"] as const;
  cache.put("a", delivery, lanes, limits.deliveryCacheBytesMax - 1);
  cache.put("b", delivery, lanes, 1);
  cache.put("c", delivery, lanes, 1);
  assert.equal(cache.bytes, limits.deliveryCacheBytesMax);
  assert.equal(cache.take("c", "whatsapp-messages"), undefined);
  assert.ok(cache.take("a", "whatsapp-messages") !== undefined);
  assert.equal(cache.bytes, 1);
  cache.put("c", delivery, lanes, 1);
  assert.ok(cache.take("c", "whatsapp-messages") !== undefined);
});

test("A full cache of deliveries makes room only by what nobody took for so long", () => {
  const cache = new DeliveryCache(limits.deliveryCacheBytesMax);
  const put = (id: string, receivedAtMs: number): boolean => {
    cache.put(id, { appKey: "", receivedAtMs, located: [] }, ["whatsapp-messages"], limits.deliveryCacheBytesMax);
    return cache.take(id, "whatsapp-messages") !== undefined;
  };
  cache.put("old", { appKey: "", receivedAtMs: 0, located: [] }, ["whatsapp-messages"], 1);
  assert.ok(!put("early", limits.deliveryCacheKeptMs));
  assert.ok(put("late", limits.deliveryCacheKeptMs + 1));
});

test("The caches of people and links hold their most, and the least used is the first to go", () => {
  const sighting = (ordinal: number): Sighting => ({
    tenantId: "t",
    scope: "s",
    atMs: 1,
    waMessageId: "w",
    phone: `9725${ordinal}`,
    userId: `IL.${ordinal}`,
    parentUserId: null,
    profileName: null,
    username: null,
    links: [],
    identityVersion: 1,
  });
  const links = makeLinkCache();
  for (let ordinal = 0; ordinal < limits.knownLinksMax; ordinal += 1) links.remember(sighting(ordinal));
  assert.ok(links.isKnown(sighting(0)));
  links.remember(sighting(limits.knownLinksMax));
  assert.ok(links.isKnown(sighting(limits.knownLinksMax)) && !links.isKnown(sighting(1)));

  const people = new PeopleCache();
  const person = { ownContactId: "c", contactId: "c" };
  for (let ordinal = 0; ordinal < limits.knownPeopleMax; ordinal += 1) people.remember(sighting(ordinal), person);
  assert.ok(people.find(sighting(0)) !== null);
  people.remember(sighting(limits.knownPeopleMax), person);
  assert.ok(people.find(sighting(limits.knownPeopleMax)) !== null && people.find(sighting(1)) === null);
});

test("A loop with nothing to do looks again when the poll is due, and after errors waits ever longer, up to the most", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let turns = 0;
  let failing = false;
  const waits: number[] = [];
  const loop = new Loop({
    runOnce: () => {
      turns += 1;
      return failing ? Promise.reject(new Error("away")) : Promise.resolve(false);
    },
    onError: (_error, _attempt, waitMs) => void waits.push(waitMs),
    random: () => 1,
  });
  loop.start();
  await turnOfLoop();
  assert.equal(turns, 1);
  t.mock.timers.tick(limits.pollMs - 1);
  await turnOfLoop();
  assert.equal(turns, 1);
  failing = true;
  t.mock.timers.tick(1);
  await turnOfLoop();
  assert.equal(turns, 2);
  for (let attempt = 0; attempt < 12; attempt += 1) {
    t.mock.timers.tick(waits.at(-1) ?? 0);
    await turnOfLoop();
  }
  assert.equal(turns, 14);
  assert.ok((waits[0] ?? 0) <= limits.retryMsMin && Math.max(...waits) <= limits.retryMsMax);
  const wait = backoffMs({ firstMs: limits.retryMsMin, factor: 2, maxMs: limits.retryMsMax }, 99, 1);
  assert.equal(waits.at(-1), wait);
  const stopped = loop.stop();
  t.mock.timers.runAll();
  await stopped;
});

test("Stored webhooks are summed up when the interval is over, and not before", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const lines: string[] = [];
  const events = createEvents(createLog("info", { write: (line) => void lines.push(line) }), createMetrics("test"));
  events.webhookAnswered({ appKey: "", bytes: 1, updates: 1, outcome: "stored", ms: 1 });
  t.mock.timers.tick(limits.logSummaryMs - 1);
  assert.equal(lines.length, 0);
  t.mock.timers.tick(1);
  assert.equal(lines.length, 1);
  t.mock.timers.tick(limits.logSummaryMs);
  assert.equal(lines.length, 1);
  events.stop();
});

test("The text of an error is cut in the log", () => {
  const messageOf = (length: number): number => errorFacts(new Error("x".repeat(length))).message?.length ?? 0;
  assert.equal(messageOf(limits.logMessageCharsMax), limits.logMessageCharsMax);
  assert.equal(messageOf(limits.logMessageCharsMax + 1), limits.logMessageCharsMax);
});

const sandbox = await openSandbox();
after(() => sandbox.stop());

test("The sandbox takes as many scripted faults as it may, and no more", async () => {
  const own = await openSandbox();
  const faults = Array.from({ length: limits.sandboxFaultsMax }, () => ({ kind: "error", code: 1 }) as const);
  own.failNext(...faults);
  assert.throws(() => own.failNext({ kind: "error", code: 1 }), /Too many/);
  await own.stop();
});

test("The sandbox reads bodies up to its bytes", async () => {
  const text = (bytes: number): string => {
    const template = { name: "hello_world", language: { code: "en_US" } };
    return JSON.stringify({ messaging_product: "whatsapp", to: "972501234567", type: "template", template }).padEnd(bytes);
  };
  assert.equal(await send(sandbox, text(limits.sandboxBodyBytesMax)), 200);
  assert.equal(await send(sandbox, text(limits.sandboxBodyBytesMax + 1)), 400);
});

test("Whoever waits for Graph's answer looks after sendAnswerPollMs, then ever more seldom; of sendAnswersMax that wait each is told", async (t) => {
  const time = holdTime(t);
  const answers = new Answers();
  let looks = 0;
  const look = async (): Promise<string | null> => ((looks += 1) < 4 ? null : "found");
  const waiting = answers.wait("polled", 1e9, look);
  for (const [waitMs, expected] of [
    [0, 1],
    [limits.sendAnswerPollMs - 1, 1],
    [1, 2],
    [2 * limits.sendAnswerPollMs - 1, 2],
    [1, 3],
    [4 * limits.sendAnswerPollMs, 4],
  ] as const) {
    if (waitMs > 0) time.pass(waitMs);
    await turnOfLoop();
    assert.equal(looks, expected);
  }
  assert.equal((await waiting).found, "found");
  const told = new Set<string>();
  let isTold = false;
  const waits = Array.from({ length: limits.sendAnswersMax + 1 }, (_, index) =>
    answers.wait(`${index}`, 1_000, async () => (isTold ? (told.add(`${index}`), true) : null)),
  );
  await turnOfLoop();
  isTold = true;
  const refused = { kind: "not_sent", reason: "x" };
  answers.told(waits.map((_, index) => ({ send: { messageId: `${index}` }, outcome: refused }) as unknown as Attempt));
  await turnOfLoop();
  assert.equal(told.size, limits.sendAnswersMax);
  time.pass(1_000);
  await Promise.all(waits);
  assert.equal(told.size, limits.sendAnswersMax + 1);
});

test("The embedded server gets a quarter of the memory as shared buffers, within their bounds", () => {
  const { embeddedSharedBuffersBytesMin: least, embeddedSharedBuffersBytesMax: most } = limits;
  const given = [4 * least - 4, 4 * least + 4, 4 * most - 4, 4 * most + 4].map(sharedBuffersBytes);
  assert.deepEqual(given, [least, least + 1, most - 1, most]);
});

test("A table that was analysed is so again up to statisticsBytesMax, and one that never was at any size", () => {
  const max = limits.statisticsBytesMax;
  assert.deepEqual([hasGrown(1, max), hasGrown(1, max + 1), hasGrown(0, max + 1)], [true, false, true]);
});

test("The sandbox remembers its most messages, customers and templates, and has its most webhooks waiting", (t) => {
  holdTime(t);
  const nowMs = (): number => 0;
  const troubles: string[] = [];
  const log = ({ what }: { what: string }): void => void troubles.push(what);
  const world = createWorld({ appSecret: "s", ingressUrl: "http://127.0.0.1:1/", nowMs, log, statusDelaysMs: null }, () => "");
  const number = { wabaId: "1", phoneNumberId: "2", displayPhoneNumber: "3" };
  const { ledger, people, templates, webhooks } = world;
  const written = { phoneNumberId: "2", userId: "u", groupId: null, type: "text", element: {}, atMs: 0 };
  for (let index = 0; index <= limits.sandboxLedgerMax; index += 1) ledger.write({ ...written, waMessageId: `${index}` });
  assert.equal(ledger.written().length, limits.sandboxLedgerMax);
  assert.equal(ledger.counts().writtenForgotten, 1);

  // Each is found under two addresses: phone and user id. A tenth goes at once when one more comes.
  const first = people.find("1000000");
  for (let index = 1; index < limits.sandboxCustomersMax; index += 1) people.find(`${1_000_000 + index}`);
  assert.equal(people.find("1000000"), first);
  people.find("9000000");
  assert.notEqual(people.find("1000000"), first);

  for (let index = 0; index < limits.sandboxTemplatesMax; index += 1) templates.put({ wabaId: "1", name: `${index}`, language: "he" });
  assert.throws(() => templates.put({ wabaId: "1", name: "more", language: "he" }), /Too many templates/);

  webhooks.conduct({ withheld: "all" });
  const change = { wabaId: "1", number, field: "messages", value: {} };
  for (let index = 0; index < limits.sandboxPendingStatusesMax; index += 1) webhooks.deliver(change);
  assert.deepEqual([webhooks.held(), troubles], [limits.sandboxPendingStatusesMax, []]);
  webhooks.deliver(change);
  assert.deepEqual([webhooks.held(), troubles.length], [limits.sandboxPendingStatusesMax, 1]);
  webhooks.stop();

  const timers = createTimers();
  for (let index = 1; index < limits.sandboxPendingStatusesMax; index += 1) timers.later(1e9, () => undefined);
  assert.deepEqual([timers.later(1e9, () => undefined), timers.later(1e9, () => undefined)], [true, false]);
  timers.stop();
});

test("The sandbox holds its most bytes of files, and the oldest go", () => {
  const { media } = createWorld({ appSecret: "s", ingressUrl: "", nowMs: () => 0, log: () => undefined, statusDelaysMs: null }, () => "");
  const quarter = Buffer.alloc(limits.sandboxMediaBytesMax / 4);
  const put = (bytes: Buffer) => media.put({ phoneNumberId: "1", mimeType: "image/png", bytes, from: "customer" });
  const files = Array.from({ length: 4 }, () => put(quarter));
  const isThere = (): boolean[] => files.map(({ id }) => media.get(id) !== undefined);
  assert.deepEqual(isThere(), [true, true, true, true]);
  put(Buffer.alloc(1));
  assert.deepEqual(isThere(), [false, true, true, true]);
});

test("The sandbox reads uploads up to their bytes, and what is longer counts as none", async () => {
  const part = Buffer.alloc(2 ** 20);
  const read = async (bytes: number): Promise<number> => {
    const request = new IncomingMessage(new Socket());
    request.headers["content-type"] = "multipart/form-data; boundary=x";
    for (let left = bytes; left > 0; left -= part.length) request.push(part.subarray(0, left));
    request.push(null);
    return (await readCall(request)).bytes.length;
  };
  assert.equal(await read(limits.sandboxUploadBytesMax), limits.sandboxUploadBytesMax);
  assert.equal(await read(limits.sandboxUploadBytesMax + 1), 0);
});

function openSandbox(options: Partial<Parameters<typeof startSandbox>[0]> = {}): Promise<Sandbox> {
  return startSandbox({
    appSecret: "s",
    ingressUrl: "http://127.0.0.1:1/",
    nowMs: Date.now,
    log: () => undefined,
    statusDelaysMs: null,
    ...options,
  });
}

async function send({ graphUrl, phoneNumberId, accessToken }: Sandbox, body: string): Promise<number> {
  const answer = await fetch(`${graphUrl}/v26.0/${phoneNumberId}/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    body,
  });
  await answer.body?.cancel();
  return answer.status;
}
