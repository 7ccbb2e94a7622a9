import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { claimForwards } from "../src/webhooks/forward-claim.ts";
import { listEndpointDeliveries, replayEndpoint } from "../src/webhooks/forward-deliveries.ts";
import { planForwards } from "../src/webhooks/forward-plan.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { forwardAll, forwarderOf, register, startReceiver } from "./support/endpoint.ts";
import { byTest, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 8 });
const hourMs = 3_600_000;
const customer = (digit: number) => ({ phone: `97250000000${digit}`, name: `Customer ${digit}` });

async function connected(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}

async function say(number: Connected, digit: number, id: string): Promise<void> {
  await rig.receive(bodyOf(message(number, customer(digit), id, rig.clock.nowMs)));
  await rig.drain();
}

test("a lane that another node claims while we look for lanes stays with that node: nobody sends a conversation beside another", async () => {
  const number = await connected();
  const { id } = await register(rig, number.tenantId, { url: "http://127.0.0.1:1/", topics: ["messages"] });
  await say(number, 1, "wamid.c");
  await planForwards({ ingest: rig.ingest, atMs: rig.clock.nowMs });
  const claimOf = (claimId: string) => claimForwards({ ingest: rig.ingest, claimId, room: 10, atMs: rig.clock.nowMs });
  const other = await rig.ingest.pool.connect();
  const theirs = randomUUID();
  try {
    await other.query("begin");
    await other.query("update forward_lanes set claim_id = $2, due_at = $3 where endpoint_id = $1", [
      id,
      theirs,
      new Date(rig.clock.nowMs + limits.forwardClaimMsMax),
    ]);
    const mine = claimOf(randomUUID());
    const waiting = "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while ((await rig.sql<{ n: number }>(waiting))[0]?.n === 0);
    await other.query("commit");
    assert.deepEqual(await mine, []);
  } finally {
    other.release();
  }
  assert.deepEqual(await rig.sql("select claim_id from forward_lanes where endpoint_id = $1", [id]), [{ claim_id: theirs }]);
});

test("what is sent again after its conversation was joined to another one arrives, in the order of the joined one", async (t) => {
  const number = await connected();
  const receiver = await startReceiver(t);
  const { id } = await register(rig, number.tenantId, { url: receiver.url, form: "events", topics: ["message.received"] });
  await say(number, 1, "wamid.j1");
  await say(number, 2, "wamid.j2");
  await forwardAll(forwarderOf(t, rig));
  await rig.sql(
    `update whatsapp_conversations c set merged_into_id = o.id from whatsapp_conversations o
     where c.connection_id = $1 and o.connection_id = $1 and c.reply_phone = $2 and o.reply_phone = $3`,
    [number.id, customer(1).phone, customer(2).phone],
  );
  const [from, to] = [rig.clock.nowMs - hourMs, rig.clock.nowMs + hourMs].map((ms) => new Date(ms).toISOString());
  const range = { from: from ?? "", to: to ?? "" };
  receiver.received.length = 0;
  assert.deepEqual(await replayEndpoint(rig.app, number.scope, { endpointId: id, range }, byTest()), { replayed: 2, next: null });
  rig.clock.nowMs = Math.max(rig.clock.nowMs, Date.now()) + 1_000;
  await forwardAll(forwarderOf(t, rig));
  assert.deepEqual(
    receiver.received.map(({ json }) => json.data.data.waMessageId),
    ["wamid.j1", "wamid.j2"],
  );
  assert.deepEqual((await listEndpointDeliveries(rig.app, number.scope, id, { state: "pending" })).data, []);
});
