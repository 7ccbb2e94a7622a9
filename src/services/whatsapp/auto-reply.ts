/**
 * The automatic reply to a message of a type that the tenant cannot handle: asked for in the transaction that stores the
 * message, at most one per conversation and interval. The cap is claimed by the statement that also checks the window.
 * It goes out as every message does, through the outbox. So does what a tenant says to a customer who has opted out of marketing.
 */
import { autoReplyDecision } from "../../core/auto-reply.ts";
import { sendMarginMs, windowMs } from "../../core/window.ts";
import { bigints, texts, uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { ActivityEvent } from "../activity/append.ts";
import { autoReplyText } from "./auto-reply-texts.ts";
import type { Peer } from "./graph/updates.ts";
import { queueMessages, type Draft } from "./outbox/enqueue.ts";
import type { Route } from "./routing.ts";

/** A newly stored message of a customer. */
export type ReplyCandidate = {
  route: Route;
  connectionId: string;
  conversationId: string;
  type: string;
  role: string;
  errorCode: number | null;
  isGroup: boolean;
  isStandby: boolean;
  peer: Peer;
  /** What is said whatever the type of the message is; null: nothing. */
  ownText: string | null;
};

/** The database's clock, the cap, the window with the margin of I7, a connection that can send, and never one of our own numbers. */
const claimCap = statement(
  "auto_reply.claim_cap",
  `update whatsapp_conversations c set auto_replied_at = clock_timestamp()
   from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[]) as u (tenant_id, id, interval_seconds, phone)
   where c.tenant_id = u.tenant_id and c.id = u.id
     and (c.auto_replied_at is null or c.auto_replied_at <= clock_timestamp() - make_interval(secs => u.interval_seconds))
     and c.last_customer_message_at + make_interval(secs => $5::int) > clock_timestamp() + make_interval(secs => $6::int)
     and (c.refused_at is null or c.refused_at <= c.last_customer_message_at)
     and exists (select from whatsapp_connections n where n.tenant_id = c.tenant_id and n.id = c.connection_id and n.state = 'connected')
     and not exists (select from whatsapp_connections n where n.tenant_id = c.tenant_id and regexp_replace(n.display_phone_number, '\\D', '', 'g') = u.phone)
   returning c.id`,
  { id: "uuid" },
);

/** Queues the replies that are due. */
export async function queueAutoReplies(tx: Tx, candidates: readonly ReplyCandidate[], nowMs: number): Promise<{ events: ActivityEvent[] }> {
  const wanted = new Map<string, ReplyCandidate>();
  for (const candidate of candidates) {
    const isFirst = (wanted.get(candidate.conversationId)?.ownText ?? null) === null;
    if (isFirst && isWanted(candidate, nowMs)) wanted.set(candidate.conversationId, candidate);
  }
  if (wanted.size === 0) return { events: [] };
  const asked = [...wanted.values()].toSorted((a, b) => (a.conversationId < b.conversationId ? -1 : 1));
  const claimed = await tx.query(claimCap, [
    uuids(asked.map(({ route }) => route.tenantId)),
    uuids(asked.map(({ conversationId }) => conversationId)),
    bigints(asked.map(({ route }) => route.autoReplyIntervalSeconds)),
    texts(asked.map(({ peer }) => peer.phone)),
    windowMs / 1_000,
    sendMarginMs / 1_000,
  ]);
  const drafts = claimed.flatMap(({ id }): Draft[] => {
    const candidate = wanted.get(id);
    return candidate === undefined ? [] : [draftOf(candidate, nowMs)];
  });
  return queueMessages(tx, drafts, nowMs);
}

function draftOf({ route, connectionId, conversationId, ownText }: ReplyCandidate, nowMs: number): Draft {
  return {
    tenantId: route.tenantId,
    messageId: newId(nowMs),
    connectionId,
    conversationId,
    origin: "automatic",
    type: "text",
    role: "message",
    content: JSON.stringify({ v: 1, kind: "text", body: ownText ?? route.autoReplyText ?? autoReplyText(route.locale) }),
    isFreeform: true,
    targetWaMessageId: null,
    to: { phone: null, userId: null },
    callback: null,
    resendOf: null,
    when: { kind: "now" },
  };
}

/** What can be told without the database; the rest is in the statement that claims the cap. */
function isWanted(candidate: ReplyCandidate, nowMs: number): boolean {
  const { route } = candidate;
  if (candidate.ownText !== null) return !candidate.isGroup && !candidate.isStandby;
  return autoReplyDecision({
    update: {
      kind: "message",
      type: candidate.type,
      role: candidate.role,
      groupId: candidate.isGroup ? "group" : null,
      isStandby: candidate.isStandby,
      errorCode: candidate.errorCode,
      isFromOwnNumber: false,
    },
    tenant: {
      autoReplyEnabled: route.autoReplyEnabled,
      supportedTypes: route.supportedTypes,
      autoReplyIntervalMs: route.autoReplyIntervalSeconds * 1_000,
      locale: route.locale,
    },
    conversation: { autoRepliedAtMs: null, isWindowOpen: true, canSend: true },
    nowMs,
  }).reply;
}
