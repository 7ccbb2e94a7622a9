import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { limits } from "../src/limits.ts";
import { lanes, type BatchResult } from "../src/queue/index.ts";
import { isUnavailable } from "../src/queue/batch.ts";
import { replayDelivery, replayDeliveryRange, replayParked, replayParkedRange } from "../src/webhooks/replay.ts";
import { readStats } from "../src/webhooks/stats.ts";
import { bodyOf, message, status, type Element, type Fields } from "./support/bodies.ts";
import { countsOf } from "./support/snapshot.ts";
import { randomDigits, startRig, testToken, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 6 });
const poison = "the database will not have this";

/** Refused by the database itself, after everything of ours has let it pass. */
before(async () => {
  await rig.sql(
    `create function refuse_poison() returns trigger language plpgsql as $$ begin
       if new.raw like '%${poison}%' then raise exception 'poison' using errcode = 'check_violation'; end if; return new; end $$`,
  );
  await rig.sql(`create trigger refuse_poison before insert or update on whatsapp_messages for each row execute function refuse_poison()`);
});

let ordinal = 0;
const nextId = (): string => `wamid.${String((ordinal += 1)).padStart(6, "0")}`;
const customer = (): { phone: string } => ({ phone: randomDigits() });
const text = (number: Connected, fields: { body?: string; from?: { phone?: string; userId?: string }; id?: string } = {}): Element =>
  message(number, fields.from ?? customer(), fields.id ?? nextId(), rig.clock.nowMs, { type: "text", text: { body: fields.body ?? "hello" } });
const stop = (): Promise<unknown> => rig.sql(`alter table whatsapp_messages disable trigger refuse_poison`);
const refuse = (): Promise<unknown> => rig.sql(`alter table whatsapp_messages enable trigger refuse_poison`);

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
async function messagesOf({ id }: Connected): Promise<string[]> {
  const rows = await rig.sql<{ id: string }>(`select wa_message_id as id from whatsapp_messages where connection_id = $1 order by 1`, [id]);
  return rows.map((row) => row.id);
}
type ParkedRow = { id: string; reason: string; tenantId: string | null; deliveryId: string };
const parkedOf = (tenantIds: readonly string[]): Promise<ParkedRow[]> =>
  rig.sql<ParkedRow>(
    `select id, reason, tenant_id as "tenantId", delivery_id as "deliveryId" from parked_updates where tenant_id = any($1) and resolved_at is null order by id`,
    [tenantIds],
  );
const pending = async (): Promise<number> => (await rig.sql<{ n: number }>(`select count(*)::int as n from webhook_pending`))[0]?.n ?? -1;
const platform = { app: rig.app, platform: rig.platform, scope: null };
const rowsOf = (results: readonly BatchResult[]): number => results.reduce((sum, { rows }) => sum + rows, 0);

test("of a thousand updates of many tenants in one body of 3 MB, fifty poisonous, all others are applied and the fifty are parked", async () => {
  const numbers = await Promise.all(Array.from({ length: 4 }, number));
  const filler = "x".repeat(2_800);
  const elements = Array.from({ length: 1_000 }, (_, index) => {
    const to = numbers[index % numbers.length];
    assert.ok(to);
    return text(to, { body: index % 20 === 7 ? `${poison} ${filler}` : filler });
  });
  const body = Buffer.from(JSON.stringify(bodyOf(...elements)));
  assert.ok(body.length > 3 * 2 ** 20 && body.length < limits.webhookBodyBytesMax);
  const beganMs = performance.now();
  assert.deepEqual(await rig.receive(body), { received: "stored", updates: 1_000 });
  const before = await countsOf(rig);
  const results = await rig.drain();
  const tookMs = performance.now() - beganMs;
  const now = await countsOf(rig);
  assert.deepEqual([now.updates - before.updates, now.stored - before.stored, now.parked - before.parked], [1_000, 950, 50]);
  const stored = await Promise.all(numbers.map(messagesOf));
  assert.equal(stored.flat().length, 950);
  const parked = await parkedOf(numbers.map(({ tenantId }) => tenantId));
  assert.equal(parked.length, 50);
  assert.deepEqual(new Set(parked.map(({ reason }) => reason)), new Set(["rejected_by_database"]));
  assert.equal(results.flatMap((result) => result.parked).length, 50);
  assert.ok(tookMs < 30_000, `it took ${Math.round(tookMs)} ms`);
  assert.equal(await pending(), 0);
});

test("a parked update is stored once when it is replayed after its cause is gone, and the counts move with it", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id, index) => text(mine, { id, body: index === 1 ? "fine" : poison }))));
  await rig.drain();
  const reach = { ...platform, scope: mine.scope };
  const first = await readStats(reach);
  assert.deepEqual([first.updates, first.stored, first.parked, first.duplicates], [3, 1, 2, 0]);
  const [one] = await parkedOf([mine.tenantId]);
  assert.ok(one);
  // Still refused: it stays parked and nothing is counted twice.
  assert.equal((await replayParked(reach, one.id)).replayed, 1);
  await rig.drain();
  assert.deepEqual(await readStats(reach), first);
  await stop();
  try {
    // Asked for twice before the worker came to it.
    await replayParked(reach, one.id);
    await replayParked(reach, one.id);
    await rig.drain();
    assert.deepEqual(await readStats(reach), { ...first, stored: 2, parked: 1 });
    await assert.rejects(replayParked(reach, one.id), { code: "not_found" });
    const range = { from: new Date(rig.clock.nowMs - 60_000).toISOString(), to: new Date(rig.clock.nowMs + 60_000).toISOString() };
    assert.deepEqual(await replayParkedRange(reach, range), { replayed: 1, next: null });
    await rig.drain();
    assert.deepEqual(await readStats(reach), { ...first, stored: 3, parked: 0 });
    assert.deepEqual(await messagesOf(mine), ids);
    assert.deepEqual(await replayParkedRange(reach, range), { replayed: 0, next: null });
  } finally {
    await refuse();
  }
});

test("an update that is refused again and again in the same batch is parked once", async () => {
  const mine = await number();
  await rig.receive(bodyOf(text(mine, { body: poison })));
  await rig.drain();
  const [one] = await parkedOf([mine.tenantId]);
  assert.ok(one);
  for (let times = 0; times < 3; times += 1) await replayParked(platform, one.id);
  await rig.drain();
  assert.equal(await pending(), 0);
  assert.deepEqual(
    (await parkedOf([mine.tenantId])).map(({ id }) => id),
    [one.id],
  );
});

test("a delivery is applied again without changing anything but what was parked", async () => {
  const mine = await number();
  const ids = [nextId(), nextId()];
  await rig.receive(bodyOf(text(mine, { id: ids[0] ?? "" }), text(mine, { id: ids[1] ?? "", body: poison }), status(mine, nextId(), "sent", rig.clock.nowMs)));
  await rig.drain();
  const reach = { ...platform, scope: mine.scope };
  const first = await readStats(reach);
  assert.deepEqual([first.updates, first.stored, first.parked], [3, 2, 1]);
  const [parked] = await parkedOf([mine.tenantId]);
  assert.ok(parked);
  assert.equal((await replayDelivery(rig.platform, parked.deliveryId)).replayed, 1);
  await rig.drain();
  assert.deepEqual(await readStats(reach), first);
  await stop();
  try {
    const range = { from: new Date(rig.clock.nowMs - 1).toISOString(), to: new Date(rig.clock.nowMs + 1).toISOString() };
    assert.ok((await replayDeliveryRange(rig.platform, range)).replayed >= 1);
    await rig.drain();
    assert.deepEqual(await readStats(reach), { ...first, stored: 3, parked: 0 });
    assert.deepEqual(await messagesOf(mine), ids);
  } finally {
    await refuse();
  }
});

test("what was stored is not parked when a replay of it is refused", async () => {
  const mine = await number();
  const id = nextId();
  await stop();
  await rig.receive(bodyOf(text(mine, { id, body: poison })));
  await rig.drain();
  await refuse();
  const reach = { ...platform, scope: mine.scope };
  const first = await readStats(reach);
  const [delivery] = await rig.sql<{ id: string }>(`select id from webhook_deliveries order by id desc limit 1`);
  await replayDelivery(rig.platform, delivery?.id ?? "");
  await rig.drain();
  assert.deepEqual(await readStats(reach), first);
  assert.deepEqual([first.updates, first.stored, first.parked], [1, 1, 0]);
  assert.deepEqual(await messagesOf(mine), [id]);
});

test("a database that goes away in mid-batch costs nothing: all of it is tried again, nothing is parked or counted", async () => {
  const mine = await number();
  const ids = [nextId(), nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id) => text(mine, { id }))));
  const cutOff = async (name: string): Promise<void> => {
    if (name !== "worker.before_commit") return;
    await rig.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%kesher_ingest%' and state = 'idle in transaction'`);
  };
  for (let times = 0; times < 2 * limits.attemptsMax; times += 1) {
    await assert.rejects(rig.turn("whatsapp-messages", { failpoint: cutOff }), (error) => isUnavailable(error));
  }
  assert.equal(await pending(), 1);
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), ids);
  assert.deepEqual(await parkedOf([mine.tenantId]), []);
});

test("a lock that is not given up in time parks nothing, not even after a long wait and many attempts", async () => {
  const mine = await number();
  const id = nextId();
  await rig.receive(bodyOf(text(mine, { id })));
  rig.clock.nowMs += 2 * limits.suspiciousAfterMs;
  const impatient = rig.open("kesher_ingest", { connectionsMax: 2 });
  impatient.pool.on("connect", (client) => void client.query("set lock_timeout = '30ms'"));
  const holder = await rig.platform.pool.connect();
  try {
    await holder.query("begin");
    await holder.query("set local role kesher_owner").catch(() => undefined);
    await rig.sql("select 1");
    const blocker = await rig.ingest.pool.connect();
    try {
      await blocker.query("begin");
      await blocker.query("insert into activity_counters (tenant_id) values ($1) on conflict (tenant_id) do update set seq = activity_counters.seq", [mine.tenantId]);
      for (let times = 0; times < 2 * limits.attemptsMax; times += 1) {
        await assert.rejects(rig.turn("whatsapp-messages", { db: impatient }), { code: "55P03" });
      }
      await blocker.query("rollback");
    } finally {
      blocker.release();
    }
    while ((await rig.turn("whatsapp-messages", { db: impatient })).rows > 0);
    assert.deepEqual(await messagesOf(mine), [id]);
    assert.deepEqual(await parkedOf([mine.tenantId]), []);
  } finally {
    await holder.query("rollback");
    holder.release();
  }
});
