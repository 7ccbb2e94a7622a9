import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemActor, type Actor } from "../src/core/actor.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { inboxJobs, startInboxWork } from "../src/queue/workers/inbox.worker.ts";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { changeConversation, markConversationRead, markConversationUnread, wakeSnoozed } from "../src/services/inbox/conversation-state.ts";
import { labelConversation, createLabel } from "../src/services/inbox/labels.ts";
import { createNote, listNotes } from "../src/services/inbox/notes.ts";
import { unassignPerson } from "../src/services/inbox/unassign.ts";
import { countViews, listConversations, readConversation } from "../src/services/whatsapp/conversation-list.ts";
import { queueMessages } from "../src/services/whatsapp/outbox/enqueue.ts";
import { bodyOf, echo, message, status } from "./support/bodies.ts";
import { outboxOf } from "./support/outbox.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const hourMs = 3_600_000;
const dana = {
  kind: "person",
  id: "0199aaaa-0000-7000-8000-00000000000d",
  name: "Dana",
  ip: null,
  requestId: null,
} as const satisfies Actor;
const people: ReadonlySet<string> = new Set([dana.id]);
const tools = { app: rig.app, isPerson: (_tenantId: string, id: string) => Promise.resolve(people.has(id)) };
const by = () => ({ actor: dana, nowMs: Date.now() });

async function scene(agoMs = 0) {
  const number = await rig.connect(await rig.tenant());
  const outbox = outboxOf(rig, number);
  return { number, outbox, ...(await outbox.customer({ agoMs })) };
}
const look = ({ scope }: Connected, id: string) => readConversation(rig.app, scope, id);
const change = ({ scope }: Connected, id: string, wanted: Parameters<typeof changeConversation>[2]["wanted"]) =>
  changeConversation(tools, scope, { id, wanted }, by());
const eventsOf = async ({ tenantId }: Connected, conversationId: string): Promise<string[]> =>
  (
    await rig.sql<{ type: string }>(`select type from activity_events where tenant_id = $1 and conversation_id = $2 order by seq`, [
      tenantId,
      conversationId,
    ])
  ).map(({ type }) => type);

test("a conversation that is done is open again when the customer writes, also with an earlier time, and by nothing else", async () => {
  const { number, outbox, phone, conversationId } = await scene();
  const done = async () => {
    await change(number, conversationId, { state: "done" });
    assert.equal((await look(number, conversationId)).state, "done");
  };
  await done();
  await outbox.send({ conversationId });
  const reaction = { type: "reaction", reaction: { message_id: "wamid.none", emoji: "👍" } };
  await rig.receive(bodyOf(message(number, { phone }, `wamid.${randomDigits()}`, Date.now(), reaction)));
  await rig.receive(bodyOf(echo(number, phone, `wamid.${randomDigits()}`, Date.now())));
  await rig.receive(bodyOf(status(number, "wamid.none", "read", Date.now())));
  await rig.drain();
  assert.equal((await look(number, conversationId)).state, "done");
  await outbox.writes(phone, Date.now() + 1_000);
  assert.equal((await look(number, conversationId)).state, "open");
  await done();
  // Written before it was set aside, and received after.
  await outbox.writes(phone, Date.now() - hourMs);
  assert.equal((await look(number, conversationId)).state, "open");
  await done();
  const call = { id: `call.${randomDigits()}`, from: phone, to: number.displayPhoneNumber, event: "connect", direction: "USER_INITIATED" };
  const element = { ...call, timestamp: String(Math.floor(Date.now() / 1_000) + 60) };
  await rig.receive(bodyOf({ number, list: "calls", field: "calls", element }));
  await rig.drain();
  assert.equal((await look(number, conversationId)).state, "open");
});

test("what was snoozed comes back by itself at its time, once, and before it when the customer writes", async () => {
  const { number, outbox, phone, conversationId } = await scene();
  const untilMs = Date.now() + hourMs;
  await change(number, conversationId, { state: "snoozed", snoozedUntil: new Date(untilMs).toISOString() });
  const asleep = await look(number, conversationId);
  assert.deepEqual([asleep.state, asleep.snoozedUntil], ["snoozed", new Date(untilMs).toISOString()]);
  assert.deepEqual(await wakeSnoozed(rig.ingest, untilMs - 1), { woken: 0, tenantIds: [] });
  assert.deepEqual(await wakeSnoozed(rig.ingest, untilMs), { woken: 1, tenantIds: [number.tenantId] });
  assert.deepEqual(await wakeSnoozed(rig.ingest, untilMs), { woken: 0, tenantIds: [] });
  const awake = await look(number, conversationId);
  assert.deepEqual([awake.state, awake.snoozedUntil], ["open", null]);
  assert.deepEqual((await eventsOf(number, conversationId)).slice(-2), ["conversation.changed", "conversation.changed"]);

  await change(number, conversationId, { state: "snoozed", snoozedUntil: new Date(untilMs).toISOString() });
  await outbox.writes(phone, Date.now() + 1_000);
  const woken = await look(number, conversationId);
  assert.deepEqual([woken.state, woken.snoozedUntil], ["open", null]);
  const before = (await eventsOf(number, conversationId)).length;
  assert.deepEqual(await wakeSnoozed(rig.ingest, untilMs), { woken: 1, tenantIds: [] });
  assert.equal((await eventsOf(number, conversationId)).length, before, "it was open already: nothing to tell");

  const far = new Date(Date.now() + (limits.snoozeDaysMax + 1) * 86_400_000).toISOString();
  for (const wanted of [
    { state: "snoozed" },
    { state: "snoozed", snoozedUntil: far },
    { state: "snoozed", snoozedUntil: new Date(Date.now() - 1_000).toISOString() },
    { state: "open", snoozedUntil: far },
  ] as const) {
    await assert.rejects(change(number, conversationId, wanted), { code: "invalid_request" });
  }
});

test("one look wakes at most snoozeWakeMax conversations", async () => {
  const { number, conversationId } = await scene();
  await rig.sql(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, set_aside, snoozed_until, set_aside_inbound_count, created_at)
     select tenant_id, gen_random_uuid(), connection_id, 'g' || n, 'snoozed', to_timestamp(1), 0, now()
     from whatsapp_conversations, generate_series(1, $2) n where id = $1`,
    [conversationId, limits.snoozeWakeMax + 1],
  );
  assert.equal((await wakeSnoozed(rig.ingest, Date.now())).woken, limits.snoozeWakeMax);
  assert.deepEqual(await wakeSnoozed(rig.ingest, Date.now()), { woken: 1, tenantIds: [number.tenantId] });
});

test("the work in the background wakes what was snoozed and fills in the search by itself, until it is stopped", async () => {
  const { number, conversationId } = await scene();
  await change(number, conversationId, { state: "snoozed", snoozedUntil: new Date(Date.now() + 60_000).toISOString() });
  const [woken, filled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = startInboxWork({
    isPressed: () => false,
    ingest: rig.ingest,
    nowMs: () => Date.now() + 120_000,
    random: Math.random,
    onActivity: (tenantIds) => {
      if (tenantIds.includes(number.tenantId)) woken.resolve();
    },
    onFilled: ({ messages }) => {
      if (messages > 0) filled.resolve();
    },
    onError: (error) => {
      woken.reject(error);
      filled.reject(error);
    },
  });
  await Promise.all([woken.promise, filled.promise]);
  await running.stop();
  assert.equal((await look(number, conversationId)).state, "open");
});

test("a customer waits from a message until a person or bot answers, or the phone; an automatic reply is no answer", async () => {
  const { number, outbox, phone, conversationId } = await scene(60_000);
  const isWaiting = async () => (await look(number, conversationId)).isWaiting;
  assert.equal(await isWaiting(), true);
  await tenantTransaction(rig.app, number.scope, (tx) =>
    queueMessages(
      tx,
      [
        {
          tenantId: number.tenantId,
          messageId: newId(Date.now()),
          connectionId: number.id,
          conversationId,
          origin: "automatic",
          type: "text",
          role: "message",
          content: JSON.stringify({ v: 1, kind: "text", body: "we are closed" }),
          isFreeform: true,
          targetWaMessageId: null,
          to: { phone: null, userId: null },
          callback: null,
          resendOf: null,
          when: { kind: "now" },
        },
      ],
      Date.now(),
    ),
  );
  assert.equal(await isWaiting(), true);
  await outbox.send({ conversationId });
  assert.equal(await isWaiting(), false);
  await outbox.writes(phone, Date.now() + 2_000);
  assert.equal(await isWaiting(), true);
  await rig.receive(bodyOf(echo(number, phone, `wamid.${randomDigits()}`, Date.now() + 3_000)));
  await rig.drain();
  assert.equal(await isWaiting(), false);
});

test("the order in which messages and echoes come decides nothing about who waits", async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const { number, phone, conversationId } = await scene(hourMs);
    const nowMs = Date.now();
    const parts = [message(number, { phone }, "wamid.a", nowMs - 20_000), echo(number, phone, "wamid.b", nowMs - 10_000)];
    for (const index of order) {
      const part = parts[index];
      assert.ok(part);
      await rig.receive(bodyOf(part));
      await rig.drain();
    }
    assert.equal((await look(number, conversationId)).isWaiting, false);
  }
});

test("a conversation is given to people of the tenant only, taken back, and each change has one event that says who did it", async () => {
  const { number, conversationId } = await scene();
  await change(number, conversationId, { assigneeId: dana.id });
  await change(number, conversationId, { assigneeId: dana.id });
  await change(number, conversationId, { state: "done", assigneeId: null });
  await assert.rejects(change(number, conversationId, { assigneeId: "0199aaaa-0000-7000-8000-00000000000e" }), { code: "invalid_request" });
  const rows = await rig.sql<{ type: string; data: object }>(
    `select type, data from activity_events where tenant_id = $1 and conversation_id = $2 and type ~ '^conversation.(assigned|changed)' order by seq`,
    [number.tenantId, conversationId],
  );
  const who = { kind: "person", id: dana.id, name: "Dana" };
  assert.deepEqual(rows, [
    { type: "conversation.assigned", data: { assigneeId: dana.id, previousAssigneeId: null, by: who } },
    { type: "conversation.changed", data: { state: "done", previousState: "open", snoozedUntil: null, by: who } },
    { type: "conversation.assigned", data: { assigneeId: null, previousAssigneeId: dana.id, by: who } },
  ]);
});

test("who is removed has no conversations any more, however many they had: unassignMax at a time, each with its event", async () => {
  const { number, conversationId } = await scene();
  await rig.sql(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, assignee_id, created_at)
     select tenant_id, gen_random_uuid(), connection_id, 'u' || n, $3, now() from whatsapp_conversations, generate_series(1, $2) n where id = $1`,
    [conversationId, limits.unassignMax, dana.id],
  );
  await change(number, conversationId, { assigneeId: dana.id });
  const other = await scene();
  await change(other.number, other.conversationId, { assigneeId: dana.id });
  const job = inboxJobs({ app: rig.app, nowMs: Date.now, onActivity: () => undefined })["person-unassign"];
  await job({ tenantId: number.tenantId, personId: dana.id });
  const left = await rig.sql<{ id: string }>(
    `select tenant_id as id from whatsapp_conversations where assignee_id = $1 and tenant_id = any($2)`,
    [dana.id, [number.tenantId, other.number.tenantId]],
  );
  assert.deepEqual(left, [{ id: other.number.tenantId }]);
  const [told] = await rig.sql<{ count: string; groups: string }>(
    `select count(distinct conversation_id) as count, count(distinct xmin::text) as groups from activity_events
     where tenant_id = $1 and type = 'conversation.assigned' and data ->> 'previousAssigneeId' = $2`,
    [number.tenantId, dana.id],
  );
  assert.deepEqual([Number(told?.count), Number(told?.groups)], [limits.unassignMax + 1, 2]);
  assert.equal(await unassignPerson(rig.app, number.scope, dana.id, Date.now()), 0);
});

test("a conversation that is given to somebody at the moment of their removal goes back", async () => {
  const { number, conversationId } = await scene();
  let looks = 0;
  const removedMeanwhile = { app: rig.app, isPerson: () => Promise.resolve((looks += 1) === 1) };
  await changeConversation(removedMeanwhile, number.scope, { id: conversationId, wanted: { assigneeId: dana.id } }, by());
  assert.equal((await look(number, conversationId)).assigneeId, null);
});

test("reading up to a message leaves later ones unread; a conversation can be shown as unread again", async () => {
  const { number, phone, outbox, conversationId } = await scene(60_000);
  const [first] = await rig.sql<{ id: string }>(`select id from whatsapp_messages where tenant_id = $1`, [number.tenantId]);
  assert.ok(first);
  await outbox.writes(phone, Date.now() - 30_000);
  await outbox.writes(phone, Date.now() - 20_000);
  const read = (messageId: string | null) => markConversationRead(rig.app, number.scope, { id: conversationId, messageId }, Date.now());
  assert.deepEqual(await read(first.id), { unreadCount: 2 });
  assert.deepEqual(await read(first.id), { unreadCount: 2 });
  assert.deepEqual(await read(null), { unreadCount: 0 });
  assert.deepEqual(await read(null), { unreadCount: 0 });
  assert.deepEqual(await markConversationUnread(rig.app, number.scope, conversationId, Date.now()), { unreadCount: 1 });
  const told = (await eventsOf(number, conversationId)).filter((type) => type === "conversation.read");
  assert.equal(told.length, 3);
  const other = await scene();
  await assert.rejects(markConversationRead(rig.app, other.number.scope, { id: other.conversationId, messageId: first.id }, Date.now()), {
    code: "not_found",
  });
});

test("views list what they say, and their counts agree; a filter narrows any of them", async () => {
  const number = await rig.connect(await rig.tenant());
  const outbox = outboxOf(rig, number);
  const ids: string[] = [];
  // Written so many hours ago: the last one's window ends within the hour.
  for (const hours of [1, 2, 3, 30, 23.5]) ids.push((await outbox.customer({ agoMs: hours * hourMs })).conversationId);
  const [a, b, c, old, closing] = ids as [string, string, string, string, string];
  await change(number, a, { assigneeId: dana.id });
  await change(number, b, { state: "done" });
  await outbox.send({ conversationId: c });
  await change(number, c, { state: "snoozed", snoozedUntil: new Date(Date.now() + hourMs).toISOString() });
  const list = async (query: Parameters<typeof listConversations>[2]) =>
    (await listConversations(rig.app, number.scope, query, dana.id)).data.map(({ id }) => id);
  assert.deepEqual(await list({}), [c, a, b, closing, old]);
  assert.deepEqual(await list({ view: "all" }), [a, closing, old]);
  assert.deepEqual(await list({ view: "mine" }), [a]);
  assert.deepEqual(await list({ view: "unassigned" }), [closing, old]);
  assert.deepEqual(await list({ view: "waiting" }), [a, closing, old]);
  assert.deepEqual(await list({ view: "closing_soon" }), [closing]);
  assert.deepEqual(await list({ view: "closing_soon", closingWithinHours: limits.closingWithinHoursDefault }), [closing]);
  assert.deepEqual(await list({ view: "closing_soon", closingWithinHours: 24 }), [closing, a], "what ends first comes first");
  assert.deepEqual(await list({ state: "done" }), [b]);
  assert.deepEqual(await list({ view: "all", state: "snoozed" }), [c]);
  assert.deepEqual(await list({ assigneeId: dana.id, view: "waiting" }), [a]);
  assert.deepEqual(await list({ assigneeId: dana.id, state: "done" }), []);
  await markConversationRead(rig.app, number.scope, { id: a, messageId: null }, Date.now());
  assert.deepEqual(await list({ view: "all", unread: true }), [closing, old]);
  assert.deepEqual(await list({ view: "all", unread: false }), [a]);
  const label = await createLabel(rig.app, number.scope, { name: "דחוף", colour: "red" }, by());
  await labelConversation(rig.app, number.scope, { id: closing, wanted: { add: [label.id] } }, by());
  assert.deepEqual(await list({ labelId: label.id }), [closing]);
  assert.deepEqual(await list({ view: "closing_soon", labelId: label.id }), [closing]);
  assert.deepEqual(await countViews(rig.app, number.scope, { personId: dana.id }), {
    mine: 1,
    unassigned: 2,
    all: 3,
    waiting: 3,
    closing_soon: 1,
    snoozed: 1,
    countMax: limits.viewCountMax,
  });
  const first = await listConversations(rig.app, number.scope, { view: "closing_soon", closingWithinHours: 24, limit: 1 });
  const rest = await listConversations(rig.app, number.scope, {
    view: "closing_soon",
    closingWithinHours: 24,
    limit: 1,
    after: first.next ?? "",
  });
  assert.deepEqual(
    [...first.data, ...rest.data].map(({ id }) => id),
    [closing, a],
  );
  for (const query of [{ view: "waiting", state: "done" }, { waId: "1", view: "mine" }, { after: "x" }] as const) {
    await assert.rejects(listConversations(rig.app, number.scope, query), { code: "invalid_request" });
  }
  await assert.rejects(listConversations(rig.app, number.scope, { view: "mine" }), { code: "invalid_request" });
});

test("labels and notes of a conversation that was merged into another one show on that one", async () => {
  const number = await rig.connect(await rig.tenant());
  const outbox = outboxOf(rig, number);
  const { conversationId: old, phone } = await outbox.customer({ agoMs: hourMs });
  const label = await createLabel(rig.app, number.scope, { name: "VIP", colour: "blue" }, by());
  await labelConversation(rig.app, number.scope, { id: old, wanted: { add: [label.id] } }, by());
  await createNote(tools, number.scope, { conversationId: old, wanted: { body: "for later" } }, by());
  await change(number, old, { state: "done" });
  // The same person turns out to have another address, which wrote already.
  await rig.receive(bodyOf(message(number, { userId: "IL.merged" }, "wamid.m1", Date.now() - 5_000)));
  await rig.drain();
  await rig.receive(bodyOf(message(number, { phone, userId: "IL.merged" }, "wamid.m2", Date.now())));
  await rig.drain();
  const [canonical] = (await listConversations(rig.app, number.scope, {})).data;
  assert.ok(canonical);
  assert.deepEqual([canonical.labelIds, canonical.state, canonical.inboundCount], [[label.id], "open", 3]);
  for (const id of [old, canonical.id]) {
    assert.deepEqual(
      (await listNotes(rig.app, number.scope, id, {})).data.map(({ body }) => body),
      ["for later"],
    );
  }
  assert.deepEqual(
    (await listConversations(rig.app, number.scope, { labelId: label.id })).data.map(({ id }) => id),
    [canonical.id],
  );
  await labelConversation(rig.app, number.scope, { id: canonical.id, wanted: { remove: [label.id] } }, by());
  assert.deepEqual((await look(number, canonical.id)).labelIds, []);
});

test("two people who label at once lose nothing of each other's, and who follows the events knows what there is", async () => {
  const { number, conversationId } = await scene();
  const labels = await Promise.all(
    ["a", "b", "c", "d"].map((name) =>
      createLabel(rig.app, number.scope, { name, colour: "grey" }, { actor: systemActor, nowMs: Date.now() }),
    ),
  );
  await Promise.all(labels.map(({ id }) => labelConversation(rig.app, number.scope, { id: conversationId, wanted: { add: [id] } }, by())));
  assert.deepEqual((await look(number, conversationId)).labelIds.toSorted(), labels.map(({ id }) => id).toSorted());
  const told = await rig.sql<{ data: { labelIds: string[] } }>(
    `select data from activity_events where tenant_id = $1 and type = 'conversation.labelled' order by seq`,
    [number.tenantId],
  );
  assert.deepEqual(
    told.map(({ data }) => data.labelIds.length),
    [1, 2, 3, 4],
    "each event says what the conversation bore as of it",
  );
});
