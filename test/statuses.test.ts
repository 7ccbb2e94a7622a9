import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { rankOf } from "../src/core/message-status.ts";
import { newId } from "../src/db/new-id.ts";
import { transaction } from "../src/db/transaction.ts";
import { isUnavailable } from "../src/queue/blame.ts";
import { getConversationById } from "../src/services/whatsapp/index.ts";
import { bodyOf, echo, failed, message, seconds, status, type Element } from "./support/bodies.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
const rig = await startRig({ after }, { connectionsMax: 8 });
const at = (second: number): number => startMs + second * 1_000;
const iso = (second: number): string => new Date(at(second)).toISOString();

/** Every change of a tick, as the database saw it. */
before(async () => {
  await rig.sql(`create table tick_log (message_id uuid, before text, after text)`);
  await rig.sql(
    `create function log_tick() returns trigger language plpgsql security definer as $$ begin
       if new.status <> old.status then insert into tick_log values (new.id, old.status, new.status); end if; return new; end $$`,
  );
  await rig.sql(`create trigger log_tick before update on whatsapp_messages for each row execute function log_tick()`);
});

type Row = {
  id: string;
  conversationId: string;
  status: string;
  sentAt: number | null;
  deliveredAt: number | null;
  readAt: number | null;
  playedAt: number | null;
  failedAt: number | null;
  errorCode: number | null;
};
async function rowOf(number: Connected, waMessageId: string): Promise<Row> {
  const second = (column: string, name: string): string => `((extract(epoch from ${column}) * 1000 - ${startMs}) / 1000)::int as "${name}"`;
  const times = [
    second("sent_at", "sentAt"),
    second("delivered_at", "deliveredAt"),
    second("read_at", "readAt"),
    second("played_at", "playedAt"),
  ];
  const [row] = await rig.sql<Row>(
    `select id, conversation_id as "conversationId", status, ${times.join(", ")}, ${second("failed_at", "failedAt")}, error_code as "errorCode"
     from whatsapp_messages where connection_id = $1 and wa_message_id = $2`,
    [number.id, waMessageId],
  );
  assert.ok(row, `no message ${waMessageId}`);
  return row;
}
const ticksOf = ({ status: word, sentAt, deliveredAt, readAt, playedAt }: Row): unknown[] => [word, sentAt, deliveredAt, readAt, playedAt];

type Event = { type: string; data: { [key: string]: unknown } };
const eventsOf = (tenantId: string, type: string): Promise<Event[]> =>
  rig.sql<Event>(`select type, data from activity_events where tenant_id = $1 and type = $2 order by seq`, [tenantId, type]);

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
let ordinal = 0;
const nextId = (): string => `wamid.${(ordinal += 1)}`;
async function take(...elements: readonly Element[]): Promise<void> {
  assert.equal((await rig.receive(bodyOf(...elements))).received, "stored");
  await rig.drain();
}

/** A message whose fate is not known: our own id went to Meta, no answer came. */
async function unknownSend(mine: Connected, phone: string): Promise<string> {
  await take(message(mine, { phone }, nextId(), at(0)));
  const id = newId(at(0));
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
     select tenant_id, $2, connection_id, id, 'outbound', 'api', 'text', 'message', '{}', 'unknown', now(), now()
     from whatsapp_conversations where connection_id = $1`,
    [mine.id, id],
  );
  return id;
}

test("ticks never go back, whatever the order, and however many workers fold them at once (I4)", async () => {
  const mine = await number();
  const words = ["sent", "delivered", "read", "played"] as const;
  const phone = randomDigits();
  const ids = Array.from({ length: 24 }, nextId);
  const elements = ids.flatMap((id, index) => [
    echo(mine, phone, id, at(5)),
    ...words.map((word, rank) => status(mine, id, word, at(10 * rank + index))),
    failed(mine, id, at(3), 131_026),
  ]);
  // A fixed order without any sense in it.
  const shuffled = elements.map((element, index) => [(index * 7_919) % elements.length, element] as const).toSorted(([a], [b]) => a - b);
  // Each body meets workers that are still busy with the bodies before it.
  // Every second message is there from the start, so that its ticks move one by one; the others meet facts that wait for them.
  await take(...ids.flatMap((id, index) => (index % 2 === 0 ? [echo(mine, phone, id, at(5))] : [])));
  const turns: Promise<unknown>[] = [];
  for (const [place, [, element]] of shuffled.entries()) {
    await rig.receive(bodyOf(element));
    const lane = place % 3 === 0 ? "whatsapp-messages" : "whatsapp-statuses";
    turns.push(rig.turn(lane).catch((error: unknown) => assert.ok(isUnavailable(error), String(error))));
    if (turns.length === 4) await turns.shift();
  }
  await Promise.all(turns);
  await rig.drain();
  for (const [index, id] of ids.entries()) {
    assert.deepEqual(ticksOf(await rowOf(mine, id)), ["played", Math.min(5, index), 10 + index, 20 + index, 30 + index], id);
  }
  const log = await rig.sql<{ before: string; after: string }>(`select before, after from tick_log`);
  assert.ok(log.length > ids.length, `${log.length} changes`);
  for (const { before: from, after: to } of log) assert.ok(rankOf(from) < rankOf(to), `${from} became ${to}`);
});

test("what Meta skipped is filled in; a late report corrects it, and that is told", async () => {
  const mine = await number();
  const id = nextId();
  await take(echo(mine, randomDigits(), id, at(9)), status(mine, id, "read", at(30)));
  assert.deepEqual(ticksOf(await rowOf(mine, id)), ["read", 9, 30, 30, null]);
  const told = (await eventsOf(mine.tenantId, "message.status_changed")).length;
  await take(status(mine, id, "delivered", at(20)));
  assert.deepEqual(ticksOf(await rowOf(mine, id)), ["read", 9, 20, 30, null]);
  const events = await eventsOf(mine.tenantId, "message.status_changed");
  assert.equal(events.length, told + 1);
  assert.deepEqual(
    { ...events.at(-1)?.data },
    {
      waMessageId: id,
      status: "read",
      previousStatus: "read",
      sentAt: iso(9),
      deliveredAt: iso(20),
      readAt: iso(30),
      playedAt: null,
      failedAt: null,
      errorCode: null,
    },
  );
  // What says nothing new is a duplicate or a mere fact, and nobody is woken for it.
  await take(status(mine, id, "delivered", at(20)));
  await take(status(mine, id, "delivered", at(25)));
  assert.equal((await eventsOf(mine.tenantId, "message.status_changed")).length, told + 1);
});

test("a failure is kept beside a later success, the earliest one with the least code", async () => {
  const mine = await number();
  const [one, two] = [nextId(), nextId()];
  await take(echo(mine, randomDigits(), one, at(1)), failed(mine, one, at(5), 131_047), status(mine, one, "delivered", at(9)));
  const delivered = await rowOf(mine, one);
  assert.deepEqual([...ticksOf(delivered), delivered.failedAt, delivered.errorCode], ["delivered", 1, 9, null, null, 5, 131_047]);
  await take(failed(mine, two, at(7), 131_026), failed(mine, two, at(6), 131_053));
  await take(failed(mine, two, at(6), 131_000), echo(mine, randomDigits(), two, at(1)));
  const lost = await rowOf(mine, two);
  assert.deepEqual([lost.status, lost.failedAt, lost.errorCode], ["failed", 6, 131_000]);
});

test("every distinct report stays readable, each participant's too, and none twice", async () => {
  const mine = await number();
  const id = nextId();
  const group = { recipient_type: "group", recipient_id: "120363@g.us" };
  const from = (participant: string) => ({ ...group, recipient_participant_id: participant });
  const reports = [
    status(mine, id, "delivered", at(3), from("15550001")),
    status(mine, id, "delivered", at(3), from("15550002")),
    status(mine, id, "read", at(4), from("15550001")),
    status(mine, id, "deleted", at(5), group),
  ];
  await take(...reports, ...reports);
  await take(...reports);
  const facts = await rig.sql(
    `select status, participant from whatsapp_message_statuses where connection_id = $1 order by status, participant`,
    [mine.id],
  );
  assert.deepEqual(facts, [
    { status: "deleted", participant: "" },
    { status: "delivered", participant: "15550001" },
    { status: "delivered", participant: "15550002" },
    { status: "read", participant: "15550001" },
  ]);
});

test("a status that comes before its message waits for it", async () => {
  const mine = await number();
  const id = nextId();
  await take(status(mine, id, "delivered", at(5)));
  await take(echo(mine, randomDigits(), id, at(2)));
  assert.deepEqual(ticksOf(await rowOf(mine, id)), ["delivered", 2, 5, null, null]);
  const events = await eventsOf(mine.tenantId, "message.status_changed");
  assert.deepEqual(
    events.map(({ data }) => data["status"]),
    ["delivered"],
  );
});

/** Holds one lane's transaction open until another has begun to wait for it. */
async function interleave(first: "whatsapp-messages" | "whatsapp-statuses", second: typeof first): Promise<void> {
  const others: Promise<unknown>[] = [];
  await rig.turn(first, {
    failpoint: async (name) => {
      if (name !== "worker.before_commit" || others.length > 0) return;
      others.push(rig.turn(second));
      const wait = untilSomebodyWaits();
      others.push(wait);
      await wait.catch(() => undefined);
    },
  });
  await Promise.all(others);
}

async function untilSomebodyWaits(): Promise<void> {
  const began = performance.now();
  while (performance.now() - began < 60_000) {
    const [row] = await rig.sql<{ n: number }>(
      `select count(*)::int as n from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()`,
    );
    if ((row?.n ?? 0) > 0) return;
  }
  throw new Error("Nobody waits");
}

for (const [first, second] of [
  ["whatsapp-messages", "whatsapp-statuses"],
  ["whatsapp-statuses", "whatsapp-messages"],
] as const) {
  test(`an echo and its status that are taken in at the same moment find each other, ${first} first`, async () => {
    const mine = await number();
    const id = nextId();
    const phone = randomDigits();
    // The conversation exists: what they wait for is the message alone.
    await take(message(mine, { phone }, nextId(), at(0)));
    await rig.receive(bodyOf(echo(mine, phone, id, at(2)), status(mine, id, "read", at(5))));
    await interleave(first, second);
    await rig.drain();
    assert.deepEqual(ticksOf(await rowOf(mine, id)), ["read", 2, 5, 5, null]);
  });
}

test("a send of which nobody knows the outcome is settled by the status that echoes our id", async () => {
  const mine = await number();
  const id = await unknownSend(mine, randomDigits());
  const waMessageId = nextId();
  await take(status(mine, waMessageId, "delivered", at(8), { biz_opaque_callback_data: id }));
  const row = await rowOf(mine, waMessageId);
  assert.deepEqual([row.id, ...ticksOf(row)], [id, "delivered", 8, 8, null, null]);
  await take(status(mine, waMessageId, "sent", at(6), { biz_opaque_callback_data: id }));
  assert.deepEqual(ticksOf(await rowOf(mine, waMessageId)), ["delivered", 6, 8, null, null]);
});

test("a failed status settles it, too; the first wamid stays, and nobody else's message is ever adopted", async () => {
  const [mine, theirs] = [await number(), await number()];
  const [own, foreign] = [await unknownSend(mine, randomDigits()), await unknownSend(theirs, randomDigits())];
  const [first, second] = [nextId(), nextId()];
  await take(failed(mine, first, at(4), 131_026, { biz_opaque_callback_data: own }));
  await take(status(mine, second, "delivered", at(9), { biz_opaque_callback_data: own }));
  const row = await rowOf(mine, first);
  assert.deepEqual([row.id, row.status, row.errorCode], [own, "failed", 131_026]);
  await take(status(mine, nextId(), "delivered", at(9), { biz_opaque_callback_data: foreign }));
  const [untouched] = await rig.sql(`select status, wa_message_id from whatsapp_messages where id = $1`, [foreign]);
  assert.deepEqual(untouched, { status: "unknown", wa_message_id: null });
});

test("an echo of a send whose outcome is unknown makes room for it when the status tells whose it is", async () => {
  const mine = await number();
  const phone = randomDigits();
  const id = await unknownSend(mine, phone);
  const waMessageId = nextId();
  // Facts without our id come first and wait; they count, too.
  await take(status(mine, waMessageId, "sent", at(3)), echo(mine, phone, waMessageId, at(4)));
  const counts = `select outbound_count, last_message_id from whatsapp_conversations where connection_id = $1`;
  const [before] = await rig.sql<{ outbound_count: number }>(counts, [mine.id]);
  await take(status(mine, waMessageId, "delivered", at(8), { biz_opaque_callback_data: id }));
  const row = await rowOf(mine, waMessageId);
  assert.deepEqual([row.id, ...ticksOf(row)], [id, "delivered", 3, 8, null, null]);
  assert.deepEqual(await rig.sql(counts, [mine.id]), [{ outbound_count: (before?.outbound_count ?? 0) - 1, last_message_id: id }]);
  await take(echo(mine, phone, waMessageId, at(4)));
  assert.equal((await rowOf(mine, waMessageId)).id, id);
});

test("an echo that showed a file makes room for the send like any other; its file goes with it", async () => {
  const mine = await number();
  const phone = randomDigits();
  const [id, waMessageId] = [await unknownSend(mine, phone), nextId()];
  await take(echo(mine, phone, waMessageId, at(4), { type: "image", image: { id: "77", mime_type: "image/png" } }));
  const files = `select count(*)::int as files from whatsapp_media where connection_id = $1`;
  assert.deepEqual(await rig.sql(files, [mine.id]), [{ files: 1 }]);
  await take(status(mine, waMessageId, "delivered", at(8), { biz_opaque_callback_data: id }));
  assert.equal((await rowOf(mine, waMessageId)).id, id);
  assert.deepEqual(await rig.sql(files, [mine.id]), [{ files: 0 }]);
});

async function windowOf(mine: Connected, conversationId: string) {
  const conversation = await transaction(rig.ingest, (tx) => getConversationById(mine.scope, tx, conversationId));
  assert.ok(conversation);
  return conversation;
}

test("131047 closes the window until the customer's next word, from whichever side it comes first", async () => {
  for (const comesFirst of ["status", "echo"] as const) {
    const mine = await number();
    const [phone, id] = [randomDigits(), nextId()];
    await take(message(mine, { phone }, nextId(), at(10)));
    const parts = [echo(mine, phone, id, at(11)), failed(mine, id, at(12), 131_047)];
    for (const part of comesFirst === "echo" ? parts : parts.toReversed()) await take(part);
    const { conversationId } = await rowOf(mine, id);
    const closed = await windowOf(mine, conversationId);
    assert.deepEqual([closed.refusedAtMs, closed.window.isOpen, closed.window.remainingMs], [at(12), false, 0], comesFirst);
    assert.equal(closed.window.expiresAtMs, at(10) + 86_400_000);
    const opened = (await eventsOf(mine.tenantId, "window.opened")).length;
    await take(message(mine, { phone }, nextId(), at(13)));
    assert.equal((await windowOf(mine, conversationId)).window.isOpen, true);
    assert.equal((await eventsOf(mine.tenantId, "window.opened")).length, opened + 1);
    // An older refusal that comes late does not close it again.
    await take(failed(mine, id, at(11), 131_047));
    assert.equal((await windowOf(mine, conversationId)).window.isOpen, true);
  }
});

test("the end of a free entry point is what Meta reports, forward only, also from a report that changes no tick", async () => {
  const mine = await number();
  const [phone, id] = [randomDigits(), nextId()];
  const until = (second: number) => ({
    conversation: { id: "c", origin: { type: "referral_conversion" }, expiration_timestamp: seconds(at(second)) },
  });
  await take(message(mine, { phone }, nextId(), at(0)), echo(mine, phone, id, at(1)));
  const { conversationId } = await rowOf(mine, id);
  await take(status(mine, id, "sent", at(1), until(500)));
  assert.equal((await windowOf(mine, conversationId)).freeEntryPointExpiresAtMs, at(500));
  await take(status(mine, id, "sent", at(2), until(400)));
  assert.equal((await windowOf(mine, conversationId)).freeEntryPointExpiresAtMs, at(500));
  await take(status(mine, id, "sent", at(3), until(900)));
  assert.equal((await windowOf(mine, conversationId)).freeEntryPointExpiresAtMs, at(900));
});

test("a status about a customer's own message moves nothing", async () => {
  const mine = await number();
  const id = nextId();
  await take(message(mine, { phone: randomDigits() }, id, at(1)), status(mine, id, "read", at(5)));
  assert.deepEqual(ticksOf(await rowOf(mine, id)), ["received", null, null, null, null]);
});
