/**
 * Conversations follow their contacts. A merge points the conversations of the merged contact at those of the canonical one and
 * leaves messages where they are; whatever a canonical conversation says about its messages is then counted again from them.
 */
import { texts, uuids, times } from "../../../db/arrays.ts";
import { newId } from "../../../db/new-id.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { isAnswer } from "../conversation-answers.ts";
import { ensureConversations } from "../conversation-lookup.ts";

const isCustomersWord = `((m.direction = 'inbound' and m.role = 'message') or (m.role = 'call' and m.content ->> 'opensWindow' = 'true'))`;
const messagesOfFamily = `
  from whatsapp_conversations member
  join whatsapp_messages m on m.tenant_id = member.tenant_id and m.conversation_id = member.id
  where member.tenant_id = $1 and (member.id = l.id or member.merged_into_id = l.id)`;
const latestFirst = `order by m.wa_timestamp desc, coalesce(m.wa_message_id, '') desc`;

const lockCanonicals = statement(
  "conversations.lock_canonicals",
  `select c.id from whatsapp_conversations c
   where c.tenant_id = $1 and c.id in (
     select case when asked.merged_into_id is null then asked.id else asked.merged_into_id end from whatsapp_conversations asked where asked.tenant_id = $1 and asked.id = any($2::uuid[]))
   order by c.id for no key update`,
  { id: "uuid" },
);

const rebuild = statement(
  "conversations.rebuild",
  `with facts as (
     select l.id, counted.*, latest.*, reply.*, expired.*
     from unnest($2::uuid[]) as l (id)
     cross join lateral (
       select max(m.wa_timestamp) filter (where ${isCustomersWord}) as customer_at,
         count(*) filter (where m.direction = 'inbound' and m.role = 'message') as inbound,
         count(*) filter (where m.direction = 'outbound' and m.role = 'message') as outbound,
         max(m.wa_timestamp) filter (where ${isAnswer}) as answered_at
       ${messagesOfFamily}
     ) counted
     left join lateral (
       select m.wa_timestamp as last_at, m.wa_message_id as last_wa_message_id, m.id as last_id
       ${messagesOfFamily} and m.role in ('message', 'system', 'call') ${latestFirst} limit 1
     ) latest on true
     left join lateral (
       select m.sender_phone, m.sender_user_id, m.wa_message_id as customer_wa_message_id
       ${messagesOfFamily} and ${isCustomersWord} and (m.sender_phone is not null or m.sender_user_id is not null) ${latestFirst} limit 1
     ) reply on true
     cross join lateral (
       select max(member.expired_customer_message_at) as expired_customer_at, max(member.expired_last_message_at) as expired_last_at,
         sum(member.expired_inbound_count)::bigint as expired_inbound, sum(member.expired_outbound_count)::bigint as expired_outbound
       from whatsapp_conversations member where member.tenant_id = $1 and (member.id = l.id or member.merged_into_id = l.id)
     ) expired
   )
   update whatsapp_conversations c set
     last_customer_message_at = greatest(f.customer_at, f.expired_customer_at),
     last_answer_at = case when f.expired_outbound > 0 then greatest(f.answered_at, c.last_answer_at) else f.answered_at end,
     last_customer_wa_message_id = f.customer_wa_message_id,
     inbound_count = f.inbound + f.expired_inbound, outbound_count = f.outbound + f.expired_outbound, last_message_at = coalesce(f.last_at, f.expired_last_at), last_message_wa_message_id = f.last_wa_message_id, last_message_id = f.last_id,
     last_message_hour = coalesce(floor(extract(epoch from coalesce(f.last_at, f.expired_last_at)) / 3600)::bigint, 0),
     reply_phone = case when f.customer_wa_message_id is null and f.expired_customer_at is not null then c.reply_phone else f.sender_phone end,
     reply_user_id = case when f.customer_wa_message_id is null and f.expired_customer_at is not null then c.reply_user_id else f.sender_user_id end
   from facts f where c.tenant_id = $1 and c.id = f.id`,
  {},
);

/** Counts again, from the messages, what the canonical rows of these conversations say about them. */
export async function rebuildConversations(tx: Tx, tenantId: string, conversationIds: readonly string[]): Promise<void> {
  if (conversationIds.length === 0) return;
  // In a statement of its own: what is counted must be seen after the lock is held, not before.
  const locked = await tx.query(lockCanonicals, [tenantId, uuids(conversationIds)]);
  await tx.query(rebuild, [tenantId, uuids(locked.map((row) => row.id))]);
}

const selectOfContacts = statement(
  "conversations.of_contacts",
  `select c.id, c.connection_id as "connectionId", c.contact_id as "contactId", c.merged_into_id as "mergedIntoId"
   from whatsapp_conversations c where c.tenant_id = $1 and c.contact_id = any($2::uuid[])
   order by c.id for no key update`,
  { id: "uuid", connectionId: "uuid", contactId: "uuid", mergedIntoId: "uuid?" },
);
const insertOfContacts = statement(
  "conversations.insert_of_contacts",
  `insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at)
   select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
   on conflict do nothing`,
  {},
);
/** What no message tells is folded into the target, and unread messages are carried over. */
const carry = statement(
  "conversations.carry",
  `update whatsapp_conversations c set
     refused_at = greatest(c.refused_at, f.refused_at),
     free_entry_point_expires_at = greatest(c.free_entry_point_expires_at, f.free_entry_point_expires_at),
     auto_replied_at = greatest(c.auto_replied_at, f.auto_replied_at),
     unread_count = c.unread_count + f.unread,
     assignee_id = coalesce(c.assignee_id, f.assignee_id)
   from (
     select l.target, max(m.refused_at) as refused_at, max(m.free_entry_point_expires_at) as free_entry_point_expires_at,
       max(m.auto_replied_at) as auto_replied_at, sum(m.unread_count)::bigint as unread,
       (array_agg(m.assignee_id order by m.id) filter (where m.assignee_id is not null))[1] as assignee_id
     from unnest($2::uuid[], $3::uuid[]) as l (id, target)
     join whatsapp_conversations m on m.tenant_id = $1 and m.id = l.id
     where l.target is not null group by l.target
   ) f
   where c.tenant_id = $1 and c.id = f.target`,
  {},
);
const link = statement(
  "conversations.link",
  `update whatsapp_conversations c set merged_into_id = l.target, unread_count = case when l.target is null then c.unread_count else 0 end
   from unnest($2::uuid[], $3::uuid[]) as l (id, target)
   where c.tenant_id = $1 and c.id = l.id`,
  {},
);

type ContactConversation = { id: string; connectionId: string; contactId: string; mergedIntoId: string | null };

/**
 * Points the conversations of these contacts at those of their canonical contacts, which are made where missing.
 * Answers the conversations whose messages must be counted again.
 */
export async function relinkConversations(
  tx: Tx,
  tenantId: string,
  canonicals: ReadonlyMap<string, string>,
  nowMs: number,
): Promise<string[]> {
  const contactIds = uuids([...new Set([...canonicals.keys(), ...canonicals.values()])]);
  let conversations: ContactConversation[] = await tx.query(selectOfContacts, [tenantId, contactIds]);
  const missing = missingConversations(conversations, canonicals);
  if (missing.length > 0) {
    await tx.query(insertOfContacts, [
      tenantId,
      uuids(missing.map(() => newId(nowMs))),
      uuids(missing.map(({ connectionId }) => connectionId)),
      uuids(missing.map(({ contactId }) => contactId)),
      times(missing.map(() => nowMs)),
    ]);
    conversations = await tx.query(selectOfContacts, [tenantId, contactIds]);
  }
  const ids = new Map(conversations.map(({ id, contactId, connectionId }) => [`${contactId} ${connectionId}`, id]));
  const links = conversations.flatMap((conversation) => {
    const canonicalId = canonicals.get(conversation.contactId) ?? conversation.contactId;
    const target = canonicalId === conversation.contactId ? null : (ids.get(`${canonicalId} ${conversation.connectionId}`) ?? null);
    return target === conversation.mergedIntoId ? [] : [{ id: conversation.id, target, before: conversation.mergedIntoId }];
  });
  if (links.length === 0) return [];
  const arrays = [tenantId, uuids(links.map(({ id }) => id)), uuids(links.map(({ target }) => target))];
  await tx.query(carry, arrays);
  await tx.query(link, arrays);
  return [...new Set(links.flatMap(({ id, target, before }) => [target ?? id, before ?? id]))];
}

function missingConversations(
  conversations: readonly ContactConversation[],
  canonicals: ReadonlyMap<string, string>,
): { contactId: string; connectionId: string }[] {
  const there = new Set(conversations.map(({ contactId, connectionId }) => `${contactId} ${connectionId}`));
  const wanted = conversations.map(({ contactId, connectionId }) => ({ contactId: canonicals.get(contactId) ?? contactId, connectionId }));
  const missing = wanted.map((one) => [`${one.contactId} ${one.connectionId}`, one] as const).filter(([key]) => !there.has(key));
  return [...new Map(missing.toSorted(([a], [b]) => (a < b ? -1 : 1))).values()];
}

const selectSent = statement(
  "contacts.messages_by_sender",
  `select m.id, m.connection_id as "connectionId", m.conversation_id as "conversationId", c.contact_id as "contactId",
     m.sender_phone as "phone", m.sender_user_id as "userId", m.wa_timestamp as "atMs", a.portfolio_id as "portfolioId", a.waba_id as "wabaId"
   from whatsapp_conversations c
   join whatsapp_messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
   join whatsapp_connections n on n.tenant_id = m.tenant_id and n.id = m.connection_id
   join whatsapp_accounts a on a.tenant_id = n.tenant_id and a.id = n.account_id
   where c.tenant_id = $1 and c.contact_id = any($2::uuid[])
     and ((m.sender_user_id is null and m.sender_phone = any($3::text[])) or m.sender_user_id = any($4::text[]))
   order by m.wa_timestamp desc, m.id limit $5`,
  {
    id: "uuid",
    connectionId: "uuid",
    conversationId: "uuid",
    contactId: "uuid",
    phone: "text?",
    userId: "text?",
    atMs: "time",
    portfolioId: "text?",
    wabaId: "text",
  },
);

export type SentMessage = {
  id: string;
  connectionId: string;
  conversationId: string;
  /** Of the conversation it lies in. */
  contactId: string;
  phone: string | null;
  userId: string | null;
  atMs: number;
  /** In which its user id may be on record. */
  scopes: string[];
};

/** Messages of (echoes: to) these phones, where no user id is given, and these user ids, in the contacts' conversations; the latest ones. */
export async function findSentMessages(
  tx: Tx,
  tenantId: string,
  from: { contactIds: readonly string[]; phones: readonly string[]; userIds: readonly string[] },
): Promise<SentMessage[]> {
  if (from.contactIds.length === 0) return [];
  const rows = await tx.query(selectSent, [
    tenantId,
    uuids(from.contactIds),
    texts(from.phones),
    texts(from.userIds),
    limits.rehomedMessagesMax,
  ]);
  return rows.map(({ portfolioId, wabaId, ...row }) => ({
    ...row,
    scopes: [...(portfolioId === null ? [] : [portfolioId]), `account:${wabaId}`],
  }));
}

const moveMessages = statement(
  "contacts.move_messages",
  `update whatsapp_messages m set conversation_id = moved.conversation_id
   from unnest($2::uuid[], $3::uuid[]) as moved (id, conversation_id)
   where m.tenant_id = $1 and m.id = moved.id`,
  {},
);

/** Moves messages to the conversations of the contacts that they turned out to belong to. Answers all conversations touched. */
export async function rehomeMessages(
  tx: Tx,
  tenantId: string,
  moves: readonly { message: SentMessage; contactId: string }[],
  nowMs: number,
): Promise<string[]> {
  if (moves.length === 0) return [];
  const wanted = moves.map(({ message, contactId }) => ({ tenantId, connectionId: message.connectionId, contactId, groupId: null }));
  const targets = (await ensureConversations(tx, wanted, nowMs)).map(({ conversationId }) => conversationId);
  await tx.query(moveMessages, [tenantId, uuids(moves.map(({ message }) => message.id)), uuids(targets)]);
  return [...new Set([...targets, ...moves.map(({ message }) => message.conversationId)])];
}
