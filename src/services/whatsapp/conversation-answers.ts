/**
 * Whether a conversation waits for an answer: what failed or was cancelled is none. `last_answer_at` rises with every message that is stored
 * (`conversations.fold`); where one turns out not to have been said, or to have been after all, it is looked for again here. So it is the
 * latest of those that stand, in whatever order their fates become known (I3).
 */
import { texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { MessageKey } from "./status-facts.ts";

/** Of the outbound messages of `m`. */
export const isAnswer = `m.direction = 'outbound' and m.role = 'message' and m.origin <> 'automatic' and m.status not in ('failed', 'cancelled')`;

const lock = statement(
  "conversation_answers.lock",
  `select c.tenant_id as "tenantId", c.id from whatsapp_conversations c
   where (c.tenant_id, c.id) in (
     select asked.tenant_id, case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
     from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) join whatsapp_conversations asked on asked.tenant_id = u.tenant_id and asked.id = u.id)
   order by c.tenant_id, c.id for no key update`,
  { tenantId: "uuid", id: "uuid" },
);
/** By wamid, or by our own id where nobody has recorded the wamid yet. */
const lockOfMessages = statement(
  "conversation_answers.lock_of_messages",
  `with asked (tenant_id, connection_id, wa_message_id, own_id) as (select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]))
   select c.id from whatsapp_conversations c
   where (c.tenant_id, c.id) in (
     select k.tenant_id, case when k.merged_into_id is null then k.id else k.merged_into_id end
     from (
       select m.tenant_id, m.conversation_id from asked a join whatsapp_messages m
         on m.tenant_id = a.tenant_id and m.connection_id = a.connection_id and m.wa_message_id = a.wa_message_id
       union
       select m.tenant_id, m.conversation_id from asked a join whatsapp_messages m on m.tenant_id = a.tenant_id and m.id = a.own_id
     ) m join whatsapp_conversations k on k.tenant_id = m.tenant_id and k.id = m.conversation_id)
   order by c.tenant_id, c.id for no key update`,
  { id: "uuid" },
);

/** Of answers that are not kept any more nothing is known but that they were there. */
const settle = statement(
  "conversation_answers.settle",
  `update whatsapp_conversations c set last_answer_at = a.answered_at
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
   cross join lateral (
     select coalesce(max(latest.at), max(case when member.expired_outbound_count > 0 then member.expired_last_message_at end)) as answered_at
     from whatsapp_conversations member
     left join lateral (
       select m.wa_timestamp as at from whatsapp_messages m where m.tenant_id = member.tenant_id and m.conversation_id = member.id and ${isAnswer}
       order by m.wa_timestamp desc limit 1
     ) latest on true
     where member.tenant_id = u.tenant_id and (member.id = u.id or member.merged_into_id = u.id)
   ) a
   where c.tenant_id = u.tenant_id and c.id = u.id and c.last_answer_at is distinct from a.answered_at`,
  {},
);

type Turned = { tenantId: string; conversationId: string };

/** For whoever has made messages of these conversations fail, or stand again. Before the activity; locks the canonical conversations. */
export async function reconsiderAnswers(tx: Tx, turned: readonly Turned[]): Promise<void> {
  if (turned.length === 0) return;
  const distinct = [...new Map(turned.map((one) => [one.conversationId, one])).values()];
  const locked = await tx.query(lock, [uuids(distinct.map((one) => one.tenantId)), uuids(distinct.map((one) => one.conversationId))]);
  // In a statement of its own: what is counted must be seen after the lock is held.
  await tx.query(settle, [uuids(locked.map((row) => row.tenantId)), uuids(locked.map((row) => row.id))]);
}

/**
 * For whoever is about to make messages fail, before any of them is locked: conversations come first (ARCHITECTURE.md, Locks), and whoever records
 * an attempt holds one and wants its message. `ownId`: of a message of ours that may not have its wamid yet.
 */
export async function lockConversationsOf(tx: Tx, messages: readonly (MessageKey & { ownId: string | null })[]): Promise<void> {
  if (messages.length === 0) return;
  await tx.query(lockOfMessages, [
    uuids(messages.map(({ tenantId }) => tenantId)),
    uuids(messages.map(({ connectionId }) => connectionId)),
    texts(messages.map(({ waMessageId }) => waMessageId)),
    uuids(messages.map(({ ownId }) => ownId)),
  ]);
}

/** Of messages that facts have changed those that failed just now, and those that arrived although they had failed. */
export function failuresIn<Message extends { statusBefore: string; status: string }>(changed: readonly Message[]): Message[] {
  return changed.filter(({ statusBefore, status }) => (statusBefore === "failed") !== (status === "failed"));
}
