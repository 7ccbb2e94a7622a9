/** How long tenants keep what: older things go, in every class, for that tenant alone; conversations still say what was. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { systemActor } from "../src/core/actor.ts";
import { transaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { changeRetention, getRetention } from "../src/services/privacy/retention-settings.ts";
import { enforceRetention } from "../src/services/privacy/retention.ts";
import { rebuildConversations } from "../src/services/whatsapp/contacts/conversations.ts";
import { bodyOf, message, status } from "./support/bodies.ts";
import { register } from "./support/endpoint.ts";
import { grepAll, privacyOf } from "./support/privacy.ts";
import { readStats } from "./support/privacy-stats.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const scope = { after: (cleanup: () => Promise<void>) => void cleanups.push(cleanup) };
const dayMs = 86_400_000;
const startMs = Date.now() - 40 * dayMs;
const rig = await startRig(scope, { nowMs: startMs });
const privacy = await privacyOf(scope, rig);
const never = new AbortController().signal;
const by = { actor: systemActor, nowMs: startMs };

/** A customer writes, sends a picture, and something that cannot be applied. */
async function live(number: Connected, phone: string, word: string): Promise<void> {
  const at = rig.clock.nowMs - 60_000;
  await rig.receive(
    bodyOf(
      message(number, { phone, name: `name ${word}` }, `wamid.${word}.1`, at, { type: "text", text: { body: `text ${word}` } }),
      message(number, { phone }, `wamid.${word}.2`, at + 1_000, {
        type: "image",
        image: { id: `media-${word}`, mime_type: "image/png", sha256: "x" },
      }),
      status(number, `wamid.${word}.nobody`, "read", at, { recipient_id: phone }),
      { number, list: "messages", element: { from: phone, id: `wamid.${word}.bad`, timestamp: "never", text: { body: `parked ${word}` } } },
    ),
  );
  await rig.drain();
  const [image] = await rig.sql<{ id: string }>(`select id from whatsapp_messages where wa_message_id = $1`, [`wamid.${word}.2`]);
  await privacy.keepFile(number.tenantId, image?.id ?? "", `bytes ${word}`, `file ${word}.png`);
}

test("What is older than a tenant wants goes, with its files and statuses; what is younger stays, and so does everything of a tenant that has set nothing", async () => {
  rig.clock.nowMs = startMs;
  const [tenantId, otherId] = [await rig.tenant(), await rig.tenant()];
  const [number, other] = [await rig.connect(tenantId), await rig.connect(otherId)];
  await register(rig, tenantId, { url: "http://127.0.0.1:9/hook" });
  const phone = randomDigits();
  await live(number, phone, `old${phone}`);
  await live(other, phone, `theirs${phone}`);
  await rig.sql(`update forward_deliveries set state = 'dead' where tenant_id = $1`, [tenantId]);
  rig.clock.nowMs = startMs + 30 * dayMs;
  await live(number, phone, `new${phone}`);
  const before = await readStats(rig, tenantId);
  const days = { messages: 20, media: 20, activity: 20, statuses: 20, parked: 20, accountEvents: 20, forwarding: 20 };
  await changeRetention(rig.app, tenantScope(tenantId), days, by);
  await enforceRetention(privacy.deps, never);

  const [conversation] = await rig.sql<Record<string, number>>(
    `select inbound_count::int as inbound, unread_count::int as unread, last_customer_message_at as customer, last_message_at as last from whatsapp_conversations where tenant_id = $1`,
    [tenantId],
  );
  assert.deepEqual([conversation?.["inbound"], conversation?.["unread"]], [4, 4]);
  // Raw bodies are the platform's, and are dropped before any message may be.
  await rig.sql(`delete from webhook_deliveries where received_at < $1::timestamptz`, [new Date(startMs + dayMs).toISOString()]);
  const gone = [`text old${phone}`, `bytes old${phone}`, `file old${phone}`, `parked old${phone}`, `media-old${phone}`];
  assert.deepEqual(await grepAll(rig, privacy.folder, gone), []);
  for (const word of [
    `text new${phone}`,
    `bytes new${phone}`,
    `parked new${phone}`,
    `text theirs${phone}`,
    `bytes theirs${phone}`,
    `parked theirs${phone}`,
  ]) {
    assert.notDeepEqual(await grepAll(rig, privacy.folder, [word]), [], word);
  }
  const left = await rig.sql<{ at: number; text: string }>(`select min(created_at) as at from activity_events where tenant_id = $1`, [
    tenantId,
  ]);
  assert.ok((left[0]?.at ?? 0) >= startMs + 10 * dayMs);
  assert.deepEqual(
    await rig.sql(`select 1 from whatsapp_message_statuses where tenant_id = $1 and at < $2::timestamptz`, [
      tenantId,
      new Date(startMs + dayMs).toISOString(),
    ]),
    [],
  );
  const stats = await readStats(rig, tenantId);
  assert.deepEqual([stats.updates, stats.parked, stats.suppressed], [before.updates, before.parked - 1, before.suppressed + 1]);
  assert.notEqual((await getRetention(rig.app, tenantScope(tenantId))).enforcedAt, null);

  // Counted again from what is left, a conversation says the same.
  await transaction(rig.ingest, (tx) => rebuildConversations(tx, tenantId, []));
  const [id] = await rig.sql<{ id: string }>(`select id from whatsapp_conversations where tenant_id = $1`, [tenantId]);
  await transaction(rig.ingest, (tx) => rebuildConversations(tx, tenantId, [id?.id ?? ""]));
  const [again] = await rig.sql<Record<string, number>>(
    `select inbound_count::int as inbound, unread_count::int as unread, last_customer_message_at as customer, last_message_at as last from whatsapp_conversations where tenant_id = $1`,
    [tenantId],
  );
  assert.deepEqual(again, conversation);
});

test("When all of a conversation is too old, it is still there, with its counts, its last times and the way to answer", async () => {
  rig.clock.nowMs = startMs;
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await live(number, randomDigits(), `only${number.id}`);
  const look = () =>
    rig.sql(
      `select id, inbound_count, last_customer_message_at, last_message_at, last_message_hour, reply_phone from whatsapp_conversations where tenant_id = $1`,
      [tenantId],
    );
  const before = await look();
  rig.clock.nowMs = startMs + 30 * dayMs;
  await changeRetention(rig.app, tenantScope(tenantId), { messages: limits.retentionMessagesDaysMin }, by);
  await enforceRetention(privacy.deps, never);
  assert.deepEqual(await rig.sql(`select id from whatsapp_messages where tenant_id = $1`, [tenantId]), []);
  const [id] = await rig.sql<{ id: string }>(`select id from whatsapp_conversations where tenant_id = $1`, [tenantId]);
  await transaction(rig.ingest, (tx) => rebuildConversations(tx, tenantId, [id?.id ?? ""]));
  assert.deepEqual(await look(), before);
});

test("More than a portion of each class is deleted in one round, in portions, and what still waits to be sent is not", async () => {
  rig.clock.nowMs = startMs;
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await live(number, randomDigits(), `many${number.id}`);
  const count = limits.privacyRowsMax + 50;
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
     select m.tenant_id, (substr(m.id::text, 1, 24) || lpad(n::text, 12, '0'))::uuid, m.connection_id, m.conversation_id, m.wa_message_id || n, m.direction, m.origin, m.type, m.role, m.content, m.status, m.wa_timestamp, m.created_at
     from (select * from whatsapp_messages where tenant_id = $1 order by id limit 1) m, generate_series(1, $2::int) n`,
    [tenantId, count],
  );
  const [waits] = await rig.sql<{ id: string }>(
    `insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
     select tenant_id, id, connection_id, conversation_id, 'scheduled', now() + interval '100 days', false, now() from whatsapp_messages where tenant_id = $1 order by id desc limit 1
     returning message_id as id`,
    [tenantId],
  );
  rig.clock.nowMs = startMs + 30 * dayMs;
  await changeRetention(rig.app, tenantScope(tenantId), { messages: limits.retentionMessagesDaysMin }, by);
  await enforceRetention(privacy.deps, never);
  assert.deepEqual(await rig.sql(`select id from whatsapp_messages where tenant_id = $1`, [tenantId]), [{ id: waits?.id }]);
});

test("Messages that wait to be sent, however many and however old, do not keep those behind them", async () => {
  rig.clock.nowMs = startMs;
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  await live(number, randomDigits(), `behind${number.id}`);
  // An older conversation, of which all wait.
  await rig.sql(
    `with c as (
       insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) values ($1, gen_random_uuid(), now(), '', now()) returning id
     ), v as (
       insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at) select $1, gen_random_uuid(), $2, id, now() from c returning id
     ), m as (
       insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
       select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, $2, v.id, 'outbound', 'api', 'text', 'message', '{}', 'pending', now(), now()
       from v, generate_series(1, $3::int) n returning id, conversation_id
     )
     insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
     select $1, id, $2, conversation_id, 'scheduled', now() + interval '100 days', false, now() from m`,
    [tenantId, number.id, limits.privacyRowsMax],
  );
  rig.clock.nowMs = startMs + 30 * dayMs;
  await changeRetention(rig.app, tenantScope(tenantId), { messages: limits.retentionMessagesDaysMin }, by);
  await enforceRetention(privacy.deps, never);
  const left = await rig.sql<{ count: number }>(
    `select count(*)::int as count from whatsapp_messages where tenant_id = $1 and direction = 'inbound'`,
    [tenantId],
  );
  assert.deepEqual(left, [{ count: 0 }]);
});

test("A tenant whose round fails does not keep the others from theirs; the round says so in the end", async () => {
  rig.clock.nowMs = startMs;
  const ids = [await rig.tenant(), await rig.tenant(), await rig.tenant()].toSorted();
  const numbers = [];
  for (const id of ids) numbers.push(await rig.connect(id));
  for (const number of numbers) await live(number, randomDigits(), `round${number.id}`);
  rig.clock.nowMs = startMs + 30 * dayMs;
  for (const id of ids) await changeRetention(rig.app, tenantScope(id), { messages: limits.retentionMessagesDaysMin }, by);
  const store = {
    ...privacy.store,
    async remove(file: Parameters<typeof privacy.store.remove>[0]) {
      if (file.tenantId === ids[0]) throw new Error("The disk says no");
      await privacy.store.remove(file);
    },
  };
  await assert.rejects(enforceRetention({ ...privacy.deps, store }, never), /The disk says no/);
  const left = await rig.sql<{ id: string }>(`select distinct tenant_id as id from whatsapp_messages where tenant_id = any($1::uuid[])`, [
    ids,
  ]);
  assert.deepEqual(left, [{ id: ids[0] }]);
  await enforceRetention(privacy.deps, never);
});

test("Tenants take turns of so many portions: the next one does not wait for one that has years to delete", async () => {
  rig.clock.nowMs = startMs;
  const [heavy, light] = [await rig.tenant(), await rig.tenant()].toSorted();
  const number = await rig.connect(light ?? "");
  await live(number, randomDigits(), `light${number.id}`);
  const count = limits.privacyRowsMax * limits.retentionPortionsMax + 1;
  await rig.sql(
    `insert into activity_events (tenant_id, seq, type, data, created_at) select $1, 1000 + n, 'x', '{}', $3::timestamptz from generate_series(1, $2::int) n`,
    [heavy, count, new Date(startMs).toISOString()],
  );
  const left = async (): Promise<number> =>
    (await rig.sql<{ count: number }>(`select count(*)::int as count from activity_events where tenant_id = $1`, [heavy]))[0]?.count ?? 0;
  rig.clock.nowMs = startMs + 30 * dayMs;
  await changeRetention(rig.app, tenantScope(heavy ?? ""), { activity: 20 }, by);
  await changeRetention(rig.app, tenantScope(light ?? ""), { media: 20 }, by);
  const seen: number[] = [];
  const store = {
    ...privacy.store,
    async remove(file: Parameters<typeof privacy.store.remove>[0]) {
      if (file.tenantId === light) seen.push(await left());
      await privacy.store.remove(file);
    },
  };
  await enforceRetention({ ...privacy.deps, store }, never);
  assert.deepEqual(seen, [1]);
  assert.equal(await left(), 0);
});
