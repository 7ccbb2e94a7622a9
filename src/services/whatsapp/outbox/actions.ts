/** What a person can do about a message of ours: cancel it while it waits, settle one whose outcome nobody knows, send it anew. */
import { Rejection, notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit, type By } from "../../audit/append.ts";
import { reconsiderAnswers } from "../conversation-answers.ts";
import { lockConversations, promoteNext } from "./turns.ts";

const select = statement(
  "outbox.message",
  `select m.conversation_id as "conversationId", s.conversation_id as "queueId", m.connection_id as "connectionId", m.direction, m.origin, m.status, m.type, m.role,
     m.content, m.target_wa_message_id as "targetWaMessageId", m.callback, s.state
   from whatsapp_messages m left join whatsapp_sends s on s.tenant_id = m.tenant_id and s.message_id = m.id
   where m.tenant_id = $1 and m.id = $2`,
  {
    conversationId: "uuid",
    queueId: "uuid?",
    connectionId: "uuid",
    direction: "text",
    origin: "text",
    status: "text",
    type: "text",
    role: "text",
    content: "json",
    targetWaMessageId: "text?",
    callback: "text?",
    state: "text?",
  },
);

const cancel = statement(
  "outbox.cancel",
  `with gone as (
     delete from whatsapp_sends where tenant_id = $1 and message_id = $2 and state <> 'dispatching' returning tenant_id, message_id
   )
   update whatsapp_messages m set status = 'cancelled' from gone g where m.tenant_id = g.tenant_id and m.id = g.message_id and m.status = 'pending'
   returning m.id`,
  { id: "uuid" },
);

/** Whoever is adding one behind what is about to go ends first: nobody would promote it. */
const lockWaiting = statement(
  "outbox.lock_all",
  `select c.id from whatsapp_conversations c where c.tenant_id = $1
     and exists (select from whatsapp_sends s where s.tenant_id = c.tenant_id and s.conversation_id = c.id)
   order by c.id for no key update`,
  { id: "uuid" },
);

const cancelWaiting = statement(
  "outbox.cancel_all",
  `with gone as (
     delete from whatsapp_sends where tenant_id = $1 and state <> 'dispatching' returning tenant_id, message_id
   )
   update whatsapp_messages m set status = 'cancelled' from gone g where m.tenant_id = g.tenant_id and m.id = g.message_id and m.status = 'pending'
   returning m.id, m.conversation_id as "conversationId"`,
  { id: "uuid", conversationId: "uuid" },
);

const markFailed = statement(
  "outbox.mark_failed",
  `update whatsapp_messages set status = 'failed', failed_at = $3::timestamptz, error_code = null, error_title = 'Marked as failed',
     error_details = 'Its outcome was not known; a person has marked it as failed.'
   where tenant_id = $1 and id = $2 and status = 'unknown' returning id`,
  { id: "uuid" },
);

/** A message that was sent or is about to be: `not_found` for any other. */
export async function readOutgoing(tx: Tx, scope: TenantScope, messageId: string) {
  const [message] = await tx.query(select, [scope.tenantId, messageId]);
  if (message === undefined || message.direction !== "outbound" || message.origin === "phone") throw notFound();
  return message;
}

/** Cancelled already, it stays so. Throws `conflict` when its request is under way or it was sent. */
export async function cancelMessage(tx: Tx, scope: TenantScope, messageId: string, { actor, nowMs }: By): Promise<void> {
  const { conversationId, queueId, status } = await readOutgoing(tx, scope, messageId);
  if (status === "cancelled") return;
  const turn = { tenantId: scope.tenantId, conversationId: queueId ?? conversationId };
  await lockConversations(tx, [turn]);
  const [gone] = await tx.query(cancel, [scope.tenantId, messageId]);
  if (gone === undefined)
    throw new Rejection("conflict", 409, "This message is already on its way; only what still waits can be cancelled.");
  await promoteNext(tx, [turn]);
  const { tenantId } = scope;
  await reconsiderAnswers(tx, [{ tenantId, conversationId }]);
  await appendAudit(tx, actor, [{ tenantId, action: "message.cancelled", subject: { kind: "message", id: messageId } }], nowMs);
  const data = { status: "cancelled", previousStatus: "pending" };
  await appendActivity(tx, [{ tenantId: scope.tenantId, type: "message.status_changed", conversationId, messageId, data }], nowMs);
}

/** Throws `conflict` when the outcome is known. */
export async function markMessageFailed(tx: Tx, scope: TenantScope, messageId: string, { actor, nowMs }: By): Promise<void> {
  const { conversationId } = await readOutgoing(tx, scope, messageId);
  await lockConversations(tx, [{ tenantId: scope.tenantId, conversationId }]);
  const [marked] = await tx.query(markFailed, [scope.tenantId, messageId, new Date(nowMs).toISOString()]);
  if (marked === undefined) throw new Rejection("conflict", 409, "Only a message whose outcome is unknown can be marked as failed.");
  const { tenantId } = scope;
  await reconsiderAnswers(tx, [{ tenantId, conversationId }]);
  await appendAudit(tx, actor, [{ tenantId, action: "message.marked_failed", subject: { kind: "message", id: messageId } }], nowMs);
  const data = { status: "failed", previousStatus: "unknown", by: "person" };
  await appendActivity(tx, [{ tenantId: scope.tenantId, type: "message.status_changed", conversationId, messageId, data }], nowMs);
}

/** Whatever of the tenant waits. Nobody is left behind whom somebody would have to promote. */
export async function cancelAll(tx: Tx, scope: TenantScope, nowMs: number): Promise<void> {
  await tx.query(lockWaiting, [scope.tenantId]);
  const rows = await tx.query(cancelWaiting, [scope.tenantId]);
  await reconsiderAnswers(
    tx,
    rows.map(({ conversationId }) => ({ tenantId: scope.tenantId, conversationId })),
  );
  const data = { status: "cancelled", previousStatus: "pending" };
  const events = rows.map(({ id, conversationId }) => ({
    tenantId: scope.tenantId,
    type: "message.status_changed",
    conversationId,
    messageId: id,
    data,
  }));
  await appendActivity(tx, events, nowMs);
}
