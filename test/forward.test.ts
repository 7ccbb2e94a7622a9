import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, test, type TestContext } from "node:test";
import { limits } from "../src/limits.ts";
import { forwardOnce } from "../src/queue/workers/forward.worker.ts";
import { claimForwards } from "../src/webhooks/forward-claim.ts";
import { createConnector } from "../src/webhooks/forward-connector.ts";
import { replayEndpoint, listEndpointDeliveries, replayEndpointDelivery } from "../src/webhooks/forward-deliveries.ts";
import { changeEndpoint, deleteEndpoint, getEndpoint, rotateSecret } from "../src/webhooks/forward-endpoints.ts";
import { planForwards } from "../src/webhooks/forward-plan.ts";
import { purgeForwards } from "../src/webhooks/forward-upkeep.ts";
import { bodyOf, bodyOfChanges, message, status } from "./support/bodies.ts";
import { forwardAll, forwarderOf, loopbackRules, plainSeal, register, startReceiver, type Received } from "./support/endpoint.ts";
import { holdTime, turnUntil } from "./support/held-time.ts";
import { byTest, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 8 });
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

async function connected(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
const customer = (digit: number) => ({ phone: `97250000000${digit}`, name: `Customer ${digit}` });
const messageIds = (received: readonly Received[]): string[] =>
  received.flatMap(({ json }) => json.entry[0].changes[0].value.messages?.map(({ id }: { id: string }) => id) ?? []);
const eventsOf = (received: readonly Received[]): Received[] => received.filter(({ json }) => json.type === "message.received");
const tools = () => ({ rules: loopbackRules, nowMs: rig.clock.nowMs });

async function say(number: Connected, digit: number, ...ids: string[]): Promise<void> {
  await rig.receive(bodyOf(...ids.map((id) => message(number, customer(digit), id, rig.clock.nowMs))));
  await rig.drain();
}

/** Each test begins where the last one's waits are over. */
function fresh(t: TestContext) {
  rig.clock.nowMs += dayMs;
  t.after(async () => {
    for (const { tenant_id, id } of await rig.sql<{ tenant_id: string; id: string }>("select tenant_id, id from forward_endpoints")) {
      const { tenantScope } = await import("../src/core/scope.ts");
      await deleteEndpoint(rig.app, tenantScope(tenant_id), id, byTest());
    }
  });
}

test("an endpoint in Meta's form gets Meta's own webhook, signed over its bytes, with the update exactly as it came and its contact", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  const endpoint = await register(rig, number.tenantId, { url: receiver.url });
  const sent = message(number, customer(1), "wamid.1", rig.clock.nowMs, {
    type: "text",
    text: { body: "שלום \u2028 🙂 \ud800" },
    new_thing: [{ a: 1.5 }],
  });
  await rig.receive(bodyOf(sent));
  await rig.drain();
  await forwardAll(forwarderOf(t, rig));
  assert.equal(receiver.received.length, 1);
  const [{ json, text, headers } = assert.fail()] = receiver.received;
  assert.deepEqual(json, {
    object: "whatsapp_business_account",
    entry: [
      {
        id: number.wabaId,
        changes: [
          {
            field: "messages",
            value: {
              messaging_product: "whatsapp",
              metadata: { display_phone_number: number.displayPhoneNumber, phone_number_id: number.phoneNumberId },
              contacts: [{ profile: { name: "Customer 1" }, wa_id: "972500000001" }],
              messages: [sent.element],
            },
          },
        ],
      },
    ],
  });
  const mac = createHmac("sha256", endpoint.secret).update(Buffer.from(text, "utf8")).digest("hex");
  assert.equal(headers["x-hub-signature-256"], `sha256=${mac}`);
  assert.equal(headers["content-type"], "application/json");
});

test("an endpoint for events gets the activity by the Standard Webhooks convention; while a secret is changed both sign", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  const { id, secret } = await register(rig, number.tenantId, { url: receiver.url, form: "events" });
  const verifies = ({ headers, text }: Received, key: string): boolean => {
    const bytes = Buffer.from(key.replace("whsec_", ""), "base64");
    const content = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${text}`;
    return String(headers["webhook-signature"])
      .split(" ")
      .includes(`v1,${createHmac("sha256", bytes).update(content, "utf8").digest("base64")}`);
  };
  await say(number, 1, "wamid.a");
  await forwardAll(forwarderOf(t, rig));
  const [first = assert.fail()] = eventsOf(receiver.received);
  assert.deepEqual(receiver.received.map(({ json }) => json.type).toSorted(), ["conversation.opened", "message.received", "window.opened"]);
  assert.equal(first.json.data.data.waMessageId, "wamid.a");
  assert.ok(receiver.received.every((each) => verifies(each, secret) && !verifies(each, `whsec_${Buffer.alloc(32).toString("base64")}`)));

  const rotated = await rotateSecret(rig.app, number.scope, id, { seal: plainSeal, nowMs: rig.clock.nowMs });
  await say(number, 1, "wamid.b");
  await forwardAll(forwarderOf(t, rig));
  const [, second = assert.fail()] = eventsOf(receiver.received);
  assert.ok(verifies(second, secret) && verifies(second, rotated.secret));
  rig.clock.nowMs += limits.endpointOldSecretMs;
  await say(number, 1, "wamid.c");
  await forwardAll(forwarderOf(t, rig));
  const [, , third = assert.fail()] = eventsOf(receiver.received);
  assert.ok(!verifies(third, secret) && verifies(third, rotated.secret));
});

test("of a delivery with three tenants each endpoint gets its own tenant's updates only, and what a filter lets through", async (t) => {
  fresh(t);
  const [one, two, three] = [await connected(), await connected(), await connected()];
  const second = await rig.connect(one.tenantId, { wabaId: one.wabaId });
  const receivers = [await startReceiver(t), await startReceiver(t), await startReceiver(t), await startReceiver(t)];
  const [ofOne = assert.fail(), ofTwo = assert.fail(), ofSecond = assert.fail(), ofFields = assert.fail()] = receivers;
  await register(rig, one.tenantId, { url: ofOne.url });
  await register(rig, two.tenantId, { url: ofTwo.url });
  await register(rig, one.tenantId, { url: ofSecond.url, connectionIds: [second.id] });
  await register(rig, one.tenantId, { url: ofFields.url, topics: ["account_update"] });
  const all = bodyOf(
    message(one, customer(1), "wamid.one", rig.clock.nowMs),
    message(two, customer(1), "wamid.two", rig.clock.nowMs),
    message(three, customer(1), "wamid.three", rig.clock.nowMs),
    message(second, customer(1), "wamid.second", rig.clock.nowMs),
    message(one, customer(2), "wamid.one.2", rig.clock.nowMs),
  );
  await rig.receive(all);
  await rig.receive(bodyOfChanges([{ wabaId: one.wabaId, changes: [{ field: "account_update", value: { event: "X", odd: null } }] }]));
  await rig.drain();
  await forwardAll(forwarderOf(t, rig));
  assert.deepEqual(messageIds(ofOne.received).toSorted(), ["wamid.one", "wamid.one.2", "wamid.second"]);
  assert.deepEqual(messageIds(ofTwo.received), ["wamid.two"]);
  assert.deepEqual(messageIds(ofSecond.received), ["wamid.second"]);
  assert.deepEqual(
    ofFields.received.map(({ json }) => json.entry[0].changes),
    [[{ field: "account_update", value: { event: "X", odd: null } }]],
  );
  const words = [two, three].flatMap((number) => [number.wabaId, number.phoneNumberId, number.tenantId]);
  for (const { text } of [...ofOne.received, ...ofSecond.received]) for (const word of words) assert.ok(!text.includes(word));
  assert.deepEqual(
    await rig.sql("select count(*)::int as kept from forward_updates where tenant_id = $1", [three.tenantId]),
    [{ kept: 0 }],
    "a tenant without an endpoint costs nothing",
  );
});

test("statuses, duplicates, repeated bodies: each update is forwarded once, in the order of its conversation, under failures too", async (t) => {
  fresh(t);
  const number = await connected();
  let count = 0;
  // Every third request fails.
  const receiver = await startReceiver(t, () => (count++ % 3 === 2 ? 500 : 200));
  await register(rig, number.tenantId, { url: receiver.url });
  for (let round = 0; round < 10; round += 1) {
    const body = bodyOf(
      message(number, customer(1), `wamid.1.${round}`, rig.clock.nowMs),
      message(number, customer(2), `wamid.2.${round}`, rig.clock.nowMs),
      message(number, customer(1), `wamid.1.${round}`, rig.clock.nowMs),
    );
    await rig.receive(body);
    await rig.receive(body);
    await rig.drain();
  }
  await rig.receive(bodyOf(status(number, "wamid.sent", "delivered", rig.clock.nowMs, { recipient_id: "972500000001" })));
  await rig.drain();
  const forwarder = forwarderOf(t, rig);
  for (let turns = 0; turns < 60; turns += 1) {
    await forwardAll(forwarder);
    rig.clock.nowMs += limits.forwardRetryMsMax;
  }
  const answered = receiver.received.filter((_, index) => index % 3 !== 2);
  for (const digit of [1, 2]) {
    const own = messageIds(answered).filter((id) => id.startsWith(`wamid.${digit}.`));
    assert.deepEqual(
      own,
      Array.from({ length: 10 }, (_, round) => `wamid.${digit}.${round}`),
    );
  }
  assert.equal(answered.filter(({ json }) => json.entry[0].changes[0].value.statuses !== undefined).length, 1);
  // What failed came again under the same id, and nothing else did.
  const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
  assert.equal(new Set(ids).size, 21);
  assert.deepEqual(await rig.sql("select count(*)::int as lanes from forward_lanes"), [{ lanes: 0 }]);
});

test("an endpoint gets what is committed after it, nothing before, and a parked update when it is applied at last", async (t) => {
  fresh(t);
  const number = await connected();
  await say(number, 1, "wamid.before");
  const receiver = await startReceiver(t);
  await register(rig, number.tenantId, { url: receiver.url });
  const events = await startReceiver(t);
  await register(rig, number.tenantId, { url: events.url, form: "events", topics: ["message.received"] });
  await say(number, 1, "wamid.after");
  const strange = { ...number, wabaId: "777000111", phoneNumberId: `888${number.phoneNumberId}` };
  await say(strange, 1, "wamid.parked");
  await forwardAll(forwarderOf(t, rig));
  assert.deepEqual(messageIds(receiver.received), ["wamid.after"]);
  // A month later the account is connected, and what was parked for it is applied.
  rig.clock.nowMs += 30 * dayMs;
  await rig.connect(number.tenantId, strange);
  await rig.drain();
  await forwardAll(forwarderOf(t, rig));
  assert.deepEqual(messageIds(receiver.received), ["wamid.after", "wamid.parked"]);
  assert.deepEqual(
    events.received.map(({ json }) => json.data.data.waMessageId),
    ["wamid.after", "wamid.parked"],
  );
});

test("an endpoint that is made while batches commit gets every update from some moment on, without a gap", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  const ids = Array.from({ length: 30 }, (_, index) => `wamid.race.${index}`);
  for (const id of ids) await rig.receive(bodyOf(message(number, customer(1), id, rig.clock.nowMs)));
  const draining = rig.drain();
  const endpoint = await register(rig, number.tenantId, { url: receiver.url });
  await draining;
  await say(number, 1, "wamid.race.30");
  await forwardAll(forwarderOf(t, rig));
  const got = messageIds(receiver.received);
  assert.deepEqual(got, [...ids, "wamid.race.30"].slice(-got.length));
  assert.ok(got.length >= 1);
  const [row] = await rig.sql<{ after: string }>(
    `select count(*) as after from activity_events e where tenant_id = $1 and type = 'message.received'
       and seq > (select seq from activity_events where tenant_id = $1 and data->>'endpointId' = $2 limit 1)`,
    [number.tenantId, endpoint.id],
  );
  assert.equal(got.length, Number(row?.after), "exactly what was committed after its creation");
});

test("a dead endpoint is tried with growing pauses, given up after days, paused and told of; a healthy one does not notice; resumed it goes on", async (t) => {
  fresh(t);
  const number = await connected();
  const [dead, healthy] = [await startReceiver(t, () => 503), await startReceiver(t)];
  const { id } = await register(rig, number.tenantId, { url: dead.url });
  await register(rig, number.tenantId, { url: healthy.url });
  const forwarder = forwarderOf(t, rig);
  await say(number, 1, "wamid.d1", "wamid.d2");
  await forwardAll(forwarder);
  assert.deepEqual(messageIds(healthy.received), ["wamid.d1", "wamid.d2"]);
  assert.equal(dead.received.length, 1);

  // A day, minute by minute.
  const startMs = rig.clock.nowMs;
  for (; rig.clock.nowMs < startMs + dayMs; rig.clock.nowMs += 60_000) await forwardAll(forwarder);
  assert.ok(
    dead.received.length > 20 && dead.received.length < dayMs / limits.forwardRetryMsMax + 30,
    `${dead.received.length} attempts a day`,
  );
  const trouble = await getEndpoint(rig.app, number.scope, id);
  assert.equal(trouble.state, "active");
  assert.equal(trouble.lastError, "answered 503");
  assert.ok(trouble.retryAt !== null && trouble.failingSince !== null);

  for (; rig.clock.nowMs < startMs + limits.forwardTriedMsMax + 2 * hourMs; rig.clock.nowMs += hourMs) await forwardAll(forwarder);
  const gone = await listEndpointDeliveries(rig.app, number.scope, id, { state: "dead" });
  assert.deepEqual(
    gone.data.map(({ state, status: code, error }) => ({ state, code, error })),
    [{ state: "dead", code: 503, error: "answered 503" }],
  );
  for (; rig.clock.nowMs < startMs + limits.forwardFailingMsMax + 2 * hourMs; rig.clock.nowMs += hourMs) await forwardAll(forwarder);
  const paused = await getEndpoint(rig.app, number.scope, id);
  assert.deepEqual([paused.state, paused.pausedReason], ["paused", "failing"]);
  const told = await rig.sql<{ data: { change: string; reason: string } }>(
    "select data from activity_events where tenant_id = $1 and type = 'endpoint.changed' and data->>'endpointId' = $2 order by seq desc limit 1",
    [number.tenantId, id],
  );
  assert.deepEqual([told[0]?.data.change, told[0]?.data.reason], ["paused", "failing"]);
  const before = dead.received.length;
  await say(number, 2, "wamid.d3");
  rig.clock.nowMs += dayMs;
  await forwardAll(forwarder);
  assert.equal(dead.received.length, before, "nothing is sent to a paused endpoint");
  assert.deepEqual(messageIds(healthy.received), ["wamid.d1", "wamid.d2", "wamid.d3"]);

  dead.answer = () => 200;
  await changeEndpoint(rig.app, number.scope, id, { wanted: { state: "active" }, tools: tools() });
  rig.clock.nowMs = Math.max(rig.clock.nowMs, Date.now()) + 1_000;
  await forwardAll(forwarder);
  assert.deepEqual(messageIds(dead.received.slice(before)).toSorted(), ["wamid.d2", "wamid.d3"]);
  // What was given up is sent again by hand.
  const [deadOne = assert.fail()] = gone.data;
  assert.deepEqual(await replayEndpointDelivery(rig.app, number.scope, { endpointId: id, deliveryId: deadOne.id }, byTest()), {
    replayed: 1,
    next: null,
  });
  rig.clock.nowMs += 1_000;
  await forwardAll(forwarder);
  assert.equal(dead.received.at(-1)?.headers["webhook-id"], deadOne.id);
  assert.deepEqual(messageIds(dead.received).at(-1), "wamid.d1");
});

test("an update that an endpoint refuses holds up its own conversation only, and is dead after so many refusals", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t, ({ text }) => (text.includes("wamid.poison") ? 422 : 200));
  const { id } = await register(rig, number.tenantId, { url: receiver.url });
  await say(number, 1, "wamid.poison", "wamid.behind");
  await say(number, 2, "wamid.other");
  const forwarder = forwarderOf(t, rig);
  await forwardAll(forwarder);
  assert.deepEqual(messageIds(receiver.received).toSorted(), ["wamid.other", "wamid.poison"]);
  for (let attempts = 1; attempts < limits.forwardRefusalsMax; attempts += 1) {
    assert.ok(!messageIds(receiver.received).includes("wamid.behind"));
    rig.clock.nowMs += limits.forwardRetryMsMax;
    await say(number, 2, `wamid.other.${attempts}`);
    await forwardAll(forwarder);
  }
  rig.clock.nowMs += 1_000;
  await forwardAll(forwarder);
  assert.ok(messageIds(receiver.received).includes("wamid.behind"));
  const { data } = await listEndpointDeliveries(rig.app, number.scope, id, { state: "dead" });
  assert.deepEqual(
    data.map(({ attempts, status: code }) => [attempts, code]),
    [[limits.forwardRefusalsMax, 422]],
  );
});

test("Retry-After is obeyed, bounded; 410 pauses the endpoint at once; a redirect is not followed", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t, () => (response) => response.writeHead(429, { "retry-after": "120" }).end("slow down"));
  const { id } = await register(rig, number.tenantId, { url: receiver.url });
  await say(number, 1, "wamid.r");
  const forwarder = forwarderOf(t, rig);
  await forwardAll(forwarder);
  rig.clock.nowMs += 110_000;
  await forwardAll(forwarder);
  assert.equal(receiver.received.length, 1);
  receiver.answer = () => (response) => response.writeHead(503, { "retry-after": "999999999" }).end();
  rig.clock.nowMs += 11_000;
  await forwardAll(forwarder);
  assert.equal(receiver.received.length, 2);
  rig.clock.nowMs += limits.forwardRetryAfterMsMax + 1_000;
  receiver.answer = () => (response) => response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end();
  await forwardAll(forwarder);
  assert.equal((await getEndpoint(rig.app, number.scope, id)).lastError, "answered 302");
  receiver.answer = () => 410;
  rig.clock.nowMs += dayMs;
  await forwardAll(forwarder);
  const paused = await getEndpoint(rig.app, number.scope, id);
  assert.deepEqual([paused.state, paused.pausedReason], ["paused", "gone"]);
  assert.equal((await listEndpointDeliveries(rig.app, number.scope, id, { state: "pending" })).data.length, 1, "what waits is not lost");
});

test("an endpoint that keeps silent holds up at most its share of conversations, and nobody else", async (t) => {
  fresh(t);
  const number = await connected();
  const [slow, quick] = [await startReceiver(t, () => null), await startReceiver(t)];
  await register(rig, number.tenantId, { url: slow.url });
  await register(rig, number.tenantId, { url: quick.url });
  for (let digit = 0; digit < 10; digit += 1) await say(number, digit, `wamid.s${digit}`);
  const time = holdTime(t);
  const connector = createConnector({ rules: loopbackRules, nowMs: () => rig.clock.nowMs });
  t.after(async () => connector.close());
  let answers = 0;
  const turning = forwardOnce(forwarderOf(t, rig, { connector, onAnswer: () => void (answers += 1) }));
  const most = limits.forwardsPerEndpointMax;
  // Until then no time has passed, so the slow one cannot have been given up.
  await turnUntil(() => slow.received.length === most && answers === most, "the quick one is served while the slow one keeps silent");
  time.pass(limits.forwardRequestMsMax);
  const turn = await turning;
  assert.deepEqual([slow.received.length, quick.received.length], [most, most]);
  assert.deepEqual([turn.settled.delivered, turn.settled.failed], [most, most]);
});

test("a claim whose node sleeps is void after its time; what the sleeper says then changes nothing, and the receiver sees one id", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  const { id } = await register(rig, number.tenantId, { url: receiver.url });
  await say(number, 1, "wamid.z");
  const { promise: asleep, resolve: wake } = Promise.withResolvers<void>();
  const sleeper = forwardOnce(forwarderOf(t, rig, { failpoint: (name) => (name === "forward.sent" ? asleep : undefined) }));
  const other = forwarderOf(t, rig);
  while (receiver.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
  rig.clock.nowMs += limits.forwardClaimMsMax - 1_000;
  assert.equal((await forwardOnce(other)).lanes, 0, "the claim still stands");
  rig.clock.nowMs += 1_001;
  receiver.answer = () => 500;
  assert.equal((await forwardOnce(other)).lanes, 1);
  wake();
  assert.deepEqual((await sleeper).settled, { delivered: 0, dead: 0, failed: 0, lost: 1, paused: [] });
  const pending = await listEndpointDeliveries(rig.app, number.scope, id, { state: "pending" });
  assert.equal(pending.data.length, 1);
  assert.equal(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size, 1);
});

test("a time is sent again under the same ids, also what was cleared away, in portions; deliveries and updates are kept so long and no longer", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  const { id } = await register(rig, number.tenantId, { url: receiver.url });
  const from = new Date(rig.clock.nowMs).toISOString();
  for (let index = 0; index < 3; index += 1) {
    await say(number, 1, `wamid.p${index}`);
    rig.clock.nowMs += 1_000;
  }
  const to = new Date(rig.clock.nowMs).toISOString();
  await say(number, 1, "wamid.later");
  const forwarder = forwarderOf(t, rig);
  await forwardAll(forwarder);
  const first = receiver.received.map(({ headers }) => headers["webhook-id"]);
  rig.clock.nowMs += limits.forwardDeliveredKeptDays * dayMs;
  await purgeForwards(rig.ingest, rig.clock.nowMs);
  assert.equal((await listEndpointDeliveries(rig.app, number.scope, id, {})).data.length, 1, "the last is kept to its last millisecond");
  rig.clock.nowMs += 1;
  while (await purgeForwards(rig.ingest, rig.clock.nowMs)) assert.ok(limits.forwardPurgeRowsMax > 4);
  assert.equal((await listEndpointDeliveries(rig.app, number.scope, id, {})).data.length, 0);
  assert.deepEqual(await replayEndpoint(rig.app, number.scope, { endpointId: id, range: { from, to } }, byTest()), {
    replayed: 3,
    next: null,
  });
  await forwardAll(forwarder);
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers["webhook-id"]),
    [...first, ...first.slice(0, 3)],
  );
  await rig.sql("update forward_deliveries set state = 'dead'");
  rig.clock.nowMs = Date.parse(from) + limits.forwardUpdatesKeptDays * dayMs;
  await purgeForwards(rig.ingest, rig.clock.nowMs);
  const kept = () => rig.sql("select count(*)::int as updates from forward_updates where tenant_id = $1", [number.tenantId]);
  assert.deepEqual(await kept(), [{ updates: 4 }], "to its last millisecond");
  rig.clock.nowMs += 3_001;
  await purgeForwards(rig.ingest, rig.clock.nowMs);
  assert.deepEqual(await kept(), [{ updates: 0 }]);
  assert.deepEqual(await replayEndpoint(rig.app, number.scope, { endpointId: id, range: { from, to } }, byTest()), {
    replayed: 0,
    next: null,
  });
  const { data } = await listEndpointDeliveries(rig.app, number.scope, id, { state: "dead" });
  assert.equal(data.length, 3);
  rig.clock.nowMs = Date.parse(from) + limits.forwardDeadKeptDays * dayMs + 1;
  await purgeForwards(rig.ingest, rig.clock.nowMs);
  assert.equal((await listEndpointDeliveries(rig.app, number.scope, id, { state: "dead" })).data.length, 2);
});

async function fillLog(number: Connected, rows: number, lanes: number): Promise<void> {
  await rig.sql(
    `insert into forward_updates (tenant_id, connection_id, lane, field, body, created_at)
     select $1, $2, 'lane ' || (g % $4), 'messages', '{"n":' || g || '}', $5 from generate_series(1, $3) g`,
    [number.tenantId, number.id, rows, lanes, new Date(rig.clock.nowMs)],
  );
}

test("a log is laid out in portions, and a claim sends so many of one conversation", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  await register(rig, number.tenantId, { url: receiver.url });
  const rows = limits.forwardLogRowsMax + limits.forwardRunMax;
  await fillLog(number, rows, 1);
  // A run ends by its time, too; none passes here.
  holdTime(t);
  const forwarder = forwarderOf(t, rig);
  const turn = await forwardOnce(forwarder);
  assert.deepEqual([turn.deliveries, turn.hasMore, turn.settled.delivered], [limits.forwardLogRowsMax, true, limits.forwardRunMax]);
  await forwardAll(forwarder);
  assert.deepEqual(
    receiver.received.map(({ json }) => json.n),
    Array.from({ length: rows }, (_, index) => index + 1),
  );
});

test("what a node has left of requests is for endpoints without any first, and a part of it for nobody else", async (t) => {
  fresh(t);
  const number = await connected();
  const receiver = await startReceiver(t);
  for (let count = 0; count < 3; count += 1) await register(rig, number.tenantId, { url: receiver.url });
  await fillLog(number, 15, 5);
  await planForwards({ ingest: rig.ingest, atMs: rig.clock.nowMs });
  const claim = async (room: number) => {
    const claimed = await claimForwards({ ingest: rig.ingest, claimId: randomUUID(), room, atMs: rig.clock.nowMs });
    return claimed.map(({ endpointId }) => endpointId);
  };
  const first = await claim(limits.forwardsReservedMax + 2);
  assert.equal(new Set(first).size, 3);
  assert.equal(first.length, 3, "each has one; a second one for any would be the third of two");
  assert.deepEqual(await claim(limits.forwardsReservedMax), [], "all have one, and the rest is reserved");
  assert.equal((await claim(limits.forwardsReservedMax + 4)).length, 4);
  assert.equal((await claim(limits.forwardsMax)).length, 15 - 3 - 4);
});
