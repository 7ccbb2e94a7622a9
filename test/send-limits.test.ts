/** Limits of the path out, driven to their edges. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Rejection } from "../src/core/rejection.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { UnderWay } from "../src/queue/under-way.ts";
import { queueMessages, type Draft } from "../src/services/whatsapp/outbox/enqueue.ts";
import type { Attempt, AttemptOutcome } from "../src/services/whatsapp/outbox/outcome.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { runTimers } from "../src/services/whatsapp/outbox/timers.ts";
import { outboxOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
const dayMs = 86_400_000;

const draftOf = (conversationId: string, when: Draft["when"]): Draft => ({
  tenantId,
  messageId: newId(Date.now()),
  connectionId: box.number.id,
  conversationId,
  origin: "api",
  type: "text",
  role: "message",
  content: JSON.stringify({ v: 1, kind: "text", body: "x" }),
  isFreeform: true,
  targetWaMessageId: null,
  to: { phone: null, userId: null },
  callback: null,
  resendOf: null,
  when,
});

test("A node has at most so many requests under way, and writes at most so many outcomes at once", async () => {
  const boxes = [box, outboxOf(rig, await rig.connect(tenantId)), outboxOf(rig, await rig.connect(tenantId))];
  for (const one of boxes) {
    await one.pace(100_000);
    await one.sendToNew(Math.ceil((limits.sendsUnderWayMax + 1) / boxes.length));
  }
  const graph = scriptedGraph();
  const node = handSender(rig, graph);
  for (let claims = 0; claims < 4; claims += 1) {
    await node.sender.claimOnce();
    await node.sender.attemptsEnded();
  }
  assert.equal(graph.ledger.length, limits.sendsUnderWayMax);
  const written = async (): Promise<number> => (await rig.sql(`select 1 from whatsapp_messages where status = 'accepted'`)).length;
  assert.equal(await node.sender.recordOnce(), true);
  assert.equal(await written(), limits.sendOutcomesMax);
  assert.equal(await node.sender.recordOnce(), false);
  assert.equal(await written(), limits.sendsUnderWayMax);
  await node.drain();
  assert.deepEqual(await rig.sql(`select 1 from whatsapp_sends`), []);
});

test("For a number's pace a claim is tried again after sendPaceMsMax at the latest, and never sooner than after sendPaceMsMin", async () => {
  const slow = outboxOf(rig, await rig.connect(tenantId));
  await slow.pace(1);
  await slow.sendToNew(2);
  const node = handSender(rig, scriptedGraph());
  assert.equal((await node.turn()).taken, 1);
  // The machine may pause for longer than the second that was paid for.
  await rig.sql(`update whatsapp_send_lanes set paid_until = paid_until + interval '1 hour' where connection_id = $1`, [slow.number.id]);
  assert.equal(await node.sender.claimOnce(), limits.sendPaceMsMax);
  // What is first waits for its customer's pace: others may be behind it, at once.
  await rig.sql(`insert into whatsapp_send_pairs (tenant_id, conversation_id, paid_until)
    select tenant_id, conversation_id, now() + interval '1 hour' from whatsapp_sends
    on conflict (tenant_id, conversation_id) do update set paid_until = excluded.paid_until`);
  await slow.pace(1_000);
  assert.equal(await node.sender.claimOnce(), limits.sendPaceMsMin);
  await rig.sql(`delete from whatsapp_sends`);
});

test("A number whose requests are not answered has ever fewer places, never fewer than sendsUnderWayPerLaneMin, and all again when they are", () => {
  const places = new UnderWay();
  const learn = (outcome: AttemptOutcome): number => {
    places.learn({ send: { connectionId: "one" }, outcome } as Attempt);
    return places.maxOf("one");
  };
  assert.equal(places.maxOf("one"), limits.sendsUnderWayPerLaneMax);
  for (let count = 0; count < 20; count += 1) learn({ kind: "unknown", reason: "timeout" });
  assert.equal(learn({ kind: "not_sent", reason: "ECONNREFUSED" }), limits.sendsUnderWayPerLaneMin);
  assert.equal(places.maxOf("another"), limits.sendsUnderWayPerLaneMax);
  assert.equal(learn({ kind: "accepted", waMessageId: "w" }), 2 * limits.sendsUnderWayPerLaneMin);
  for (let count = 0; count < 20; count += 1) learn({ kind: "accepted", waMessageId: "w" });
  assert.equal(places.maxOf("one"), limits.sendsUnderWayPerLaneMax);
});

test("A sender lives for so long after its last beat", async () => {
  const node = handSender(rig, scriptedGraph());
  await rig.sql(`delete from whatsapp_send_nodes`);
  const timeOf = async (text: string): Promise<number> =>
    (await rig.sql<{ ms: number }>(`select (extract(epoch from at) * 1000)::float8 as ms from (${text}) as t (at)`))[0]?.ms ?? 0;
  const beforeMs = await timeOf(`select clock_timestamp()`);
  await node.sender.beatOnce();
  const afterMs = await timeOf(`select clock_timestamp()`);
  const beatMs = (await timeOf(`select alive_until from whatsapp_send_nodes`)) - limits.sendNodeAliveMs;
  assert.ok(beatMs >= beforeMs - 1 && beatMs <= afterMs + 1, `${beatMs - beforeMs} ms after it began`);
});

test("One look at the timers moves sendTimersMax messages, and the next one the rest", async () => {
  const { conversationId } = await box.customer();
  const drafts = Array.from({ length: limits.sendTimersMax + 1 }, () => draftOf(conversationId, { kind: "at", atMs: Date.now() - 1_000 }));
  await tenantTransaction(rig.app, box.number.scope, (tx) => queueMessages(tx, drafts, Date.now()));
  assert.equal((await runTimers(rig.ingest, Date.now())).joined, limits.sendTimersMax);
  assert.equal((await runTimers(rig.ingest, Date.now())).joined, 1);
  const order = await rig.sql<{ id: string }>(`select message_id as id from whatsapp_sends order by ordinal`);
  assert.equal(order.length, limits.sendTimersMax + 1);
  await rig.sql(`delete from whatsapp_sends`);
});

test("A message is scheduled and waits for the customer at most so many days ahead", async () => {
  const nowMs = Date.now();
  const open = await box.customer();
  const ask = async (more: object): Promise<string> => {
    const wanted = { conversationId: open.conversationId, content: { type: "template", name: "hello", language: "en" }, ...more };
    try {
      await sendMessage({ ...box.tools, nowMs: () => nowMs }, box.number.scope, wanted, { origin: "api", idempotencyKey: null });
      return "taken";
    } catch (error) {
      if (error instanceof Rejection) return error.message;
      throw error;
    }
  };
  const at = (ms: number): string => new Date(nowMs + ms).toISOString();
  assert.equal(await ask({ sendAt: at(limits.sendAtDaysMax * dayMs) }), "taken");
  assert.match(await ask({ sendAt: at(limits.sendAtDaysMax * dayMs + 1) }), /sendAt: is too far ahead/);
  assert.equal(await ask({ whenTheyWrite: { expiresAt: at(limits.whenTheyWriteDaysMax * dayMs) } }), "taken");
  assert.match(await ask({ whenTheyWrite: { expiresAt: at(limits.whenTheyWriteDaysMax * dayMs + 1) } }), /expiresAt: is too far ahead/);
});

test("A closed window offers at most windowClosedTemplatesMax templates", async () => {
  const old = await box.customer({ agoMs: 25 * 3_600_000 });
  await rig.sql(
    `insert into whatsapp_templates (tenant_id, id, account_id, name, language, status, is_offered, created_at)
     select $1, gen_random_uuid(), account_id, 'template ' || n, 'en', 'approved', true, now()
     from whatsapp_connections, generate_series(1, $3) n where id = $2`,
    [tenantId, box.number.id, limits.windowClosedTemplatesMax + 1],
  );
  await assert.rejects(box.send(old), (error: unknown) => {
    assert.ok(error instanceof Rejection);
    assert.equal(error.code, "window_closed");
    assert.equal((error.facts.templates ?? []).length, limits.windowClosedTemplatesMax);
    return true;
  });
});
