/** A tenant that is closed while its messages are on their way (RELIABILITY F20): no send begins any more, and nothing comes back to life. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeTenant } from "../src/services/tenants/close-tenant.ts";
import { createTenant } from "../src/services/tenants/tenants.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { queueWish } from "../src/services/whatsapp/outbox/queue-wish.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { accepts, outboxOf, rowOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });
const tools = { platform: rig.platform, app: rig.app, nowMs: () => Date.now() };

test("what waits is cancelled, what is under way is recorded, and nothing more is sent", async () => {
  const tenantId = await rig.tenant();
  const box = outboxOf(rig, await rig.connect(tenantId));
  await box.pace(100_000);
  const [dana, noa] = [await box.customer(), await box.customer()];
  const underWay = await box.send(dana);
  const graph = scriptedGraph();
  const answer = Promise.withResolvers<void>();
  graph.judge = async (request, nth) => {
    await answer.promise;
    return accepts(request, nth);
  };
  const { sender, turn } = handSender(rig, graph);
  await sender.claimOnce();
  const behind = await box.send(dana);
  const queued = await box.send(noa);

  await closeTenant(tools, tenantId);
  answer.resolve();
  await sender.attemptsEnded();
  await sender.recordOnce();
  assert.equal((await turn()).taken, 0);
  const states = [await rowOf(rig, underWay.id), await rowOf(rig, behind.id), await rowOf(rig, queued.id)].map((row) => row.status);
  assert.deepEqual(states, ["accepted", "cancelled", "cancelled"]);
  assert.equal(graph.ledger.length, 1);
  assert.deepEqual(await rig.sql(`select message_id from whatsapp_sends where tenant_id = $1`, [tenantId]), []);
});

test("a message that is added behind one that is being cancelled is not left behind for ever", async () => {
  const tenantId = await rig.tenant();
  const box = outboxOf(rig, await rig.connect(tenantId));
  const dana = await box.customer();
  await box.send(dana);
  let closing: Promise<void> | undefined;
  const wish = { conversationId: dana.conversationId, origin: "api" as const, content: { type: "text" as const, body: "late" } };
  const late = await tenantTransaction(rig.app, box.number.scope, async (tx) => {
    const more = { replyTo: null, sendAtMs: null, whenTheyWrite: null, callback: null, resendOf: null };
    const queued = await queueWish(tx, box.tools, box.number.scope, { ...wish, ...more });
    const ended = closeTenant(tools, tenantId);
    closing = ended;
    const waits = async (): Promise<boolean> =>
      (await rig.sql(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0;
    // Either it waits for this transaction, or it does not and is done.
    const isDone = ended.then(() => true);
    while (!(await Promise.race([isDone, waits()])));
    return queued;
  });
  await closing;
  await handSender(rig, scriptedGraph()).drain();
  assert.deepEqual([(await rowOf(rig, late.id)).state, (await rowOf(rig, late.id)).status], [null, "cancelled"]);
});

test("what was left queued by a crash in mid-closing is refused here, not sent", async () => {
  const tenantId = await rig.tenant();
  const box = outboxOf(rig, await rig.connect(tenantId));
  const sent = await box.send(await box.customer());
  await rig.sql(`update whatsapp_connections set state = 'disconnected', access_token = null where tenant_id = $1`, [tenantId]);
  const graph = scriptedGraph();
  await handSender(rig, graph).drain();
  assert.deepEqual([(await rowOf(rig, sent.id)).status, graph.ledger.length], ["failed", 0]);
});

test("webhooks that come for it afterwards are parked, its keys and its slug stop, and closing twice is told", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await rig.sql(
    `insert into api_keys (tenant_id, id, name, secret_sha256, scopes) values ($1::uuid, gen_random_uuid(), 'k', sha256(($1::uuid)::text::bytea), '{read}')`,
    [tenantId],
  );
  await closeTenant(tools, tenantId);
  const phone = randomDigits();
  await rig.receive(
    bodyOf(message(number, { phone }, `wamid.${phone}`, Date.now()), status(number, `wamid.${phone}s`, "sent", Date.now())),
  );
  await rig.drain();
  const parked = await rig.sql<{ reason: string }>(`select reason from parked_updates where resolved_at is null`);
  assert.deepEqual([...new Set(parked.map(({ reason }) => reason))], ["unrouted"]);
  assert.deepEqual(await rig.sql(`select id from whatsapp_messages where tenant_id = $1`, [tenantId]), []);
  assert.deepEqual(await rig.sql(`select id from api_keys where tenant_id = $1 and revoked_at is null`, [tenantId]), []);
  await assert.rejects(closeTenant(tools, tenantId), { code: "not_found" });
  const [{ slug } = { slug: "" }] = await rig.sql<{ slug: string }>(`select slug from tenants where id = $1`, [tenantId]);
  await assert.rejects(createTenant(rig.platform, { name: slug, slug }, Date.now()), { code: "conflict" });
});
