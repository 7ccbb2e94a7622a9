/** The outbox on a real database: order, ends and windows. Graph is a function of the test. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { pairBurstMax, pairIntervalMs } from "../src/core/pacing.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { cancelMessage, markMessageFailed } from "../src/services/whatsapp/outbox/actions.ts";
import { queueWish } from "../src/services/whatsapp/outbox/queue-wish.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { runTimers } from "../src/services/whatsapp/outbox/timers.ts";
import { limits } from "../src/limits.ts";
import { bodyOf, echo, failed, status, type Element } from "./support/bodies.ts";
import { accepts, eventsOf, loses, outboxOf, passWaits, refuses, refusal, rowOf, scriptedGraph, type Customer } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { byTest, randomDigits, startRig } from "./support/worker.ts";

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
const hourMs = 3_600_000;
const template = { type: "template", name: "hello", language: "en_US" };

beforeEach(async () => {
  graph.judge = accepts;
  graph.ledger.length = 0;
  // What the last test left must not be sent in this one.
  await rig.sql(`delete from whatsapp_sends`);
  await rig.sql(
    `update whatsapp_send_lanes set paused_until = null, pause_reason = null, pause_code = null, refusals = 0, paid_until = '-infinity'`,
  );
});

const cancel = (messageId: string): Promise<void> =>
  tenantTransaction(rig.app, box.number.scope, (tx) => cancelMessage(tx, box.number.scope, messageId, byTest()));
const texts = (): string[] => graph.ledger.map(({ text }) => text);
const statesOf = async (ids: readonly { id: string }[]): Promise<(string | null)[]> => {
  const states: (string | null)[] = [];
  for (const { id } of ids) states.push((await rowOf(rig, id)).state);
  return states;
};
async function sendAll(to: Customer, bodies: readonly string[]): Promise<{ id: string }[]> {
  const sent: { id: string }[] = [];
  for (const body of bodies) sent.push(await box.send(to, { body }));
  return sent;
}

test("messages of one conversation go out one after the other in the order of their commits, those of one transaction in its order", async () => {
  const dana = await box.customer();
  await box.send(dana, { body: "1" });
  await tenantTransaction(rig.app, box.number.scope, async (tx) => {
    for (const body of ["2", "3"]) {
      const wish = { conversationId: dana.conversationId, origin: "api" as const, content: { type: "text" as const, body } };
      await queueWish(tx, box.tools, box.number.scope, {
        ...wish,
        replyTo: null,
        sendAtMs: null,
        whenTheyWrite: null,
        callback: null,
        resendOf: null,
      });
    }
  });
  await box.send(dana, { body: "4" });
  const perTurn: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) perTurn.push((await sender.turn()).taken);
  assert.deepEqual(
    [perTurn, texts()],
    [
      [1, 1, 1, 1, 0],
      ["1", "2", "3", "4"],
    ],
  );
});

test("who commits first is first, whoever began first: the second waits for the conversation", async () => {
  const dana = await box.customer();
  const committed: string[] = [];
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const { id } = await box.send(dana, { body: `${index}` });
      committed.push(id);
    }),
  );
  await sender.drain();
  // The order of the events is the order of commits (I5).
  const queued = await rig.sql<{ id: string }>(
    `select message_id as id from activity_events where conversation_id = $1 and type = 'message.queued' order by seq`,
    [dana.conversationId],
  );
  assert.deepEqual(
    graph.ledger.map(({ messageId }) => messageId),
    queued.map(({ id }) => id),
  );
  assert.equal(new Set(committed).size, 12);
});

test("a head that is put off keeps its place: nothing of its conversation overtakes it, and others do not wait", async () => {
  const [dana, uri] = [await box.customer(), await box.customer()];
  await sendAll(dana, ["d1", "d2"]);
  graph.judge = ({ text }, nth) => (text === "d1" && nth < 3 ? refusal(131_000) : accepts({ messageId: text } as never, nth));
  await sender.turn();
  // Its wait is of half a second, which a slow machine would be done with.
  await rig.sql(`update whatsapp_sends set due_at = due_at + interval '1 hour' where state = 'queued'`);
  await box.send(uri, { body: "u1" });
  await sender.turn();
  assert.equal((await sender.turn()).taken, 0);
  assert.deepEqual(texts(), ["d1", "u1"]);
  await passWaits(rig);
  await sender.turn();
  await passWaits(rig);
  await sender.drain();
  assert.deepEqual(texts(), ["d1", "u1", "d1", "d1", "d2"]);
});

test("the next one gets its turn after every kind of end: accepted, refused, unknown, cancelled, its node gone, its window closed", async () => {
  const ends: Record<string, (id: string) => Promise<unknown>> = {
    accepted: () => sender.turn(),
    refused: () => ((graph.judge = refuses(131_026)), sender.turn()),
    unknown: () => ((graph.judge = loses), sender.turn()),
    cancelled: (id) => cancel(id),
    unsendable: async (id) => {
      await rig.sql(`update whatsapp_messages set content = '{}' where id = $1`, [id]);
      await sender.turn();
    },
    gone: async () => {
      await handSender(rig, { sendMessage: () => new Promise(() => undefined) }).sender.claimOnce();
      await rig.sql(`update whatsapp_send_nodes set alive_until = now() - interval '1 second'`);
      await sender.sender.beatOnce();
    },
  };
  for (const [end, act] of Object.entries(ends)) {
    graph.judge = accepts;
    const [first, second, third] = await sendAll(await box.customer(), ["1", "2", "3"]);
    assert.ok(first && second && third);
    assert.deepEqual(await statesOf([first, second, third]), ["queued", "behind", "behind"], end);
    await act(first.id);
    assert.deepEqual(await statesOf([first, second, third]), [null, "queued", "behind"], end);
    graph.judge = accepts;
    await sender.drain();
    assert.deepEqual(await statesOf([second, third]), [null, null], end);
  }
});

test("one that waits behind others can be cancelled, and the others go on; one on its way or sent can not", async () => {
  const [first, second, third] = await sendAll(await box.customer(), ["1", "2", "3"]);
  assert.ok(first && second && third);
  await cancel(second.id);
  await cancel(second.id);
  const open = Promise.withResolvers<void>();
  graph.judge = async (request, nth) => (await open.promise, accepts(request, nth));
  await sender.sender.claimOnce();
  await assert.rejects(cancel(first.id), { code: "conflict" });
  open.resolve();
  await sender.sender.attemptsEnded();
  await sender.sender.recordOnce();
  await assert.rejects(cancel(first.id), { code: "conflict" });
  await sender.drain();
  assert.deepEqual(texts(), ["1", "3"]);
  assert.deepEqual(await eventsOf(rig, second.id), ["message.queued", "message.status_changed cancelled"]);
});

test("a scheduled message joins at its time, after what is in the queue then, and is promoted like any other", async () => {
  const dana = await box.customer();
  const late = await box.send(dana, { body: "late", sendAt: new Date(Date.now() + hourMs).toISOString() });
  await sendAll(dana, ["1", "2"]);
  assert.equal((await rowOf(rig, late.id)).state, "scheduled");
  assert.equal((await runTimers(rig.ingest, Date.now())).joined, 0);
  await rig.sql(`update whatsapp_sends set due_at = now() where state = 'scheduled'`);
  assert.equal((await runTimers(rig.ingest, Date.now())).joined, 1);
  assert.equal((await runTimers(rig.ingest, Date.now())).joined, 0);
  assert.equal((await rowOf(rig, late.id)).state, "behind");
  await sender.drain();
  assert.deepEqual(texts(), ["1", "2", "late"]);
});

test("scheduled messages that are due at once join in the order in which they were asked for", async () => {
  const dana = await box.customer();
  const sendAt = new Date(Date.now() + hourMs).toISOString();
  for (const body of ["1", "2", "3", "4", "5"]) await box.send(dana, { body, sendAt });
  await rig.sql(`update whatsapp_sends set due_at = now() where state = 'scheduled'`);
  await runTimers(rig.ingest, Date.now());
  await sender.drain();
  assert.deepEqual(texts(), ["1", "2", "3", "4", "5"]);
});

test("Outside the window nothing freeform is taken, a template is; the refusal says when the window closed (I7)", async () => {
  const old = await box.customer({ agoMs: 25 * hourMs });
  await assert.rejects(box.send(old), { code: "window_closed" });
  const { id } = await box.send(old, { content: template });
  await sender.drain();
  assert.equal((await rowOf(rig, id)).status, "accepted");
  // The last seconds are outside, too.
  const last = await box.customer({ agoMs: 24 * hourMs - 4_000 });
  await assert.rejects(box.send(last), { code: "window_closed" });
  const later = await box.customer({ agoMs: 23 * hourMs });
  await assert.rejects(box.send(later, { sendAt: new Date(Date.now() + 2 * hourMs).toISOString() }), { code: "window_closed" });
});

test("the window is looked at again when a message is claimed: what waited too long is not sent (I7)", async () => {
  const dana = await box.customer();
  const { id } = await box.send(dana);
  const held = await box.send(dana, { content: template });
  await rig.sql(
    `update whatsapp_conversations set last_customer_message_at = now() - interval '23 hours 59 minutes 55 seconds' where id = $1`,
    [dana.conversationId],
  );
  assert.deepEqual((await sender.turn()).outcomes, ["window_closed"]);
  assert.deepEqual(graph.ledger, []);
  const row = await rowOf(rig, id);
  assert.deepEqual([row.status, row.errorCode], ["failed", 131_047]);
  await sender.drain();
  assert.equal((await rowOf(rig, held.id)).status, "accepted");
});

test("a request that cannot start within its second after the claim is given back, not sent: the process or the machine slept (I7)", async () => {
  const { id } = await box.send(await box.customer());
  const slept = { wallMs: 0 };
  const dozing = handSender(rig, graph, {
    nowMs: () => Date.now() + slept.wallMs,
    startMsMax: limits.sendStartMsMax,
    failpoint: (name) => void (name === "send.claimed" && (slept.wallMs = limits.sendStartMsMax + 1)),
  });
  assert.deepEqual((await dozing.turn()).outcomes, ["released"]);
  assert.deepEqual([graph.ledger, (await rowOf(rig, id)).state, (await rowOf(rig, id)).attempts], [[], "queued", 0]);
  // Not at once: what made it late may still last.
  await rig.sql(`update whatsapp_sends set due_at = now()`);
  await sender.turn();
  assert.equal((await rowOf(rig, id)).status, "accepted");
});

test("what waits for the customer goes out once, when he writes, before anything newer; what waited too long is cancelled", async () => {
  const dana = await box.customer({ agoMs: 25 * hourMs });
  const [first, second] = [await box.send(dana, { body: "1", whenTheyWrite: {} }), await box.send(dana, { body: "2", whenTheyWrite: {} })];
  const late = await box.send(dana, { body: "3", whenTheyWrite: { expiresAt: new Date(Date.now() + hourMs).toISOString() } });
  assert.equal((await sender.turn()).taken, 0);
  await rig.sql(`update whatsapp_sends set expires_at = now() where message_id = $1`, [late.id]);
  await runTimers(rig.ingest, Date.now());
  assert.equal((await rowOf(rig, late.id)).status, "cancelled");
  await box.writes(dana.phone);
  await box.send(dana, { body: "4" });
  assert.deepEqual(await statesOf([first, second]), ["queued", "behind"]);
  await box.writes(dana.phone, Date.now() + 1_000);
  await sender.drain();
  assert.deepEqual(texts(), ["1", "2", "4"]);
});

test("what was told to wait in the last seconds of a window goes out when the customer writes before its end", async () => {
  const dana = await box.customer({ agoMs: 24 * hourMs - 4_500 });
  const { id, sends } = await box.send(dana, { whenTheyWrite: {} });
  assert.equal(sends, "when_they_write");
  await box.writes(dana.phone);
  assert.equal((await rowOf(rig, id)).state, "queued");
});

test("a wish to send when they write never waits in an open window, however it meets the customer's message", async () => {
  for (let round = 0; round < 12; round += 1) {
    const dana = await box.customer({ agoMs: 25 * hourMs });
    const [queued] = await Promise.all([box.send(dana, { whenTheyWrite: {} }), box.writes(dana.phone)]);
    assert.equal((await rowOf(rig, queued.id)).state, "queued", `round ${round}, ${queued.sends}`);
  }
});

test("a request whose outcome nobody knows is never made again by itself (I6)", async () => {
  const { id } = await box.send(await box.customer());
  graph.judge = loses;
  for (let turn = 0; turn < 5; turn += 1) {
    await sender.turn();
    await passWaits(rig);
  }
  assert.deepEqual([(await rowOf(rig, id)).status, (await rowOf(rig, id)).state, graph.ledger.length], ["unknown", null, 1]);
});

test("a message that a status reports is never sent again, although Graph had asked for another try (I6)", async () => {
  const { id } = await box.send(await box.customer());
  const next = await box.send(await box.customer());
  graph.judge = (request, nth) => (request.messageId === id ? refusal(131_000) : accepts(request, nth));
  await sender.turn();
  await rig.receive(bodyOf(status(box.number, "wamid.it-did", "sent", Date.now(), { biz_opaque_callback_data: id })));
  await rig.drain();
  await passWaits(rig);
  assert.deepEqual((await sender.turn()).outcomes, ["reported"]);
  const row = await rowOf(rig, id);
  assert.deepEqual([row.status, row.waMessageId, row.state], ["sent", "wamid.it-did", null]);
  assert.equal(graph.ledger.filter(({ messageId }) => messageId === id).length, 1);
  assert.equal((await rowOf(rig, next.id)).status, "accepted");
});

test("only an unknown message can be marked as failed, and what Meta reports later still shows", async () => {
  const { scope } = box.number;
  const mark = (id: string): Promise<void> => tenantTransaction(rig.app, scope, (tx) => markMessageFailed(tx, scope, id, byTest()));
  const { id } = await box.send(await box.customer());
  await assert.rejects(mark(id), { code: "conflict" });
  graph.judge = loses;
  await sender.turn();
  await mark(id);
  assert.equal((await rowOf(rig, id)).status, "failed");
  await assert.rejects(mark(id), { code: "conflict" });
  await rig.receive(bodyOf(status(box.number, "wamid.late", "delivered", Date.now(), { biz_opaque_callback_data: id })));
  await rig.drain();
  assert.deepEqual([(await rowOf(rig, id)).status, (await rowOf(rig, id)).waMessageId], ["delivered", "wamid.late"]);
});

test("to one customer go 45 messages at once, the next waits and costs no other customer a turn", async () => {
  const [dana, uri] = [await box.customer(), await box.customer()];
  for (let count = 0; count < 55; count += 1) await box.send(dana, { body: `d${count}` });
  const [start] = await rig.sql<{ at: string }>(`select clock_timestamp()::text as at`);
  const began = performance.now();
  /** How many she has; on a machine so slow that it takes another 6 s, one more may go for each of them. */
  const assertSent = (burst: number): void => {
    const sent = texts().filter((text) => text.startsWith("d")).length;
    const earned = Math.floor((performance.now() - began) / pairIntervalMs);
    assert.ok(sent >= burst && sent <= burst + earned, `${sent} after ${burst} and ${earned}`);
  };
  await sender.drain(200);
  assertSent(pairBurstMax);
  const [waiting] = await rig.sql<{ isLater: boolean; isSoon: boolean }>(
    `select due_at >= $1::timestamptz + make_interval(secs => $2) as "isLater", due_at <= now() + make_interval(secs => $2) as "isSoon"
     from whatsapp_sends where state = 'queued'`,
    [start?.at, pairIntervalMs / 1_000],
  );
  assert.deepEqual(waiting, { isLater: true, isSoon: true });
  const other = await box.send(uri, { body: "u" });
  await sender.turn();
  assert.equal((await rowOf(rig, other.id)).status, "accepted");
  await rig.sql(`update whatsapp_send_pairs set paid_until = paid_until - make_interval(secs => $1)`, [pairIntervalMs / 1_000]);
  await rig.sql(`update whatsapp_sends set due_at = now()`);
  await sender.drain();
  assertSent(pairBurstMax + 1);
});

test("an idle number is asked once, and a number whose places are all taken is not asked again and again", async () => {
  const claimsAgain = async (): Promise<boolean | number> => {
    const again = await sender.sender.claimOnce();
    await sender.sender.attemptsEnded();
    while (await sender.sender.recordOnce());
    return again;
  };
  assert.equal(await claimsAgain(), false);
  const stuck = handSender(rig, { sendMessage: () => new Promise(() => undefined) });
  for (let count = 0; count < 2; count += 1) await box.send(await box.customer());
  assert.equal(await stuck.sender.claimOnce(), true);
  assert.equal(await stuck.sender.claimOnce(), false);
});

test("the same key and body within a day is answered as the first time, even when its times have passed", async () => {
  const dana = await box.customer({ agoMs: 25 * hourMs });
  const clock = { nowMs: Date.now() };
  const expiresAt = new Date(clock.nowMs + 1_000).toISOString();
  const body = { conversationId: dana.conversationId, content: { type: "text", body: "x" }, whenTheyWrite: { expiresAt } };
  const ask = () =>
    sendMessage({ ...box.tools, nowMs: () => clock.nowMs }, box.number.scope, body, { origin: "api", idempotencyKey: randomKey });
  const randomKey = randomDigits();
  const first = await ask();
  clock.nowMs += hourMs;
  assert.deepEqual(await ask(), first);
});

test("what failed or was cancelled was no answer: the customer waits again, and no longer when it arrived after all, in any order of words", async () => {
  const isWaiting = async ({ conversationId }: Customer): Promise<boolean> => {
    const [row] = await rig.sql<{ isWaiting: boolean }>(`select is_waiting as "isWaiting" from whatsapp_conversations where id = $1`, [
      conversationId,
    ]);
    return row?.isWaiting ?? assert.fail("no conversation");
  };
  const say = async (...words: Element[]): Promise<void> => {
    await rig.receive(bodyOf(...words));
    await rig.drain();
  };
  const noa = await box.customer({ agoMs: 60_000 });
  graph.judge = refuses(131_000);
  await box.send(noa);
  assert.equal(await isWaiting(noa), false);
  for (let tries = 0; tries < 20 && !(await isWaiting(noa)); tries += 1) {
    await sender.drain();
    await passWaits(rig);
  }
  assert.equal(await isWaiting(noa), true, "refused by Graph");

  graph.judge = accepts;
  const first = await box.send(noa, { body: "1" });
  const second = await box.send(noa, { body: "2" });
  await sender.drain();
  await say(failed(box.number, `wamid.${second.id}`, Date.now(), 131_026));
  assert.equal(await isWaiting(noa), false, "the one before it stands");
  await say(failed(box.number, `wamid.${first.id}`, Date.now(), 131_026));
  assert.equal(await isWaiting(noa), true, "both failed by Meta's word");
  await say(status(box.number, `wamid.${first.id}`, "delivered", Date.now()));
  assert.equal(await isWaiting(noa), false, "arrived after all");

  // The failure is told before the message is: an echo from the phone.
  const ido = await box.customer({ agoMs: 60_000 });
  await say(failed(box.number, `wamid.early.${ido.phone}`, Date.now(), 131_026));
  await say(echo(box.number, ido.phone, `wamid.early.${ido.phone}`, Date.now()));
  assert.equal(await isWaiting(ido), true, "failed before it was known");

  const later = await box.send(ido, { sendAt: new Date(Date.now() + hourMs).toISOString() });
  assert.equal(await isWaiting(ido), false, "seen to for later");
  await cancel(later.id);
  assert.equal(await isWaiting(ido), true, "cancelled");
  graph.judge = loses;
  const lost = await box.send(ido);
  await sender.drain();
  assert.equal(await isWaiting(ido), false, "may have arrived");
  await tenantTransaction(rig.app, box.number.scope, (tx) => markMessageFailed(tx, box.number.scope, lost.id, byTest()));
  assert.equal(await isWaiting(ido), true, "marked as failed");
});
