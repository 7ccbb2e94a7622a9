/**
 * Conversations as they are read: canonical rows only, latest message first. The key of the list begins with the hour of the last
 * message, because the index does: within the hour a new message changes no index.
 */
import type { Conversation, ConversationFilter, Window } from "../../contract/conversations.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import { decodeCursor, encodeCursor, lastId } from "../../core/cursor.ts";
import { isUuid } from "../../core/ids.ts";
import { pairHeadroom } from "../../core/pacing.ts";
import { previewText } from "../../core/preview.ts";
import { invalidRequest, notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { windowState } from "../../core/window.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { contactColumns, contactJoins, contactsByAddress, contactSummary, phoneOwner } from "./contact-list.ts";

const conversationRow = {
  id: "uuid",
  connectionId: "uuid",
  contactId: "uuid?",
  waId: "text?",
  userId: "text?",
  username: "text?",
  profileName: "text?",
  groupId: "text?",
  groupSubject: "text?",
  lastCustomerMessageAtMs: "time?",
  refusedAtMs: "time?",
  freeEntryPointExpiresAtMs: "time?",
  lastMessageAtMs: "time?",
  lastMessageHour: "bigint",
  lastType: "text?",
  lastContent: "json?",
  inboundCount: "bigint",
  outboundCount: "bigint",
  unreadCount: "bigint",
  state: "text",
  assigneeId: "uuid?",
  createdAtMs: "time",
  paidUntilMs: "time?",
  nowMs: "time",
} as const;

/** The window is judged by the database's clock, read in the same statement. */
const columns = `c.id, c.connection_id as "connectionId", ${contactColumns}, c.group_id as "groupId", c.group_subject as "groupSubject",
  c.last_customer_message_at as "lastCustomerMessageAtMs", c.refused_at as "refusedAtMs",
  c.free_entry_point_expires_at as "freeEntryPointExpiresAtMs", c.last_message_at as "lastMessageAtMs", c.last_message_hour as "lastMessageHour",
  case when revoke.id is null then last.type end as "lastType",
  case when last.id is null then null when revoke.id is not null then '{"kind":"revoked"}'::jsonb
    else coalesce(edit.content -> 'message', last.content) end as "lastContent",
  c.inbound_count as "inboundCount", c.outbound_count as "outboundCount", c.unread_count as "unreadCount", c.state,
  c.assignee_id as "assigneeId", c.created_at as "createdAtMs",
  (select paid_until from whatsapp_send_pairs sp where sp.tenant_id = c.tenant_id and sp.conversation_id = c.id) as "paidUntilMs",
  clock_timestamp() as "nowMs"`;
const reference = (role: "edit" | "revoke"): string => `
  left join lateral (
    select r.id, r.content from whatsapp_messages r
    where r.tenant_id = last.tenant_id and r.connection_id = last.connection_id and r.target_wa_message_id = last.wa_message_id
      and r.role = '${role}' and r.direction = last.direction
    order by r.wa_timestamp desc, r.wa_message_id desc limit 1
  ) ${role} on true`;
const joins = `
  left join whatsapp_contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id ${contactJoins}
  left join whatsapp_messages last on last.tenant_id = c.tenant_id and last.id = c.last_message_id ${reference("edit")} ${reference("revoke")}`;
const order = (row: string): string => `${row}.last_message_hour desc, coalesce(${row}.last_message_at, '-infinity') desc, ${row}.id desc`;
const isAfter = `(x.last_message_hour, coalesce(x.last_message_at, '-infinity'), x.id)`;

const selectPage = statement(
  "conversation_list.page",
  `select ${columns} from (
     select x.* from whatsapp_conversations x
     where x.tenant_id = $1 and x.merged_into_id is null and ${isAfter} < ($2::bigint, $3::timestamptz, $4::uuid)
       and ($5::uuid is null or x.connection_id = $5) and ($6::text is null or x.state = $6)
     order by ${order("x")} limit $7
   ) c ${joins} order by ${order("c")}`,
  conversationRow,
);
const selectByAddress = statement(
  "conversation_list.by_address",
  `with ${phoneOwner}
   select ${columns} from (
     select x.* from whatsapp_conversations x
     where x.tenant_id = $1 and x.merged_into_id is null and ${isAfter} < ($4::bigint, $5::timestamptz, $6::uuid)
       and x.contact_id in (${contactsByAddress})
       and ($7::uuid is null or x.connection_id = $7) and ($8::text is null or x.state = $8)
     order by ${order("x")} limit $9
   ) c ${joins} order by ${order("c")}`,
  conversationRow,
);
const selectById = statement(
  "conversation_list.by_id",
  `select ${columns} from whatsapp_conversations asked
   join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end ${joins}
   where asked.tenant_id = $1 and asked.id = $2`,
  conversationRow,
);

export async function listConversations(app: Db, scope: TenantScope, query: ListQuery & ConversationFilter): Promise<Page<Conversation>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const after = keyAfter(query.after);
  const filters = [query.connectionId ?? null, query.state ?? null, limit];
  const isByAddress = query.waId !== undefined || query.userId !== undefined;
  const rows = await tenantTransaction(app, scope, (tx) =>
    isByAddress
      ? tx.query(selectByAddress, [scope.tenantId, query.waId ?? null, query.userId ?? null, ...after, ...filters])
      : tx.query(selectPage, [scope.tenantId, ...after, ...filters]),
  );
  const last = rows.at(-1);
  const next = last === undefined || rows.length < limit ? null : encodeCursor([last.lastMessageHour, last.lastMessageAtMs, last.id]);
  return { data: rows.map(shown), next };
}

/** The id of a merged conversation gives the one that it became. */
export async function readConversation(app: Db, scope: TenantScope, id: string): Promise<Conversation> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return shown(row);
}

export async function readWindow(app: Db, scope: TenantScope, id: string): Promise<Window> {
  return (await readConversation(app, scope, id)).window;
}

/** Without a cursor: above every key. */
function keyAfter(after: string | undefined): [number, string, string] {
  if (after === undefined) return [Number.MAX_SAFE_INTEGER, "infinity", lastId];
  const [hour, atMs, id] = decodeCursor(after, ["number", "number?", "text"]);
  if (!isUuid(id) || Math.abs(atMs ?? 0) > 8.64e15) throw invalidRequest("`after` is not a cursor of this list");
  return [hour, atMs === null ? "-infinity" : time(atMs), id];
}

function shown(row: RowOf<typeof conversationRow>): Conversation {
  const { lastCustomerMessageAtMs, refusedAtMs, nowMs } = row;
  const { isOpen, expiresAtMs, remainingMs } = windowState({ lastCustomerMessageAtMs, refusedAtMs, nowMs });
  const { sendsNow, nextAtMs } = pairHeadroom(row.paidUntilMs, nowMs);
  return {
    id: row.id,
    connectionId: row.connectionId,
    contact: contactSummary(row),
    group: row.groupId === null ? null : { id: row.groupId, subject: row.groupSubject },
    window: { isOpen, expiresAt: time(expiresAtMs), remainingMs },
    headroom: { sendsNow, nextAt: time(nextAtMs) },
    lastCustomerMessageAt: time(lastCustomerMessageAtMs),
    freeEntryPointExpiresAt: time(row.freeEntryPointExpiresAtMs),
    lastMessageAt: time(row.lastMessageAtMs),
    lastMessagePreview: row.lastContent === null ? null : previewText(row.lastType ?? "", row.lastContent),
    inboundCount: row.inboundCount,
    outboundCount: row.outboundCount,
    unreadCount: row.unreadCount,
    // The column's CHECK allows no other state.
    state: row.state as Conversation["state"],
    assigneeId: row.assigneeId,
    createdAt: time(row.createdAtMs),
  };
}
