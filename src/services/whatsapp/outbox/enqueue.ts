/**
 * Where a message of ours begins: its row, its place in the outbox and its event, in the caller's transaction, so that all of them are
 * there or none. The conversation's row stays locked until COMMIT: that makes the outbox's order the order of commits.
 */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { bools, texts, times, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import type { ActivityEvent } from "../../activity/append.ts";
import { foldConversations, noFacts, type ConversationFacts } from "../conversations.ts";

export type Draft = {
  tenantId: string;
  messageId: string;
  connectionId: string;
  /** Canonical. */
  conversationId: string;
  origin: "api" | "inbox" | "automatic";
  type: string;
  role: "message" | "reaction";
  /** JSON. */
  content: string;
  isFreeform: boolean;
  /** The message that it replies or reacts to. */
  targetWaMessageId: string | null;
  /** Where the caller wants it to go; nulls: to the address of the customer's last message. */
  to: { phone: string | null; userId: string | null };
  callback: string | null;
  resendOf: string | null;
  when: { kind: "now" } | { kind: "at"; atMs: number } | { kind: "when_they_write"; expiresAtMs: number };
};

/** Only the first message of a conversation is `queued`; the others wait `behind` it. */
const insert = statement(
  "outbox.insert",
  `with stored as (
     insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp,
       target_wa_message_id, callback, resend_of, created_at)
     select tenant_id, id, connection_id, conversation_id, 'outbound', origin, type, role, content::jsonb, 'pending', $12::timestamptz, target, callback,
       resend_of, $12::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::uuid[])
       as u (tenant_id, id, connection_id, conversation_id, origin, type, role, content, target, callback, resend_of)
   )
   insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, expires_at, is_freeform, to_phone, to_user_id, created_at)
   select u.tenant_id, u.message_id, u.connection_id, u.conversation_id,
     case when u.state = 'queued' and (u.is_behind or exists (
       select from whatsapp_sends s where s.tenant_id = u.tenant_id and s.conversation_id = u.conversation_id and s.state in ('behind', 'queued', 'dispatching')
     )) then 'behind' else u.state end,
     coalesce(u.due_at, statement_timestamp()), u.expires_at, u.is_freeform, u.to_phone, u.to_user_id, statement_timestamp()
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $13::text[], $14::bool[], $15::timestamptz[], $16::timestamptz[], $17::bool[], $18::text[], $19::text[])
     with ordinality as u (tenant_id, message_id, connection_id, conversation_id, state, is_behind, due_at, expires_at, is_freeform, to_phone, to_user_id, turn)
   order by u.turn`,
  {},
);

const ensureLanes = statement(
  "outbox.ensure_lanes",
  `insert into whatsapp_send_lanes (tenant_id, connection_id)
   select distinct tenant_id, connection_id from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, connection_id)
   where not exists (select from whatsapp_send_lanes l where l.tenant_id = u.tenant_id and l.connection_id = u.connection_id)
   order by 1, 2
   on conflict do nothing`,
  {},
);

/** In the order given. Answers the events, for the caller's append at the end of its transaction. */
export async function queueMessages(tx: Tx, drafts: readonly Draft[], nowMs: number): Promise<{ events: ActivityEvent[] }> {
  if (drafts.length === 0) return { events: [] };
  await foldConversations(tx, factsOf(drafts, nowMs));
  const seen = new Set<string>();
  const isBehind = drafts.map(({ conversationId, when }) => {
    if (when.kind !== "now") return false;
    const comesLater = seen.has(conversationId);
    seen.add(conversationId);
    return comesLater;
  });
  await tx.query(insert, [
    uuids(drafts.map((draft) => draft.tenantId)),
    uuids(drafts.map((draft) => draft.messageId)),
    uuids(drafts.map((draft) => draft.connectionId)),
    uuids(drafts.map((draft) => draft.conversationId)),
    texts(drafts.map((draft) => draft.origin)),
    texts(drafts.map((draft) => draft.type)),
    texts(drafts.map((draft) => draft.role)),
    texts(drafts.map((draft) => draft.content)),
    texts(drafts.map((draft) => draft.targetWaMessageId)),
    texts(drafts.map((draft) => draft.callback)),
    uuids(drafts.map((draft) => draft.resendOf)),
    new Date(nowMs).toISOString(),
    texts(drafts.map(({ when }) => stateOf[when.kind])),
    bools(isBehind),
    times(drafts.map(({ when }) => (when.kind === "at" ? when.atMs : null))),
    times(drafts.map(({ when }) => (when.kind === "when_they_write" ? when.expiresAtMs : null))),
    bools(drafts.map((draft) => draft.isFreeform)),
    texts(drafts.map((draft) => draft.to.phone)),
    texts(drafts.map((draft) => draft.to.userId)),
  ]);
  await openLanes(tx, drafts);
  return { events: drafts.map(queuedEvent) };
}

/** Numbers that are known to have a lane: one is never taken away. */
const lanes = new BoundedMap<true>(limits.sendLanesKnownMax);

async function openLanes(tx: Tx, drafts: readonly Draft[]): Promise<void> {
  const unknown = drafts.filter(({ connectionId }) => lanes.get(connectionId) === undefined);
  if (unknown.length === 0) return;
  await tx.query(ensureLanes, [uuids(unknown.map((draft) => draft.tenantId)), uuids(unknown.map((draft) => draft.connectionId))]);
  tx.afterCommit(() => {
    for (const { connectionId } of unknown) lanes.set(connectionId, true);
  });
}

const stateOf = { now: "queued", at: "scheduled", when_they_write: "waiting" } as const;

/** Counted when it is stored, as every message is; what is for later does not show as the last word yet. */
function factsOf(drafts: readonly Draft[], nowMs: number): ConversationFacts[] {
  const byConversation = new Map<string, ConversationFacts>();
  for (const { tenantId, conversationId, messageId, origin, role, when } of drafts) {
    const facts = byConversation.get(conversationId) ?? noFacts(tenantId, conversationId);
    if (role === "message") facts.outbound += 1;
    // Also what is for later: somebody has seen to it.
    if (role === "message" && origin !== "automatic") facts.answeredAtMs = nowMs;
    if (role === "message" && when.kind === "now") facts.last = { atMs: nowMs, waMessageId: "", messageId };
    byConversation.set(conversationId, facts);
  }
  return [...byConversation.values()];
}

function queuedEvent({ tenantId, conversationId, messageId, origin, type, when }: Draft): ActivityEvent {
  const later = when.kind === "now" ? {} : { when: when.kind };
  return { tenantId, type: "message.queued", conversationId, messageId, data: { origin, type, ...later } };
}
