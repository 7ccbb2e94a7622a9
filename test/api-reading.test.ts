import assert from "node:assert/strict";
import { after, test } from "node:test";
import { previewText } from "../src/core/preview.ts";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { insertMessage, seedWorld, startApi, type World } from "./support/api.ts";

const api = await startApi({ after });
const hourMs = 3_600_000;

async function world(options: { lastAtMs?: number } = {}): Promise<World & { tenantId: string; key: string }> {
  const { id, key } = await api.tenant();
  return { ...(await seedWorld(api, id, options)), tenantId: id, key };
}
const read = async (key: string, path: string) => {
  const answer = await api.call("GET", `/api/v1/${path}`, { key });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};

test("a conversation has the fields that clients rely on", async () => {
  const lastAtMs = Math.floor(Date.now() / 1_000) * 1_000 - hourMs;
  const seeded = await world({ lastAtMs });
  const conversation = await read(seeded.key, `conversations/${seeded.conversationId}`);
  const { remainingMs } = conversation.window;
  assert.ok(remainingMs > 22.9 * hourMs && remainingMs <= 23 * hourMs);
  assert.deepEqual(
    { ...conversation, createdAt: null },
    {
      id: seeded.conversationId,
      connectionId: seeded.connectionId,
      contact: { id: seeded.contactId, waId: "972501234567", userId: conversation.contact.userId, username: null, profileName: "נועה" },
      group: null,
      window: { isOpen: true, expiresAt: new Date(lastAtMs + 24 * hourMs).toISOString(), remainingMs },
      lastCustomerMessageAt: new Date(lastAtMs).toISOString(),
      headroom: { sendsNow: 45, nextAt: null },
      freeEntryPointExpiresAt: null,
      lastMessageAt: new Date(lastAtMs).toISOString(),
      lastMessagePreview: `body of ${seeded.waMessageIds[1]}`,
      inboundCount: 2,
      outboundCount: 0,
      unreadCount: 2,
      state: "open",
      snoozedUntil: null,
      isWaiting: true,
      assigneeId: null,
      labelIds: [],
      createdAt: null,
    },
  );
  assert.match(conversation.contact.userId, /^IL\./);
  const { data, next } = await read(seeded.key, "conversations");
  assert.equal(next, null);
  assert.deepEqual(
    data.map((row: { id: string }) => row.id),
    [seeded.conversationId],
  );
});

test("a window is shut 24 hours after the last word, or when Meta refused since; its end does not move", async () => {
  const old = await world({ lastAtMs: Date.now() - 24 * hourMs - 1 });
  const shut = await read(old.key, `conversations/${old.conversationId}/window`);
  assert.deepEqual([shut.isOpen, shut.remainingMs], [false, 0]);
  const refused = await world();
  await api.ingest.pool.query("update whatsapp_conversations set refused_at = now() where id = $1", [refused.conversationId]);
  const closed = await read(refused.key, `conversations/${refused.conversationId}/window`);
  assert.deepEqual([closed.isOpen, closed.remainingMs], [false, 0]);
  assert.ok(Date.parse(closed.expiresAt) > Date.now());
  await api.ingest.pool.query("update whatsapp_conversations set refused_at = last_customer_message_at where id = $1", [
    refused.conversationId,
  ]);
  assert.equal((await read(refused.key, `conversations/${refused.conversationId}/window`)).isOpen, true);
  await api.ingest.pool.query("update whatsapp_conversations set last_customer_message_at = null where id = $1", [refused.conversationId]);
  assert.deepEqual(await read(refused.key, `conversations/${refused.conversationId}/window`), {
    isOpen: false,
    expiresAt: null,
    remainingMs: 0,
  });
});

test("walking a list by its cursor gives every conversation once, in order, whatever the page", async () => {
  const seeded = await world();
  const ids = [seeded.conversationId];
  for (let index = 0; index < 23; index += 1) {
    const [contactId, conversationId] = [newId(Date.now()), newId(Date.now())];
    await api.ingest.pool.query(
      `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) values ($1, $2, now(), 'w', now())`,
      [seeded.tenantId, contactId],
    );
    // Some share the hour and even the millisecond, some have no message at all.
    const atMs = index % 5 === 0 ? null : Date.now() - Math.floor(index / 3) * hourMs;
    await api.ingest.pool.query(
      `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, last_message_at, last_message_hour, created_at)
       values ($1, $2, $3, $4, $5, $6, now())`,
      [
        seeded.tenantId,
        conversationId,
        seeded.connectionId,
        contactId,
        atMs === null ? null : new Date(atMs),
        Math.floor((atMs ?? 0) / hourMs),
      ],
    );
    ids.push(conversationId);
  }
  const whole = (await read(seeded.key, "conversations?limit=200")).data as { id: string; lastMessageAt: string | null }[];
  assert.deepEqual(whole.map(({ id }) => id).toSorted(), ids.toSorted());
  assert.deepEqual(
    whole,
    whole.toSorted((a, b) => (b.lastMessageAt ?? "").localeCompare(a.lastMessageAt ?? "") || b.id.localeCompare(a.id)),
  );
  for (const limit of [1, 7, 24]) {
    const walked: string[] = [];
    for (let cursor = ""; ;) {
      const page = await read(seeded.key, `conversations?limit=${limit}${cursor}`);
      walked.push(...page.data.map(({ id }: { id: string }) => id));
      if (page.next === null) break;
      cursor = `&after=${page.next}`;
    }
    assert.deepEqual(
      walked,
      whole.map(({ id }) => id),
    );
  }
});

test("a message shows the latest reaction of each side, its latest edit, and what it answers", async () => {
  const seeded = await world();
  const [first = "", second = ""] = seeded.waMessageIds;
  const base = { connectionId: seeded.connectionId, conversationId: seeded.conversationId };
  const atMs = Math.floor(Date.now() / 1_000) * 1_000;
  const reaction = (waMessageId: string, emoji: string | null, at: number, direction: "inbound" | "outbound" = "inbound") =>
    insertMessage(api, seeded.tenantId, {
      ...base,
      waMessageId,
      atMs: at,
      direction,
      role: "reaction",
      type: "reaction",
      content: { v: 1, kind: "reaction", emoji },
      target: first,
      ...(direction === "inbound" ? { senderPhone: "972501234567" } : {}),
    });
  await reaction("r2", "❤️", atMs - 2_000);
  await reaction("r1", "👍", atMs - 3_000);
  await reaction("r3", "🙏", atMs - 5_000, "outbound");
  const edit = (waMessageId: string, body: string, at: number, direction: "inbound" | "outbound" = "inbound") =>
    insertMessage(api, seeded.tenantId, {
      ...base,
      waMessageId,
      atMs: at,
      direction,
      role: "edit",
      type: "edit",
      content: { v: 1, kind: "edit", message: { v: 1, kind: "text", body } },
      target: first,
    });
  await edit("e2", "second wording", atMs - 1_000);
  await edit("e1", "first wording", atMs - 4_000);
  await edit("e3", "not the author's", atMs - 6_000, "outbound");
  await insertMessage(api, seeded.tenantId, {
    ...base,
    waMessageId: "v0",
    atMs,
    direction: "outbound",
    role: "revoke",
    type: "revoke",
    content: { v: 1, kind: "revoke" },
    target: first,
  });
  const replyId = await insertMessage(api, seeded.tenantId, { ...base, waMessageId: "reply", atMs: atMs + 1_000, target: first });
  await insertMessage(api, seeded.tenantId, { ...base, waMessageId: "reply-to-unknown", atMs: atMs + 2_000, target: "wamid.unknown" });

  const { data } = await read(seeded.key, `conversations/${seeded.conversationId}/messages`);
  assert.deepEqual(
    data.map((message: { waMessageId: string }) => message.waMessageId),
    ["reply-to-unknown", "reply", second, first],
  );
  const [unknownReply, reply, , target] = data;
  assert.deepEqual(target.reactions, [
    { emoji: "🙏", from: "business", waId: null, userId: null, at: new Date(atMs - 5_000).toISOString() },
    { emoji: "❤️", from: "customer", waId: "972501234567", userId: null, at: new Date(atMs - 2_000).toISOString() },
  ]);
  assert.deepEqual(
    [target.content.body, target.editedAt, target.revokedAt],
    ["second wording", new Date(atMs - 1_000).toISOString(), null],
  );
  assert.deepEqual(reply.replyTo, { waMessageId: first, id: seeded.messageIds[0], preview: "second wording" });
  assert.deepEqual(unknownReply.replyTo, { waMessageId: "wamid.unknown", id: null, preview: null });
  assert.equal(target.status, "received");

  await reaction("r4", null, atMs + 3_000);
  await insertMessage(api, seeded.tenantId, {
    ...base,
    waMessageId: "v1",
    atMs: atMs - 4_500,
    role: "revoke",
    type: "revoke",
    content: { v: 1, kind: "revoke" },
    target: first,
  });
  const revoked = await read(seeded.key, `messages/${seeded.messageIds[0]}`);
  assert.deepEqual(revoked.content, { v: 1, kind: "revoked" });
  assert.equal(revoked.revokedAt, new Date(atMs - 4_500).toISOString());
  assert.deepEqual(
    revoked.reactions.map(({ from }: { from: string }) => from),
    ["business"],
  );
  assert.equal((await read(seeded.key, `messages/${replyId}`)).replyTo.preview, "🚫");
  assert.deepEqual(
    (await read(seeded.key, `messages?waMessageId=reply`)).data.map(({ id }: { id: string }) => id),
    [replyId],
  );
  const timeline = await read(seeded.key, `messages/${seeded.messageIds[0]}/timeline`);
  assert.equal(timeline.data[0].type, "message.created");
  assert.equal(timeline.data.filter(({ type }: { type: string }) => type === "reaction.changed").length, 4);
});

test("in a group each participant has a reaction of their own, and there is no contact", async () => {
  const seeded = await world();
  const conversationId = newId(Date.now());
  await api.ingest.pool.query(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, group_id, group_subject, created_at) values ($1, $2, $3, 'g1', 'Family', now())`,
    [seeded.tenantId, conversationId, seeded.connectionId],
  );
  const base = { connectionId: seeded.connectionId, conversationId };
  const id = await insertMessage(api, seeded.tenantId, { ...base, waMessageId: "g-m", atMs: Date.now() });
  for (const [index, senderPhone] of ["1", "2", "1"].entries()) {
    const content = { v: 1, kind: "reaction", emoji: ["a", "b", "c"][index] };
    await insertMessage(api, seeded.tenantId, {
      ...base,
      waMessageId: `g-${index}`,
      atMs: Date.now() + index,
      role: "reaction",
      type: "reaction",
      content,
      target: "g-m",
      senderPhone,
    });
  }
  const message = await read(seeded.key, `messages/${id}`);
  assert.deepEqual(
    message.reactions.map((one: { emoji: string; waId: string }) => [one.waId, one.emoji]),
    [
      ["2", "b"],
      ["1", "c"],
    ],
  );
  const conversation = await read(seeded.key, `conversations/${conversationId}`);
  assert.deepEqual([conversation.contact, conversation.group], [null, { id: "g1", subject: "Family" }]);
});

test("a merged conversation is answered by its canonical one, which has the messages of both", async () => {
  const seeded = await world();
  const [contactId, conversationId] = [newId(Date.now()), newId(Date.now())];
  const { pool } = api.ingest;
  await pool.query(
    `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, merged_into_id, created_at) values ($1, $2, now(), 'w', $3, now())`,
    [seeded.tenantId, contactId, seeded.contactId],
  );
  await pool.query(
    `insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, contact_id, from_at) values ($1, 'user_id', 'portfolio', 'IL.merged', $2, now() + interval '1 h')`,
    [seeded.tenantId, contactId],
  );
  await pool.query(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, merged_into_id, created_at) values ($1, $2, $3, $4, $5, now())`,
    [seeded.tenantId, conversationId, seeded.connectionId, contactId, seeded.conversationId],
  );
  await insertMessage(api, seeded.tenantId, {
    connectionId: seeded.connectionId,
    conversationId,
    waMessageId: "of-merged",
    atMs: Date.now(),
  });
  assert.equal((await read(seeded.key, `conversations/${conversationId}`)).id, seeded.conversationId);
  const { data, next } = await read(seeded.key, `conversations/${conversationId}/messages?limit=2`);
  assert.deepEqual(
    data.map((message: { waMessageId: string }) => message.waMessageId),
    ["of-merged", seeded.waMessageIds[1]],
  );
  assert.ok(data.every((message: { conversationId: string }) => message.conversationId === seeded.conversationId));
  const rest = await read(seeded.key, `conversations/${conversationId}/messages?limit=2&after=${next}`);
  assert.deepEqual(
    rest.data.map((message: { waMessageId: string }) => message.waMessageId),
    [seeded.waMessageIds[0]],
  );
  for (const filter of ["waId=972501234567", "userId=IL.merged", "userId=IL.merged&waId=972501234567"]) {
    const found = (await read(seeded.key, `conversations?${filter}`)).data;
    assert.deepEqual(
      found.map(({ id }: { id: string }) => id),
      [seeded.conversationId],
      filter,
    );
    assert.equal(found[0].contact.userId, "IL.merged");
  }
  assert.equal((await read(seeded.key, `contacts/${contactId}`)).id, seeded.contactId);
  assert.deepEqual(
    (await read(seeded.key, "contacts")).data.map(({ id }: { id: string }) => id),
    [seeded.contactId],
  );
});

test("a phone that was given to somebody else is shown with, and finds, only its owner of today", async () => {
  const seeded = await world();
  const [contactId, conversationId] = [newId(Date.now()), newId(Date.now())];
  const { pool } = api.ingest;
  await pool.query(
    `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) values ($1, $2, now(), 'w', now())`,
    [seeded.tenantId, contactId],
  );
  await pool.query(
    `insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, claimant, contact_id, from_at)
     values ($1, 'phone', '', '972501234567', 'IL.new', $2, now()), ($1, 'user_id', 'portfolio', 'IL.new', '', $2, now())`,
    [seeded.tenantId, contactId],
  );
  await pool.query(
    `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at) values ($1, $2, $3, $4, now())`,
    [seeded.tenantId, conversationId, seeded.connectionId, contactId],
  );
  assert.equal((await read(seeded.key, `contacts/${seeded.contactId}`)).waId, null);
  assert.equal((await read(seeded.key, `contacts/${contactId}`)).waId, "972501234567");
  const found = (await read(seeded.key, "conversations?waId=972501234567")).data;
  assert.deepEqual(
    found.map(({ id }: { id: string }) => id),
    [conversationId],
  );
});

test("after a change of number the old one finds the person still, until somebody else has it", async () => {
  const seeded = await world();
  const { pool } = api.ingest;
  const movedAtMs = Date.now();
  await pool.query(`insert into whatsapp_contact_departures (tenant_id, phone, at) values ($1, '972501234567', $2)`, [
    seeded.tenantId,
    new Date(movedAtMs),
  ]);
  const claim = (contactId: string, phone: string, claimant: string) =>
    pool.query(
      `insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, claimant, contact_id, from_at)
       values ($1, 'phone', '', $3, $4, $2, to_timestamp($5::float8 / 1000))`,
      [seeded.tenantId, contactId, phone, claimant, movedAtMs + 1_000],
    );
  await claim(seeded.contactId, "972507777777", "IL.same");
  const waIdOf = async (contactId: string): Promise<string> => (await read(seeded.key, `contacts/${contactId}`)).waId;
  const found = async (waId: string): Promise<string[]> =>
    (await read(seeded.key, `contacts?waId=${waId}`)).data.map(({ id }: { id: string }) => id);
  assert.equal(await waIdOf(seeded.contactId), "972507777777");
  assert.deepEqual([await found("972501234567"), await found("972507777777")], [[seeded.contactId], [seeded.contactId]]);
  const nextOwner = newId(Date.now());
  await pool.query(
    `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) values ($1, $2, now(), 'w', now())`,
    [seeded.tenantId, nextOwner],
  );
  await claim(nextOwner, "972501234567", `after:${movedAtMs}`);
  assert.equal(await waIdOf(nextOwner), "972501234567");
  assert.deepEqual([await found("972501234567"), await found("972507777777")], [[nextOwner], [seeded.contactId]]);
});

test("a preview is one bounded line for every kind of content", () => {
  assert.equal(previewText("text", { kind: "text", body: " a \n b " }), "a b");
  assert.equal(previewText("image", { kind: "image", caption: "סוף שבוע" }), "📷 סוף שבוע");
  assert.equal(previewText("audio", { kind: "audio", voice: true }), "🎤");
  assert.equal(previewText("interactive", { kind: "button_reply", title: "Yes" }), "Yes");
  assert.equal(previewText("contacts", { kind: "contacts", contacts: [{ name: "Dana" }] }), "👤 Dana");
  assert.equal(previewText("whatever", null), "");
  const long = previewText("text", { kind: "text", body: "😀".repeat(500) });
  assert.ok(long.length <= limits.previewCharsMax && long.isWellFormed());
});
