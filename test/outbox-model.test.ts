/** Whatever happens to an outbox in whatever order, each message ends once, in its order, and at most one request for it may have arrived (I6). */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { tenantTransaction } from "../src/db/transaction.ts";
import type { GraphOutcome } from "../src/services/whatsapp/graph/client.ts";
import { cancelMessage } from "../src/services/whatsapp/outbox/actions.ts";
import { runTimers } from "../src/services/whatsapp/outbox/timers.ts";
import { outboxOf, passWaits, refusal, rowOf, scriptedGraph, type Customer } from "./support/outbox.ts";
import { handSender, type HandSender } from "./support/sender.ts";
import { byTest, startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const box = outboxOf(rig, await rig.connect(await rig.tenant()));
await box.pace(100_000);

const outcomes: Readonly<Record<string, (messageId: string) => GraphOutcome>> = {
  accept: (messageId) => ({ kind: "accepted", waMessageId: `wamid.${messageId}` }),
  refuse: () => refusal(131_026),
  postpone: () => refusal(131_000),
  lose: () => ({ kind: "unknown", reason: "timeout" }),
  "not sent": () => ({ kind: "not_sent", reason: "ECONNREFUSED" }),
};
const nodesCount = 2;
const conversationsCount = 2;
type Step =
  | { do: "enqueue"; conversation: number; when: "now" | "at" | "when they write" }
  | { do: "writes" | "closes"; conversation: number }
  | { do: "claim" | "die"; node: number }
  | { do: "answer"; which: number; outcome: string }
  | { do: "cancel"; which: number }
  | { do: "pass" | "expire" };
const conversation = fc.nat(conversationsCount - 1);
const node = fc.nat(nodesCount - 1);
const which = fc.nat(20);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      conversation,
      when: fc.constantFrom("now" as const, "now" as const, "at" as const, "when they write" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("writes" as const, "closes" as const), conversation }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("claim" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("die" as const), node }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("answer" as const), which, outcome: fc.constantFrom(...Object.keys(outcomes)) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
);

type Open = { messageId: string; owner: HandSender; answer: (outcome: GraphOutcome) => void };
type World = {
  graph: ReturnType<typeof scriptedGraph>;
  nodes: HandSender[];
  /** Requests that Graph has not answered yet, those of the dead among them. */
  open: Open[];
  /** Ended at a node and not written yet. */
  ended: Set<string>;
  customers: Customer[];
  sent: { id: string; conversation: number; when: string; isCancelled: boolean }[];
};

async function startWorld(): Promise<World> {
  await rig.sql(`delete from whatsapp_send_nodes`);
  const customers: Customer[] = [];
  for (let count = 0; count < conversationsCount; count += 1) customers.push(await box.customer());
  const world: World = { graph: scriptedGraph(), nodes: [], open: [], ended: new Set(), customers, sent: [] };
  for (let index = 0; index < nodesCount; index += 1) world.nodes.push(startNode(world));
  return world;
}

function startNode(world: World): HandSender {
  const owner: HandSender = handSender(
    rig,
    {
      sendMessage: (request) => {
        const { promise, resolve } = Promise.withResolvers<GraphOutcome>();
        world.graph.judge = ({ messageId }) => (world.open.push({ messageId, owner, answer: resolve }), promise);
        return world.graph.sendMessage(request);
      },
    },
    { onAttempt: ({ send }) => void world.ended.add(send.messageId) },
  );
  return owner;
}

async function act(world: World, step: Step): Promise<void> {
  switch (step.do) {
    case "enqueue": {
      const { conversation: index, when } = step;
      const customer = world.customers[index];
      assert.ok(customer);
      const more = when === "at" ? { sendAt: new Date(Date.now() + 600_000).toISOString() } : when === "now" ? {} : { whenTheyWrite: {} };
      const queued = await box.send(customer, { body: `${world.sent.length}`, ...more }).catch((error: { code?: string }) => {
        assert.equal(error.code, "window_closed");
        return null;
      });
      if (queued !== null) world.sent.push({ id: queued.id, conversation: index, when: queued.sends, isCancelled: false });
      return;
    }
    case "writes":
      return box.writes(world.customers[step.conversation]?.phone ?? "", Date.now() + 1_000);
    case "closes":
      await rig.sql(`update whatsapp_conversations set last_customer_message_at = now() - interval '25 hours' where id = $1`, [
        world.customers[step.conversation]?.conversationId,
      ]);
      return;
    case "claim":
      return claim(world, world.nodes[step.node]);
    case "die": {
      const dead = world.nodes[step.node];
      const held = world.open.filter(({ owner }) => owner === dead).map(({ messageId }) => messageId);
      world.nodes[step.node] = startNode(world);
      await rig.sql(
        `update whatsapp_send_nodes set alive_until = now() - interval '1 second' where id in (select node_id from whatsapp_sends where message_id = any ($1))`,
        [held],
      );
      await world.nodes[step.node]?.sender.beatOnce();
      return;
    }
    case "answer": {
      const [open] = world.open.splice(step.which % Math.max(1, world.open.length), 1);
      if (open !== undefined) await answer(world, open, step.outcome);
      return;
    }
    case "cancel": {
      const wanted = world.sent[step.which % Math.max(1, world.sent.length)];
      if (wanted === undefined) return;
      const { scope } = box.number;
      await tenantTransaction(rig.app, scope, (tx) => cancelMessage(tx, scope, wanted.id, byTest())).then(
        () => (wanted.isCancelled = true),
        (error: { code?: string }) => assert.equal(error.code, "conflict"),
      );
      return;
    }
    case "pass":
      await passWaits(rig);
      await runTimers(rig.ingest, Date.now());
      return;
    case "expire":
      await rig.sql(`update whatsapp_sends set expires_at = now() where state = 'waiting'`);
      await runTimers(rig.ingest, Date.now());
      return;
    default:
      return step satisfies never;
  }
}

/** Until each claimed message is with Graph or has ended without it; what has ended is written. */
async function claim(world: World, owner: HandSender | undefined): Promise<void> {
  assert.ok(owner);
  await owner.sender.claimOnce();
  const rows = await rig.sql<{ id: string }>(`select message_id as id from whatsapp_sends where state = 'dispatching'`);
  const isKnown = (id: string): boolean => world.ended.has(id) || world.open.some(({ messageId }) => messageId === id);
  while (!rows.every(({ id }) => isKnown(id))) await setImmediate();
  while (await owner.sender.recordOnce());
  world.ended.clear();
}

async function answer(world: World, open: Open, outcome: string): Promise<void> {
  const make = outcomes[outcome];
  assert.ok(make);
  open.answer(make(open.messageId));
  while (!world.ended.has(open.messageId)) await setImmediate();
  while (await open.owner.sender.recordOnce());
  world.ended.clear();
}

/** Whose turn it is: one at most, and somebody while others are behind. */
async function turnsHold(): Promise<void> {
  const wrong = await rig.sql(
    `select conversation_id from whatsapp_sends group by conversation_id
     having count(*) filter (where state in ('queued', 'dispatching')) > 1
       or (count(*) filter (where state = 'behind') > 0 and count(*) filter (where state in ('queued', 'dispatching')) = 0)`,
  );
  assert.deepEqual(wrong, [], "a turn is held twice or by nobody");
}

async function drain(world: World): Promise<void> {
  for (const open of world.open.splice(0)) await answer(world, open, "accept");
  await act(world, { do: "expire" });
  for (let rounds = 0; rounds < 200; rounds += 1) {
    await act(world, { do: "pass" });
    await claim(world, world.nodes[0]);
    for (const open of world.open.splice(0)) await answer(world, open, "accept");
    if ((await rig.sql(`select 1 from whatsapp_sends`)).length === 0) return;
  }
  assert.fail("the outbox does not come to an end");
}

async function endsHold({ sent, graph }: World): Promise<void> {
  for (const { id, isCancelled } of sent) {
    const { status } = await rowOf(rig, id);
    const requests = graph.ledger.filter(({ messageId }) => messageId === id);
    assert.ok(graph.arrivals(id).length <= 1, `${graph.arrivals(id).length} requests for one message may have arrived`);
    const kinds = requests.map(({ outcome }) => outcome?.kind);
    const last = kinds.at(-1);
    if (kinds.includes("accepted")) assert.equal(status, "accepted");
    else if (kinds.includes("unknown")) assert.equal(status, "unknown");
    else if (isCancelled) assert.equal(status, "cancelled");
    // A node that was given up left an unknown, whatever a late word asked for that settles nothing.
    else if (last === "refused") assert.ok(["failed", "unknown"].includes(status), status);
    else if (last === "not_sent") assert.ok(["failed", "unknown"].includes(status), status);
    // Never asked: its window had closed, or its time to wait was over.
    else assert.ok(["failed", "cancelled"].includes(status), status);
    const ended = await rig.sql(
      `select 1 from activity_events where message_id = $1 and (type = 'message.accepted' or data ->> 'status' in ('failed', 'cancelled'))`,
      [id],
    );
    assert.equal(ended.length, status === "unknown" ? 0 : 1, `${status} was told ${ended.length} times`);
  }
  for (let index = 0; index < conversationsCount; index += 1) {
    const order = sent.filter((one) => one.conversation === index && one.when === "now").map(({ id }) => id);
    const first = [...new Set(graph.ledger.map(({ messageId }) => messageId))].filter((id) => order.includes(id));
    assert.deepEqual(
      first,
      order.filter((id) => first.includes(id)),
      "not in the order of commit",
    );
  }
}

test("any mix of sending, claims, answers, refusals, losses, cancelling, dying nodes and windows leaves an empty outbox and each message one end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 45, size: "max" }), async (steps) => {
      await rig.sql(`delete from whatsapp_sends`);
      const world = await startWorld();
      for (const step of steps) {
        await act(world, step);
        await turnsHold();
      }
      await drain(world);
      await endsHold(world);
    }),
    { numRuns: 12, endOnFailure: true },
  );
});
