/**
 * Whose turn it is in a conversation: at most one of its messages is `queued` or `dispatching`, the others are `behind`. Whoever adds,
 * ends or takes one away holds the lock of the conversation's row, so that the next one is never forgotten.
 */
import { texts, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";

type OfConversation = { tenantId: string; conversationId: string };

const lock = statement(
  "outbox.lock_conversations",
  `select c.id from whatsapp_conversations c join unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) on c.tenant_id = u.tenant_id and c.id = u.id
   order by c.tenant_id, c.id for no key update of c`,
  { id: "uuid" },
);

const promote = statement(
  "outbox.promote",
  `update whatsapp_sends s set state = 'queued', due_at = statement_timestamp()
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, conversation_id)
   cross join lateral (
     select b.message_id from whatsapp_sends b
     where b.tenant_id = u.tenant_id and b.conversation_id = u.conversation_id and b.state = 'behind' order by b.ordinal limit 1
   ) n
   where s.tenant_id = u.tenant_id and s.message_id = n.message_id
     and not exists (select from whatsapp_sends o where o.tenant_id = u.tenant_id and o.conversation_id = u.conversation_id and o.state in ('queued', 'dispatching'))`,
  {},
);

/** Each with a new place at the end: what was for later comes after what was said meanwhile. */
const join = statement(
  "outbox.join",
  `update whatsapp_sends s set ordinal = nextval('whatsapp_send_ordinals'), due_at = statement_timestamp(), expires_at = null,
     state = case when u.is_first and not exists (
       select from whatsapp_sends o where o.tenant_id = s.tenant_id and o.conversation_id = s.conversation_id and o.state in ('behind', 'queued', 'dispatching')
     ) then 'queued' else 'behind' end
   from (
     select x.*, row_number() over (partition by x.tenant_id, x.conversation_id order by y.ordinal) = 1 as is_first
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) as x (tenant_id, conversation_id, message_id, state)
     join whatsapp_sends y on y.tenant_id = x.tenant_id and y.message_id = x.message_id order by y.ordinal
   ) u
   where s.tenant_id = u.tenant_id and s.message_id = u.message_id and s.state = u.state
   returning s.tenant_id as "tenantId", s.message_id as "messageId", s.conversation_id as "conversationId"`,
  { tenantId: "uuid", messageId: "uuid", conversationId: "uuid" },
);

/** First of all in a transaction that changes turns. */
export async function lockConversations(tx: Tx, sends: readonly OfConversation[]): Promise<void> {
  const distinct = [...new Map(sends.map((send) => [send.conversationId, send])).values()];
  await tx.query(lock, [uuids(distinct.map((send) => send.tenantId)), uuids(distinct.map((send) => send.conversationId))]);
}

/** Under the conversations' locks: where nobody has the turn any more, the next one gets it. */
export async function promoteNext(tx: Tx, sends: readonly OfConversation[]): Promise<void> {
  const distinct = [...new Map(sends.map((send) => [send.conversationId, send])).values()];
  await tx.query(promote, [uuids(distinct.map((send) => send.tenantId)), uuids(distinct.map((send) => send.conversationId))]);
}

/** Under the conversations' locks: what was `scheduled` or `waiting` takes its place among what is to be sent now. */
export function joinQueue(tx: Tx, sends: readonly (OfConversation & { messageId: string; state: "scheduled" | "waiting" })[]) {
  return tx.query(join, [
    uuids(sends.map((send) => send.tenantId)),
    uuids(sends.map((send) => send.conversationId)),
    uuids(sends.map((send) => send.messageId)),
    texts(sends.map((send) => send.state)),
  ]);
}
