/** A tenant whose customers are seen as the message worker sees them, and what must hold afterwards. */
import assert from "node:assert/strict";
import type pg from "pg";
import { emptyEvidence } from "../../src/core/evidence.ts";
import { contactMaker, deriveCanonicals, findContact, place, record } from "../../src/core/identity.ts";
import { newerProfile, noProfile, type Profile } from "../../src/core/profile.ts";
import { newId } from "../../src/db/new-id.ts";
import type { Db } from "../../src/db/pool.ts";
import { transaction } from "../../src/db/transaction.ts";
import { rebuildConversations } from "../../src/services/whatsapp/contacts/conversations.ts";
import { resolveContacts, type Resolved, type Sighting } from "../../src/services/whatsapp/contacts/contacts.ts";
import { ensureConversations } from "../../src/services/whatsapp/conversation-lookup.ts";
import { foldConversations } from "../../src/services/whatsapp/conversations.ts";

export type World = {
  admin: pg.Client;
  ingest: Db;
  tenantId: string;
  connections: Map<string, string>;
  scopes: Map<string, string>;
  nowMs: number;
};

/** A tenant with one number in an account without a known portfolio, and one in an account of a portfolio. */
export async function makeWorld(admin: pg.Client, ingest: Db): Promise<World> {
  const nowMs = 1_800_000_000_000;
  const tenantId = newId(nowMs);
  const world: World = { admin, ingest, tenantId, connections: new Map(), scopes: new Map(), nowMs };
  await admin.query(`insert into tenants (id, name, slug) values ($1, 'Shop', $2)`, [tenantId, tenantId]);
  for (const [scope, portfolio] of [
    ["account:1", null],
    ["portfolio", `p${tenantId}`],
  ] as const) {
    const accountId = newId(nowMs);
    const connectionId = newId(nowMs);
    const wabaId = `waba-${accountId}`;
    await admin.query(`insert into whatsapp_accounts (tenant_id, id, waba_id, portfolio_id) values ($1, $2, $3, $4)`, [
      tenantId,
      accountId,
      wabaId,
      portfolio,
    ]);
    await admin.query(
      `insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) values ($1, $2, $3, $4, 'connected')`,
      [tenantId, connectionId, accountId, `number-${connectionId}`],
    );
    const real = portfolio ?? `account:${wabaId}`;
    world.scopes.set(scope, real);
    world.connections.set(real, connectionId);
  }
  return world;
}

let lastWamid = 0;
export function sighting(world: World, atMs: number, who: Partial<Sighting>): Sighting {
  const scope = world.scopes.get(who.scope ?? "account:1") ?? "";
  const none = { phone: null, userId: null, parentUserId: null, profileName: null, username: null, links: [] };
  return { ...none, waMessageId: `wamid.${++lastWamid}`, ...who, tenantId: world.tenantId, atMs, scope };
}

/** As the message worker does: people, then conversations, then messages, then what the conversation says of them. */
export async function receive(world: World, sightings: readonly Sighting[]): Promise<Resolved[]> {
  return transaction(world.ingest, async (tx) => {
    const nowMs = (world.nowMs += 10);
    const people = await resolveContacts(tx, sightings, nowMs);
    const wanted = sightings.map(({ tenantId, scope }, index) => ({
      tenantId,
      connectionId: world.connections.get(scope) ?? "",
      contactId: people[index]?.contactId ?? "",
      groupId: null,
    }));
    const conversations = await ensureConversations(tx, wanted, nowMs);
    for (const [index, one] of sightings.entries()) {
      const conversationId = conversations[index]?.conversationId ?? "";
      const messageId = newId(nowMs);
      await tx.query(insertMessage, [
        one.tenantId,
        messageId,
        wanted[index]?.connectionId ?? "",
        conversationId,
        one.waMessageId,
        new Date(one.atMs).toISOString(),
        one.phone,
        one.userId,
      ]);
      await foldConversations(tx, [
        {
          tenantId: one.tenantId,
          conversationId,
          customerAtMs: one.atMs,
          customerWaMessageId: one.waMessageId,
          replyPhone: one.phone,
          replyUserId: one.userId,
          last: { atMs: one.atMs, waMessageId: one.waMessageId, messageId },
          answeredAtMs: null,
          inbound: 1,
          outbound: 0,
        },
      ]);
    }
    return people;
  });
}
const insertMessage = {
  name: "test.insert_message",
  text: `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, sender_phone, sender_user_id, created_at)
    values ($1, $2, $3, $4, $5, 'inbound', 'customer', 'text', 'message', '{}', 'received', $6, $7, $8, now())`,
  spec: {},
};

type Placed = { waMessageId: string; contactId: string; profileName: string | null; username: string | null };

/** For every message the canonical contact in whose conversation it lies. */
export async function placed(world: World): Promise<Map<string, Placed>> {
  const { rows } = await world.admin.query<Placed>(
    `select m.wa_message_id as "waMessageId", c.contact_id as "contactId", p.profile_name as "profileName", p.username
     from whatsapp_messages m
     join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id
     join whatsapp_conversations c on c.tenant_id = v.tenant_id and c.id = coalesce(v.merged_into_id, v.id)
     join whatsapp_contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
     where m.tenant_id = $1`,
    [world.tenantId],
  );
  return new Map(rows.map((row) => [row.waMessageId, row]));
}

/** What must hold of the rows themselves at any time. */
export async function checkRows(world: World): Promise<void> {
  const faults = await world.admin.query(
    `select 'a merged contact is not canonical' as fault from whatsapp_contacts c join whatsapp_contacts k on k.tenant_id = c.tenant_id and k.id = c.merged_into_id
       where c.tenant_id = $1 and k.merged_into_id is not null
     union all
     select 'a conversation does not follow its contact' from whatsapp_conversations v
       join whatsapp_contacts c on c.tenant_id = v.tenant_id and c.id = v.contact_id
       left join whatsapp_conversations k on k.tenant_id = v.tenant_id and k.id = v.merged_into_id
       where v.tenant_id = $1 and (k.contact_id is distinct from c.merged_into_id or k.merged_into_id is not null or (k.id is not null and k.connection_id <> v.connection_id))`,
    [world.tenantId],
  );
  assert.deepEqual(faults.rows, []);
  const facts = `select id, last_customer_message_at, inbound_count, outbound_count, last_message_at, last_message_wa_message_id, last_message_id, last_message_hour, reply_phone, reply_user_id
    from whatsapp_conversations where tenant_id = $1 and merged_into_id is null order by id`;
  const kept = await world.admin.query<{ id: string }>(facts, [world.tenantId]);
  const ids = kept.rows.map(({ id }) => id);
  await transaction(world.ingest, (tx) => rebuildConversations(tx, world.tenantId, ids));
  const counted = await world.admin.query(facts, [world.tenantId]);
  // Of words in the same second the last to come is answered; a count afresh takes the greatest wamid.
  const plain = (rows: object[]): object[] => rows.map((row) => ({ ...row, reply_phone: null, reply_user_id: null }));
  assert.deepEqual(plain(kept.rows), plain(counted.rows));
}

export async function claims(world: World): Promise<string[]> {
  const { rows } = await world.admin.query<{ claim: string }>(
    `select concat_ws(' ', kind, scope, value, claimant, extract(epoch from from_at)::bigint) as claim from whatsapp_contact_addresses
     where tenant_id = $1 and (kind <> 'phone' or claimant like '%.%') order by 1`,
    [world.tenantId],
  );
  return rows.map(({ claim }) => claim).toSorted();
}

export function grouped(ids: readonly string[]): number[] {
  return ids.map((id) => ids.indexOf(id));
}

/** The people by the pure core, and the names of each. */
export function expected(sightings: readonly Sighting[]): { people: number[]; names: (string | null)[]; claims: string[] } {
  const evidence = emptyEvidence();
  const make = contactMaker(evidence, () => `c${evidence.contacts.size}`, 0);
  record(evidence, sightings, make);
  for (const { userId, phone, atMs } of sightings) if (userId === null && phone !== null) place(evidence, phone, atMs, make);
  const canonicals = deriveCanonicals(evidence);
  const ids = sightings.map((one) => canonicals.get(findContact(evidence, one) ?? "") ?? "");
  const newest = new Map<string, Profile>();
  for (const [index, one] of sightings.entries()) {
    const id = ids[index] ?? "";
    if (one.profileName !== null) newest.set(id, newerProfile(newest.get(id) ?? noProfile, { ...one, profileName: one.profileName }));
  }
  const stated = [...evidence.addresses.values()]
    .filter((address) => address.kind !== "phone" || address.claimant.includes("."))
    .map((address) => `${address.kind} ${address.scope} ${address.value} ${address.claimant} ${address.fromAtMs / 1_000}`);
  return { claims: stated.toSorted(), people: grouped(ids), names: ids.map((id) => newest.get(id)?.profileName ?? null) };
}
