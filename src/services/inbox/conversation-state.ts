/**
 * Setting conversations aside, giving them to people, and what was read. That a conversation is open again when the customer writes is no deed
 * but derived: it was set aside as of a word of the customer, and there is a later one (migration 0018).
 */
import type { ChangeConversation, ConversationState, ReadState } from "../../contract/inbox.ts";
import { systemActor } from "../../core/actor.ts";
import { invalidRequest, notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity, type ActivityEvent } from "../activity/append.ts";
import type { By } from "../audit/append.ts";
import { eventActor, inboxEvent } from "./event.ts";
import { unassignPerson } from "./unassign.ts";

const lock = statement(
  "conversation_state.lock",
  `select c.id, c.state, c.assignee_id as "assigneeId", c.snoozed_until as "snoozedUntilMs", c.unread_count as "unreadCount"
   from whatsapp_conversations asked
   join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
   where asked.tenant_id = $1 and asked.id = $2 for no key update of c`,
  { id: "uuid", state: "text", assigneeId: "uuid?", snoozedUntilMs: "time?", unreadCount: "bigint" },
);
const setAside = statement(
  "conversation_state.set_aside",
  `update whatsapp_conversations set set_aside = $3::text, snoozed_until = $4::timestamptz,
     set_aside_inbound_count = case when $3::text is not null then inbound_count end,
     set_aside_customer_message_at = case when $3::text is not null then last_customer_message_at end
   where tenant_id = $1 and id = $2`,
  {},
);
const assign = statement(
  "conversation_state.assign",
  `update whatsapp_conversations set assignee_id = $3::uuid where tenant_id = $1 and id = $2`,
  {},
);
/** $3: what was seen; null: everything. Messages after it are counted anew, no more of them than are unread. */
const read = statement(
  "conversation_state.read",
  `update whatsapp_conversations c set unread_count = case when $3::uuid is null then 0 else (
     select count(*) from (
       select from whatsapp_messages x
       where x.tenant_id = c.tenant_id and x.direction = 'inbound' and x.role = 'message'
         and x.conversation_id in (select c.id union all select k.id from whatsapp_conversations k where k.tenant_id = c.tenant_id and k.merged_into_id = c.id)
         and (x.wa_timestamp, x.id) > (select m.wa_timestamp, m.id from whatsapp_messages m where m.tenant_id = $1 and m.id = $3)
       limit c.unread_count
     ) later
   ) end
   where c.tenant_id = $1 and c.id = $2
   returning c.unread_count as "unreadCount"`,
  { unreadCount: "bigint" },
);
const isOf = statement(
  "conversation_state.is_of",
  `select m.id from whatsapp_messages m join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id
   where m.tenant_id = $1 and m.id = $3 and case when v.merged_into_id is null then v.id else v.merged_into_id end = $2`,
  { id: "uuid" },
);
const unread = statement(
  "conversation_state.unread",
  `update whatsapp_conversations set unread_count = greatest(unread_count, 1) where tenant_id = $1 and id = $2
   returning unread_count as "unreadCount"`,
  { unreadCount: "bigint" },
);
/** The earliest first, by their own index: ordered by key in one step, the planner would rather read all conversations in that order. */
const selectDue = statement(
  "conversation_state.due",
  `with due as materialized (
     select tenant_id, id from whatsapp_conversations where snoozed_until <= $1::timestamptz order by snoozed_until limit $2
   )
   select c.tenant_id as "tenantId", c.id, c.state from due join whatsapp_conversations c using (tenant_id, id)
   where c.snoozed_until <= $1::timestamptz order by c.tenant_id, c.id for no key update of c skip locked`,
  { tenantId: "uuid", id: "uuid", state: "text" },
);
const wake = statement(
  "conversation_state.wake",
  `update whatsapp_conversations c set set_aside = null, snoozed_until = null, set_aside_inbound_count = null, set_aside_customer_message_at = null
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) where c.tenant_id = u.tenant_id and c.id = u.id`,
  {},
);

/** Whether this is somebody of the tenant. */
export type IsPerson = (tenantId: string, personId: string) => Promise<boolean>;
export type InboxTools = { app: Db; isPerson: IsPerson };
type Locked = { id: string; state: ConversationState; assigneeId: string | null; snoozedUntilMs: number | null; unreadCount: number };

/** What is as it is wished already is no change and has no event. Throws `not_found`, and `invalid_request` for somebody who is not of the tenant. */
export async function changeConversation(
  tools: InboxTools,
  scope: TenantScope,
  { id, wanted }: { id: string; wanted: ChangeConversation },
  by: By,
): Promise<void> {
  const snoozedUntilMs = snoozeOf(wanted, by.nowMs);
  const assigneeId = wanted.assigneeId?.toLowerCase() ?? null;
  if (assigneeId !== null && !(await tools.isPerson(scope.tenantId, assigneeId))) {
    throw invalidRequest("assigneeId: nobody of this tenant has this id");
  }
  await tenantTransaction(tools.app, scope, async (tx) => {
    const before = await lockConversation(tx, scope, id);
    const events: ActivityEvent[] = [];
    const of = { tenantId: scope.tenantId, conversationId: before.id };
    const { state } = wanted;
    if (state !== undefined && (state !== before.state || (state === "snoozed" && snoozedUntilMs !== before.snoozedUntilMs))) {
      await tx.query(setAside, [scope.tenantId, before.id, state === "open" ? null : state, time(snoozedUntilMs)]);
      const data = { state, previousState: before.state, snoozedUntil: time(snoozedUntilMs), by: eventActor(by.actor) };
      events.push(inboxEvent("conversation.changed", of, data));
    }
    if (wanted.assigneeId !== undefined && assigneeId !== before.assigneeId) {
      await tx.query(assign, [scope.tenantId, before.id, assigneeId]);
      const data = { assigneeId, previousAssigneeId: before.assigneeId, by: eventActor(by.actor) };
      events.push(inboxEvent("conversation.assigned", of, data));
    }
    await appendActivity(tx, events, by.nowMs);
  });
  // Removed meanwhile: the job that takes conversations from them may have been here before.
  if (assigneeId !== null && !(await tools.isPerson(scope.tenantId, assigneeId))) {
    await unassignPerson(tools.app, scope, assigneeId, by.nowMs);
  }
}

/** Says nothing to the customer (`read-receipts.ts` does). What came after the message that was seen stays unread. */
export async function markConversationRead(
  app: Db,
  scope: TenantScope,
  { id, messageId }: { id: string; messageId: string | null },
  nowMs: number,
): Promise<ReadState> {
  return tenantTransaction(app, scope, async (tx) => {
    const before = await lockConversation(tx, scope, id);
    if (messageId !== null && (await tx.query(isOf, [scope.tenantId, before.id, messageId])).length === 0) throw notFound();
    if (before.unreadCount === 0) return { unreadCount: 0 };
    const [after] = await tx.query(read, [scope.tenantId, before.id, messageId]);
    return told(tx, scope, { before, unreadCount: after?.unreadCount ?? 0 }, nowMs);
  });
}

/** To come back to it: at least one message shows as unread. */
export async function markConversationUnread(app: Db, scope: TenantScope, id: string, nowMs: number): Promise<ReadState> {
  return tenantTransaction(app, scope, async (tx) => {
    const before = await lockConversation(tx, scope, id);
    const [after] = await tx.query(unread, [scope.tenantId, before.id]);
    return told(tx, scope, { before, unreadCount: after?.unreadCount ?? 1 }, nowMs);
  });
}

/** Brings back what was snoozed until now, at most `limits.snoozeWakeMax`. Answers the tenants in which something showed. */
export async function wakeSnoozed(ingest: Db, nowMs: number): Promise<{ woken: number; tenantIds: string[] }> {
  return transaction(ingest, async (tx) => {
    const due = await tx.query(selectDue, [time(nowMs), limits.snoozeWakeMax]);
    if (due.length === 0) return { woken: 0, tenantIds: [] };
    await tx.query(wake, [uuids(due.map(({ tenantId }) => tenantId)), uuids(due.map((row) => row.id))]);
    // The customer may have opened it already.
    const slept = due.filter(({ state }) => state === "snoozed");
    const data = { state: "open", previousState: "snoozed", snoozedUntil: null, by: eventActor(systemActor) } as const;
    const events = slept.map(({ tenantId, id }) => inboxEvent("conversation.changed", { tenantId, conversationId: id }, data));
    await appendActivity(tx, events, nowMs);
    return { woken: due.length, tenantIds: [...new Set(slept.map(({ tenantId }) => tenantId))] };
  });
}

/** The canonical one; held until COMMIT. */
export async function lockConversation(tx: Tx, scope: TenantScope, id: string): Promise<Locked> {
  const [row] = await tx.query(lock, [scope.tenantId, id]);
  if (row === undefined) throw notFound();
  // The column is made of these words alone.
  return { ...row, state: row.state as ConversationState };
}

async function told(
  tx: Tx,
  scope: TenantScope,
  { before, unreadCount }: { before: Locked; unreadCount: number },
  nowMs: number,
): Promise<ReadState> {
  if (unreadCount !== before.unreadCount) {
    await appendActivity(
      tx,
      [inboxEvent("conversation.read", { tenantId: scope.tenantId, conversationId: before.id }, { unreadCount })],
      nowMs,
    );
  }
  return { unreadCount };
}

function snoozeOf({ state, snoozedUntil }: ChangeConversation, nowMs: number): number | null {
  if (state !== "snoozed") {
    if (snoozedUntil !== undefined) throw invalidRequest("snoozedUntil goes with state snoozed only");
    return null;
  }
  const untilMs = snoozedUntil === undefined ? Number.NaN : Date.parse(snoozedUntil);
  if (Number.isNaN(untilMs)) throw invalidRequest("snoozedUntil: a time is needed");
  if (untilMs <= nowMs) throw invalidRequest("snoozedUntil: this time is over");
  if (untilMs > nowMs + limits.snoozeDaysMax * 86_400_000)
    throw invalidRequest(`snoozedUntil: at most ${limits.snoozeDaysMax} days from now`);
  return untilMs;
}
