import assert from "node:assert/strict";
import { after, test } from "node:test";
import { limits } from "../src/limits.ts";
import { adminKey, insertMessage, seedWorld, startApi } from "./support/api.ts";

const dana = "0199aaaa-0000-7000-8000-00000000000d";
const api = await startApi({ after }, { isPerson: (_tenantId, id) => Promise.resolve(id === dana) });
const { id: tenantId, key } = await api.tenant();
const world = await seedWorld(api, tenantId);
const other = await api.tenant();
const theirs = await seedWorld(api, other.id);
const keyWith = async (...scopes: string[]): Promise<string> => {
  const { json } = await api.call("POST", `/api/v1/api-keys`, { key, body: { name: scopes.join(), scopes } });
  assert.ok(json.apiKey, JSON.stringify(json));
  return json.apiKey;
};
const [reader, agent] = [await keyWith("read"), await keyWith("read", "send")];
type Body = { [field: string]: unknown } | undefined;
const call = async (as: string, method: string, path: string, body?: Body) => {
  const answer = await api.call(method, `/api/v1/${path}`, { key: as, body });
  return { status: answer.status, json: answer.json };
};
const done = async (as: string, method: string, path: string, body?: Body) => {
  const { status, json } = await call(as, method, path, body);
  assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
};
const at = `conversations/${world.conversationId}`;
const events = async (): Promise<{ type: string; conversationId: string | null; data: Record<string, unknown> }[]> =>
  (await done(key, "GET", "activity?limit=200")).data;

test("an agent sets a conversation aside, takes it, labels it and reads it; everybody who may read sees it", async () => {
  const after = await done(agent, "PATCH", at, { state: "done", assigneeId: dana });
  assert.deepEqual([after.state, after.assigneeId], ["done", dana]);
  assert.equal((await done(reader, "GET", at)).state, "done");
  assert.deepEqual((await done(reader, "GET", "conversations?state=done")).data.length, 1);
  assert.deepEqual((await done(reader, "GET", "conversations?view=all")).data, []);
  await done(agent, "PATCH", at, { state: "open", assigneeId: null });
  assert.deepEqual(await done(agent, "POST", `${at}/read`), { unreadCount: 0 });
  assert.deepEqual(await done(agent, "POST", `${at}/unread`), { unreadCount: 1 });
  assert.deepEqual(await done(agent, "POST", `${at}/read`, { messageId: world.messageIds[1] }), { unreadCount: 0 });
  const counts = await done(reader, "GET", "conversations/counts");
  assert.deepEqual([counts.unassigned, counts.all, counts.waiting, counts.countMax], [1, 1, 1, limits.viewCountMax]);
});

test("labels are unique by name in whatever case, have a colour of the palette, and go from conversations when they are deleted", async () => {
  const label = await done(key, "POST", "labels", { name: "דחוף", colour: "red" });
  const second = await done(key, "POST", "labels", { name: "Sales", colour: "green" });
  for (const body of [
    { name: "SALES", colour: "red" },
    { name: "דחוף", colour: "blue" },
  ]) {
    assert.equal((await call(key, "POST", "labels", body)).status, 409);
  }
  assert.equal((await call(key, "PATCH", `labels/${label.id}`, { name: "sales" })).status, 409);
  assert.equal((await call(key, "POST", "labels", { name: "x", colour: "mauve" })).status, 400);
  assert.equal((await call(key, "POST", "labels", { name: "x".repeat(limits.labelNameCharsMax + 1), colour: "red" })).status, 400);
  assert.deepEqual((await done(key, "PATCH", `labels/${second.id}`, { colour: "teal" })).colour, "teal");
  assert.deepEqual(
    (await done(reader, "GET", "labels")).data.map(({ name }: { name: string }) => name).toSorted(),
    ["Sales", "דחוף"].toSorted(),
  );
  const wanted = { add: [label.id, second.id] };
  assert.deepEqual((await done(agent, "POST", `${at}/labels`, wanted)).labelIds, [label.id, second.id].toSorted());
  assert.deepEqual((await done(reader, "GET", `conversations?labelId=${label.id}`)).data.length, 1);
  await done(key, "DELETE", `labels/${label.id}`);
  assert.deepEqual((await done(reader, "GET", at)).labelIds, [second.id]);
  assert.deepEqual((await done(agent, "POST", `${at}/labels`, { remove: [second.id] })).labelIds, []);
  assert.equal((await call(agent, "POST", `${at}/labels`, { add: [label.id] })).status, 400);
});

test("a note is for colleagues: it is listed, mentions people of the tenant only, and is changed by its author or whoever may manage", async () => {
  const note = await done(agent, "POST", `${at}/notes`, { body: "לבדוק מחר", mentions: [dana] });
  assert.deepEqual([note.body, note.mentions, note.author.id, note.editedAt], ["לבדוק מחר", [dana], null, null]);
  assert.equal((await call(agent, "POST", `${at}/notes`, { body: "x", mentions: [world.contactId] })).status, 400);
  assert.equal((await call(agent, "POST", `${at}/notes`, { body: "x".repeat(limits.noteCharsMax + 1) })).status, 400);
  const many = Array.from(
    { length: limits.noteMentionsMax + 1 },
    (_, index) => `0199aaaa-0000-7000-8000-${String(index).padStart(12, "0")}`,
  );
  assert.equal((await call(agent, "POST", `${at}/notes`, { body: "x", mentions: many })).status, 400);
  const colleague = await keyWith("read", "send");
  assert.equal((await call(colleague, "PATCH", `${at}/notes/${note.id}`, { body: "y" })).status, 403);
  assert.equal((await call(colleague, "DELETE", `${at}/notes/${note.id}`)).status, 403);
  const changed = await done(agent, "PATCH", `${at}/notes/${note.id}`, { body: "לבדוק היום" });
  assert.deepEqual([changed.body, changed.mentions], ["לבדוק היום", [dana]]);
  assert.ok(changed.editedAt);
  const second = await done(agent, "POST", `${at}/notes`, { body: "עוד" });
  const page = await done(reader, "GET", `${at}/notes?limit=1`);
  assert.deepEqual(
    [page.data[0].id, (await done(reader, "GET", `${at}/notes?limit=1&after=${page.next}`)).data[0].id],
    [second.id, note.id],
  );
  await done(key, "DELETE", `${at}/notes/${note.id}`);
  await done(agent, "DELETE", `${at}/notes/${second.id}`);
  assert.deepEqual((await done(reader, "GET", `${at}/notes`)).data, []);
  // What was written stands in the note alone.
  assert.ok(!JSON.stringify(await events()).includes("לבדוק"));
});

test("canned replies have a text for each language and a shortcut of their own", async () => {
  const reply = await done(key, "POST", "canned-replies", { shortcut: "שלום", texts: { he: "שלום {{name}}", en: "Hello {{name}}" } });
  assert.deepEqual(reply.texts, { he: "שלום {{name}}", en: "Hello {{name}}" });
  const hours = await done(key, "POST", "canned-replies", { shortcut: "Hours", texts: { en: "9 to 5" } });
  assert.equal((await call(key, "POST", "canned-replies", { shortcut: "hours", texts: { en: "x" } })).status, 409);
  for (const body of [
    { shortcut: "a b", texts: { en: "x" } },
    { shortcut: "x", texts: {} },
    { shortcut: "x", texts: { "not a language": "x" } },
    { shortcut: "x".repeat(limits.cannedShortcutCharsMax + 1), texts: { en: "x" } },
    { shortcut: "x", texts: { en: "x".repeat(limits.cannedTextCharsMax + 1) } },
    {
      shortcut: "x",
      texts: Object.fromEntries(Array.from({ length: limits.cannedLanguagesMax + 1 }, (_, n) => [`a${String.fromCharCode(97 + n)}`, "x"])),
    },
  ]) {
    assert.equal((await call(key, "POST", "canned-replies", body)).status, 400, JSON.stringify(body).slice(0, 80));
  }
  const after = await done(key, "PATCH", `canned-replies/${hours.id}`, { texts: { en: "9 to 6", ar: "من 9 إلى 6" } });
  assert.deepEqual([after.shortcut, after.texts], ["Hours", { en: "9 to 6", ar: "من 9 إلى 6" }]);
  const first = await done(reader, "GET", "canned-replies?limit=1");
  const second = await done(reader, "GET", `canned-replies?limit=1&after=${first.next}`);
  assert.deepEqual([first.data[0].id, second.data[0].id].toSorted(), [reply.id, hours.id].toSorted());
  await done(key, "DELETE", `canned-replies/${hours.id}`);
  assert.equal((await done(reader, "GET", "canned-replies")).data.length, 1);
});

test("each deed has one event that names who did it, and settings are in the audit log", async () => {
  const told = (await events()).map(({ type }) => type);
  for (const [type, count] of Object.entries({
    "conversation.changed": 2,
    "conversation.assigned": 2,
    "conversation.read": 3,
    "conversation.labelled": 2,
    "note.created": 2,
    "note.changed": 1,
    "note.deleted": 2,
    "label.created": 2,
    "label.changed": 1,
    "label.deleted": 1,
    "canned_reply.created": 2,
    "canned_reply.changed": 1,
    "canned_reply.deleted": 1,
  })) {
    assert.equal(told.filter((each) => each === type).length, count, type);
  }
  const assigned = (await events()).find(({ type }) => type === "conversation.assigned");
  assert.ok(JSON.stringify(assigned).includes(`"name":"read,send"`));
  const audit = await done(key, "GET", "audit?limit=200");
  const actions: string[] = audit.data.map(({ action }: { action: string }) => action);
  for (const action of ["label.created", "label.deleted", "canned_reply.created", "canned_reply.changed"])
    assert.ok(actions.includes(action), action);
});

test("a reader changes nothing, an agent no settings, and another tenant's ids are unknown", async () => {
  const label = await done(key, "POST", "labels", { name: "mine", colour: "grey" });
  const note = await done(key, "POST", `${at}/notes`, { body: "x" });
  const [reply] = (await done(reader, "GET", "canned-replies")).data;
  const deeds: [string, string, Body][] = [
    ["PATCH", at, { state: "done" }],
    ["POST", `${at}/read`, undefined],
    ["POST", `${at}/unread`, undefined],
    ["POST", `${at}/labels`, { add: [label.id] }],
    ["POST", `${at}/notes`, { body: "x" }],
    ["PATCH", `${at}/notes/${note.id}`, { body: "x" }],
    ["DELETE", `${at}/notes/${note.id}`, undefined],
  ];
  const settings: [string, string, Body][] = [
    ["POST", "labels", { name: "y", colour: "grey" }],
    ["PATCH", `labels/${label.id}`, { colour: "red" }],
    ["DELETE", `labels/${label.id}`, undefined],
    ["POST", "canned-replies", { shortcut: "y", texts: { en: "x" } }],
    ["PATCH", `canned-replies/${reply.id}`, { texts: { en: "x" } }],
    ["DELETE", `canned-replies/${reply.id}`, undefined],
  ];
  for (const [method, path, body] of [...deeds, ...settings])
    assert.equal((await call(reader, method, path, body)).status, 403, `${method} ${path}`);
  for (const [method, path, body] of settings) assert.equal((await call(agent, method, path, body)).status, 403, `${method} ${path}`);
  const creates = new Set(["labels", "canned-replies"]);
  for (const [method, path, body] of [...deeds, ...settings]) {
    if (!creates.has(path)) assert.equal((await call(other.key, method, path, body)).status, 404, `${method} ${path}`);
    assert.equal((await call(other.key, method, `${path}?tenantId=${tenantId}`, body)).status, 404, `${method} ${path}`);
  }
  const there = `conversations/${theirs.conversationId}`;
  assert.equal((await call(other.key, "PATCH", `${there}/notes/${note.id}`, { body: "x" })).status, 404);
  assert.equal((await call(other.key, "POST", `${there}/labels`, { add: [label.id] })).status, 400);
  assert.equal((await call(key, "GET", `${there}/notes`)).status, 404);
  assert.equal((await call(key, "POST", `${at}/read`, { messageId: theirs.messageIds[0] })).status, 404);
  assert.equal((await done(adminKey, "GET", `labels?tenantId=${tenantId}`)).data.length, 2);
});

test("a tenant has at most labelsPerTenantMax labels and cannedRepliesPerTenantMax replies, a conversation labelsPerConversationMax and notesPerConversationMax", async () => {
  const tenant = await api.tenant();
  const full = await seedWorld(api, tenant.id);
  const sql = async (text: string, values: unknown[]) => {
    const client = await api.app.pool.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('app.tenant_id', $1, true)", [tenant.id]);
      await client.query(text, values);
      await client.query("commit");
    } finally {
      client.release();
    }
  };
  await sql(
    `insert into labels (tenant_id, id, name, colour, created_at) select $1, gen_random_uuid(), 'l' || n, 'grey', now() from generate_series(1, $2::int) n`,
    [tenant.id, limits.labelsPerTenantMax - 1],
  );
  await done(tenant.key, "POST", "labels", { name: "last", colour: "red" });
  assert.equal((await call(tenant.key, "POST", "labels", { name: "more", colour: "red" })).json.code, "too_many");
  const ids: string[] = (await done(tenant.key, "GET", "labels")).data.map(({ id }: { id: string }) => id);
  const place = `conversations/${full.conversationId}`;
  await done(tenant.key, "POST", `${place}/labels`, { add: ids.slice(0, limits.labelsPerConversationMax) });
  assert.equal((await call(tenant.key, "POST", `${place}/labels`, { add: [ids.at(-1)] })).status, 400);
  assert.equal((await done(tenant.key, "GET", place)).labelIds.length, limits.labelsPerConversationMax);
  await sql(
    `insert into conversation_notes (tenant_id, id, conversation_id, body, author_kind, author_name, created_at)
     select $1, gen_random_uuid(), $2, 'x', 'system', 'x', now() from generate_series(1, $3::int)`,
    [tenant.id, full.conversationId, limits.notesPerConversationMax - 1],
  );
  await done(tenant.key, "POST", `${place}/notes`, { body: "last" });
  assert.equal((await call(tenant.key, "POST", `${place}/notes`, { body: "more" })).json.code, "too_many");
  await sql(
    `insert into canned_replies (tenant_id, id, shortcut, texts, created_at, changed_at)
     select $1, gen_random_uuid(), 's' || n, '{}', now(), now() from generate_series(1, $2::int) n`,
    [tenant.id, limits.cannedRepliesPerTenantMax - 1],
  );
  await done(tenant.key, "POST", "canned-replies", { shortcut: "last", texts: { en: "x" } });
  assert.equal((await call(tenant.key, "POST", "canned-replies", { shortcut: "more", texts: { en: "x" } })).json.code, "too_many");
});

test("a thread can be opened at any message and read on in both directions, without gaps or repetitions", async () => {
  const tenant = await api.tenant();
  const seeded = await seedWorld(api, tenant.id, { lastAtMs: Date.now() - 3_600_000 });
  const ids: string[] = [];
  for (let index = 0; index < 21; index += 1) {
    // Several of one second, as Meta's times are.
    const atMs = Math.floor((Date.now() - 600_000) / 1_000) * 1_000 + Math.floor(index / 3) * 1_000;
    ids.push(await insertMessage(api, tenant.id, { ...seeded, waMessageId: `wamid.t${index}`, atMs }));
  }
  const newestFirst = [...seeded.messageIds, ...ids].toReversed();
  const place = `conversations/${seeded.conversationId}/messages`;
  const read = async (query: string): Promise<{ ids: string[]; next: string | null; previous: string | null }> => {
    const { data, next, previous } = await done(tenant.key, "GET", `${place}?${query}`);
    return { ids: data.map(({ id }: { id: string }) => id), next, previous };
  };
  for (const anchor of [0, 1, 11, 21, 22]) {
    for (const limit of [1, 2, 5]) {
      const middle = await read(`around=${newestFirst[anchor]}&limit=${limit}`);
      assert.ok(middle.ids.includes(newestFirst[anchor] ?? ""), "the message itself is in the page");
      let all = middle.ids;
      for (let page = middle; page.next !== null; all = [...all, ...page.ids]) page = await read(`after=${page.next}&limit=${limit}`);
      for (let page = middle; page.ids.length > 0; all = [...page.ids, ...all]) page = await read(`before=${page.previous}&limit=${limit}`);
      assert.deepEqual(all, newestFirst, `around ${anchor}, ${limit} a page`);
    }
  }
  const top = await read("limit=5");
  assert.deepEqual(top.ids, newestFirst.slice(0, 5));
  const nothing = await read(`before=${top.previous}`);
  assert.deepEqual(nothing, { ids: [], next: null, previous: top.previous });
  const late = await insertMessage(api, tenant.id, { ...seeded, waMessageId: "wamid.late", atMs: Date.now() });
  assert.deepEqual((await read(`before=${top.previous}`)).ids, [late]);
  assert.equal((await call(tenant.key, "GET", `${place}?around=${world.messageIds[0]}`)).status, 404);
  assert.equal((await call(tenant.key, "GET", `${place}?around=${ids[0]}&after=${top.next}`)).status, 400);
  assert.equal((await call(tenant.key, "GET", `${place}?before=x`)).status, 400);
});

test("a search takes at most searchQueryCharsMax characters and gives at most searchLimitMax hits", async () => {
  const ask = async (query: Record<string, string>) =>
    (await call(reader, "GET", `search?${new URLSearchParams(query).toString()}`)).status;
  assert.equal(await ask({ q: "ש".repeat(limits.searchQueryCharsMax), limit: String(limits.searchLimitMax) }), 200);
  assert.equal(await ask({ q: "ש".repeat(limits.searchQueryCharsMax + 1) }), 400);
  assert.equal(await ask({ q: "x", limit: String(limits.searchLimitMax + 1) }), 400);
  assert.equal(await ask({ q: "" }), 400);
  assert.equal(await ask({ q: "x", tenantId: other.id }), 404);
  assert.equal((await call(key, "GET", `overview?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&tenantId=${other.id}`)).status, 404);
  assert.equal((await call(key, "GET", "overview?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z")).json.timeZone, "Asia/Jerusalem");
  assert.equal((await call(key, "GET", "overview?from=yesterday&to=2026-02-01T00:00:00Z")).status, 400);
});
