import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { createWebhookHandler } from "../src/http/webhook.ts";
import type { CustomerMessage } from "../src/sandbox/customer.ts";
import type { Fault } from "../src/sandbox/faults.ts";
import { startSandbox } from "../src/sandbox/sandbox.ts";
import { changeTenant } from "../src/services/tenants/tenants.ts";
import { createGraphClient, type GraphClient } from "../src/services/whatsapp/graph/client.ts";
import { bodyOf, echo, message, type Element } from "./support/bodies.ts";
import { handSender, type Turn } from "./support/sender.ts";
import { byTest, randomDigits, startRig, testToken } from "./support/worker.ts";

const text = "שלום! קיבלנו את ההודעה שלך, אך אנו תומכים כרגע רק בהודעות טקסט ותמונות.\n" + "אנא שלח/י הודעת טקסט או תמונה ונשמח לעזור.";
const appSecret = "the-secret";
const hourMs = 3_600_000;

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const rig = await startRig({ after: (cleanup) => void cleanups.push(cleanup) }, { connectionsMax: 6 });

/** The real path in, for what the sandbox posts. */
const handler = createWebhookHandler({
  secretsOf: () => [appSecret],
  receive: (appKey, body) => rig.receiver.receive(appKey, body),
  onAnswer: () => undefined,
  isDraining: () => false,
});
const ingress = createServer((request, response) => handler(request, response, ""));
ingress.listen(0, "127.0.0.1");
await once(ingress, "listening");
cleanups.push(() => {
  ingress.closeAllConnections();
  ingress.close();
});
const tenantId = await rig.tenant();
const mine = await rig.connect(tenantId);
// The pace is not what is tested here.
await rig.sql(`insert into whatsapp_send_lanes (tenant_id, connection_id, messages_per_second) values ($1, $2, 100000)`, [
  tenantId,
  mine.id,
]);
const sandbox = await startSandbox({
  appSecret,
  // Listening on TCP, so the address is no path.
  ingressUrl: `http://127.0.0.1:${(ingress.address() as AddressInfo).port}/webhook/whatsapp`,
  nowMs: () => Date.now(),
  log: () => undefined,
  statusDelaysMs: null,
  identity: { ...mine, accessToken: testToken },
});
cleanups.push(() => sandbox.stop());
const graph = createGraphClient({ url: sandbox.graphUrl, version: "v26.0" });

/** One turn of a sender of its own. */
function reply(options: { graph?: GraphClient } = {}): Promise<Turn> {
  return handSender(rig, options.graph ?? graph).turn();
}

type Row = {
  id: string;
  status: string;
  waMessageId: string | null;
  errorCode: number | null;
  errorTitle: string | null;
  conversationId: string;
  body: string;
};
/** Automatic replies to this customer, oldest first. */
const repliesTo = (phone: string): Promise<Row[]> =>
  rig.sql<Row>(
    `select m.id, m.status, m.wa_message_id as "waMessageId", m.error_code as "errorCode", m.error_title as "errorTitle",
       m.conversation_id as "conversationId", m.content ->> 'body' as body
     from whatsapp_messages m join whatsapp_conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
     where m.origin = 'automatic' and c.reply_phone = $1 order by m.id`,
    [phone],
  );
const sentTo = (phone: string) => sandbox.ledger().filter(({ to }) => to === phone);

/** Of a phone of its own; answers the phone. */
async function customerSends(type: string, more: Partial<CustomerMessage & { atMs: number }> = {}): Promise<string> {
  const from = randomDigits();
  const { status } = await sandbox.sendCustomerMessage({ from, name: "דנה", type, text: "?", targetWaMessageId: "wamid.x", ...more });
  assert.equal(status, 200);
  await rig.drain();
  return from;
}
async function take(...elements: readonly Element[]): Promise<void> {
  await rig.receive(bodyOf(...elements));
  await rig.drain();
}
const audio = { type: "audio", audio: { id: "1", mime_type: "audio/ogg", voice: true } };

for (const type of ["audio", "video", "document", "sticker", "location", "contacts", "order", "unsupported", "hologram"]) {
  test(`a message of type ${type} is answered once, with the very words`, async () => {
    const phone = await customerSends(type);
    assert.deepEqual(await reply(), { outcomes: ["accepted"], errors: [], taken: 1 });
    assert.equal((await reply()).taken, 0);
    const [row, ...others] = await repliesTo(phone);
    const [sent, ...more] = sentTo(phone);
    assert.ok(row !== undefined && sent !== undefined && others.length === 0 && more.length === 0);
    assert.deepEqual([row.status, row.waMessageId, row.body], ["accepted", sent.waMessageId, text]);
    assert.deepEqual([sent.body["text"], sent.callback], [{ body: text }, row.id]);
    const [counts] = await rig.sql(`select inbound_count, outbound_count, unread_count from whatsapp_conversations where id = $1`, [
      row.conversationId,
    ]);
    assert.deepEqual(counts, { inbound_count: 1, outbound_count: 1, unread_count: 1 });
    const events = await rig.sql<{ type: string }>(`select type from activity_events where message_id = $1 order by seq`, [row.id]);
    assert.deepEqual(
      events.map((event) => event.type),
      ["message.queued", "message.accepted"],
    );
  });
}

for (const type of [
  "text",
  "image",
  "button",
  "button_reply",
  "list_reply",
  "flow_reply",
  "reaction",
  "reaction_removed",
  "edit",
  "revoke",
  "system",
  "unavailable",
]) {
  test(`what the sandbox calls ${type} gets no automatic reply`, async () => {
    const phone = await customerSends(type);
    assert.equal((await reply()).taken, 0);
    assert.deepEqual([await repliesTo(phone), sentTo(phone)], [[], []]);
  });
}

test("twenty such messages at once get one reply, and the next only after the interval", async () => {
  const from = randomDigits();
  await Promise.all(Array.from({ length: 20 }, () => sandbox.sendCustomerMessage({ from, name: "דנה", type: "audio" })));
  await Promise.all([1, 2, 3, 4].map(() => rig.turn("whatsapp-messages").catch(() => undefined)));
  await rig.drain();
  await Promise.all([reply(), reply(), reply()]);
  assert.equal((await repliesTo(from)).length, 1);
  await sandbox.sendCustomerMessage({ from, name: "דנה", type: "audio" });
  await rig.drain();
  await reply();
  assert.equal(sentTo(from).length, 1);
  const pass = (interval: string) =>
    rig.sql(`update whatsapp_conversations set auto_replied_at = auto_replied_at - interval '${interval}' where reply_phone = $1`, [from]);
  await pass("23 hours 59 minutes");
  await sandbox.sendCustomerMessage({ from, name: "דנה", type: "audio" });
  await rig.drain();
  await reply();
  assert.equal(sentTo(from).length, 1);
  await pass("2 minutes");
  await sandbox.sendCustomerMessage({ from, name: "דנה", type: "audio" });
  await rig.drain();
  await reply();
  assert.equal(sentTo(from).length, 2);
});

test("the same webhook again asks for no second reply", async () => {
  const phone = randomDigits();
  const element = message(mine, { phone }, `wamid.${phone}`, Date.now(), audio);
  await take(element);
  await rig.sql(`update whatsapp_conversations set auto_replied_at = null where reply_phone = $1`, [phone]);
  await take(element, element);
  assert.equal((await repliesTo(phone)).length, 1);
  await reply();
});

test("nobody is answered in a group, on standby, outside the window, or for what the business itself sent", async () => {
  const phone = randomDigits();
  const at = Date.now();
  const from = (id: string, atMs = at, more = {}): Element =>
    message(mine, { phone: `${phone}${id}` }, `wamid.${phone}${id}`, atMs, { ...audio, ...more });
  await take(
    from("1", at, { group_id: "120363@g.us" }),
    { ...from("2"), standby: true },
    from("3", at - 25 * hourMs),
    // I7: in the last seconds no request may start.
    from("4", at - 24 * hourMs + 4_000),
    echo(mine, `${phone}5`, `wamid.${phone}5`, at, audio),
  );
  assert.equal((await reply()).taken, 0);
  const [row] = await rig.sql(`select count(*)::int as n from whatsapp_messages where origin = 'automatic' and status = 'pending'`);
  assert.deepEqual(row, { n: 0 });
});

test("one of our own numbers is never answered: two such programs would never stop", async () => {
  const other = await rig.connect(tenantId, { wabaId: mine.wabaId, displayPhoneNumber: "+972 50-765-4321" });
  await take(
    message(mine, { phone: "972507654321" }, "wamid.own1", Date.now(), audio),
    message(other, { phone: mine.displayPhoneNumber }, "wamid.own2", Date.now(), audio),
  );
  assert.equal((await reply()).taken, 0);
});

test("a number that nobody has connected yet answers nobody", async () => {
  const discovered = { ...mine, phoneNumberId: randomDigits(), displayPhoneNumber: randomDigits() };
  await take(message(discovered, { phone: randomDigits() }, `wamid.${randomDigits()}`, Date.now(), audio));
  assert.equal((await reply()).taken, 0);
});

test("a tenant that has switched it off, or can handle the type, answers nobody; another interval and language are obeyed", async () => {
  const change = (wanted: Parameters<typeof changeTenant>[2]) => changeTenant(rig.platform, tenantId, wanted, byTest());
  try {
    await change({ autoReplyEnabled: false });
    assert.deepEqual(await repliesTo(await customerSends("audio")), []);
    await change({ autoReplyEnabled: true, supportedTypes: ["text", "image", "audio"] });
    assert.deepEqual(await repliesTo(await customerSends("audio")), []);
    assert.equal((await repliesTo(await customerSends("video"))).length, 1);
    await change({ supportedTypes: ["audio"] });
    assert.equal((await repliesTo(await customerSends("text"))).length, 1);
    await change({ supportedTypes: ["text", "image"], locale: "fr-CA" });
    const phone = await customerSends("audio");
    assert.deepEqual(
      (await repliesTo(phone)).map(({ body }) => body),
      [text],
    );
    await change({ locale: "he-IL", autoReplyInterval: 60 });
    await rig.sql(`update whatsapp_conversations set auto_replied_at = auto_replied_at - interval '61 seconds' where reply_phone = $1`, [
      phone,
    ]);
    await sandbox.sendCustomerMessage({ from: phone, name: "דנה", type: "audio" });
    await rig.drain();
    assert.equal((await repliesTo(phone)).length, 2);
  } finally {
    await change({ autoReplyEnabled: true, supportedTypes: ["text", "image"], locale: "he", autoReplyInterval: 86_400 });
    while ((await reply()).taken > 0);
  }
});

/** What Graph does, what becomes of the reply, and how often the message arrived there. */
const faults: [string, Fault, Partial<Row>, arrived: number][] = [
  ["refuses for good", { kind: "error", code: 131_026 }, { status: "failed", errorCode: 131_026 }, 0],
  ["says that the window is closed", { kind: "error", code: 131_047 }, { status: "failed", errorCode: 131_047 }, 0],
  ["fails without a word", { kind: "status", status: 500 }, { status: "unknown", errorCode: null }, 0],
  ["breaks off before it took the message", { kind: "reset", accepts: false }, { status: "unknown", errorCode: null }, 0],
  ["breaks off after it took the message", { kind: "reset", accepts: true }, { status: "unknown", errorCode: null }, 1],
  ["answers nonsense", { kind: "answer", status: 200, body: "<html>" }, { status: "unknown", errorCode: null }, 1],
  ["answers without an id", { kind: "answer", status: 200, body: '{"messages":[]}' }, { status: "unknown", errorCode: null }, 1],
];
for (const [what, fault, expected, arrived] of faults) {
  test(`when Graph ${what}, the reply ends as ${expected.status}, the customer's message is untouched, and nothing is sent again`, async () => {
    const phone = await customerSends("audio");
    sandbox.failNext(fault);
    await reply();
    for (let turns = 0; turns < 3; turns += 1) assert.equal((await reply()).taken, 0);
    const [row, ...others] = await repliesTo(phone);
    assert.ok(row !== undefined && others.length === 0);
    assert.deepEqual([row.status, row.errorCode, row.waMessageId], [expected.status, expected.errorCode, null]);
    assert.equal(sentTo(phone).length, arrived);
    const inbound = await rig.sql(`select status, type from whatsapp_messages where conversation_id = $1 and direction = 'inbound'`, [
      row.conversationId,
    ]);
    assert.deepEqual(inbound, [{ status: "received", type: "audio" }]);
    const events = await rig.sql<{ type: string; data: { status?: string } }>(
      `select type, data from activity_events where message_id = $1 order by seq`,
      [row.id],
    );
    assert.deepEqual(
      events.map(({ type, data }) => [type, data.status]),
      [
        ["message.queued", undefined],
        ["message.status_changed", expected.status],
      ],
    );
    const [conversation] = await rig.sql<{ refused: boolean }>(
      `select refused_at is not null as refused from whatsapp_conversations where id = $1`,
      [row.conversationId],
    );
    assert.equal(conversation?.refused, expected.errorCode === 131_047);
  });
}

test("where nobody listens the request never left, and the reply goes out when somebody does", async () => {
  const phone = await customerSends("audio");
  // Below the ports that are given to whoever wants any.
  const { outcomes } = await reply({ graph: createGraphClient({ url: "http://127.0.0.1:2", version: "v26.0" }) });
  assert.deepEqual([outcomes, (await repliesTo(phone))[0]?.status], [["not_sent"], "pending"]);
  await rig.sql(`update whatsapp_sends set due_at = now()`);
  await reply();
  assert.deepEqual([(await repliesTo(phone))[0]?.status, sentTo(phone).length], ["accepted", 1]);
});

test("a window that closes between the message and the reply is respected", async () => {
  const phone = await customerSends("audio");
  await rig.sql(
    `update whatsapp_conversations set last_customer_message_at = last_customer_message_at - interval '23 hours 59 minutes 57 seconds' where reply_phone = $1`,
    [phone],
  );
  assert.deepEqual((await reply()).outcomes, ["window_closed"]);
  const [row] = await repliesTo(phone);
  assert.deepEqual([row?.status, row?.errorCode, sentTo(phone)], ["failed", 131_047, []]);
});

test("a reply that was being sent when the process ended is never sent again: it ends as unknown", async () => {
  const phone = await customerSends("audio");
  const never = handSender(rig, { sendMessage: () => new Promise(() => undefined) });
  await never.sender.claimOnce();
  const other = handSender(rig, graph);
  for (let turns = 0; turns < 3; turns += 1) assert.equal((await other.turn()).taken, 0);
  assert.equal((await repliesTo(phone))[0]?.status, "pending");
  await rig.sql(`update whatsapp_send_nodes set alive_until = now() - interval '1 second'`);
  await other.sender.beatOnce();
  assert.deepEqual([(await repliesTo(phone))[0]?.status, sentTo(phone)], ["unknown", []]);
  assert.equal((await other.turn()).taken, 0);
});

test("an unknown reply that did arrive is settled by the status that echoes our id", async () => {
  const phone = await customerSends("audio");
  sandbox.failNext({ kind: "reset", accepts: true });
  await reply();
  assert.equal((await repliesTo(phone))[0]?.status, "unknown");
  const [sent] = sentTo(phone);
  assert.ok(sent);
  assert.equal(await sandbox.postStatus(sent, "delivered"), 200);
  await rig.drain();
  const [row] = await repliesTo(phone);
  assert.deepEqual([row?.status, row?.waMessageId], ["delivered", sent.waMessageId]);
});

/** A Graph whose echo or status overtakes its own answer. */
function overtaken(by: (waMessageId: string) => Promise<unknown>): GraphClient {
  return {
    async sendMessage(request) {
      const outcome = await graph.sendMessage(request);
      if (outcome.kind === "accepted") await by(outcome.waMessageId);
      return outcome;
    },
  };
}

test("an echo of the reply that comes before Graph's answer makes room for it", async () => {
  const phone = await customerSends("audio");
  await reply({
    graph: overtaken((waMessageId) => take(echo(mine, phone, waMessageId, Date.now() + 2_000, { type: "text", text: { body: text } }))),
  });
  const [row] = await repliesTo(phone);
  const [sent] = sentTo(phone);
  assert.deepEqual([row?.status, row?.waMessageId], ["accepted", sent?.waMessageId]);
  const outbound = await rig.sql(`select origin from whatsapp_messages where conversation_id = $1 and direction = 'outbound'`, [
    row?.conversationId,
  ]);
  assert.deepEqual(outbound, [{ origin: "automatic" }]);
  const [counts] = await rig.sql(`select outbound_count, last_message_id from whatsapp_conversations where id = $1`, [row?.conversationId]);
  assert.deepEqual(counts, { outbound_count: 1, last_message_id: row?.id });
});

test("a status that comes before Graph's answer is not lost", async () => {
  const phone = await customerSends("audio");
  const overtaking = async (): Promise<void> => {
    const [sent] = sentTo(phone);
    assert.ok(sent);
    await sandbox.postStatus(sent, "read");
    await rig.drain();
  };
  await reply({ graph: overtaken(overtaking) });
  const [row] = await repliesTo(phone);
  assert.deepEqual([row?.status, row?.waMessageId], ["read", sentTo(phone)[0]?.waMessageId]);
});
