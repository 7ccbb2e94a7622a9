/** Several nodes, and a database that fails at the worst moment: nobody sends twice, nobody writes into what is not his, nothing stays behind. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { openPool } from "../src/db/pool.ts";
import { limits } from "../src/limits.ts";
import type { GraphOutcome } from "../src/services/whatsapp/graph/client.ts";
import { bodyOf, echo, status } from "./support/bodies.ts";
import { accepts, eventsOf, loses, outboxOf, passWaits, refusal, rowOf, scriptedGraph } from "./support/outbox.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { startTcpProxy } from "./support/proxy.ts";
import { countStatements, holdTime, turnUntil } from "./support/held-time.ts";
import { handSender } from "./support/sender.ts";
import { startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
const scope = { after: (cleanup: () => Promise<void> | void) => void cleanups.push(cleanup) };
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig(scope, { connectionsMax: 8 });
const tenantId = await rig.tenant();
const box = outboxOf(rig, await rig.connect(tenantId));
const graph = scriptedGraph();

beforeEach(async () => {
  graph.judge = accepts;
  graph.ledger.length = 0;
  await rig.sql(`delete from whatsapp_sends`);
  await box.pace(100_000);
});

/** The node is taken for dead by another. */
async function reap(): Promise<void> {
  await rig.sql(`update whatsapp_send_nodes set alive_until = now() - interval '1 second'`);
  await handSender(rig, graph).sender.beatOnce();
}

/** So many requests are with Graph: a claim ends before its requests begin. */
const areAsked = (count: number): Promise<void> => turnUntil(() => graph.ledger.length === count, `${count} requests are with Graph`);

/** A session whose link can be cut, for one node. */
const { server } = rig;
assert.ok("host" in server);
const proxy = await startTcpProxy(scope, { path: `${server.host}/.s.PGSQL.${server.port}` });
const frail = openPool(
  { ...server, host: "127.0.0.1", port: proxy.port },
  { role: "kesher_ingest", name: "test frail", connectionsMax: 1, statementTimeoutMs: 30_000, onError: () => undefined },
);
cleanups.push(() => frail.pool.end());
const claimCommit = { request: "commit", answer: "COMMIT" };

test("two nodes that claim at once share what is due: no message twice, none left", async () => {
  const sent = await box.sendToNew(40);
  const nodes = [handSender(rig, graph), handSender(rig, graph), handSender(rig, graph)];
  for (let round = 0; round < 6; round += 1) await Promise.all(nodes.map((node) => node.turn()));
  assert.equal(graph.ledger.length, 40);
  assert.equal(new Set(graph.ledger.map(({ messageId }) => messageId)).size, 40);
  for (const id of sent) assert.equal((await rowOf(rig, id)).status, "accepted");
});

test("the pace of a number is one for all nodes: together they start no more than one node would", async () => {
  await box.sendToNew(30);
  await box.pace(80);
  const nodes = [handSender(rig, graph), handSender(rig, graph), handSender(rig, graph)];
  const began = performance.now();
  await Promise.all(nodes.map((node) => node.turn()));
  const ms = performance.now() - began;
  assert.ok(graph.ledger.length >= 8 && graph.ledger.length <= 8 + Math.ceil((ms * 80) / 1_000), `${graph.ledger.length} in ${ms} ms`);
});

test("two nodes at work send a backlog at the number's pace, all of it, and stop when all outcomes are written", async () => {
  const ids = await box.sendToNew(100);
  await box.pace(80);
  const all = Promise.withResolvers<void>();
  const at: number[] = [];
  graph.judge = (request, nth) => {
    at.push(performance.now());
    if (at.length === ids.length) all.resolve();
    return accepts(request, nth);
  };
  const nodes = [handSender(rig, graph), handSender(rig, graph)];
  // Not from the first request on: it may be late, and the pace counts from its claim.
  const began = performance.now();
  for (const { sender } of nodes) sender.start();
  await all.promise;
  await Promise.all(nodes.map(({ sender }) => sender.stop()));
  // After the burst of a tenth, nine tenths of the rate.
  assert.ok((at.at(-1) ?? 0) - began >= (1_000 * (ids.length - 8)) / 80, `${(at.at(-1) ?? 0) - began} ms`);
  assert.equal((await rig.sql(`select 1 from whatsapp_messages where status = 'accepted' and id = any ($1)`, [ids])).length, ids.length);
  assert.deepEqual(await rig.sql(`select 1 from whatsapp_sends`), []);
});

test("a frozen node that wakes up late writes nothing into the outbox, and what Graph told it settles the unknown", async () => {
  const dana = await box.customer();
  const { id } = await box.send(dana, { body: "1" });
  const second = await box.send(dana, { body: "2" });
  const answer = Promise.withResolvers<GraphOutcome>();
  graph.judge = (request, nth) => (request.text === "1" ? answer.promise : accepts(request, nth));
  const frozen = handSender(rig, graph);
  await frozen.sender.claimOnce();
  await areAsked(1);
  await reap();
  assert.equal((await rowOf(rig, id)).status, "unknown");
  // Another node is in the middle of the next one.
  const held = Promise.withResolvers<void>();
  graph.judge = async (request, nth) => (await held.promise, accepts(request, nth));
  const other = handSender(rig, graph);
  await other.sender.claimOnce();
  const before = await rig.sql(`select * from whatsapp_sends`);
  answer.resolve({ kind: "accepted", waMessageId: "wamid.after-all" });
  await frozen.sender.attemptsEnded();
  await frozen.sender.recordOnce();
  assert.deepEqual(await rig.sql(`select * from whatsapp_sends`), before);
  const row = await rowOf(rig, id);
  assert.deepEqual([row.status, row.waMessageId], ["accepted", "wamid.after-all"]);
  held.resolve();
  await other.sender.attemptsEnded();
  await other.sender.recordOnce();
  assert.equal((await rowOf(rig, second.id)).status, "accepted");
  assert.deepEqual(await eventsOf(rig, id), ["message.queued", "message.status_changed unknown", "message.accepted"]);
});

for (const [what, late, ends] of [
  ["asks for another try", refusal(131_000), "unknown"],
  ["could not be reached", { kind: "not_sent", reason: "ECONNREFUSED" }, "unknown"],
  ["refuses for good", refusal(131_026), "failed"],
  ["refuses the token", refusal(190, {}, 401), "unknown"],
] as const) {
  test(`a frozen node whose Graph ${what} after it was given up puts nothing back into the queue: the message ends as ${ends}`, async () => {
    const { id } = await box.send(await box.customer());
    const answer = Promise.withResolvers<GraphOutcome>();
    graph.judge = () => answer.promise;
    const frozen = handSender(rig, graph);
    await frozen.sender.claimOnce();
    await areAsked(1);
    await reap();
    answer.resolve(late);
    await frozen.sender.attemptsEnded();
    await frozen.sender.recordOnce();
    await passWaits(rig);
    await handSender(rig, graph).turn();
    const row = await rowOf(rig, id);
    assert.deepEqual([row.status, row.state, graph.ledger.length], [ends, null, 1]);
    await rig.sql(`update whatsapp_send_lanes set paused_until = null, pause_reason = null, refusals = 0`);
  });
}

test("a living node is never robbed, however long its request takes", async () => {
  const { id } = await box.send(await box.customer());
  const answer = Promise.withResolvers<GraphOutcome>();
  graph.judge = () => answer.promise;
  const slow = handSender(rig, graph);
  await slow.sender.claimOnce();
  await rig.sql(`update whatsapp_sends set created_at = now() - interval '1 day'`);
  await handSender(rig, graph).sender.beatOnce();
  assert.equal((await rowOf(rig, id)).state, "dispatching");
  answer.resolve({ kind: "accepted", waMessageId: "wamid.slow" });
  await slow.sender.attemptsEnded();
  await slow.sender.recordOnce();
  assert.equal((await rowOf(rig, id)).status, "accepted");
});

test("a claim whose COMMIT was carried out but not answered is given back and sent once", async () => {
  const { id } = await box.send(await box.customer());
  const node = handSender({ ...rig, ingest: frail }, graph);
  await node.sender.beatOnce();
  const lost = proxy.loseAnswer(claimCommit);
  await assert.rejects(node.sender.claimOnce());
  await lost;
  assert.deepEqual([(await rowOf(rig, id)).state, (await rowOf(rig, id)).attempts, graph.ledger.length], ["dispatching", 1, 0]);
  await node.turn();
  const row = await rowOf(rig, id);
  assert.deepEqual([row.status, row.state, graph.ledger.length], ["accepted", null, 1]);
});

test("a claim whose COMMIT is carried out only after it was given up for lost is given back all the same", async () => {
  const { id } = await box.send(await box.customer());
  const node = handSender({ ...rig, ingest: frail }, graph);
  await node.sender.beatOnce();
  const lost = proxy.loseAnswer(claimCommit);
  await assert.rejects(node.sender.claimOnce());
  await lost;
  const [claimed] = await rig.sql<{ claim: string; node: string }>(
    `select claim_id as claim, node_id as node from whatsapp_sends where message_id = $1`,
    [id],
  );
  assert.ok(claimed);
  // As if the server had it still before it.
  await rig.sql(`update whatsapp_sends set state = 'queued', claim_id = null, node_id = null, due_at = now() + interval '1 hour'`);
  assert.equal((await node.turn()).taken, 0);
  await rig.sql(`update whatsapp_sends set state = 'dispatching', claim_id = $1, node_id = $2`, [claimed.claim, claimed.node]);
  await passWaits(rig);
  assert.equal((await node.turn()).taken, 0);
  await passWaits(rig);
  await node.turn();
  assert.deepEqual([(await rowOf(rig, id)).status, graph.ledger.length], ["accepted", 1]);
});

test("a claim that was given up for lost is looked for until sendLostClaimMs have passed", async (t) => {
  await box.send(await box.customer());
  const node = handSender({ ...rig, ingest: frail }, graph);
  await node.sender.beatOnce();
  const asked = countStatements(t);
  const time = holdTime(t);
  const lost = proxy.loseAnswer(claimCommit);
  await assert.rejects(node.sender.claimOnce());
  await lost;
  const looks = async (): Promise<number> => {
    const before = asked("outbox.release_claims");
    await node.turn();
    return asked("outbox.release_claims") - before;
  };
  assert.equal(await looks(), 1);
  time.pass(limits.sendLostClaimMs - 1);
  assert.equal(await looks(), 1);
  time.pass(1);
  // Once more, and that was the last time.
  assert.deepEqual([await looks(), await looks()], [1, 0]);
});

for (const [what, judge, ends] of [
  ["accepted", accepts, "accepted"],
  ["unknown", loses, "unknown"],
  ["refused for good", () => refusal(131_026), "failed"],
  ["put off", () => refusal(131_000), "pending"],
] as const) {
  test(`an outcome "${what}" whose COMMIT was not answered is written again without doubling anything`, async () => {
    const dana = await box.customer();
    const { id } = await box.send(dana);
    const next = await box.send(dana, { body: "next" });
    graph.judge = judge;
    const node = handSender({ ...rig, ingest: frail }, graph);
    await node.sender.claimOnce();
    await node.sender.attemptsEnded();
    const lost = proxy.loseAnswer(claimCommit);
    await assert.rejects(node.sender.recordOnce());
    await lost;
    const before = [await rowOf(rig, id), await rowOf(rig, next.id), await eventsOf(rig, id)];
    await node.sender.recordOnce();
    assert.deepEqual([await rowOf(rig, id), await rowOf(rig, next.id), await eventsOf(rig, id)], before);
    assert.equal((await rowOf(rig, id)).status, ends);
    assert.equal((await eventsOf(rig, id)).length, ends === "pending" ? 1 : 2);
    assert.equal(graph.ledger.length, 1);
  });
}

test("an outcome that is written again touches nothing of the node that has claimed the message since", async () => {
  const { id } = await box.send(await box.customer());
  graph.judge = () => refusal(131_000);
  const first = handSender({ ...rig, ingest: frail }, graph);
  await first.sender.claimOnce();
  await first.sender.attemptsEnded();
  const lost = proxy.loseAnswer(claimCommit);
  await assert.rejects(first.sender.recordOnce());
  await lost;
  await passWaits(rig);
  const answer = Promise.withResolvers<GraphOutcome>();
  graph.judge = () => answer.promise;
  const second = handSender(rig, graph);
  await second.sender.claimOnce();
  await areAsked(2);
  await first.sender.recordOnce();
  await passWaits(rig);
  await first.sender.claimOnce();
  assert.deepEqual([(await rowOf(rig, id)).state, graph.ledger.length], ["dispatching", 2]);
  answer.resolve({ kind: "accepted", waMessageId: "wamid.second" });
  await second.sender.attemptsEnded();
  await second.sender.recordOnce();
  assert.equal((await rowOf(rig, id)).status, "accepted");
});

test("nothing new is claimed while outcomes cannot be written: what is under way keeps its places", async () => {
  await box.sendToNew(limits.sendsUnderWayPerLaneMax + 10);
  const node = handSender(rig, graph);
  await node.sender.claimOnce();
  await node.sender.attemptsEnded();
  await node.sender.claimOnce();
  await node.sender.attemptsEnded();
  assert.equal(graph.ledger.length, limits.sendsUnderWayPerLaneMax);
  while (await node.sender.recordOnce());
  await node.drain();
  assert.equal(graph.ledger.length, limits.sendsUnderWayPerLaneMax + 10);
});

test("a status that comes before the send's own answer is kept, tells of it once, and the answer changes nothing", async () => {
  const { id } = await box.send(await box.customer());
  graph.judge = async (request, nth) => {
    await rig.receive(bodyOf(status(box.number, `wamid.${id}`, "delivered", Date.now(), { biz_opaque_callback_data: id })));
    await rig.drain();
    return accepts(request, nth);
  };
  await handSender(rig, graph).turn();
  const row = await rowOf(rig, id);
  assert.deepEqual([row.status, row.waMessageId, row.state], ["delivered", `wamid.${id}`, null]);
  const events = await eventsOf(rig, id);
  assert.deepEqual(events, ["message.queued", "message.status_changed delivered"]);
});

test("a status that came before a lost answer has told that it arrived: the message is not unknown, and not sent again", async () => {
  for (const judge of [loses, () => refusal(131_000)] as const) {
    const { id } = await box.send(await box.customer());
    graph.judge = async (request, nth) => {
      await rig.receive(bodyOf(status(box.number, `wamid.${id}`, "sent", Date.now(), { biz_opaque_callback_data: id })));
      await rig.drain();
      return judge(request, nth);
    };
    await handSender(rig, graph).turn();
    await passWaits(rig);
    await handSender(rig, graph).turn();
    const row = await rowOf(rig, id);
    assert.deepEqual([row.status, row.waMessageId, row.state], ["sent", `wamid.${id}`, null]);
    assert.equal(graph.ledger.filter(({ messageId }) => messageId === id).length, 1);
  }
});

test("a wamid that is another message's already proves nothing: that message keeps it, and this one is unknown", async () => {
  const first = await box.send(await box.customer());
  await handSender(rig, graph).turn();
  const [second, third, fourth] = [
    await box.send(await box.customer()),
    await box.send(await box.customer()),
    await box.send(await box.customer()),
  ];
  graph.judge = ({ messageId }) => ({ kind: "accepted", waMessageId: messageId === second.id ? `wamid.${first.id}` : "wamid.both" });
  await handSender(rig, graph).turn();
  const rows = [await rowOf(rig, first.id), await rowOf(rig, second.id)];
  assert.deepEqual(
    rows.map((row) => [row.status, row.waMessageId, row.state]),
    [
      ["accepted", `wamid.${first.id}`, null],
      ["unknown", null, null],
    ],
  );
  const twins = [await rowOf(rig, third.id), await rowOf(rig, fourth.id)];
  assert.deepEqual(twins.map((row) => row.status).toSorted(), ["accepted", "unknown"]);
});

test("when Graph answers another wamid than the status told, the status's stays, and an echo under the other one is not lost", async () => {
  const dana = await box.customer();
  const { id } = await box.send(dana);
  graph.judge = async () => {
    await rig.receive(
      bodyOf(
        status(box.number, "wamid.true", "sent", Date.now(), { biz_opaque_callback_data: id }),
        echo(box.number, dana.phone, "wamid.false", Date.now(), { type: "text", text: { body: "from the phone" } }),
      ),
    );
    await rig.drain();
    return { kind: "accepted", waMessageId: "wamid.false" };
  };
  await handSender(rig, graph).turn();
  assert.deepEqual([(await rowOf(rig, id)).waMessageId, (await rowOf(rig, id)).status], ["wamid.true", "sent"]);
  assert.equal((await rig.sql(`select 1 from whatsapp_messages where wa_message_id = 'wamid.false' and origin = 'phone'`)).length, 1);
});

test("an outcome that the database refuses ends as unknown and stalls no other", async () => {
  const sends = [];
  for (let count = 0; count < 5; count += 1) sends.push(await box.send(await box.customer()));
  const guilty = sends[2]?.id;
  graph.judge = (request, nth) =>
    request.messageId === guilty ? { kind: "accepted", waMessageId: "wamid.\u0000" } : accepts(request, nth);
  const node = handSender(rig, graph);
  const { errors } = await node.turn();
  assert.equal(errors.length, 1);
  for (const { id } of sends)
    assert.deepEqual([(await rowOf(rig, id)).status, (await rowOf(rig, id)).state], [id === guilty ? "unknown" : "accepted", null]);
});

test("an error text of Graph with characters that no database takes is kept without them", async () => {
  const { id } = await box.send(await box.customer());
  graph.judge = () => refusal(131_026, { message: "a\u0000b", error_data: { details: "\ud800\u0000" } });
  await handSender(rig, graph).turn();
  assert.deepEqual([(await rowOf(rig, id)).status, (await rowOf(rig, id)).errorCode], ["failed", 131_026]);
});

test("calls that share a transaction whose COMMIT was not answered are each told so, and none is stored twice", async () => {
  const frailApp = openPool(
    { ...server, host: "127.0.0.1", port: proxy.port },
    { role: "kesher_app", name: "test frail app", connectionsMax: 1, statementTimeoutMs: 30_000, onError: () => undefined },
  );
  try {
    const dana = await box.customer();
    const tools = { ...box.tools, app: frailApp };
    const call = (body: string) =>
      sendMessage(
        tools,
        box.number.scope,
        { conversationId: dana.conversationId, content: { type: "text", body } },
        { origin: "api", idempotencyKey: null },
      );
    await call("first");
    // The first of these goes alone, and meanwhile the others gather.
    const alone = call("alone");
    const together = ["one", "two", "three"].map(call);
    await alone;
    const lost = proxy.loseAnswer(claimCommit);
    const results = await Promise.allSettled(together);
    await lost;
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "rejected", "rejected"],
    );
    const rows = await rig.sql<{ body: string }>(
      `select content ->> 'body' as body from whatsapp_messages where conversation_id = $1 and direction = 'outbound' order by id`,
      [dana.conversationId],
    );
    assert.deepEqual(
      rows.map(({ body }) => body),
      ["first", "alone", "one", "two", "three"],
    );
  } finally {
    await frailApp.pool.end();
  }
});
