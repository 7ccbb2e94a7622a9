/** A tenant that is closed while its messages are on their way (RELIABILITY F20): no send begins any more, and nothing comes back to life. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeTenant } from "../src/services/tenants/close-tenant.ts";
import { createTenant } from "../src/services/tenants/tenants.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { queueWish } from "../src/services/whatsapp/outbox/queue-wish.ts";
import { replayDelivery } from "../src/webhooks/replay.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { accepts, outboxOf, rowOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { byTest, randomDigits, startRig } from "./support/worker.ts";

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

test("its account and number go to whoever proves them next, who gets what came since, and nothing from before, however often that is sent or replayed again", async () => {
  const former = await rig.connect(await rig.tenant());
  const phone = randomDigits();
  const said = (id: string, atMs: number) => bodyOf(message(former, { phone }, `wamid.${phone}.${id}`, atMs));
  rig.clock.nowMs = Date.now();
  await rig.receive(said("applied", rig.clock.nowMs));
  await rig.drain();
  // Received before the end, and applied after it.
  await rig.receive(said("pending", rig.clock.nowMs));
  const next = await rig.tenant();
  const sameNumber = { wabaId: former.wabaId, phoneNumberId: former.phoneNumberId };
  await assert.rejects(rig.connect(next, sameNumber), { code: "conflict" });
  await closeTenant(tools, former.tenantId);
  await rig.drain();
  const [audited] = await rig.sql<{ data: unknown }>(`select data from audit_events where tenant_id = $1 and action = 'tenant.closed'`, [
    former.tenantId,
  ]);
  assert.deepEqual(audited?.data, { released: { wabaIds: [former.wabaId], phoneNumberIds: [former.phoneNumberId] } });
  rig.clock.nowMs = Date.now() + 1_000;
  await rig.receive(said("between", rig.clock.nowMs));
  await rig.drain();

  const number = await rig.connect(next, sameNumber);
  await rig.drain();
  await rig.receive(said("later", rig.clock.nowMs));
  const deliveries = await rig.sql<{ id: string }>(`select id from webhook_deliveries where position(convert_to($1, 'UTF8') in body) > 0`, [
    former.wabaId,
  ]);
  for (const { id } of deliveries) await replayDelivery(rig.platform, id, byTest());
  await rig.drain();
  const stored = await rig.sql<{ tenantId: string; id: string }>(
    `select tenant_id as "tenantId", wa_message_id as id from whatsapp_messages where wa_message_id like $1 order by wa_message_id`,
    [`wamid.${phone}.%`],
  );
  assert.deepEqual(stored, [
    { tenantId: former.tenantId, id: `wamid.${phone}.applied` },
    { tenantId: next, id: `wamid.${phone}.between` },
    { tenantId: next, id: `wamid.${phone}.later` },
  ]);
  const parked = await rig.sql<{ tenantId: string | null; reason: string }>(
    `select tenant_id as "tenantId", reason from parked_updates where waba_id = $1 and resolved_at is null`,
    [former.wabaId],
  );
  assert.deepEqual(parked.length > 0 && parked.every(({ tenantId, reason }) => tenantId === null && reason === "unrouted"), true);
  // What the one had stays where it was, and the other one has its own rows.
  assert.notEqual(number.id, former.id);
  const held = await rig.sql<{ tenantId: string; isReleased: boolean }>(
    `select tenant_id as "tenantId", released_at is not null as "isReleased" from whatsapp_connections where phone_number_id = $1 order by 2 desc`,
    [former.phoneNumberId],
  );
  assert.deepEqual(held, [
    { tenantId: former.tenantId, isReleased: true },
    { tenantId: next, isReleased: false },
  ]);
});

test("a number of it that a batch saw for the first time while it was being closed is held by nobody, whenever that batch ended", async () => {
  const former = await rig.connect(await rig.tenant());
  await closeTenant(tools, former.tenantId);
  const next = await rig.tenant();
  await rig.connect(next, { wabaId: former.wabaId, phoneNumberId: former.phoneNumberId });
  const phoneNumberId = randomDigits();
  await rig.sql(
    `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state)
     select tenant_id, gen_random_uuid(), account_id, $2, 'discovered' from whatsapp_connections where id = $1`,
    [former.id, phoneNumberId],
  );
  const number = await rig.connect(next, { wabaId: former.wabaId, phoneNumberId });
  assert.equal(number.tenantId, next);
});
