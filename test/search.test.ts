import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { newId } from "../src/db/new-id.ts";
import { tenantTransaction } from "../src/db/transaction.ts";
import { limits } from "../src/limits.ts";
import { inboxWorkOnce } from "../src/queue/workers/inbox.worker.ts";
import { followOnce, makeFollowerCursors } from "../src/services/inbox/follow.ts";
import { fillSearchOnce, searchFollower } from "../src/services/inbox/search-follower.ts";
import { search } from "../src/services/inbox/search.ts";
import { bodyOf, message } from "./support/bodies.ts";
import { outboxOf } from "./support/outbox.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const work = () => inboxWorkOnce({ ingest: rig.ingest, nowMs: () => Date.now() });
const find = ({ scope }: Connected, q: string, more: Omit<Parameters<typeof search>[2], "q"> = {}) =>
  search(rig.app, scope, { q, ...more });
const texts = async (number: Connected, q: string): Promise<string[]> => (await find(number, q)).messages.map(({ snippet }) => snippet);
const text = (body: string) => ({ type: "text", text: { body } });
const hourMs = 3_600_000;
let clockMs = Date.now() - 2 * hourMs;

async function write(
  number: Connected,
  from: { phone?: string; userId?: string; name?: string },
  fields: Record<string, unknown>,
): Promise<string> {
  const id = `wamid.${randomDigits()}`;
  clockMs += 1_000;
  const { received } = await rig.receive(bodyOf(message(number, from, id, clockMs, fields)));
  assert.equal(received, "stored");
  await rig.drain();
  return id;
}
async function connected(): Promise<Connected> {
  const number = await rig.connect(await rig.tenant());
  // A tenant that is known to the followers, as every one is a moment after it was made.
  await work();
  return number;
}

test("messages of both directions are found by their words, newest first, with the hits marked, in Hebrew, Arabic and Latin script", async () => {
  const number = await connected();
  const phone = randomDigits();
  await write(number, { phone, name: "נועה כהן" }, text("שָׁלוֹם, מתי המשלוח יגיע?"));
  await write(number, { phone }, text("أين الطَّلَب؟"));
  await write(number, { phone }, { type: "image", image: { id: "1", mime_type: "image/jpeg", sha256: "x", caption: "Broken Café table" } });
  const [{ conversationId } = { conversationId: "" }] = (await find(number, "נועה")).contacts;
  await work();
  const [contact] = (await find(number, "נוע")).contacts;
  assert.ok(contact?.conversationId);
  await outboxOf(rig, number).send({ conversationId: contact.conversationId }, { body: "המשלוח בדרך" });
  await work();
  assert.deepEqual(await texts(number, "המשלוח"), ["המשלוח בדרך", "שָׁלוֹם, מתי המשלוח יגיע?"]);
  const [hit] = (await find(number, "שלום משלוח ")).messages;
  assert.equal(hit, undefined, "a whole word is meant once a space follows, and prefixes of Hebrew are part of the word");
  const [found] = (await find(number, "יגיע שלו")).messages;
  assert.ok(found);
  assert.deepEqual(
    found.ranges.map(([from = 0, to = 0]) => found.snippet.slice(from, to)),
    ["שָׁלוֹם", "יגיע"],
  );
  assert.deepEqual([found.direction, found.type, found.contact?.profileName], ["inbound", "text", "נועה כהן"]);
  assert.deepEqual(await texts(number, "الطلب"), ["أين الطَّلَب؟"]);
  assert.deepEqual(await texts(number, "cafe TAB"), ["Broken Café table"]);
  assert.equal(conversationId, "");
  for (const q of ["'", "\\", "a & b | !c", "') or true --", "שלום:*", "\u0000x".slice(1), "%", "*"]) await find(number, q);
});

test("what was edited is found by its new words alone, what was revoked not at all, in whatever order these came", async () => {
  const number = await connected();
  const phone = randomDigits();
  const edited = await write(number, { phone }, text("originalword"));
  const revoked = await write(number, { phone }, text("takenback"));
  await work();
  assert.equal((await texts(number, "originalword")).length, 1);
  const edit = (id: string, body: string) => ({
    type: "edit",
    edit: { original_message_id: id, message: { type: "text", text: { body } } },
  });
  const revoke = (id: string) => ({ type: "revoke", revoke: { original_message_id: id } });
  await write(number, { phone }, edit(edited, "changedword"));
  await write(number, { phone }, revoke(revoked));
  // Before the index has heard of it, nothing is shown that is no longer said.
  assert.deepEqual([await texts(number, "originalword"), await texts(number, "takenback")], [[], []]);
  await work();
  assert.deepEqual([await texts(number, "changedword"), await texts(number, "takenback")], [["changedword"], []]);
  const words = await rig.sql<{ words: string }>(`select words::text as words from search_messages where tenant_id = $1`, [
    number.tenantId,
  ]);
  assert.ok(!JSON.stringify(words).includes("takenback") && !JSON.stringify(words).includes("originalword"), JSON.stringify(words));
  const late = `wamid.${randomDigits()}`;
  await write(number, { phone }, edit(late, "earlyedit"));
  await work();
  await rig.receive(bodyOf(message(number, { phone }, late, Date.now() - hourMs, text("lateoriginal"))));
  await rig.drain();
  await work();
  assert.deepEqual([await texts(number, "earlyedit"), await texts(number, "lateoriginal")], [["earlyedit"], []]);
});

test("contacts are found by names, former names, user ids and any part of their number, however it is written", async () => {
  const number = await connected();
  const userId = `IL.${randomDigits()}`;
  await write(number, { phone: "972541234567", userId, name: "דנה לוי" }, text("a"));
  await write(number, { phone: "972529999999", name: "Yossi" }, text("b"));
  await work();
  const names = async (q: string) => (await find(number, q)).contacts.map(({ contact }) => contact.profileName);
  for (const q of [
    "לוי",
    "דנה ל",
    "054-123",
    "0541234567",
    "+972 54 123",
    "1234",
    "234567",
    "דנה 1234",
    userId,
    userId.slice(0, 8),
    "٠٥٤١٢٣",
  ]) {
    assert.deepEqual(await names(q), ["דנה לוי"], q);
  }
  assert.deepEqual(await names("לוי דוד"), []);
  const [hit] = (await find(number, "054123")).contacts;
  assert.deepEqual(hit?.waIdRanges, [[3, 8]]);
  await write(number, { phone: "972541234567", userId, name: "דנה כהן" }, text("c"));
  await work();
  assert.deepEqual(await names("כהן"), ["דנה כהן"]);
});

test("a tenant's search sees nothing of another tenant, and its function answers for no other tenant", async () => {
  const [mine, theirs] = [await connected(), await connected()];
  await write(mine, { phone: "972501111111", name: "Shared" }, text("commonword"));
  await write(theirs, { phone: "972501111111", name: "Shared" }, text("commonword"));
  await work();
  for (const number of [mine, theirs]) {
    const { messages, contacts } = await find(number, "commonword");
    assert.deepEqual([messages.length, contacts.length], [1, 0]);
    assert.equal((await find(number, "shared")).contacts.length, 1);
  }
  const session = await rig.session("owner");
  for (const call of [
    `select * from search_messages_of($1, '{commonword}', null, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 10)`,
    `select * from search_contacts_of($1, '{shared}', 10)`,
  ]) {
    for (const bound of [mine.tenantId, ""]) {
      await session.query("begin; set local role kesher_app");
      await session.query("select set_config('app.tenant_id', $1, true)", [bound]);
      await assert.rejects(session.query(call, [theirs.tenantId]), { code: "42501" });
      await session.query("rollback");
    }
    for (const role of ["kesher_ingest", "kesher_platform"]) {
      await session.query(`begin; set local role ${role}`);
      await assert.rejects(session.query(call, [theirs.tenantId]), { code: "42501" });
      await session.query("rollback");
    }
  }
  // The owner's words of one cannot be reached by a word that carries another's place.
  const [place] = await rig.sql<{ ordinal: string }>(`select ordinal from follower_cursors where tenant_id = $1 and follower = 'search'`, [
    theirs.tenantId,
  ]);
  await tenantTransaction(rig.app, tenantScope(mine.tenantId), async () => undefined);
  assert.deepEqual((await find(mine, `${place?.ordinal}:commonword`)).messages, []);
});

test("the role that owns the search's functions owns nothing else, may read three tables, and nobody but kesher_app may run them", async () => {
  const [owned] = await rig.sql<{ functions: string[]; tables: number; rights: string[]; runs: string[] }>(
    `select array(select proname::text from pg_proc where proowner = r.oid order by 1) as functions,
       (select count(*) from pg_class where relowner = r.oid) as tables,
       array(select distinct c.relname || ' ' || a.privilege_type from pg_class c, aclexplode(c.relacl) a where a.grantee = r.oid order by 1) as rights,
       array(select distinct p.proname || ' ' || a.grantee::regrole from pg_proc p, aclexplode(p.proacl) a
         where p.proowner = r.oid and a.grantee <> r.oid order by 1) as runs
     from pg_roles r where rolname = 'kesher_search' and not rolsuper and not rolbypassrls and not rolcanlogin`,
  );
  assert.deepEqual(owned, {
    functions: ["search_contacts_of", "search_messages_of", "search_wish"],
    tables: 0,
    rights: ["follower_cursors SELECT", "search_contacts SELECT", "search_messages SELECT"],
    runs: ["search_contacts_of kesher_app", "search_messages_of kesher_app"],
  });
});

test("what was there before the search is filled in from the newest on, step by step, and goes on where it was killed", async () => {
  const number = await rig.connect(await rig.tenant());
  await write(number, { phone: "972501112222", name: "Earlier" }, text("oldest"));
  const rows = limits.searchFillMax + 10;
  const [row] = await rig.sql<{ id: string; connection_id: string }>(
    `select id, connection_id from whatsapp_conversations where tenant_id = $1`,
    [number.tenantId],
  );
  assert.ok(row);
  await rig.sql(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
     select $1, u.id, $2, $3, 'wamid.' || u.id, 'inbound', 'customer', 'text', 'message', jsonb_build_object('v', 1, 'kind', 'text', 'body', 'filler' || n), 'received',
       now() - interval '1 hour', now() from unnest($4::uuid[]) with ordinality as u (id, n)`,
    [number.tenantId, row.connection_id, row.id, Array.from({ length: rows }, () => newId(Date.now()))],
  );
  await makeFollowerCursors(rig.ingest, "search");
  assert.equal((await find(number, "earlier")).isComplete, false);
  // Contacts, then one step of messages; others' steps may come between.
  for (let step = await fillSearchOnce(rig.ingest); step.messages !== limits.searchFillMax; step = await fillSearchOnce(rig.ingest))
    assert.ok(step.hasMore);
  assert.equal((await find(number, "earlier")).contacts.length, 1);
  assert.deepEqual([(await texts(number, `filler${rows}`)).length, (await texts(number, "oldest")).length], [1, 0]);
  assert.equal((await find(number, "earlier")).isComplete, false);
  await work();
  assert.deepEqual([(await texts(number, "filler1")).length, (await texts(number, "oldest")).length], [limits.searchLimitDefault, 1]);
  assert.equal((await find(number, "oldest")).isComplete, true);
});

test("a follower that fails half-way has done nothing, and the next turn does it all; two at once do everything once", async () => {
  const number = await connected();
  await write(number, { phone: randomDigits() }, text("survives"));
  const failing = {
    name: "search",
    apply: async (...given: Parameters<typeof searchFollower.apply>) => {
      await searchFollower.apply(...given);
      throw new Error("killed before its COMMIT");
    },
  } as const;
  await assert.rejects(followOnce(rig.ingest, failing), /killed/);
  assert.deepEqual(await texts(number, "survives"), []);
  let events = 0;
  for (let index = 0; index < 3; index += 1) {
    const turns = await Promise.all([
      followOnce(rig.ingest, searchFollower),
      followOnce(rig.ingest, searchFollower),
      followOnce(rig.ingest, searchFollower),
    ]);
    events += turns.reduce((sum, turn) => sum + turn.events, 0);
  }
  const [head] = await rig.sql<{ seq: string; own: string }>(
    `select c.seq, f.seq as own from activity_counters c join follower_cursors f on f.tenant_id = c.tenant_id and f.follower = 'search' where c.tenant_id = $1`,
    [number.tenantId],
  );
  assert.equal(head?.seq, head?.own);
  assert.ok(events > 0);
  assert.deepEqual(await texts(number, "survives"), ["survives"]);
});

test("one turn takes at most followEventsMax events of at most followTenantsMax tenants, each its share", async () => {
  const number = await connected();
  await rig.sql(
    `insert into activity_events (tenant_id, seq, type, data, created_at)
     select $1, c.seq + n, 'noise.made', '{}', now() from activity_counters c, generate_series(1, $2::int) n where c.tenant_id = $1`,
    [number.tenantId, limits.followEventsMax + 5],
  );
  await rig.sql(`update activity_counters set seq = seq + $2 where tenant_id = $1`, [number.tenantId, limits.followEventsMax + 5]);
  const first = await followOnce(rig.ingest, searchFollower);
  assert.deepEqual([first.tenants, first.events, first.hasMore], [1, limits.followEventsMax, true]);
  assert.equal((await followOnce(rig.ingest, searchFollower)).events, 5);
  const tenants = await Promise.all(Array.from({ length: limits.followTenantsMax + 3 }, () => rig.tenant()));
  await makeFollowerCursors(rig.ingest, "search");
  await rig.sql(
    `insert into activity_events (tenant_id, seq, type, data, created_at)
     select t, 100 + n, 'noise.made', '{}', now() from unnest($1::uuid[]) t, generate_series(1, 40) n`,
    [tenants],
  );
  await rig.sql(
    `insert into activity_counters (tenant_id, seq) select t, 140 from unnest($1::uuid[]) t on conflict (tenant_id) do update set seq = 140`,
    [tenants],
  );
  const turn = await followOnce(rig.ingest, searchFollower);
  assert.deepEqual([turn.tenants, turn.hasMore], [limits.followTenantsMax, true]);
  assert.equal(turn.events, Math.floor(limits.followEventsMax / limits.followTenantsMax) * limits.followTenantsMax);
  await work();
});

test("pages of hits follow each other without gaps; a conversation can be searched alone", async () => {
  const number = await connected();
  const [dana, yossi] = [randomDigits(), randomDigits()];
  for (let index = 0; index < 7; index += 1) await write(number, { phone: index % 2 === 0 ? dana : yossi }, text(`needle n${index}`));
  await work();
  const found: string[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof find>> = await find(number, "needle", { limit: 2, ...(after === null ? {} : { after }) });
    found.push(...page.messages.map(({ snippet }) => snippet));
    after = page.next;
  } while (after !== null);
  assert.deepEqual(
    found,
    [6, 5, 4, 3, 2, 1, 0].map((index) => `needle n${index}`),
  );
  const [hit] = (await find(number, "n6")).messages;
  const own = await find(number, "needle", hit === undefined ? {} : { conversationId: hit.conversationId });
  assert.deepEqual(
    own.messages.map(({ snippet }) => snippet),
    [6, 4, 2, 0].map((index) => `needle n${index}`),
  );
  assert.deepEqual((await find(number, "needle", { conversationId: newId(Date.now()) })).messages, []);
  await assert.rejects(find(number, "needle", { after: "x" }), { code: "invalid_request" });
});

test("what the index still names and nobody says any more makes a page short after searchCandidatesMax looks, never the end of the hits", async () => {
  const number = await connected();
  await write(number, { phone: randomDigits() }, text("hidden treasure"));
  await work();
  await rig.sql(
    `insert into search_messages (tenant_id, message_id, conversation_id, at, words)
     select $1, gen_random_uuid(), gen_random_uuid(), now() + n * interval '1 second', array_to_tsvector(array[f.ordinal || ':treasure'])
     from generate_series(1, $2::int) n, follower_cursors f where f.tenant_id = $1 and f.follower = 'search'`,
    [number.tenantId, limits.searchCandidatesMax + 5],
  );
  const first = await find(number, "treasure");
  assert.deepEqual([first.messages, first.next === null], [[], false]);
  const second = await find(number, "treasure", { after: first.next ?? "" });
  assert.deepEqual(
    second.messages.map(({ snippet }) => snippet),
    ["hidden treasure"],
  );
});
