import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tenantScope } from "../src/core/scope.ts";
import { newId } from "../src/db/new-id.ts";
import type { Db } from "../src/db/pool.ts";
import { tenantTransaction, transaction, type Tx } from "../src/db/transaction.ts";
import { resolveContacts } from "../src/services/whatsapp/contacts/contacts.ts";
import {
  getConversation,
  getConversationById,
  incrementMessageCount,
  isConversationWindowOpen,
  isWindowOpen,
  openConversationWindow,
} from "../src/services/whatsapp/index.ts";
import { randomDigits, startRig, type Connected } from "./support/worker.ts";

const rig = await startRig({ after });
const hourMs = 3_600_000;
const now = (): number => Date.now();

/** As a tenant's own session under row-level security, and as the workers'. */
type Session = { name: string; run<T>(mine: Connected, work: (tx: Tx) => Promise<T>): Promise<T> };
const sessions: Session[] = [
  { name: "a tenant's session", run: (mine, work) => tenantTransaction(rig.app, mine.scope, work) },
  { name: "a worker's session", run: (_mine, work) => transaction(rig.ingest, work) },
];

async function number(): Promise<Connected> {
  return rig.connect(await rig.tenant());
}
async function contact({ tenantId }: Connected): Promise<string> {
  const id = newId(now());
  await rig.sql(
    `insert into whatsapp_contacts (tenant_id, id, profile_at, profile_wa_message_id, created_at) values ($1, $2, now(), '', now())`,
    [tenantId, id],
  );
  return id;
}

for (const { name, run } of sessions) {
  test(`in ${name}: a first word makes the conversation and opens its window, and every reader finds it`, async () => {
    const mine = await number();
    const [contactId, atMs] = [await contact(mine), now() - hourMs];
    const key = { connectionId: mine.id, peer: { contactId } };
    await run(mine, async (tx) => {
      assert.equal(await getConversation(mine.scope, tx, key), null);
      const opened = await openConversationWindow(mine.scope, tx, { ...key, atMs, nowMs: now() });
      assert.deepEqual([opened.contactId, opened.groupId, opened.connectionId, opened.state], [contactId, null, mine.id, "open"]);
      assert.equal(opened.lastCustomerMessageAtMs, atMs);
      assert.equal(opened.window.expiresAtMs, atMs + 24 * hourMs);
      assert.ok(opened.window.isOpen && opened.window.remainingMs > 22 * hourMs && opened.window.remainingMs <= 23 * hourMs);
      assert.equal((await getConversation(mine.scope, tx, key))?.id, opened.id);
      assert.equal((await getConversationById(mine.scope, tx, opened.id))?.id, opened.id);
      assert.equal(await isWindowOpen(mine.scope, tx, opened.id), true);
      assert.equal(await isConversationWindowOpen(mine.scope, tx, opened.id), true);
    });
  });

  test(`in ${name}: the window moves forward only`, async () => {
    const mine = await number();
    const key = { connectionId: mine.id, peer: { contactId: await contact(mine) } };
    const firstMs = now() - 2 * hourMs;
    const at = (atMs: number) => run(mine, (tx) => openConversationWindow(mine.scope, tx, { ...key, atMs, nowMs: now() }));
    const first = await at(firstMs);
    assert.equal((await at(firstMs - hourMs)).lastCustomerMessageAtMs, firstMs);
    const later = await at(firstMs + hourMs);
    assert.deepEqual([later.id, later.lastCustomerMessageAtMs], [first.id, firstMs + hourMs]);
  });

  test(`in ${name}: counting touches the one side, and nothing else`, async () => {
    const mine = await number();
    const key = { connectionId: mine.id, peer: { contactId: await contact(mine) } };
    await run(mine, async (tx) => {
      const { id } = await openConversationWindow(mine.scope, tx, { ...key, atMs: now(), nowMs: now() });
      for (const direction of ["inbound", "outbound", "inbound"] as const) {
        await incrementMessageCount(mine.scope, tx, { conversationId: id, direction });
      }
      const counted = await getConversationById(mine.scope, tx, id);
      assert.deepEqual([counted?.inboundCount, counted?.outboundCount, counted?.unreadCount, counted?.lastMessageAtMs], [2, 1, 2, null]);
    });
  });

  test(`in ${name}: a group has a conversation of its own, a contact one on each number`, async () => {
    const mine = await number();
    const other = await rig.connect(mine.tenantId, { wabaId: mine.wabaId });
    const contactId = await contact(mine);
    const ids = await run(mine, async (tx) => {
      const open = async (connectionId: string, peer: { contactId: string } | { groupId: string }) =>
        (await openConversationWindow(mine.scope, tx, { connectionId, peer, atMs: now(), nowMs: now() })).id;
      return [
        await open(mine.id, { contactId }),
        await open(other.id, { contactId }),
        await open(mine.id, { groupId: "120363@g.us" }),
        await open(mine.id, { contactId }),
        await open(mine.id, { groupId: "120363@g.us" }),
      ];
    });
    assert.equal(new Set(ids).size, 3);
    assert.deepEqual([ids[3], ids[4]], [ids[0], ids[2]]);
  });

  test(`in ${name}: the id of a merged conversation answers the canonical one, and what it is told goes there`, async () => {
    const mine = await number();
    const [older, newer] = [await contact(mine), await contact(mine)];
    const open = (contactId: string, atMs: number) =>
      run(mine, (tx) => openConversationWindow(mine.scope, tx, { connectionId: mine.id, peer: { contactId }, atMs, nowMs: now() }));
    const [canonical, merged] = [await open(older, now() - 30 * hourMs), await open(newer, now() - 40 * hourMs)];
    await rig.sql(`update whatsapp_contacts set merged_into_id = $2 where id = $1`, [newer, older]);
    await rig.sql(`update whatsapp_conversations set merged_into_id = $2 where id = $1`, [merged.id, canonical.id]);
    await run(mine, async (tx) => {
      assert.equal((await getConversationById(mine.scope, tx, merged.id))?.id, canonical.id);
      assert.equal((await getConversation(mine.scope, tx, { connectionId: mine.id, peer: { contactId: newer } }))?.id, canonical.id);
      assert.equal(await isWindowOpen(mine.scope, tx, merged.id), false);
      await incrementMessageCount(mine.scope, tx, { conversationId: merged.id, direction: "inbound" });
      assert.equal((await getConversationById(mine.scope, tx, canonical.id))?.inboundCount, 1);
    });
    assert.equal((await open(newer, now() - hourMs)).id, canonical.id);
    assert.equal(await run(mine, (tx) => isWindowOpen(mine.scope, tx, merged.id)), true);
    const [row] = await rig.sql(
      `select inbound_count, last_customer_message_at < now() - interval '39 hours' as is_old from whatsapp_conversations where id = $1`,
      [merged.id],
    );
    assert.deepEqual(row, { inbound_count: 0, is_old: true });
  });

  test(`in ${name}: nobody knows a conversation that does not exist`, async () => {
    const mine = await number();
    await run(mine, async (tx) => {
      const id = newId(now());
      assert.equal(await getConversationById(mine.scope, tx, id), null);
      assert.deepEqual([await isWindowOpen(mine.scope, tx, id), await isConversationWindowOpen(mine.scope, tx, id)], [false, false]);
    });
  });

  test(`in ${name}: the last five seconds count as open, but no request may start in them (I7)`, async () => {
    const mine = await number();
    const { id } = await run(mine, async (tx) =>
      openConversationWindow(mine.scope, tx, {
        connectionId: mine.id,
        peer: { contactId: await contact(mine) },
        atMs: now(),
        nowMs: now(),
      }),
    );
    const answers = async (left: string, refused = "null"): Promise<boolean[]> => {
      await rig.sql(
        `update whatsapp_conversations set last_customer_message_at = clock_timestamp() - interval '24 hours' + interval '${left}', refused_at = ${refused} where id = $1`,
        [id],
      );
      return run(mine, async (tx) => [await isWindowOpen(mine.scope, tx, id), await isConversationWindowOpen(mine.scope, tx, id)]);
    };
    assert.deepEqual(await answers("4900 milliseconds"), [true, false]);
    assert.deepEqual(await answers("60 seconds"), [true, true]);
    assert.deepEqual(await answers("0 seconds"), [false, false]);
    assert.deepEqual(await answers("20 hours", "clock_timestamp()"), [false, false]);
    assert.deepEqual(await answers("20 hours", "clock_timestamp() - interval '23 hours'"), [true, true]);
  });
}

test("a tenant sees and changes only its own conversations, whatever id it names", async () => {
  const [mine, theirs] = [await number(), await number()];
  const contactId = await contact(theirs);
  const key = { connectionId: theirs.id, peer: { contactId } };
  const { id } = await tenantTransaction(rig.app, theirs.scope, (tx) =>
    openConversationWindow(theirs.scope, tx, { ...key, atMs: now(), nowMs: now() }),
  );
  for (const scope of [mine.scope, theirs.scope]) {
    await tenantTransaction(rig.app, mine.scope, async (tx) => {
      assert.equal(await getConversationById(scope, tx, id), null);
      assert.equal(await getConversation(scope, tx, key), null);
      assert.equal(await isWindowOpen(scope, tx, id), false);
      await incrementMessageCount(scope, tx, { conversationId: id, direction: "inbound" });
    });
    const opened = tenantTransaction(rig.app, mine.scope, (tx) => openConversationWindow(scope, tx, { ...key, atMs: now(), nowMs: now() }));
    await assert.rejects(opened, (error: { code?: string }) => error.code === "23503" || error.code === "42501");
  }
  const [row] = await rig.sql(`select inbound_count from whatsapp_conversations where id = $1`, [id]);
  assert.deepEqual(row, { inbound_count: 0 });
});

test("fifty first messages of one new customer at once end in one contact, one conversation and a count of fifty", async () => {
  const mine = await number();
  const phone = randomDigits();
  const crowd: Db = rig.open("kesher_ingest", { connectionsMax: 20 });
  const atMs = now();
  const first = async (index: number): Promise<void> =>
    transaction(crowd, async (tx) => {
      const [found] = await resolveContacts(
        tx,
        [
          {
            tenantId: mine.tenantId,
            scope: `account:${mine.wabaId}`,
            atMs: atMs + index,
            waMessageId: `wamid.${index}`,
            phone,
            userId: null,
            parentUserId: null,
            profileName: "Dana",
            username: null,
            links: [],
          },
        ],
        atMs,
      );
      assert.ok(found);
      const scope = tenantScope(mine.tenantId);
      const peer = { contactId: found.contactId };
      const { id } = await openConversationWindow(scope, tx, { connectionId: mine.id, peer, atMs: atMs + index, nowMs: atMs });
      await incrementMessageCount(scope, tx, { conversationId: id, direction: "inbound" });
    });
  await Promise.all(Array.from({ length: 50 }, (_, index) => first(index)));
  const contacts = await rig.sql(`select id from whatsapp_contacts where tenant_id = $1`, [mine.tenantId]);
  const conversations = await rig.sql(
    `select inbound_count, (extract(epoch from last_customer_message_at) * 1000)::bigint as at from whatsapp_conversations where tenant_id = $1`,
    [mine.tenantId],
  );
  assert.equal(contacts.length, 1);
  assert.deepEqual(conversations, [{ inbound_count: 50, at: atMs + 49 }]);
});
