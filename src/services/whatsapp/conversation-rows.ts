/** What is read of a conversation, whichever way it was found: `c` in these columns and joins. */
import type { Conversation } from "../../contract/conversations.ts";
import { pairHeadroom } from "../../core/pacing.ts";
import { previewText } from "../../core/preview.ts";
import { windowState } from "../../core/window.ts";
import { time, type RowOf } from "../../db/statement.ts";
import { contactColumns, contactJoins, contactSummary } from "./contacts/list.ts";

export const conversationRow = {
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
  snoozedUntilMs: "time?",
  isWaiting: "bool",
  assigneeId: "uuid?",
  labelIds: "uuids",
  createdAtMs: "time",
  paidUntilMs: "time?",
  nowMs: "time",
} as const;

/** The window is judged by the database's clock, read in the same statement. Labels of what was merged into it count, too. */
export const conversationColumns = `c.id, c.connection_id as "connectionId", ${contactColumns}, c.group_id as "groupId", c.group_subject as "groupSubject",
  c.last_customer_message_at as "lastCustomerMessageAtMs", c.refused_at as "refusedAtMs",
  c.free_entry_point_expires_at as "freeEntryPointExpiresAtMs", c.last_message_at as "lastMessageAtMs", c.last_message_hour as "lastMessageHour",
  case when revoke.id is null then last.type end as "lastType",
  case when last.id is null then null when revoke.id is not null then '{"kind":"revoked"}'::jsonb
    else coalesce(edit.content -> 'message', last.content) end as "lastContent",
  c.inbound_count as "inboundCount", c.outbound_count as "outboundCount", c.unread_count as "unreadCount", c.state,
  case when c.state = 'snoozed' then c.snoozed_until end as "snoozedUntilMs", c.is_waiting as "isWaiting", c.assignee_id as "assigneeId",
  array(
    select l.label_id from conversation_labels l
    where l.tenant_id = c.tenant_id and l.conversation_id in (
      select c.id union all select m.id from whatsapp_conversations m where m.tenant_id = c.tenant_id and m.merged_into_id = c.id)
    group by l.label_id order by min(l.created_at), l.label_id
  ) as "labelIds", c.created_at as "createdAtMs",
  (select paid_until from whatsapp_send_pairs sp where sp.tenant_id = c.tenant_id and sp.conversation_id = c.id) as "paidUntilMs",
  clock_timestamp() as "nowMs"`;
const reference = (role: "edit" | "revoke"): string => `
  left join lateral (
    select r.id, r.content from whatsapp_messages r
    where r.tenant_id = last.tenant_id and r.connection_id = last.connection_id and r.target_wa_message_id = last.wa_message_id
      and r.role = '${role}' and r.direction = last.direction
    order by r.wa_timestamp desc, r.wa_message_id desc limit 1
  ) ${role} on true`;
export const conversationJoins = `
  left join whatsapp_contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id ${contactJoins}
  left join whatsapp_messages last on last.tenant_id = c.tenant_id and last.id = c.last_message_id ${reference("edit")} ${reference("revoke")}`;

export function shownConversation(row: RowOf<typeof conversationRow>): Conversation {
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
    // The column is made of these words alone.
    state: row.state as Conversation["state"],
    snoozedUntil: time(row.snoozedUntilMs),
    isWaiting: row.isWaiting,
    assigneeId: row.assigneeId,
    labelIds: row.labelIds,
    createdAt: time(row.createdAtMs),
  };
}
