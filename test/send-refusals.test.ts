/** What follows from Graph's refusals: pauses, rests, waits and ends. Graph is a function of the test. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { metaSecond } from "../src/core/window.ts";
import { changeSending, readSending } from "../src/services/whatsapp/outbox/sending.ts";
import { putConnection } from "../src/services/whatsapp/connections/connections.ts";
import { bodyOf, failed } from "./support/bodies.ts";
import { accepts, cannotReach, outboxOf, passWaits, refuses, refusal, rowOf, scriptedGraph, type Customer } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { startRig, testToken } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
await box.pace(100_000);
const graph = scriptedGraph();
const sender = handSender(rig, graph);
beforeEach(async () => {
  graph.judge = accepts;
  graph.ledger.length = 0;
  // What the last test left must not be sent in this one.
  await rig.sql(`delete from whatsapp_sends`);
  await rig.sql(
    `update whatsapp_send_lanes set paused_until = null, pause_reason = null, pause_code = null, refusals = 0, paid_until = '-infinity'`,
  );
});

async function sendAll(to: Customer, bodies: readonly string[]): Promise<{ id: string }[]> {
  const sent: { id: string }[] = [];
  for (const body of bodies) sent.push(await box.send(to, { body }));
  return sent;
}

test("Meta's 131047 closes the window in our books until the customer writes again", async () => {
  const dana = await box.customer({ agoMs: 2_000 });
  const { id } = await box.send(dana);
  graph.judge = refuses(131_047);
  await sender.turn();
  assert.deepEqual([(await rowOf(rig, id)).status, (await rowOf(rig, id)).errorCode], ["failed", 131_047]);
  await assert.rejects(box.send(dana), { code: "window_closed" });
  // Meta's times are whole seconds: this word may bear the second of the refusal.
  await box.writes(dana.phone, metaSecond(Date.now()));
  graph.judge = accepts;
  await box.send(dana);
  assert.deepEqual((await sender.turn()).outcomes, ["accepted"]);
});

test("a refused token pauses the number and nothing else: messages keep their place uncounted, and a new token lets them go on", async () => {
  const other = outboxOf(rig, await rig.connect(tenantId));
  const dana = await box.customer();
  const [first, second] = await sendAll(dana, ["1", "2"]);
  assert.ok(first && second);
  graph.judge = ({ phoneNumberId, ...request }, nth) =>
    phoneNumberId === box.number.phoneNumberId ? refusal(190, {}, 401) : accepts({ phoneNumberId, ...request }, nth);
  await sender.turn();
  await box.send(await box.customer(), { body: "also waits" });
  const elsewhere = await other.send(await other.customer());
  await passWaits(rig);
  await sender.drain();
  assert.equal((await rowOf(rig, elsewhere.id)).status, "accepted");
  assert.deepEqual([(await rowOf(rig, first.id)).state, (await rowOf(rig, first.id)).attempts], ["queued", 0]);
  const sending = await readSending(rig.app, box.number.scope, box.number.id);
  assert.deepEqual([sending.state, sending.reason, sending.errorCode, sending.until, sending.queued], ["paused", "token", 190, null, 3]);
  // What comes in comes in.
  await box.writes(dana.phone, Date.now() + 1_000);
  graph.judge = accepts;
  await renew("token-2");
  await sender.drain();
  assert.equal((await rowOf(rig, second.id)).status, "accepted");
  assert.deepEqual(
    graph.ledger
      .filter(({ phoneNumberId }) => phoneNumberId === box.number.phoneNumberId)
      .map(({ text, accessToken }) => [text, accessToken]),
    [
      ["1", testToken],
      ["1", "token-2"],
      ["also waits", "token-2"],
      ["2", "token-2"],
    ],
  );
  await renew(testToken);
});

const renew = (accessToken: string): Promise<unknown> => {
  const { wabaId, phoneNumberId, displayPhoneNumber } = box.number;
  const seal = (_context: unknown, plain: string): Buffer => Buffer.from(plain);
  return putConnection(rig.platform, { tenantId, wabaId, phoneNumberId, displayPhoneNumber, accessToken }, { seal, nowMs: Date.now() });
};

test("a token that comes while the refusal of the old one waits to be written is not paused by it", async () => {
  const node = handSender(rig, graph);
  const sent = await box.send(await box.customer());
  graph.judge = refuses(190, {}, 401);
  await node.sender.claimOnce();
  await node.sender.attemptsEnded();
  await renew("token-2");
  while (await node.sender.recordOnce());
  assert.equal((await readSending(rig.app, box.number.scope, box.number.id)).state, "active");
  await node.turn();
  assert.equal((await readSending(rig.app, box.number.scope, box.number.id)).state, "paused", "the new one was refused itself");
  graph.judge = accepts;
  await renew(testToken);
  await node.drain();
  assert.equal((await rowOf(rig, sent.id)).status, "accepted");
});

test("a request that was refused for a token that has been replaced meanwhile pauses nobody: the message goes out with the new one", async () => {
  const fresh = handSender(rig, graph);
  const { id } = await box.send(await box.customer());
  graph.judge = async (request, nth) => {
    if (nth > 1) return accepts(request, nth);
    await renew("token-3");
    return refusal(190, {}, 401);
  };
  assert.deepEqual((await fresh.drain()).outcomes, ["token_replaced", "accepted"]);
  assert.equal((await rowOf(rig, id)).status, "accepted");
  assert.equal((await readSending(rig.app, box.number.scope, box.number.id)).state, "active");
  await renew(testToken);
});

test("a new token does not lift what a person has paused, nor the rest that Meta asked for", async () => {
  const { scope, id } = box.number;
  await changeSending(box.tools, scope, id, { paused: true });
  await renew(testToken);
  assert.deepEqual([(await readSending(rig.app, scope, id)).state, (await readSending(rig.app, scope, id)).reason], ["paused", "person"]);
  await box.send(await box.customer());
  assert.equal((await sender.turn()).taken, 0);
  await changeSending(box.tools, scope, id, { paused: false });
  assert.equal((await handSender(rig, graph).turn()).taken, 1);
  await rig.sql(
    `update whatsapp_send_lanes set paused_until = now() + interval '1 minute', pause_reason = 'rate' where connection_id = $1`,
    [id],
  );
  await renew(testToken);
  assert.equal((await readSending(rig.app, scope, id)).state, "resting");
});

/** By the clock of the database. */
async function timeOf(expression: string): Promise<number> {
  const [row] = await rig.sql<{ ms: number | null }>(`select (extract(epoch from ${expression}) * 1000)::float8 as ms`);
  return row?.ms ?? assert.fail(`${expression} is no time`);
}

/** What began at a moment between these two, whenever that was, lasts for so long. */
function assertLasts(untilMs: number, [fromMs, toMs]: readonly [number, number], lastsMs: number): void {
  // Times are kept to the microsecond.
  const isSo = untilMs >= fromMs + lastsMs - 1 && untilMs <= toMs + lastsMs + 1;
  assert.ok(isSo, `${untilMs - toMs} to ${untilMs - fromMs} ms instead of ${lastsMs}`);
}

test("130429 rests the whole number, one rest for one wave and longer with every wave, and an accepted message ends it", async () => {
  const { id } = box.number;
  const lane = async (): Promise<{ refusals: number; isResting: boolean }> => {
    const [row] = await rig.sql<{ refusals: number; isResting: boolean }>(
      `select refusals, paused_until is not null as "isResting" from whatsapp_send_lanes where connection_id = $1`,
      [id],
    );
    assert.ok(row);
    return row;
  };
  const customers = [];
  for (let count = 0; count < 4; count += 1) customers.push(await box.customer());
  for (const one of customers) await box.send(one);
  graph.judge = refuses(130_429, {}, 429);
  const fresh = handSender(rig, graph);
  for (let wave = 0; wave < 3; wave += 1) {
    const fromMs = await timeOf("clock_timestamp()");
    assert.equal((await fresh.turn()).taken, 4);
    const toMs = await timeOf("clock_timestamp()");
    const untilMs = await timeOf(`(select paused_until from whatsapp_send_lanes where connection_id = '${id}')`);
    assertLasts(untilMs, [fromMs, toMs], 1_000 * 2 ** wave);
    assert.deepEqual(await lane(), { refusals: wave + 1, isResting: true });
    // However long the machine takes to look again, the number rests still.
    await rig.sql(`update whatsapp_sends set due_at = now()`);
    await rig.sql(`update whatsapp_send_lanes set paused_until = paused_until + interval '1 hour' where connection_id = $1`, [id]);
    assert.equal((await fresh.turn()).taken, 0);
    await passWaits(rig);
  }
  graph.judge = accepts;
  assert.equal((await fresh.turn()).taken, 4);
  assert.deepEqual(await lane(), { refusals: 0, isResting: false });
});

test("131056 puts off that customer only, for 4, 16, 64 seconds; 80007 rests the number for minutes; a class for people fails at once", async () => {
  const [dana, uri] = [await box.customer(), await box.customer()];
  const { id } = await box.send(dana);
  graph.judge = refuses(131_056);
  for (let nth = 0; nth < 3; nth += 1) {
    const fromMs = await timeOf("clock_timestamp()");
    await sender.turn();
    const toMs = await timeOf("clock_timestamp()");
    const untilMs = await timeOf(`(select due_at from whatsapp_sends where message_id = '${id}')`);
    assertLasts(untilMs, [fromMs, toMs], 1_000 * 4 ** (nth + 1));
    await passWaits(rig);
  }
  await sender.turn();
  graph.judge = accepts;
  await box.send(uri);
  assert.equal((await sender.turn()).taken, 1);

  graph.judge = refuses(80_007);
  await box.send(uri);
  await sender.turn();
  const resting = await readSending(rig.app, box.number.scope, box.number.id);
  assert.deepEqual([resting.state, resting.reason, resting.errorCode], ["resting", "rate", 80_007]);
  await passWaits(rig);
  graph.judge = refuses(368);
  const blocked = await box.send(await box.customer());
  await sender.turn();
  assert.deepEqual([(await rowOf(rig, blocked.id)).status, (await rowOf(rig, blocked.id)).errorCode], ["failed", 368]);
});

test("what could not leave during an outage does not use up the tries that Meta's own refusals have", async () => {
  const { id } = await box.send(await box.customer());
  graph.judge = cannotReach;
  for (let nth = 0; nth < 20; nth += 1) {
    await sender.turn();
    await passWaits(rig);
  }
  assert.deepEqual([(await rowOf(rig, id)).state, (await rowOf(rig, id)).attempts], ["queued", 20]);
  graph.judge = refuses(2, {}, 503);
  await sender.turn();
  assert.equal((await rowOf(rig, id)).state, "queued");
  for (let nth = 0; nth < 10; nth += 1) {
    await passWaits(rig);
    await sender.turn();
  }
  assert.equal((await rowOf(rig, id)).status, "failed");
  assert.equal(graph.ledger.filter(({ outcome }) => outcome?.kind === "refused").length, 8);
});

test("a failed status with 131047 closes the window for what still waits", async () => {
  const dana = await box.customer();
  const { id } = await box.send(dana);
  await sender.turn();
  await rig.receive(bodyOf(failed(box.number, `wamid.${id}`, Date.now() + 1_000, 131_047)));
  await rig.drain();
  await assert.rejects(box.send(dana), { code: "window_closed" });
  assert.equal((await rowOf(rig, id)).status, "failed");
});
