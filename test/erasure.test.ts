/** A person is erased: nothing of them is left in any column or file, nobody else loses anything, and nothing brings them back. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemActor } from "../src/core/actor.ts";
import { tenantScope } from "../src/core/scope.ts";
import { limits } from "../src/limits.ts";
import { eraseContact } from "../src/services/privacy/erase.ts";
import { getJob } from "../src/services/privacy/jobs.ts";
import { erasureSteps } from "../src/services/privacy/steps.ts";
import { setOptOut } from "../src/services/whatsapp/contacts/opt-outs.ts";
import { sendMessage } from "../src/services/whatsapp/outbox/send-message.ts";
import { readStats } from "./support/privacy-stats.ts";
import { bodyOf, echo, message, status } from "./support/bodies.ts";
import { makeErasureWorld, makePerson } from "./support/erasure-world.ts";
import { outboxOf, scriptedGraph } from "./support/outbox.ts";
import { allRows, grepAll, privacyOf } from "./support/privacy.ts";
import { handSender } from "./support/sender.ts";
import { randomDigits, startRig } from "./support/worker.ts";

const cleanups: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const scope = { after: (cleanup: () => Promise<void>) => void cleanups.push(cleanup) };
const rig = await startRig(scope, { connectionsMax: 6 });
const privacy = await privacyOf(scope, rig);
const { suppression } = privacy;
const never = new AbortController().signal;

const seconds = (agoMs: number): number => rig.clock.nowMs - agoMs;
const makeWorld = () => makeErasureWorld({ rig, privacy });

const rowsWith = async (words: readonly string[], except: readonly string[]): Promise<Map<string, string[]>> => {
  const found = new Map<string, string[]>();
  for (const [table, rows] of await allRows(rig)) {
    if (except.some((name) => table.startsWith(`public.${name}`) || table.startsWith(name))) continue;
    // The group's row counts what everybody wrote there.
    const mine = rows.filter((row) => !row.includes("@g.us") && words.some((word) => row.includes(word)));
    if (mine.length > 0) found.set(table, mine);
  }
  return found;
};

test("After an erasure no column of any table and no file holds the person's addresses, name, words, files or message ids; a neighbour keeps everything", async () => {
  const { tenantId, number, noa, dana, mine, theirs, reply } = await makeWorld();
  // The same person at another tenant is another tenant's business.
  const elsewhere = await rig.connect(await rig.tenant());
  const stranger = { ...noa, words: [] };
  const shared = bodyOf(
    message(elsewhere, { phone: stranger.phone, userId: `IL.${randomDigits()}`, name: "somebody" }, "wamid.elsewhere", seconds(30_000)),
    message(number, { phone: noa.phone, userId: noa.userId, name: noa.name }, `wamid.shared.${noa.userId.slice(3)}`, seconds(30_000)),
  );
  noa.words.push(`wamid.shared.${noa.userId.slice(3)}`);
  await rig.receive(shared);
  await rig.drain({ suppression });
  // Of ours: one that was sent, one that waits, one that was written down for later; the first with its key and its answer.
  const box = outboxOf(rig, number);
  const send = (body: string, more: object = {}): Promise<{ id: string }> => {
    noa.words.push(body);
    return sendMessage(
      box.tools,
      number.scope,
      { conversationId: mine.conversationId, content: { type: "text", body }, ...more },
      { origin: "api", idempotencyKey: `order ${body}` },
    );
  };
  rig.clock.nowMs = Date.now();
  await box.writes(noa.phone);
  const sent = await send(`our answer to ${noa.userId.slice(3)}`);
  await handSender(rig, scriptedGraph()).drain();
  await rig.receive(
    bodyOf(status(number, `wamid.${sent.id}`, "read", Date.now(), { recipient_id: noa.phone, biz_opaque_callback_data: sent.id })),
  );
  await rig.drain({ suppression });
  await send(`for later to ${noa.userId.slice(3)}`, { sendAt: new Date(Date.now() + 3_600_000).toISOString() });
  noa.words.push(`wamid.${sent.id}`);
  await box.writes(dana.phone);
  await box.send(theirs, { body: "to the neighbour" });
  await rig.sql(
    `insert into conversation_notes (tenant_id, id, conversation_id, body, author_kind, author_name, created_at) values ($1, gen_random_uuid(), $2, $3, 'system', 'x', now())`,
    [tenantId, mine.conversationId, `a note about ${noa.name}`],
  );
  await rig.sql(
    `insert into search_messages (tenant_id, message_id, conversation_id, at, words) select tenant_id, id, conversation_id, wa_timestamp, to_tsvector('simple', $2) from whatsapp_messages where conversation_id = $1`,
    [mine.conversationId, noa.userId.slice(3)],
  );
  noa.words.push(noa.userId.slice(3));

  const found = await grepAll(rig, privacy.folder, noa.words);
  const tables = new Set(found.map((hit) => hit.split(":")[0]));
  // The check can fail: all these know the person now.
  for (const table of [
    "whatsapp_contacts",
    "whatsapp_contact_addresses",
    "whatsapp_contact_ties",
    "whatsapp_messages",
    "whatsapp_media",
    "parked_updates",
    "whatsapp_account_events",
    "idempotency_keys",
    "conversation_notes",
    "search_messages",
    "forward_updates",
  ]) {
    assert.ok(tables.has(`public.${table}`), `${table} is not looked into`);
  }
  const parts = (name: string): boolean => [...tables].some((table) => table?.startsWith(`public.${name}`) === true);
  assert.ok(parts("webhook_deliveries") && parts("activity_events") && parts("whatsapp_message_statuses"));
  const neighbour = await rowsWith(
    [...dana.words, "to the neighbour"],
    ["webhook_deliveries", "activity_", "whatsapp_account_events", "forward_", "whatsapp_messages"],
  );
  const words = await rig.sql(
    `select id, content, wa_message_id, status from whatsapp_messages m where tenant_id = $1 and sender_user_id = $2 and role <> 'reaction' order by id`,
    [tenantId, dana.userId],
  );
  const before = await readStats(rig, tenantId);

  const jobId = await privacy.erase(tenantId, mine.contactId);

  assert.deepEqual(
    await grepAll(
      rig,
      privacy.folder,
      noa.words.filter((word) => word !== noa.phone),
    ),
    [],
  );
  // The other tenant's own row, body and events stay.
  const left = await grepAll(rig, privacy.folder, [noa.phone]);
  const others = await rig.sql<{ count: number }>(
    `select count(*)::int as count from whatsapp_contact_addresses where tenant_id = $1 and value = $2`,
    [elsewhere.tenantId, noa.phone],
  );
  assert.equal(others[0]?.count, 1);
  for (const hit of left) {
    assert.ok(/^public\.(whatsapp_contact_addresses|whatsapp_messages|whatsapp_conversations|webhook_deliveries\w*): /.test(hit), hit);
    assert.ok(hit.includes(elsewhere.tenantId) || hit.includes(elsewhere.wabaId) || hit.startsWith("public.webhook_deliveries"), hit);
  }
  assert.deepEqual(
    await rowsWith(
      [...dana.words, "to the neighbour"],
      ["webhook_deliveries", "activity_", "whatsapp_account_events", "forward_", "whatsapp_messages"],
    ),
    neighbour,
  );
  const wordsAfter = await rig.sql(
    `select id, content, wa_message_id, status from whatsapp_messages m where tenant_id = $1 and sender_user_id = $2 and role <> 'reaction' order by id`,
    [tenantId, dana.userId],
  );
  assert.equal(wordsAfter.length, words.length);
  const [answer] = await rig.sql<{ raw: string; content: { body: string } }>(
    `select raw, content from whatsapp_messages where wa_message_id = $1`,
    [reply],
  );
  assert.equal(answer?.content.body, `a reply by ${dana.userId}`);
  assert.deepEqual(JSON.parse(answer?.raw ?? "{}").context, {});
  // Others' parts of shared records and bodies are still there.
  const [book] = await rig.sql<{ raw: string }>(
    `select raw from whatsapp_account_events where tenant_id = $1 and field = 'smb_app_state_sync'`,
    [tenantId],
  );
  assert.ok(book?.raw.includes(dana.phone) === true && book.raw.includes(dana.name));
  const bodies = await rig.sql<{ body: string }>(`select convert_from(body, 'UTF8') as body from webhook_deliveries`);
  for (const word of dana.words.filter((each) => each.startsWith("wamid.")))
    assert.ok(bodies.some(({ body }) => body.includes(word)) || word.includes("call"), word);
  assert.ok(bodies.some(({ body }) => body.includes("wamid.elsewhere") && !body.includes(noa.userId)));

  const groups = await rig.sql(
    `select inbound_count::int as inbound from whatsapp_conversations where tenant_id = $1 and group_id is not null`,
    [tenantId],
  );
  assert.deepEqual(groups, [{ inbound: 2 }]);

  const job = await getJob(rig.app, tenantScope(tenantId), jobId);
  assert.deepEqual([job.state, job.progress, job.error], ["done", 100, null]);
  assert.deepEqual(await rig.sql(`select message_id from whatsapp_sends where conversation_id = $1`, [mine.conversationId]), []);
  const audit = await rig.sql<{ action: string; text: string }>(
    `select action, e::text as text from audit_events e where tenant_id = $1 and subject_id = $2 order by id`,
    [tenantId, mine.contactId],
  );
  assert.deepEqual(
    audit.map(({ action }) => action),
    ["contact.erased", "contact.erasure_completed"],
  );
  const stats = await readStats(rig, tenantId);
  assert.equal(stats.updates, stats.stored + stats.parked + stats.duplicates + stats.suppressed);
  assert.deepEqual([stats.updates, stats.parked, stats.suppressed], [before.updates, before.parked - 1, before.suppressed + 1]);
  const gaps = await rig.sql<{ gap: boolean }>(
    `select max(seq) - min(seq) + 1 <> count(*) as gap from activity_events where tenant_id = $1`,
    [tenantId],
  );
  assert.equal(gaps[0]?.gap, false);
});

test("What is dated before the erasure and comes again afterwards is suppressed, whatever it is; what is dated after makes a new contact", async () => {
  const { tenantId, number, noa, dana, mine, group } = await makeWorld();
  const deliveries = await rig.sql<{ body: Buffer }>(
    `select body from webhook_deliveries d where position(convert_to($1, 'UTF8') in body) > 0 order by id`,
    [number.wabaId],
  );
  await privacy.erase(tenantId, mine.contactId);
  const before = await readStats(rig, tenantId);
  const theirs = await rig.sql(`select * from whatsapp_messages where tenant_id = $1 order by id`, [tenantId]);
  // Meta delivers again for days.
  const erasedAtMs = rig.clock.nowMs;
  rig.clock.nowMs += 86_400_000;

  for (const { body } of deliveries) assert.equal((await rig.receive(body)).received, "stored");
  const late = `wamid.late.${noa.userId.slice(3)}`;
  await rig.receive(
    bodyOf(
      message(number, { phone: noa.phone, name: noa.name }, late, erasedAtMs - 1_000, {
        type: "text",
        text: { body: "never seen before" },
      }),
      // About an erased message, by somebody else and by Meta, dated later.
      message(
        number,
        { phone: dana.phone, userId: dana.userId, name: dana.name },
        `wamid.later.${dana.userId.slice(3)}`,
        rig.clock.nowMs + 5_000,
        {
          group_id: group,
          type: "reaction",
          reaction: { message_id: `wamid.group.${noa.userId.slice(3)}`, emoji: "👍" },
        },
      ),
      status(number, `wamid.echo.${noa.userId.slice(3)}`, "read", rig.clock.nowMs + 5_000, {}),
      echo(number, noa.oldPhone, `wamid.lateecho.${noa.userId.slice(3)}`, erasedAtMs - 1_000),
    ),
  );
  await rig.drain({ suppression });
  await privacy.rewriteAsked();
  assert.deepEqual(await grepAll(rig, privacy.folder, [...noa.words, late, "never seen before"]), []);
  assert.deepEqual(await rig.sql(`select * from whatsapp_messages where tenant_id = $1 order by id`, [tenantId]), theirs);
  const stats = await readStats(rig, tenantId);
  assert.equal(stats.updates, stats.stored + stats.parked + stats.duplicates + stats.suppressed);
  assert.ok(stats.suppressed >= before.suppressed + 15, `${stats.suppressed} against ${before.suppressed}`);
  assert.equal(
    stats.stored,
    before.stored + 1,
    "the group's like, which went with the message, is not back; the address book's other half is",
  );

  rig.clock.nowMs += 60_000;
  await rig.receive(bodyOf(message(number, { phone: noa.phone, userId: noa.userId, name: "again" }, "wamid.again", rig.clock.nowMs)));
  await rig.drain({ suppression });
  const [fresh] = await rig.sql<{ id: string; profile_name: string; inbound: number }>(
    `select c.id, c.profile_name, v.inbound_count::int as inbound from whatsapp_contacts c join whatsapp_conversations v on v.tenant_id = c.tenant_id and v.contact_id = c.id
     join whatsapp_contact_addresses a on a.tenant_id = c.tenant_id and a.contact_id = c.id and a.kind = 'phone' where a.tenant_id = $1 and a.value = $2`,
    [tenantId, noa.phone],
  );
  assert.deepEqual([fresh?.profile_name, fresh?.inbound], ["again", 1]);
  assert.notEqual(fresh?.id, mine.contactId);
});

test("Killed after any portion and in the middle of any, the erasure goes on where it was and ends the same", async () => {
  const { tenantId, noa, mine } = await makeWorld();
  const jobId = await privacy.ask(tenantId, mine.contactId);
  const seen = new Set<string>();
  const fileDies = { ...privacy.store, remove: removeAndDie() };
  for (let lives = 0; ; lives += 1) {
    assert.ok(lives < 200, "it does not come to an end");
    const dies = async (step: string): Promise<void> => {
      seen.add(step);
      throw new Error("killed");
    };
    try {
      await eraseContact({ ...privacy.deps, store: fileDies, afterPortion: dies }, tenantScope(tenantId), jobId, never);
      break;
    } catch (error) {
      assert.ok(error instanceof Error && error.message === "killed", String(error));
    }
  }
  assert.deepEqual(
    erasureSteps.filter((step) => !seen.has(step)),
    [],
  );
  assert.deepEqual(await grepAll(rig, privacy.folder, noa.words), []);
});

/** The first time a file is gone and the transaction that forgets its name is not committed. */
function removeAndDie(): typeof privacy.store.remove {
  let isFirst = true;
  return async (file) => {
    await privacy.store.remove(file);
    if (isFirst) {
      isFirst = false;
      throw new Error("killed");
    }
  };
}

test("A file that a neighbour was sent, too, stays; one that only the erased person was sent goes, and so does what they sent", async () => {
  const { tenantId, noa, dana, mine, theirs } = await makeWorld();
  const upload = async (bytes: string): Promise<string> => {
    const staged = await privacy.store.stage(textChunks(bytes), 1_000);
    await staged.keep(tenantId);
    const [row] = await rig.sql<{ id: string }>(
      `insert into whatsapp_media (tenant_id, id, direction, wa_media_id, state, sha256, bytes, stored_at, received_at)
       values ($1, gen_random_uuid(), 'outbound', $2, 'stored', $3, $4, now(), now() - interval '1 day') returning id`,
      [tenantId, randomDigits(), staged.sha256, staged.bytes],
    );
    return row?.id ?? "";
  };
  const [own, both] = [await upload(`for ${noa.userId} alone`), await upload("for both")];
  const show = (conversationId: string, mediaId: string): Promise<unknown> =>
    rig.sql(
      `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
       select tenant_id, $3::uuid, connection_id, id, 'outbound', 'api', 'document', 'message', $4, 'pending', now(), now() from whatsapp_conversations where tenant_id = $1 and id = $2`,
      [tenantId, conversationId, newer(), JSON.stringify({ v: 1, kind: "document", media: { mediaId } })],
    );
  await show(mine.conversationId, own);
  await show(mine.conversationId, both);
  await show(theirs.conversationId, both);
  // A picture that went round: both have sent it.
  for (const person of [noa, dana]) {
    const [image] = await rig.sql<{ id: string }>(`select id from whatsapp_messages where wa_message_id = $1`, [
      `wamid.image.${person.userId.slice(3)}`,
    ]);
    await privacy.keepFile(tenantId, image?.id ?? "", "went round");
  }
  await privacy.erase(tenantId, mine.contactId);
  assert.equal((await grepAll(rig, join(privacy.folder, "media", tenantId), ["went round"])).length, 1);
  const left = await rig.sql<{ id: string }>(`select id from whatsapp_media where tenant_id = $1 and direction = 'outbound'`, [tenantId]);
  assert.deepEqual(left, [{ id: both }]);
  assert.deepEqual(await grepAll(rig, privacy.folder, [`for ${noa.userId} alone`]), []);
  assert.equal((await grepAll(rig, privacy.folder, ["for both"])).length, 1);
});

async function* textChunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

let count = 0;
function newer(): string {
  count += 1;
  return `0${(Date.now() + count).toString(16).padStart(11, "0").slice(0, 7)}-${(Date.now() + count).toString(16).slice(-4)}-7000-8000-${randomDigits().slice(0, 12)}`;
}

test("Of a number that went to somebody else only the time of the erased person is theirs: the new owner's messages come in, dated before the erasure or not", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const phone = `97254${randomDigits().slice(-9)}`;
  const [first, second] = [`IL.1${randomDigits()}`, `IL.2${randomDigits()}`];
  rig.clock.nowMs = Date.now();
  await rig.receive(bodyOf(message(number, { phone, userId: first, name: "first" }, "wamid.owner1", seconds(90_000_000))));
  await rig.receive(bodyOf(message(number, { phone, userId: second, name: "second" }, "wamid.owner2", seconds(50_000_000))));
  await rig.drain({ suppression });
  const [one] = await rig.sql<{ id: string }>(
    `select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and value = $2`,
    [tenantId, first],
  );
  await privacy.erase(tenantId, one?.id ?? "");
  await rig.receive(
    bodyOf(
      message(number, { phone, userId: second, name: "second" }, "wamid.owner2b", seconds(40_000_000)),
      message(number, { phone }, "wamid.owner1b", seconds(80_000_000)),
    ),
  );
  await rig.drain({ suppression });
  const rows = await rig.sql<{ wa_message_id: string }>(`select wa_message_id from whatsapp_messages where tenant_id = $1 order by 1`, [
    tenantId,
  ]);
  assert.deepEqual(
    rows.map((row) => row.wa_message_id),
    ["wamid.owner2", "wamid.owner2b"],
  );
});

test("What is kept to recognise an erased person is a keyed hash, and is dropped after its time; until then the tenant alone is asked for it", async () => {
  const { tenantId, mine, noa } = await makeWorld();
  await privacy.erase(tenantId, mine.contactId);
  const marks = await rig.sql<{ mark: Buffer }>(`select mark from erasure_marks where tenant_id = $1`, [tenantId]);
  assert.ok(marks.length > 8 && marks.every(({ mark }) => mark.length === 32));
  const flagged = await rig.sql<{ id: string }>(`select id from tenants where erasures_until is not null and id = $1`, [tenantId]);
  assert.equal(flagged.length, 1);
  const { dropOldMarks } = await import("../src/services/privacy/marks.ts");
  const afterMs = rig.clock.nowMs + (limits.erasureMarkKeptDays + 3) * 86_400_000;
  await rig.sql(`update erasure_marks set expires_at = expires_at - interval '40 days' where tenant_id = $1`, [tenantId]);
  while (await dropOldMarks(privacy.deps.privacy, afterMs));
  assert.deepEqual(await rig.sql(`select mark from erasure_marks where tenant_id = $1`, [tenantId]), []);
  assert.deepEqual(await rig.sql(`select id from tenants where erasures_until is not null and id = $1`, [tenantId]), []);
  assert.ok(noa.phone.length > 0);
});

test("The journal is rewritten in portions of bounded bytes, and bodies that name nobody erased are left as they came", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const [person, other] = [makePerson("p"), makePerson("o")];
  rig.clock.nowMs = Date.now();
  await rig.receive(bodyOf(message(number, { phone: person.phone }, "wamid.portion", seconds(9_000))));
  const bodies = [0, 1, 2].map((nth) =>
    // As Meta writes it: with escapes, and in an order of its own.
    Buffer.from(
      JSON.stringify(
        bodyOf(
          message(number, { phone: other.phone, name: "é\u05d0" }, `wamid.big.${nth}`, seconds(8_000), {
            type: "text",
            text: { body: "x".repeat(limits.privacyBodiesBytesMax / 2) },
          }),
        ),
      ).replaceAll("/", "\\/"),
    ),
  );
  for (const body of bodies) await rig.receive(body);
  await rig.drain({ suppression });
  const [contact] = await rig.sql<{ id: string }>(
    `select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and value = $2`,
    [tenantId, person.phone],
  );
  let portions = 0;
  const deps = { ...privacy.deps, afterPortion: (step: string) => void (portions += step === "journal" ? 1 : 0) };
  await eraseContact(deps, tenantScope(tenantId), await privacy.ask(tenantId, contact?.id ?? ""), never);
  assert.ok(portions >= 3, `${portions}`);
  const kept = await rig.sql<{ body: Buffer }>(
    `select body from webhook_deliveries where position('wamid.big'::bytea in body) > 0 order by id`,
  );
  assert.deepEqual(
    kept.map(({ body }) => body),
    bodies,
  );
});

test("A status of a message that was never here goes by the phone in Meta's id, when its raw body is long gone; another person's stays", async () => {
  const tenantId = await rig.tenant();
  const number = await rig.connect(tenantId);
  const [person, other] = [makePerson("f"), makePerson("g")];
  rig.clock.nowMs = Date.now();
  // The form of Meta's own ids.
  const idOf = (phone: string): string =>
    `wamid.${Buffer.concat([Buffer.from([28, 24, phone.length]), Buffer.from(phone), Buffer.from([21, 2, 0, 17])]).toString("base64")}`;
  await rig.receive(bodyOf(message(number, { phone: person.phone }, "wamid.fact", seconds(9_000))));
  await rig.receive(
    bodyOf(status(number, idOf(person.phone), "read", seconds(8_000)), status(number, idOf(other.phone), "read", seconds(8_000))),
  );
  await rig.drain({ suppression });
  await rig.sql(`delete from webhook_deliveries where position('wamid.HBg'::bytea in body) > 0`);
  const [contact] = await rig.sql<{ id: string }>(`select contact_id as id from whatsapp_contact_addresses where tenant_id = $1`, [
    tenantId,
  ]);
  await privacy.erase(tenantId, contact?.id ?? "");
  const left = await rig.sql<{ id: string }>(`select wa_message_id as id from whatsapp_message_statuses where tenant_id = $1`, [tenantId]);
  assert.deepEqual(left, [{ id: idOf(other.phone) }]);
});

test("No role deletes a conversation from under its messages", async () => {
  const { tenantId, theirs } = await makeWorld();
  const session = await rig.session("owner");
  await session.query("begin; set local role kesher_privacy");
  await session.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  await session.query("delete from whatsapp_sends");
  await assert.rejects(session.query("delete from whatsapp_conversations where id = $1", [theirs.conversationId]), { code: "23503" });
  await session.query("rollback");
});

test("Who opted out of marketing and was erased is left alone still under each address, until they or a person of the business say otherwise; nothing tells who it was", async () => {
  const number = await rig.connect(await rig.tenant());
  const box = outboxOf(rig, number);
  const tools = { ...box.tools, nowMs: () => rig.clock.nowMs, hasher: privacy.deps.hasher };
  const person = makePerson("o");
  rig.clock.nowMs = Date.now();
  const says = async (words: string): Promise<string> => {
    // Later than the erasure before it, in whole seconds.
    rig.clock.nowMs += 5_000;
    await rig.receive(bodyOf(message(number, person, `wamid.${randomDigits()}`, rig.clock.nowMs, { type: "text", text: { body: words } })));
    await rig.drain({ suppression });
    const [row] = await rig.sql<{ id: string }>(
      `select contact_id as id from whatsapp_contact_addresses where tenant_id = $1 and kind = 'phone' and value = $2`,
      [number.tenantId, person.phone],
    );
    return row?.id ?? assert.fail("no contact");
  };
  const offer = (to: object): Promise<{ id: string }> => {
    const content = { type: "template", name: "sale", language: "he" };
    return sendMessage(tools, number.scope, { connectionId: number.id, content, ...to }, { origin: "api", idempotencyKey: null });
  };
  const optedOut = { code: "opted_out" };
  const contactId = await says("stop");
  await assert.rejects(offer({ to: { waId: person.phone } }), optedOut);
  await privacy.erase(number.tenantId, contactId);
  assert.deepEqual(await grepAll(rig, privacy.folder, [person.phone, person.userId]), []);
  for (const to of [{ to: { waId: person.phone } }, { to: { userId: person.userId } }]) await assert.rejects(offer(to), optedOut);
  const elsewhere = await rig.connect(await rig.tenant());
  const content = { type: "template", name: "sale", language: "he" };
  const call = { origin: "api", idempotencyKey: null } as const;
  await sendMessage(tools, elsewhere.scope, { connectionId: elsewhere.id, content, to: { waId: person.phone } }, call);

  // Erased once more without another word, they are left alone still.
  await privacy.erase(number.tenantId, await says("hello again"));
  const third = await says("and again");
  await assert.rejects(offer({ to: { waId: person.phone } }), optedOut);
  await setOptOut(tools, number.scope, third, { isOptedOut: false, actor: systemActor });
  await offer({ to: { waId: person.phone } });
  await privacy.erase(number.tenantId, third);
  await offer({ to: { waId: person.phone } });
});
