/**
 * Conversations and their 24-hour windows. A conversation is one connection × one peer (contact or group), for ever one row.
 *
 * The rule of the window is `core/window.ts`; the one statement that moves it is `fold` below. Both the workers, which
 * fold a whole batch, and the functions for a single conversation go through it. Times are milliseconds since 1970.
 *
 * All functions run inside the caller's transaction. What belongs to a merged conversation is answered by its canonical row.
 */
import { mayStartFreeform, windowState, type WindowState } from "../../core/window.ts";
import type { TenantScope } from "../../core/scope.ts";
import { ints, texts, times, uuids } from "../../db/arrays.ts";
import { statement, type RowOf } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { ensureConversations } from "./conversation-lookup.ts";

const conversationRow = {
  id: "uuid",
  connectionId: "uuid",
  contactId: "uuid?",
  groupId: "text?",
  lastCustomerMessageAtMs: "time?",
  refusedAtMs: "time?",
  freeEntryPointExpiresAtMs: "time?",
  lastMessageAtMs: "time?",
  inboundCount: "bigint",
  outboundCount: "bigint",
  unreadCount: "bigint",
  state: "text",
  assigneeId: "uuid?",
  replyPhone: "text?",
  replyUserId: "text?",
  nowMs: "time",
} as const;
type ConversationRow = RowOf<typeof conversationRow>;

/** A conversation with its window as of the database's clock. */
export type Conversation = ConversationRow & { window: WindowState };

/** Who the business talks to on a connection: exactly one of the two. */
export type PeerKey = { contactId: string; groupId?: undefined } | { groupId: string; contactId?: undefined };

/** What a batch has learnt about one conversation. Folding it twice or in another order ends the same, but for the counts. */
export type ConversationFacts = {
  tenantId: string;
  conversationId: string;
  /** Greatest clamped Meta time of a customer's message or call; null when there was none. */
  customerAtMs: number | null;
  /** Which message that was: of several at one time, the greatest. */
  customerWaMessageId: string | null;
  replyPhone: string | null;
  replyUserId: string | null;
  /** The message that the list shows: the greatest (time, wamid). */
  last: { atMs: number; waMessageId: string; messageId: string } | null;
  /** When a person, a bot or the phone answered; an automatic reply does not. */
  answeredAtMs: number | null;
  /** Newly stored messages that count. */
  inbound: number;
  outbound: number;
};

/** What says nothing yet. */
export function noFacts(tenantId: string, conversationId: string): ConversationFacts {
  return {
    tenantId,
    conversationId,
    customerAtMs: null,
    customerWaMessageId: null,
    replyPhone: null,
    replyUserId: null,
    last: null,
    answeredAtMs: null,
    inbound: 0,
    outbound: 0,
  };
}

export type FoldedConversation = { tenantId: string; conversationId: string; before: WindowState; after: WindowState; nowMs: number };

/** `case`, never `coalesce`: row-level security takes that for a leak and would read every row of the tenant before it compares. */
const canonicalById = `
  from whatsapp_conversations asked
  join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end`;

const columns = `
  c.id, c.connection_id as "connectionId", c.contact_id as "contactId", c.group_id as "groupId",
  c.last_customer_message_at as "lastCustomerMessageAtMs", c.refused_at as "refusedAtMs",
  c.free_entry_point_expires_at as "freeEntryPointExpiresAtMs", c.last_message_at as "lastMessageAtMs",
  c.inbound_count as "inboundCount", c.outbound_count as "outboundCount", c.unread_count as "unreadCount",
  c.state, c.assignee_id as "assigneeId", c.reply_phone as "replyPhone", c.reply_user_id as "replyUserId",
  clock_timestamp() as "nowMs"`;

const selectById = statement(
  "conversations.by_id",
  `select ${columns} ${canonicalById} where asked.tenant_id = $1 and asked.id = $2`,
  conversationRow,
);

/** Answers what is true once the locks are held. */
const selectLocked = statement(
  "conversations.lock_by_ids",
  `select asked.id as "askedId", ${columns} ${canonicalById} where asked.tenant_id = $1 and asked.id = any($2::uuid[])
   order by c.id for no key update of c`,
  { ...conversationRow, askedId: "uuid" },
);

const selectByPeer = statement(
  "conversations.by_peer",
  `select ${columns} ${canonicalById}
   where asked.tenant_id = $1 and asked.connection_id = $2
     and (($3::uuid is not null and asked.contact_id = $3) or ($4::text is not null and asked.group_id = $4))`,
  conversationRow,
);

/** Compared with `c`, the row as it is once its lock is held, never with a copy read before. */
const isNewer = `(f.last_at, f.last_wa_message_id) >= (coalesce(c.last_message_at, '-infinity'), coalesce(c.last_message_wa_message_id, ''))`;
const isLatestWord = `(f.customer_at, coalesce(f.customer_wa_message_id, '')) >= (coalesce(c.last_customer_message_at, '-infinity'), coalesce(c.last_customer_wa_message_id, ''))`;
const namesSender = `(f.reply_phone is not null or f.reply_user_id is not null)`;

/**
 * Several rows of `unnest` may not name one conversation: callers aggregate first. Rows are updated, and so locked, in the order of the
 * arrays, which is that of their keys.
 */
const fold = statement(
  "conversations.fold",
  `update whatsapp_conversations c set
     last_customer_message_at = greatest(c.last_customer_message_at, f.customer_at),
     last_customer_wa_message_id = case when ${isLatestWord} then f.customer_wa_message_id else c.last_customer_wa_message_id end,
     reply_phone = case when ${isLatestWord} and ${namesSender} then f.reply_phone else c.reply_phone end,
     reply_user_id = case when ${isLatestWord} and ${namesSender} then f.reply_user_id else c.reply_user_id end,
     last_message_at = case when ${isNewer} then f.last_at else c.last_message_at end,
     last_message_wa_message_id = case when ${isNewer} then f.last_wa_message_id else c.last_message_wa_message_id end,
     last_message_id = case when ${isNewer} then f.last_id else c.last_message_id end,
     last_message_hour = case when ${isNewer} then floor(extract(epoch from f.last_at) / 3600)::bigint else c.last_message_hour end,
     last_answer_at = greatest(c.last_answer_at, f.answered_at),
     inbound_count = c.inbound_count + f.inbound,
     outbound_count = c.outbound_count + f.outbound,
     unread_count = c.unread_count + f.inbound
   from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $11::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::uuid[], $9::int[], $10::int[], $12::timestamptz[])
     as f (tenant_id, id, customer_at, customer_wa_message_id, reply_phone, reply_user_id, last_at, last_wa_message_id, last_id, inbound, outbound, answered_at)
   where c.tenant_id = f.tenant_id and c.id = f.id and c.merged_into_id is null
   returning c.tenant_id as "tenantId", c.id, old.last_customer_message_at as "beforeMs", new.last_customer_message_at as "afterMs", c.refused_at as "refusedAtMs", clock_timestamp() as "nowMs"`,
  { tenantId: "uuid", id: "uuid", beforeMs: "time?", afterMs: "time?", refusedAtMs: "time?", nowMs: "time" },
);

const selectCanonicals = statement(
  "conversations.canonicals",
  `select c.id, coalesce(c.merged_into_id, c.id) as "canonicalId" from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
   join whatsapp_conversations c using (tenant_id, id)`,
  { id: "uuid", canonicalId: "uuid" },
);

/**
 * Makes sure that the conversation exists and opens (or prolongs) its window from the customer's word at `atMs`, which
 * the caller has clamped to its receipt (`core/window.ts`). Forward only: an earlier word changes nothing.
 * Answers the conversation as it stands now, with its window by the database's clock.
 */
export async function openConversationWindow(
  scope: TenantScope,
  tx: Tx,
  input: { connectionId: string; peer: PeerKey; atMs: number; nowMs: number },
): Promise<Conversation> {
  const wanted = { tenantId: scope.tenantId, connectionId: input.connectionId, ...peerColumns(input.peer) };
  const [ensured] = await ensureConversations(tx, [wanted], input.nowMs);
  if (ensured === undefined) throw new Error("A conversation was neither found nor made");
  await foldConversations(tx, [{ ...noFacts(scope.tenantId, ensured.conversationId), customerAtMs: input.atMs }]);
  const conversation = await getConversationById(scope, tx, ensured.conversationId);
  if (conversation === null) throw new Error("A conversation vanished inside its transaction");
  return conversation;
}

/** The conversation of a connection with a contact or a group; null when they never spoke. */
export async function getConversation(
  scope: TenantScope,
  tx: Tx,
  key: { connectionId: string; peer: PeerKey },
): Promise<Conversation | null> {
  const { contactId, groupId } = peerColumns(key.peer);
  const [row] = await tx.query(selectByPeer, [scope.tenantId, key.connectionId, contactId, groupId]);
  return row === undefined ? null : withWindow(row);
}

/** Null when the tenant has no such conversation. The id of a merged one answers the canonical one. */
export async function getConversationById(scope: TenantScope, tx: Tx, conversationId: string): Promise<Conversation | null> {
  const [row] = await tx.query(selectById, [scope.tenantId, conversationId]);
  return row === undefined ? null : withWindow(row);
}

/** By the ids that were asked for; until COMMIT nobody else changes them, so what is decided by their windows holds. */
export async function lockConversations(scope: TenantScope, tx: Tx, ids: readonly string[]): Promise<Map<string, Conversation>> {
  const rows = await tx.query(selectLocked, [scope.tenantId, uuids([...new Set(ids)])]);
  return new Map(rows.map(({ askedId, ...row }) => [askedId, withWindow(row)]));
}

/** Whether the window is open at this moment by the database's clock. For the check before a send see `isConversationWindowOpen`. */
export async function isWindowOpen(scope: TenantScope, tx: Tx, conversationId: string): Promise<boolean> {
  return (await getConversationById(scope, tx, conversationId))?.window.isOpen ?? false;
}

/**
 * The check before a freeform send (I7): open, and more than 5 s left by the database's clock.
 * False for a conversation that does not exist.
 */
export async function isConversationWindowOpen(scope: TenantScope, tx: Tx, conversationId: string): Promise<boolean> {
  const conversation = await getConversationById(scope, tx, conversationId);
  return conversation !== null && mayStartFreeform(conversation.window);
}

/** Counts one more message. Callers count a message only when they have just stored its row, so that duplicates count once. */
export async function incrementMessageCount(
  scope: TenantScope,
  tx: Tx,
  input: { conversationId: string; direction: "inbound" | "outbound" },
): Promise<void> {
  const isInbound = input.direction === "inbound";
  await foldConversations(tx, [
    { ...noFacts(scope.tenantId, input.conversationId), inbound: isInbound ? 1 : 0, outbound: isInbound ? 0 : 1 },
  ]);
}

/** Applies what a batch has learnt, one entry per conversation, in one statement. */
export async function foldConversations(tx: Tx, facts: readonly ConversationFacts[]): Promise<FoldedConversation[]> {
  if (facts.length === 0) return [];
  const folded = await foldCanonical(tx, facts);
  if (folded.length === facts.length) return folded;
  // A merge has committed since these were looked up: what they say is for the conversation that they were merged into.
  const found = new Set(folded.map((conversation) => conversation.conversationId));
  const moved = await followMerges(
    tx,
    facts.filter((fact) => !found.has(fact.conversationId)),
  );
  const followed: FoldedConversation[] = [];
  // One by one: two of them may have been merged into the same.
  for (const fact of moved) followed.push(...(await foldCanonical(tx, [fact])));
  return [...folded, ...followed];
}

async function followMerges(tx: Tx, facts: readonly ConversationFacts[]): Promise<ConversationFacts[]> {
  const rows = await tx.query(selectCanonicals, [
    uuids(facts.map((fact) => fact.tenantId)),
    uuids(facts.map((fact) => fact.conversationId)),
  ]);
  const canonicals = new Map(rows.map((row) => [row.id, row.canonicalId]));
  return facts.map((fact) => ({ ...fact, conversationId: canonicals.get(fact.conversationId) ?? fact.conversationId }));
}

async function foldCanonical(tx: Tx, unsorted: readonly ConversationFacts[]): Promise<FoldedConversation[]> {
  const facts = unsorted.toSorted((a, b) => (a.tenantId + a.conversationId < b.tenantId + b.conversationId ? -1 : 1));
  const rows = await tx.query(fold, [
    uuids(facts.map((fact) => fact.tenantId)),
    uuids(facts.map((fact) => fact.conversationId)),
    times(facts.map((fact) => fact.customerAtMs)),
    texts(facts.map((fact) => fact.replyPhone)),
    texts(facts.map((fact) => fact.replyUserId)),
    times(facts.map((fact) => fact.last?.atMs ?? null)),
    texts(facts.map((fact) => fact.last?.waMessageId ?? null)),
    uuids(facts.map((fact) => fact.last?.messageId ?? null)),
    ints(facts.map((fact) => fact.inbound)),
    ints(facts.map((fact) => fact.outbound)),
    texts(facts.map((fact) => fact.customerWaMessageId)),
    times(facts.map((fact) => fact.answeredAtMs)),
  ]);
  return rows.map(({ tenantId, id, beforeMs, afterMs, refusedAtMs, nowMs }) => ({
    tenantId,
    conversationId: id,
    before: windowState({ lastCustomerMessageAtMs: beforeMs, refusedAtMs, nowMs }),
    after: windowState({ lastCustomerMessageAtMs: afterMs, refusedAtMs, nowMs }),
    nowMs,
  }));
}

function peerColumns(peer: PeerKey): { contactId: string | null; groupId: string | null } {
  return { contactId: peer.contactId ?? null, groupId: peer.groupId ?? null };
}

function withWindow(row: ConversationRow): Conversation {
  return {
    ...row,
    window: windowState({ lastCustomerMessageAtMs: row.lastCustomerMessageAtMs, refusedAtMs: row.refusedAtMs, nowMs: row.nowMs }),
  };
}
