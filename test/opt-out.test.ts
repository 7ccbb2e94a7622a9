/** From the customer's word to the message that is not sent: on the real path in and out. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { QueuedMessage } from "../src/contract/sends.ts";
import { systemActor } from "../src/core/actor.ts";
import { Rejection } from "../src/core/rejection.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { changeTenant } from "../src/services/tenants/tenants.ts";
import { unmergeContact } from "../src/services/whatsapp/contacts/merge.ts";
import { readContact } from "../src/services/whatsapp/contacts/list.ts";
import { decodeTemplate } from "../src/services/whatsapp/graph/decode/template.ts";
import { setOptOut } from "../src/services/whatsapp/contacts/opt-outs.ts";
import { resendMessage } from "../src/services/whatsapp/outbox/resend.ts";
import { changeTemplates } from "../src/services/whatsapp/templates/templates.ts";
import { bodyOf, message, type Element, type Fields } from "./support/bodies.ts";
import { outboxOf, rowOf, scriptedGraph } from "./support/outbox.ts";
import { handSender } from "./support/sender.ts";
import { byTest, randomDigits, startRig } from "./support/worker.ts";

const rig = await startRig({ after }, { connectionsMax: 6 });
const tenantId = await rig.tenant({ autoReplyEnabled: false });
const number = await rig.connect(tenantId);
const box = outboxOf(rig, number);
const graph = scriptedGraph();
const node = handSender(rig, graph);
const { scope } = number;
const [account] = await rig.sql<{ id: string }>("select id from whatsapp_accounts where waba_id = $1", [number.wabaId]);
/** As Meta's list of this moment would. */
async function lists(categories: Record<string, string>): Promise<void> {
  rig.clock.nowMs += 1;
  const changes = Object.entries(categories).map(([name, category]) => {
    const line = { id: name, name, language: "en_US", status: "APPROVED", category, components: [{ type: "BODY", text: name }] };
    const read = decodeTemplate(line, rig.clock.nowMs);
    assert.ok(read !== null && account !== undefined);
    return { tenantId, accountId: account.id, ...read };
  });
  await tenantTransaction(rig.app, scope, (tx) => changeTemplates(tx, changes, rig.clock.nowMs));
}
await lists({ sale: "MARKETING", receipt: "UTILITY", code: "AUTHENTICATION" });
const template = (name: string, language = "en_US") => ({ content: { type: "template", name, language } });

type Standing = { contactId: string; optedOutAt: string | null; source: string | null };
/** The canonical contact of this phone. */
async function standingOf(phone: string): Promise<Standing> {
  const [row] = await rig.sql<{ id: string }>(
    "select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and kind = 'phone' and value = $2 order by from_at limit 1",
    [tenantId, phone],
  );
  assert.ok(row);
  const { id, optedOutAt, optOutSource } = await tenantTransaction(rig.app, scope, (tx) => readContact(tx, scope, row.id));
  return { contactId: id, optedOutAt, source: optOutSource };
}

const nowMs = Math.floor(Date.now() / 1_000) * 1_000 - 60_000;
let messages = 0;
function says(phone: string, body: string, atMs = nowMs, fields: Fields = {}): Element {
  const content = { type: "text", text: { body } };
  return message(number, { phone }, `wamid.${phone}.${(messages += 1)}`, atMs, { ...content, ...fields });
}
function preference(phone: string, value: string, atMs: number): Element {
  const element = { wa_id: phone, category: "marketing_messages", value, timestamp: Math.floor(atMs / 1_000) };
  return { number, list: "user_preferences", field: "user_preferences", element };
}
async function arrives(...elements: Element[]): Promise<void> {
  assert.equal((await rig.receive(bodyOf(...elements))).received, "stored");
  await rig.drain();
}
const optedOut = (error: unknown): boolean => error instanceof Rejection && error.code === "opted_out" && error.status === 409;
const marketingOf = (phone: string): Promise<unknown[]> =>
  standingOf(phone).then(async ({ contactId }) =>
    (
      await rig.sql<{ data: unknown }>(
        "select data from activity_events where tenant_id = $1 and type = 'contact.changed' and data ->> 'contactId' = $2 and data ->> 'marketing' is not null order by seq",
        [tenantId, contactId],
      )
    ).map(({ data }) => data),
  );

test("A word, a tapped button and Meta's own opt-out each opt a customer out, and a word of theirs lifts it; each change is told once", async () => {
  const [typed, tapped, atMeta] = [randomDigits(), randomDigits(), randomDigits()];
  await arrives(
    says(typed, "הסר!"),
    says(tapped, "", nowMs, { type: "button", button: { text: "Stop promotions", payload: "p" } }),
    preference(atMeta, "stop", nowMs),
  );
  const at = new Date(nowMs).toISOString();
  for (const [phone, source] of [
    [typed, "keyword"],
    [tapped, "keyword"],
    [atMeta, "meta"],
  ] as const) {
    const { optedOutAt, source: found } = await standingOf(phone);
    assert.deepEqual([optedOutAt, found], [at, source]);
  }
  const { contactId } = await standingOf(typed);
  await arrives(says(typed, "stop", nowMs + 1_000));
  assert.deepEqual(await marketingOf(typed), [{ contactId, marketing: "stop", source: "keyword" }]);
  await arrives(says(typed, "התחל", nowMs + 2_000), says(atMeta, "start", nowMs + 2_000));
  assert.deepEqual(await standingOf(typed), { contactId, optedOutAt: null, source: null });
  assert.equal((await standingOf(atMeta)).optedOutAt, null);
  assert.deepEqual((await marketingOf(typed)).at(-1), { contactId, marketing: "resume", source: "keyword" });
});

test("The latest word by Meta's time counts, in whatever order and how often they come, and of equal times the opt-out", async () => {
  const history = (phone: string): Element[] => [
    says(phone, "start", nowMs + 3_000),
    preference(phone, "stop", nowMs + 5_000),
    says(phone, "stop", nowMs + 1_000),
    says(phone, "hello", nowMs + 9_000),
    preference(phone, "resume", nowMs + 4_000),
    says(phone, "start", nowMs + 5_000),
  ];
  const at = new Date(nowMs + 5_000).toISOString();
  for (const order of [
    [0, 1, 2, 3, 4, 5],
    [5, 4, 3, 2, 1, 0],
    [2, 0, 5, 1, 1, 3, 0, 4],
  ]) {
    const phone = randomDigits();
    const elements = history(phone);
    for (const index of order) await arrives(elements[index] ?? says(phone, ""));
    const { optedOutAt, source } = await standingOf(phone);
    assert.deepEqual([optedOutAt, source], [at, "meta"], order.join());
  }
  const together = randomDigits();
  await arrives(...history(together));
  assert.equal((await standingOf(together)).optedOutAt, at);
});

test("What is said in a group, by ourselves, in passing or in a reaction opts nobody out; a word that is edited in does", async () => {
  const phone = randomDigits();
  const first = says(phone, "hello");
  await arrives(first, says(phone, "stop", nowMs, { group_id: "120363@g.us" }), says(phone, "please stop the music"));
  assert.equal((await standingOf(phone)).optedOutAt, null);
  const edit = { original_message_id: first.element["id"], message: { type: "text", text: { body: "stop" } } };
  await arrives(says(phone, "", nowMs + 1_000, { type: "edit", edit }));
  assert.equal((await standingOf(phone)).source, "keyword");
});

test("A batch without such a word asks the database nothing for it", async () => {
  const [before] = await rig.sql<{ words: number }>("select count(*)::int as words from whatsapp_marketing_words");
  const phone = randomDigits();
  const seen: string[] = [];
  const { pool } = rig.ingest;
  const client = await pool.connect();
  // Every session of the pool is of one class; what is asked of it is written down while this test runs.
  const prototype = Object.getPrototypeOf(client) as { query: (...asked: unknown[]) => unknown };
  const original = prototype.query;
  client.release();
  prototype.query = function (this: unknown, ...asked: unknown[]): unknown {
    const [first] = asked;
    if (typeof first === "object" && first !== null && "name" in first) seen.push(String(first.name));
    return Reflect.apply(original, this, asked);
  };
  try {
    await arrives(says(phone, "good morning"), says(phone, "stop by at noon"));
    assert.ok(!seen.some((name) => name.startsWith("preferences.")), seen.join());
    await arrives(says(phone, "stop"), says(randomDigits(), "stop"), preference(phone, "stop", nowMs));
    assert.equal(seen.filter((name) => name.startsWith("preferences.")).length, 1);
  } finally {
    prototype.query = original;
  }
  const [after_] = await rig.sql<{ words: number }>("select count(*)::int as words from whatsapp_marketing_words");
  assert.equal((after_?.words ?? 0) - (before?.words ?? 0), 3);
});

test("Whoever has opted out gets no marketing template, and none of an unknown kind; all else goes out", async () => {
  const customer = await box.customer();
  const sent = await box.send(customer, template("sale"));
  await node.drain();
  assert.equal((await rowOf(rig, sent.id)).status, "accepted");
  await arrives(says(customer.phone, "stop", Date.now()));
  await assert.rejects(box.send(customer, template("sale")), optedOut);
  await assert.rejects(box.send(customer, template("never_listed")), optedOut);
  await assert.rejects(resendOf(sent), (error) => error instanceof Rejection && error.code === "conflict");
  const fine = [
    await box.send(customer, template("receipt")),
    await box.send(customer, template("receipt", "en-US")),
    await box.send(customer, template("code", "EN_us")),
    await box.send(customer, { body: "You are welcome" }),
  ];
  await node.drain();
  for (const { id } of fine) {
    await rig.sql("update whatsapp_send_pairs set paid_until = now()");
    assert.equal((await rowOf(rig, id)).status, "accepted");
  }
  await arrives(says(customer.phone, "start", Date.now() + 1_000));
  assert.equal((await box.send(customer, template("sale"))).status, "pending");
});

const resendOf = ({ id }: QueuedMessage) => resendMessage(box.tools, scope, id, { origin: "api", keyed: null, actor: systemActor });

test("A marketing message that was queued before the word does not go out after it: it fails with the reason, and what is behind it goes", async () => {
  const customer = await box.customer();
  const queued = await box.send(customer, template("sale"));
  const scheduled = await box.send(customer, { ...template("sale"), sendAt: new Date(Date.now() + 60_000).toISOString() });
  const reply = await box.send(customer, { body: "behind it" });
  await arrives(says(customer.phone, "הסר", Date.now()));
  await rig.sql("update whatsapp_sends set due_at = now() where state = 'scheduled'");
  await node.drain();
  const row = await rowOf(rig, queued.id);
  assert.deepEqual([row.status, row.errorCode, row.state], ["failed", 131_050, null]);
  assert.equal(graph.arrivals(queued.id).length, 0);
  assert.equal((await rowOf(rig, reply.id)).status, "accepted");
  await assert.rejects(resendOf(queued), optedOut);
  // Its time comes.
  await rig.sql("update whatsapp_sends set state = 'queued', due_at = now() where message_id = $1", [scheduled.id]);
  await node.drain();
  assert.equal((await rowOf(rig, scheduled.id)).errorCode, 131_050);
  assert.equal(graph.arrivals(scheduled.id).length, 0);
});

test("A template that Meta calls marketing after it was queued does not go to them either", async () => {
  const customer = await box.customer();
  await arrives(says(customer.phone, "stop", Date.now()));
  const queued = await box.send(customer, template("receipt"));
  await lists({ receipt: "MARKETING" });
  await node.drain();
  assert.equal((await rowOf(rig, queued.id)).errorCode, 131_050);
  await lists({ receipt: "UTILITY" });
});

test("A person's word goes over the customer's earlier one and yields to the next one; it is audited", async () => {
  const customer = await box.customer();
  const { contactId } = await standingOf(customer.phone);
  const set = (isOptedOut: boolean) => setOptOut(box.tools, scope, contactId, { isOptedOut, actor: systemActor });
  await arrives(says(customer.phone, "stop", Date.now()));
  assert.deepEqual([(await set(false)).optedOutAt, (await set(false)).optOutSource], [null, null]);
  const again = await set(true);
  assert.equal(again.optOutSource, "person");
  assert.deepEqual(await set(true), again);
  await arrives(says(customer.phone, "start", Date.now() + 3_000));
  assert.equal((await standingOf(customer.phone)).optedOutAt, null);
  const audited = await rig.sql<{ action: string }>("select action from audit_events where subject_id = $1 order by id", [contactId]);
  assert.deepEqual(
    audited.map(({ action }) => action),
    ["contact.opted_in", "contact.opted_out"],
  );
});

const outOf = async (ids: readonly string[]): Promise<unknown[]> =>
  (
    await rig.sql<{ isOut: boolean }>(
      `select c.opted_out_at is not null as "isOut" from unnest($1::uuid[]) with ordinality u (id, n) join whatsapp_contacts c on c.id = u.id order by n`,
      [ids],
    )
  ).map(({ isOut }) => isOut);

test("Two contacts who turn out to be one person have the latest word of both; parted, each has its own again", async () => {
  const [phone, userId] = [randomDigits(), `IL.${randomDigits()}`];
  await arrives(
    says(phone, "hello", nowMs),
    message(number, { userId }, `wamid.${userId}`, nowMs + 1_000, { type: "text", text: { body: "start" } }),
  );
  const { contactId: alone } = await standingOf(phone);
  await setOptOut(box.tools, scope, alone, { isOptedOut: true, actor: systemActor });
  const [other] = await rig.sql<{ id: string }>("select contact_id as id from whatsapp_contact_addresses where value = $1", [userId]);
  assert.ok(other !== undefined && other.id !== alone);
  assert.deepEqual(await outOf([alone, other.id]), [true, false]);
  await arrives(message(number, { phone, userId }, `wamid.both.${userId}`, nowMs + 2_000));
  assert.equal((await standingOf(phone)).source, "person");
  assert.ok(await tenantTransaction(rig.app, scope, (tx) => unmergeContact(tx, scope, alone, Date.now())));
  assert.deepEqual(await outOf([alone, other.id]), [true, false]);
});

test("A word follows its message to the person whom that turns out to belong to", async () => {
  const [phone, userId] = [randomDigits(), `IL.${randomDigits()}`];
  await arrives(says(phone, "stop", nowMs), message(number, { userId }, `wamid.${userId}`, nowMs + 1_000));
  const { contactId: first } = await standingOf(phone);
  const [other] = await rig.sql<{ id: string }>("select contact_id as id from whatsapp_contact_addresses where value = $1", [userId]);
  assert.ok(other !== undefined && other.id !== first);
  await arrives(message(number, { phone, userId }, `wamid.both.${userId}`, nowMs + 2_000));
  // Apart from the user id's owner, to whom the phone belongs by what Meta said, the first contact has said nothing.
  assert.ok(await tenantTransaction(rig.app, scope, (tx) => unmergeContact(tx, scope, first, Date.now())));
  assert.deepEqual(await outOf([first, other.id]), [false, true]);
});

test("Whoever erases a contact takes its words with it", async () => {
  const phone = randomDigits();
  await arrives(says(phone, "stop"));
  const { contactId } = await standingOf(phone);
  const session = await rig.session("superuser");
  const words = async (): Promise<number | null> =>
    (await session.query("select from whatsapp_marketing_words where contact_id = $1", [contactId])).rowCount;
  assert.equal(await words(), 1);
  await session.query("begin");
  await session.query(
    "delete from whatsapp_messages where conversation_id in (select id from whatsapp_conversations where contact_id = $1)",
    [contactId],
  );
  await session.query("delete from whatsapp_conversations where contact_id = $1", [contactId]);
  await session.query("delete from whatsapp_contact_addresses where contact_id = $1", [contactId]);
  // The role that erases has no right to the words, and needs none.
  await session.query("select set_config('app.tenant_id', $1, true), set_config('role', 'kesher_privacy', true)", [tenantId]);
  assert.equal((await session.query("delete from whatsapp_contacts where id = $1", [contactId])).rowCount, 1);
  await session.query("reset role");
  assert.equal(await words(), 0);
  await session.query("rollback");
});

test("A tenant's own words count for its customers, and whoever has opted out is told so once, when the tenant has a text for it", async () => {
  const own = await rig.connect(
    await rig.tenant({
      autoReplyEnabled: false,
      optOutWords: ["Genug!"],
      optOutReply: "Alles klar. Schreiben Sie Alta, wenn Sie es anders wollen.",
    }),
  );
  const phone = randomDigits();
  const write = async (body: string, atMs: number): Promise<void> => {
    const element = message(own, { phone }, `wamid.${randomDigits()}`, atMs, { type: "text", text: { body } });
    assert.equal((await rig.receive(bodyOf(element))).received, "stored");
    await rig.drain();
  };
  const told = async (): Promise<string[]> =>
    (
      await rig.sql<{ body: string }>(
        "select content ->> 'body' as body from whatsapp_messages where tenant_id = $1 and origin = 'automatic'",
        [own.tenantId],
      )
    ).map(({ body }) => body);
  await write("stop", Date.now() - 5_000);
  assert.deepEqual(await told(), []);
  await write("genug", Date.now() - 4_000);
  await write("GENUG", Date.now() - 3_000);
  assert.deepEqual(await told(), ["Alles klar. Schreiben Sie Alta, wenn Sie es anders wollen."]);
  // Once in the interval of automatic replies, since each costs money.
  await write("alta", Date.now() - 2_000);
  await write("genug", Date.now() - 1_000);
  assert.equal((await told()).length, 1);
  await changeTenant(rig.platform, own.tenantId, { optOutWords: null, optOutReply: null }, byTest());
  const [words] = await rig.sql<{ own: unknown }>("select opt_out_words as own from tenants where id = $1", [own.tenantId]);
  assert.equal(words?.own, null);
});
