import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { limits } from "../src/limits.ts";
import type { BatchResult } from "../src/queue/index.ts";
import { isUnavailable } from "../src/queue/blame.ts";
import { replayDelivery, replayDeliveryRange, replayParked, replayParkedRange } from "../src/webhooks/replay.ts";
import { readStats } from "../src/webhooks/stats.ts";
import { bodyOf, message, status, type Element } from "./support/bodies.ts";
import { until } from "./support/program.ts";
import { countsOf } from "./support/snapshot.ts";
import { byTest, randomDigits, startRig, type Connected } from "./support/worker.ts";

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
  message(number, fields.from ?? customer(), fields.id ?? nextId(), rig.clock.nowMs, {
    type: "text",
    text: { body: fields.body ?? "hello" },
  });
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
  const filler = "x".repeat(3_000);
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
  assert.equal((await replayParked(reach, one.id, byTest())).replayed, 1);
  await rig.drain();
  assert.deepEqual(await readStats(reach), first);
  await stop();
  try {
    // Asked for twice before the worker came to it.
    await replayParked(reach, one.id, byTest());
    await replayParked(reach, one.id, byTest());
    await rig.drain();
    assert.deepEqual(await readStats(reach), { ...first, stored: 2, parked: 1 });
    await assert.rejects(replayParked(reach, one.id, byTest()), { code: "not_found" });
    const range = { from: new Date(rig.clock.nowMs - 60_000).toISOString(), to: new Date(rig.clock.nowMs + 60_000).toISOString() };
    assert.deepEqual(await replayParkedRange(reach, range, byTest()), { replayed: 1, next: null });
    await rig.drain();
    assert.deepEqual(await readStats(reach), { ...first, stored: 3, parked: 0 });
    assert.deepEqual(await messagesOf(mine), ids);
    assert.deepEqual(await replayParkedRange(reach, range, byTest()), { replayed: 0, next: null });
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
  for (let times = 0; times < 3; times += 1) await replayParked(platform, one.id, byTest());
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
  await rig.receive(
    bodyOf(
      text(mine, { id: ids[0] ?? "" }),
      text(mine, { id: ids[1] ?? "", body: poison }),
      status(mine, nextId(), "sent", rig.clock.nowMs),
    ),
  );
  await rig.drain();
  const reach = { ...platform, scope: mine.scope };
  const first = await readStats(reach);
  assert.deepEqual([first.updates, first.stored, first.parked], [3, 2, 1]);
  const [parked] = await parkedOf([mine.tenantId]);
  assert.ok(parked);
  assert.equal((await replayDelivery(rig.platform, parked.deliveryId, byTest())).replayed, 1);
  await rig.drain();
  assert.deepEqual(await readStats(reach), first);
  await stop();
  try {
    const range = { from: new Date(rig.clock.nowMs - 1).toISOString(), to: new Date(rig.clock.nowMs + 1).toISOString() };
    assert.ok((await replayDeliveryRange(rig.platform, range, byTest())).replayed >= 1);
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
  await replayDelivery(rig.platform, delivery?.id ?? "", byTest());
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
    await rig.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '%kesher_ingest%' and state = 'idle in transaction'`,
    );
  };
  for (let times = 0; times < 2 * limits.attemptsAloneMax; times += 1) {
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
  const blocker = await rig.ingest.pool.connect();
  try {
    await blocker.query("begin");
    await blocker.query(
      "insert into activity_counters (tenant_id) values ($1) on conflict (tenant_id) do update set seq = activity_counters.seq",
      [mine.tenantId],
    );
    for (let times = 0; times < 2 * limits.attemptsAloneMax; times += 1) {
      await assert.rejects(rig.turn("whatsapp-messages", { db: impatient }), { code: "55P03" });
    }
  } finally {
    await blocker.query("rollback");
    blocker.release();
  }
  await rig.drain({ db: impatient });
  assert.deepEqual(await messagesOf(mine), [id]);
  assert.deepEqual(await parkedOf([mine.tenantId]), []);
});

test("no row can put a message into another's conversation, nor a status under another's number (I9)", async () => {
  const [mine, other] = [await number(), await number()];
  const [id, theirs] = [nextId(), nextId()];
  await rig.receive(bodyOf(text(mine, { id }), text(other, { id: theirs }), status(mine, nextId(), "sent", rig.clock.nowMs)));
  await rig.drain();
  const columns =
    "tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, created_at";
  const refused = (sql: string, values: readonly unknown[]): Promise<void> => assert.rejects(rig.sql(sql, values), { code: "23503" });
  const copy = (changed: string): string =>
    `insert into whatsapp_messages (${columns}) select ${columns.replace("id, connection_id, conversation_id, wa_message_id", `gen_random_uuid(), ${changed}, gen_random_uuid()::text`)}
     from whatsapp_messages m, (select tenant_id as their_tenant, connection_id as their_connection, conversation_id as theirs from whatsapp_messages where wa_message_id = $2) o
     where wa_message_id = $1`;
  await rig.sql(copy("connection_id, conversation_id"), [id, theirs]);
  await refused(copy("connection_id, theirs"), [id, theirs]);
  await refused(copy("their_connection, theirs"), [id, theirs]);
  await refused(copy("their_connection, conversation_id"), [id, theirs]);
  const otherOne = "(select conversation_id from whatsapp_messages where wa_message_id = $2)";
  await refused(`update whatsapp_messages set conversation_id = ${otherOne} where wa_message_id = $1`, [id, theirs]);
  await refused(`update whatsapp_conversations set connection_id = $2 where connection_id = $1`, [mine.id, other.id]);
  await refused(`update whatsapp_connections set tenant_id = $2 where id = $1`, [mine.id, other.tenantId]);
  await refused(
    `insert into whatsapp_message_statuses (tenant_id, connection_id, wa_message_id, status, participant, at, created_at)
     select tenant_id, $2, wa_message_id, 'read', participant, at, created_at from whatsapp_message_statuses where connection_id = $1`,
    [mine.id, other.id],
  );
  await refused(`update whatsapp_message_statuses set connection_id = $2 where connection_id = $1`, [mine.id, other.id]);
});

test("a status that stands twice in a batch is stored once and a duplicate once, whether or not all else is new", async () => {
  const mine = await number();
  const [id, other] = [nextId(), nextId()];
  const sent = status(mine, id, "sent", rig.clock.nowMs);
  const before = await readStats(platform);
  await rig.receive(bodyOf(sent, sent, status(mine, other, "sent", rig.clock.nowMs)));
  await rig.drain();
  const first = await readStats(platform);
  assert.deepEqual([first.stored - before.stored, first.duplicates - before.duplicates], [2, 1]);
  const read = status(mine, id, "read", rig.clock.nowMs);
  await rig.receive(bodyOf(read, sent, read));
  await rig.drain();
  const second = await readStats(platform);
  assert.deepEqual([second.stored - first.stored, second.duplicates - first.duplicates], [1, 2]);
});

test("the books of a delivery tell what became of its updates, lane by lane", async () => {
  const mine = await number();
  rig.clock.nowMs += 1;
  const id = nextId();
  const bad: Element = { ...text(mine), element: { id: nextId(), timestamp: "never", from: "15550001", type: "text" } };
  const setting: Element = { number: mine, list: "errors", element: { code: 131_000, title: "Something" } };
  const nobody = { ...mine, wabaId: randomDigits(), phoneNumberId: randomDigits() };
  await rig.receive(bodyOf(text(mine, { id }), text(mine, { id }), bad, text(nobody), status(mine, id, "sent", rig.clock.nowMs), setting));
  await rig.drain();
  const results = await rig.sql(
    `select kind, updates, stored, parked, duplicates, suppressed from webhook_results
     where delivery_id = (select max(id::text)::uuid from webhook_deliveries) order by kind`,
  );
  assert.deepEqual(results, [
    { kind: "whatsapp-account", updates: 1, stored: 1, parked: 0, duplicates: 0, suppressed: 0 },
    { kind: "whatsapp-messages", updates: 4, stored: 1, parked: 2, duplicates: 1, suppressed: 0 },
    { kind: "whatsapp-statuses", updates: 1, stored: 1, parked: 0, duplicates: 0, suppressed: 0 },
  ]);
});

/** Ids of Meta that nobody has connected yet. */
const strange = (): Omit<Connected, "id" | "scope" | "tenantId"> => ({
  wabaId: randomDigits(),
  phoneNumberId: randomDigits(),
  displayPhoneNumber: randomDigits(),
  portfolioId: null,
});
type Strange = ReturnType<typeof strange>;
const textTo = (to: Strange, id = nextId()): Element => message(to, customer(), id, rig.clock.nowMs);

test("what came for an account before anybody connected it is applied by itself when somebody does", async () => {
  const wanted = strange();
  const tenantId = await rig.tenant({ autoReplyEnabled: false });
  const before = await readStats(platform);
  const ids = [nextId(), nextId()];
  await rig.receive(bodyOf(...ids.map((id) => textTo(wanted, id))));
  await rig.drain();
  const [parked] = await rig.sql<ParkedRow>(`select reason, tenant_id as "tenantId" from parked_updates where waba_id = $1`, [
    wanted.wabaId,
  ]);
  assert.deepEqual(parked, { reason: "unrouted", tenantId: null });
  const mine = await rig.connect(tenantId, wanted);
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), ids);
  const now = await readStats(platform);
  assert.deepEqual([now.updates - before.updates, now.stored - before.stored, now.parked - before.parked], [2, 2, 0]);
  assert.deepEqual((await readStats({ ...platform, scope: mine.scope })).stored, 2);
});

/** Answers whether the work had ended before `others` did something. */
async function meanwhile<T>(work: Promise<T>, others: () => Promise<void>): Promise<T> {
  await others();
  return work;
}

/** Until somebody waits for an advisory lock. */
async function untilSomebodyWaits(): Promise<void> {
  await until("somebody waits", 30_000, async () => {
    const [row] = await rig.sql<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return (row?.n ?? 0) > 0;
  });
}

/** Connects when the worker is done with its batch and has not committed yet. Nothing is asserted where it would be caught. */
async function connectDuringTurn(act: () => Promise<Connected>): Promise<Connected> {
  const connecting: Promise<Connected>[] = [];
  const waits: Promise<void>[] = [];
  await rig.turn("whatsapp-messages", {
    failpoint: async (name) => {
      if (name !== "worker.before_commit" || connecting.length > 0) return;
      connecting.push(act());
      const wait = untilSomebodyWaits();
      waits.push(wait);
      await wait.catch(() => undefined);
    },
  });
  await Promise.all(waits);
  const [connected] = await Promise.all(connecting);
  assert.ok(connected);
  return connected;
}

test("an account that is connected while its first update is being routed gets that update, whoever is first", async () => {
  // The worker has parked it and not yet committed; whoever connects must wait for it.
  const first = strange();
  const tenantId = await rig.tenant({ autoReplyEnabled: false });
  const ids = [nextId(), nextId()];
  await rig.receive(bodyOf(textTo(first, ids[0])));
  const mine = await connectDuringTurn(() => rig.connect(tenantId, first));
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), [ids[0]]);

  // The other way round: the account is there and not yet committed when the worker looks.
  const second = strange();
  await rig.receive(bodyOf(textTo(second, ids[1])));
  const blocker = await rig.ingest.pool.connect();
  await blocker.query("begin");
  await blocker.query("update activity_counters set seq = seq where tenant_id = $1", [tenantId]);
  const connected = rig.connect(tenantId, second);
  await untilSomebodyWaits();
  const turned = rig.turn("whatsapp-messages");
  await meanwhile(
    turned.then(() => undefined),
    async () => {
      await blocker.query("rollback");
      blocker.release();
    },
  );
  const theirs = await connected;
  await rig.drain();
  assert.deepEqual(await messagesOf(theirs), [ids[1]]);
  assert.equal((await rig.sql(`select from parked_updates where waba_id = $1 and resolved_at is null`, [second.wabaId])).length, 0);
});

test("a number that belongs to another account is parked as a mismatch, and applied when it has moved", async () => {
  const mine = await number();
  const other = await rig.connect(mine.tenantId);
  const id = nextId();
  const crossed = { ...mine, wabaId: other.wabaId };
  await rig.receive(bodyOf(text(crossed, { id })));
  await rig.drain();
  assert.deepEqual(
    (await parkedOf([mine.tenantId])).map(({ reason }) => reason),
    ["number_mismatch"],
  );
  const moved = await rig.connect(mine.tenantId, crossed);
  assert.equal(moved.id, mine.id);
  await rig.drain();
  assert.deepEqual(await messagesOf(mine), [id]);
  assert.deepEqual(await parkedOf([mine.tenantId]), []);
});

test("a number that moves to the account while its update is being parked as a mismatch takes that update along", async () => {
  const mine = await number();
  const other = await rig.connect(mine.tenantId);
  const id = nextId();
  const crossed = { ...mine, wabaId: other.wabaId };
  await rig.receive(bodyOf(text(crossed, { id })));
  const moved = await connectDuringTurn(() => rig.connect(mine.tenantId, crossed));
  assert.equal(moved.id, mine.id);
  await rig.drain();
  assert.deepEqual([await messagesOf(mine), await parkedOf([mine.tenantId])], [[id], []]);
});

test("an unknown number is discovered for the known account, whoever else names it in the same batch", async () => {
  const mine = await number();
  const [id, fresh] = [nextId(), { ...strange(), wabaId: mine.wabaId }];
  await rig.receive(bodyOf(textTo(fresh, id), textTo({ ...fresh, wabaId: randomDigits() })));
  await rig.drain();
  const stored = await rig.sql(`select from whatsapp_messages where wa_message_id = $1`, [id]);
  assert.equal(stored.length, 1);
});

test("another tenant's number under one's own account is parked for oneself and stored for nobody", async () => {
  const [mine, theirs] = [await number(), await number()];
  await rig.receive(bodyOf(text({ ...theirs, wabaId: mine.wabaId })));
  await rig.drain();
  assert.deepEqual(
    (await parkedOf([mine.tenantId, theirs.tenantId])).map(({ reason, tenantId }) => [reason, tenantId]),
    [["number_mismatch", mine.tenantId]],
  );
  assert.deepEqual([await messagesOf(mine), await messagesOf(theirs)], [[], []]);
});

test("an unknown number of a known account is discovered, and completed under the same id", async () => {
  const mine = await number();
  const [ids, fresh] = [[nextId(), nextId()], { ...strange(), wabaId: mine.wabaId }];
  await rig.receive(bodyOf(textTo(fresh, ids[0])));
  await rig.drain();
  const found = await rig.sql<{ id: string; state: string }>(`select id, state from whatsapp_connections where phone_number_id = $1`, [
    fresh.phoneNumberId,
  ]);
  assert.deepEqual(
    found.map(({ state }) => state),
    ["discovered"],
  );
  const connected = await rig.connect(mine.tenantId, fresh);
  assert.equal(connected.id, found[0]?.id);
  await rig.receive(bodyOf(textTo(fresh, ids[1])));
  await rig.drain();
  assert.deepEqual(await messagesOf(connected), ids);
});

test("what one Meta app has signed touches no account of another app", async () => {
  const [ours, theirs] = [await rig.tenant({ autoReplyEnabled: false }), await rig.tenant({ autoReplyEnabled: false })];
  const [ourApp, theirApp] = [await rig.ownApp(ours), await rig.ownApp(theirs)];
  const [own, platforms] = [await rig.connect(ours, { appKey: ourApp }), await number()];
  const id = nextId();
  await rig.receive(bodyOf(text(own, { id }), text(platforms)), theirApp);
  await rig.receive(bodyOf(text(own)));
  await rig.receive(bodyOf(text(platforms)), ourApp);
  await rig.drain();
  assert.deepEqual([await messagesOf(own), await messagesOf(platforms)], [[], []]);
  assert.deepEqual(await parkedOf([ours, theirs, platforms.tenantId]), []);
  await rig.receive(bodyOf(text(own, { id })), ourApp);
  await rig.drain();
  assert.deepEqual(await messagesOf(own), [id]);
  // Connecting again brings back only what this app has signed.
  await rig.connect(ours, { ...own, appKey: ourApp });
  await rig.drain();
  assert.deepEqual(await messagesOf(own), [id]);
});

test("two workers at once apply everything once", async () => {
  const numbers = await Promise.all([number(), number(), number()]);
  const ids = new Map(numbers.map((each) => [each, [nextId(), nextId(), nextId(), nextId()]]));
  for (let round = 0; round < 4; round += 1) {
    for (const each of numbers) await rig.receive(bodyOf(text(each, { id: ids.get(each)?.[round] ?? "" })));
  }
  await Promise.all([1, 2, 3, 4].map(() => rig.drain().catch((error: unknown) => assert.ok(isUnavailable(error)))));
  await rig.drain();
  for (const each of numbers) assert.deepEqual(await messagesOf(each), ids.get(each));
  assert.equal(rowsOf(await rig.drain()), 0);
});
