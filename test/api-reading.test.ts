import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { previewText } from "../src/core/preview.ts";
import { newId } from "../src/db/new-id.ts";
import { limits } from "../src/limits.ts";
import { adminKey, insertMessage, seedWorld, startApi, type World } from "./support/api.ts";

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
      freeEntryPointExpiresAt: null,
      lastMessageAt: new Date(lastAtMs).toISOString(),
      lastMessagePreview: `body of ${seeded.waMessageIds[1]}`,
      inboundCount: 2,
      outboundCount: 0,
      unreadCount: 2,
      state: "open",
      assigneeId: null,
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
    for (let after = ""; ;) {
      const page = await read(seeded.key, `conversations?limit=${limit}${after}`);
      walked.push(...page.data.map(({ id }: { id: string }) => id));
      if (page.next === null) break;
      after = `&after=${page.next}`;
    }
    assert.deepEqual(
      walked,
      whole.map(({ id }) => id),
    );
  }
});

test("every list refuses limits outside 1 to 200 and cursors that are not its own, and names the field", async () => {
  const { key } = await world();
  const lists = ["contacts", "conversations", "messages", "accounts", "connections", "parked", "api-keys", "activity"];
  for (const list of lists) {
    assert.equal((await api.call("GET", `/api/v1/${list}?limit=200`, { key })).status, 200, list);
    assert.equal((await api.call("GET", `/api/v1/${list}?limit=1`, { key })).status, 200, list);
    for (const limit of ["0", "201", "-1", "abc", "", "1e9"]) {
      const answer = await api.call("GET", `/api/v1/${list}?limit=${limit}`, { key });
      assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], `${list} limit=${limit}`);
      assert.match(answer.json.detail, /limit/);
    }
    for (const after of ["!!!", "bnVsbA", "WyJ4Il0", Buffer.from("[1,2,3]").toString("base64url"), "a".repeat(600)]) {
      const answer = await api.call("GET", `/api/v1/${list}?after=${after}`, { key });
      assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], `${list} after=${after}`);
      assert.match(answer.json.detail, /after/);
    }
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
  await edit("e3", "not the author's", atMs, "outbound");
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

test("deliveries tell their state, show their raw bytes, and are replayed only when they are decoded", async () => {
  const { pool } = api.ingest;
  const deliver = async (lanes: number, results: { kind: string; stored: number; parked: number }[]): Promise<string> => {
    const id = newId(Date.now());
    await pool.query(`insert into webhook_deliveries (id, app_key, received_at, lanes, body) values ($1, '', now(), $2, $3)`, [
      id,
      lanes,
      Buffer.from('{"a":1}'),
    ]);
    for (const { kind, stored, parked } of results) {
      await pool.query(
        `insert into webhook_results (delivery_id, kind, updates, stored, parked, duplicates, suppressed, applied_at) values ($1, $2, $3, $4, $5, 0, 0, now())`,
        [id, kind, stored + parked, stored, parked],
      );
    }
    return id;
  };
  const applied = await deliver(1, [{ kind: "whatsapp-messages", stored: 2, parked: 0 }]);
  const pending = await deliver(2, [{ kind: "whatsapp-messages", stored: 2, parked: 0 }]);
  const partly = await deliver(2, [
    { kind: "whatsapp-messages", stored: 2, parked: 0 },
    { kind: "whatsapp-statuses", stored: 0, parked: 1 },
  ]);
  const parked = await deliver(1, [{ kind: "whatsapp-account", stored: 0, parked: 1 }]);
  const { data } = await read(adminKey, "deliveries?limit=4");
  assert.deepEqual(
    data.map(({ id, state }: { id: string; state: string }) => [id, state]),
    [
      [parked, "parked"],
      [partly, "partly_parked"],
      [pending, "pending"],
      [applied, "applied"],
    ],
  );
  assert.deepEqual([data[1].updates, data[1].stored, data[1].parked, data[1].bytes], [3, 2, 1, 7]);
  const detail = await read(adminKey, `deliveries/${partly}`);
  assert.equal(Buffer.from(detail.body, "base64").toString(), '{"a":1}');
  assert.equal(detail.results.length, 2);
  const replay = (id: string) => api.call("POST", `/api/v1/deliveries/${id}/replay`, { key: adminKey });
  assert.equal((await replay(pending)).json.replayed, 0);
  assert.equal((await replay(partly)).json.replayed, 1);
  assert.equal((await replay(randomUUID())).status, 404);
  const queued = async (id: string): Promise<unknown[]> =>
    (
      await api.platform.pool.query(
        "select kind, updates, counted_deliveries, is_replay from webhook_pending where delivery_ids = array[$1::uuid] order by id",
        [id],
      )
    ).rows;
  assert.deepEqual(await queued(pending), []);
  assert.deepEqual(await queued(partly), [
    { kind: "whatsapp-messages", updates: 2, counted_deliveries: 0, is_replay: true },
    { kind: "whatsapp-statuses", updates: 1, counted_deliveries: 0, is_replay: true },
  ]);
  const body = { from: new Date(Date.now() - 60_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
  const ranged = await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body });
  assert.deepEqual([ranged.status, ranged.json], [202, { replayed: 3, next: null }]);
  assert.equal((await queued(applied)).length, 1);
  const past = { from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" };
  assert.equal((await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body: past })).json.replayed, 0);
  for (const wrong of [{ from: past.to, to: past.from }, { from: "yesterday", to: past.to }, {}]) {
    assert.equal((await api.call("POST", "/api/v1/deliveries/replay", { key: adminKey, body: wrong })).status, 400);
  }
});

test("a tenant's counts are its own and add up; the operator's have the queue as well", async () => {
  const seeded = await world();
  await api.ingest.pool.query(
    `insert into activity_counters (tenant_id, stored, parked, duplicates, suppressed) values ($1, 5, 2, 3, 1)
     on conflict (tenant_id) do update set stored = 5, parked = 2, duplicates = 3, suppressed = 1`,
    [seeded.tenantId],
  );
  assert.deepEqual(await read(seeded.key, "stats"), { updates: 11, stored: 5, parked: 2, duplicates: 3, suppressed: 1 });
  const before = await read(adminKey, "stats");
  await api.ingest.pool.query(`insert into webhook_intake (slot, deliveries) values (77, 9)`);
  await api.ingest.pool.query(
    `insert into webhook_pending (kind, account, delivery_ids, updates, counted_deliveries, created_at) values ('whatsapp-messages', '', '{}', 4, 4, now() - interval '5 s')`,
  );
  const now = await read(adminKey, "stats");
  assert.deepEqual([now.deliveries - before.deliveries, now.pending - before.pending], [9, 4]);
  assert.ok(now.oldestPendingMs >= 5_000 && now.oldestPendingMs < 60_000);
  assert.equal(now.updates, now.stored + now.parked + now.duplicates + now.suppressed);
});

test("bad bodies, types, sizes and texts are problems with a field, never errors inside", async () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    api.call("POST", "/api/v1/tenants", { key: adminKey, body, headers });
  for (const [body, field] of [
    [{ slug: "x" }, /name/],
    [{ name: "x", slug: "Not A Slug" }, /slug/],
    [{ name: 5, slug: "x" }, /name/],
    [{ name: "a\u0000b", slug: "x" }, /name/],
    [{ name: "x".repeat(201), slug: "x" }, /name/],
    ["{", /./],
    ['{"__proto__":{"a":1},"name":"x","slug":"x"}', /./],
    ["[]", /./],
  ] as const) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.json.code], [400, "invalid_request"], JSON.stringify(body));
    assert.match(answer.json.detail, field);
    assert.deepEqual(Object.keys(answer.json), ["type", "title", "status", "detail", "code"]);
  }
  assert.equal((await post("x", { "content-type": "text/plain" })).status, 415);
  const large = await post({ name: "x".repeat(limits.apiBodyBytesMax), slug: "x" });
  assert.deepEqual([large.status, large.json.code], [413, "too_large"]);
  const { key } = await world();
  assert.equal((await api.call("GET", "/api/v1/conversations?waId=%00", { key })).status, 400);
  for (const path of ["/api/v1/nothing", "/api/nothing", "/nothing"]) {
    const answer = await api.call("GET", path);
    assert.deepEqual([answer.status, answer.json.code], [404, "not_found"], path);
  }
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
