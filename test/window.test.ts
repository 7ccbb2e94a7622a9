import assert from "node:assert/strict";
import { after, test } from "node:test";
import { clockSkewMsMax } from "../src/core/window.ts";
import { transaction } from "../src/db/transaction.ts";
import { getConversationById, type Conversation } from "../src/services/whatsapp/index.ts";
import { bodyOf, echo, message, seconds, status, type Element, type Fields } from "./support/bodies.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after }, { nowMs: Math.floor(Date.now() / 1_000) * 1_000 });
const hourMs = 3_600_000;
const ago = (ms: number): number => rig.clock.nowMs - ms;

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant({ autoReplyEnabled: false }));
}
let ordinal = 0;
const nextId = (): string => `wamid.${(ordinal += 1)}`;
async function take(...elements: readonly Element[]): Promise<void> {
  await rig.receive(bodyOf(...elements));
  await rig.drain();
}
/** The conversations of a number, the latest words of customers first. */
async function conversationsOf(mine: Connected): Promise<Conversation[]> {
  const rows = await rig.sql<{ id: string }>(
    `select id from whatsapp_conversations where connection_id = $1 and merged_into_id is null order by last_customer_message_at desc nulls last`,
    [mine.id],
  );
  const found = await transaction(rig.ingest, async (tx) => {
    const conversations: (Conversation | null)[] = [];
    // One session.
    for (const { id } of rows) conversations.push(await getConversationById(mine.scope, tx, id));
    return conversations;
  });
  return found.filter((conversation) => conversation !== null);
}
async function conversationOf(mine: Connected): Promise<Conversation> {
  const [conversation, ...others] = await conversationsOf(mine);
  assert.ok(conversation !== undefined && others.length === 0);
  return conversation;
}
const countsOf = ({ inboundCount, outboundCount }: Conversation): number[] => [inboundCount, outboundCount];

const from = "15550001";
const call = (mine: Connected, event: string, direction: string): Element => {
  const ends = direction === "USER_INITIATED" ? { from, to: mine.displayPhoneNumber } : { from: mine.displayPhoneNumber, to: from };
  const element = { id: `wacid.${nextId()}`, event, direction, timestamp: seconds(ago(hourMs)), ...ends };
  return { number: mine, list: "calls", field: "calls", element };
};
const callStatus = (mine: Connected, word: string): Element => ({
  number: mine,
  list: "statuses",
  field: "calls",
  element: { id: `wacid.${nextId()}`, type: "call", status: word, timestamp: seconds(ago(hourMs)), recipient_id: from },
});
const said = (fields: Fields) => (mine: Connected) => message(mine, { phone: from }, nextId(), ago(hourMs), fields);

/** What happens an hour ago in an otherwise silent conversation: does it open the window, and how does it count? */
const cases: [name: string, element: (mine: Connected) => Element, opens: boolean, counts: [number, number]][] = [
  ["a text", said({ type: "text", text: { body: "hi" } }), true, [1, 0]],
  ["an image", said({ type: "image", image: { id: "1" } }), true, [1, 0]],
  [
    "a tapped button",
    said({ type: "interactive", interactive: { type: "button_reply", button_reply: { id: "y", title: "Y" } } }),
    true,
    [1, 0],
  ],
  ["a type that nobody knows", said({ type: "hologram" }), true, [1, 0]],
  ["an unsupported message", said({ type: "unsupported", errors: [{ code: 131_051 }] }), true, [1, 0]],
  ["a message on standby", (mine) => ({ ...said({ type: "text", text: { body: "hi" } })(mine), standby: true }), true, [1, 0]],
  ["a call of the customer", (mine) => call(mine, "connect", "USER_INITIATED"), true, [0, 0]],
  ["the end of such a call", (mine) => call(mine, "terminate", "USER_INITIATED"), false, [0, 0]],
  ["a call of the business", (mine) => call(mine, "connect", "BUSINESS_INITIATED"), false, [0, 0]],
  ["that call, accepted", (mine) => callStatus(mine, "ACCEPTED"), true, [0, 0]],
  ["that call, ringing", (mine) => callStatus(mine, "RINGING"), false, [0, 0]],
  ["a reaction", said({ type: "reaction", reaction: { message_id: "wamid.x", emoji: "👍" } }), false, [0, 0]],
  [
    "an edit",
    said({ type: "edit", edit: { original_message_id: "wamid.x", message: { type: "text", text: { body: "b" } } } }),
    false,
    [0, 0],
  ],
  ["a revoke", said({ type: "revoke", revoke: { original_message_id: "wamid.x" } }), false, [0, 0]],
  ["a system message", said({ type: "system", system: { type: "customer_identity_changed", body: "new" } }), false, [0, 0]],
  ["an echo", (mine) => echo(mine, from, nextId(), ago(hourMs)), false, [0, 1]],
];

for (const [name, make, opens, counts] of cases) {
  test(`${name} ${opens ? "opens" : "does not open"} the window, and counts ${counts.join(" in and ")} out`, async () => {
    const mine = await number();
    const element = make(mine);
    await take(element, element);
    await take(element);
    const conversation = await conversationOf(mine);
    assert.equal(conversation.lastCustomerMessageAtMs, opens ? ago(hourMs) : null);
    assert.equal(conversation.window.isOpen, opens);
    assert.deepEqual(countsOf(conversation), counts);
    const events = await rig.sql<{ type: string }>(
      `select type from activity_events where tenant_id = $1 and type in ('conversation.opened', 'window.opened') order by seq`,
      [mine.tenantId],
    );
    assert.deepEqual(
      events.map(({ type }) => type),
      opens ? ["conversation.opened", "window.opened"] : ["conversation.opened"],
    );
  });
}

test("a status alone makes no conversation", async () => {
  const mine = await number();
  await take(status(mine, nextId(), "delivered", ago(hourMs), { recipient_id: from }));
  assert.deepEqual(await conversationsOf(mine), []);
});

test("Meta's time counts, not the time of arrival: words of yesterday open nothing, and no later arrival moves the window back", async () => {
  const mine = await number();
  await take(message(mine, { phone: from }, nextId(), ago(25 * hourMs)));
  assert.equal((await conversationOf(mine)).window.isOpen, false);
  await take(message(mine, { phone: from }, nextId(), ago(2 * hourMs)));
  await take(message(mine, { phone: from }, nextId(), ago(9 * hourMs)), message(mine, { phone: from }, nextId(), ago(26 * hourMs)));
  const conversation = await conversationOf(mine);
  assert.deepEqual([conversation.lastCustomerMessageAtMs, conversation.lastMessageAtMs], [ago(2 * hourMs), ago(2 * hourMs)]);
  assert.deepEqual(countsOf(conversation), [4, 0]);
});

test("a clock of Meta's that runs ahead is believed for five minutes after our receipt, no more", async () => {
  const mine = await number();
  await take(message(mine, { phone: from }, nextId(), rig.clock.nowMs + 240_000));
  assert.equal((await conversationOf(mine)).lastCustomerMessageAtMs, rig.clock.nowMs + 240_000);
  await take(message(mine, { phone: from }, nextId(), rig.clock.nowMs + 10 * 24 * hourMs));
  assert.equal((await conversationOf(mine)).lastCustomerMessageAtMs, rig.clock.nowMs + clockSkewMsMax);
});

test("the window that a customer reopens is announced once, with its new end", async () => {
  const mine = await number();
  await take(message(mine, { phone: from }, nextId(), ago(30 * hourMs)));
  await take(message(mine, { phone: from }, nextId(), ago(3 * hourMs)), message(mine, { phone: from }, nextId(), ago(2 * hourMs)));
  await take(message(mine, { phone: from }, nextId(), ago(hourMs)));
  const opened = await rig.sql<{ data: { window: unknown } }>(
    `select data from activity_events where tenant_id = $1 and type = 'window.opened' order by seq`,
    [mine.tenantId],
  );
  assert.deepEqual(
    opened.map(({ data }) => data.window),
    [{ isOpen: true, expiresAt: new Date(ago(2 * hourMs) + 24 * hourMs).toISOString() }],
  );
});

test("a group has one window, opened by any of its members, and no contact", async () => {
  const mine = await number();
  const group = { group_id: "120363@g.us" };
  const member = (phone: string, atMs: number) =>
    message(mine, { phone }, nextId(), atMs, { type: "text", text: { body: "hi" }, ...group });
  await take(member("15550001", ago(3 * hourMs)), member("15550002", ago(hourMs)), member("15550003", ago(2 * hourMs)));
  const conversation = await conversationOf(mine);
  assert.deepEqual([conversation.contactId, conversation.groupId, conversation.inboundCount], [null, "120363@g.us", 3]);
  assert.equal(conversation.lastCustomerMessageAtMs, ago(hourMs));
});

test("windows are apart: per number, per customer, per group", async () => {
  const mine = await number();
  const other = await rig.connect(mine.tenantId, { wabaId: mine.wabaId });
  const group = { type: "text", text: { body: "hi" }, group_id: "120363@g.us" };
  await take(
    message(mine, { phone: "15550001" }, nextId(), ago(hourMs)),
    message(mine, { phone: "15550002" }, nextId(), ago(30 * hourMs)),
    message(mine, { phone: "15550001" }, nextId(), ago(29 * hourMs), group),
    message(other, { phone: "15550001" }, nextId(), ago(28 * hourMs)),
  );
  assert.deepEqual(
    (await conversationsOf(mine)).map(({ lastCustomerMessageAtMs, window }) => [lastCustomerMessageAtMs, window.isOpen]),
    [
      [ago(hourMs), true],
      [ago(29 * hourMs), false],
      [ago(30 * hourMs), false],
    ],
  );
  assert.equal((await conversationOf(other)).window.isOpen, false);
});

test("a reply goes to the address of the last inbound message; of two at one time, to the greater wamid's", async () => {
  const mine = await number();
  const [phone, userId] = [randomDigits(), "US.123"];
  await take(message(mine, { phone, userId }, "wamid.a", ago(3 * hourMs)));
  await take(message(mine, { userId }, "wamid.c", ago(hourMs)), message(mine, { phone, userId }, "wamid.b", ago(hourMs)));
  const hidden = await conversationOf(mine);
  assert.deepEqual([hidden.replyPhone, hidden.replyUserId], [null, userId]);
  await take(message(mine, { phone, userId }, "wamid.d", ago(hourMs)));
  const shown = await conversationOf(mine);
  assert.deepEqual([shown.replyPhone, shown.replyUserId], [phone, userId]);
});
