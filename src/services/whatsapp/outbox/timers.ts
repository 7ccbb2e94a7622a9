/**
 * What waits for a time or for the customer. `scheduled` messages join the queue when they are due; `waiting` ones when the customer's
 * word opens the window (`releaseWaiting`, in the transaction that stores that word), or they are cancelled when they have waited too long.
 */
import { mayStartFreeform, type WindowState } from "../../../core/window.ts";
import { uuids } from "../../../db/arrays.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { transaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity, type ActivityEvent } from "../../activity/append.ts";
import { reconsiderAnswers } from "../conversation-answers.ts";
import { joinQueue, lockConversations } from "./turns.ts";

const sendKey = { tenantId: "uuid", messageId: "uuid", conversationId: "uuid" } as const;

const selectDue = statement(
  "send_timers.due",
  `select tenant_id as "tenantId", message_id as "messageId", conversation_id as "conversationId" from whatsapp_sends
   where state = 'scheduled' and due_at <= statement_timestamp() order by due_at limit $1`,
  sendKey,
);
const selectExpired = statement(
  "send_timers.expired",
  `select tenant_id as "tenantId", message_id as "messageId", conversation_id as "conversationId" from whatsapp_sends
   where state = 'waiting' and expires_at <= statement_timestamp() order by expires_at limit $1`,
  sendKey,
);
const selectWaiting = statement(
  "send_timers.waiting",
  `select s.tenant_id as "tenantId", s.message_id as "messageId", s.conversation_id as "conversationId"
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
   cross join lateral (
     select u.id union all select c.id from whatsapp_conversations c where c.tenant_id = u.tenant_id and c.merged_into_id = u.id
   ) c
   join whatsapp_sends s on s.tenant_id = u.tenant_id and s.conversation_id = c.id and s.state = 'waiting' and s.expires_at > statement_timestamp()
   order by s.ordinal`,
  sendKey,
);
const expire = statement(
  "send_timers.expire",
  `with gone as (
     delete from whatsapp_sends s using unnest($1::uuid[], $2::uuid[]) as u (tenant_id, message_id)
     where s.tenant_id = u.tenant_id and s.message_id = u.message_id and s.state = 'waiting' returning s.tenant_id, s.message_id
   )
   update whatsapp_messages m set status = 'cancelled' from gone g where m.tenant_id = g.tenant_id and m.id = g.message_id and m.status = 'pending'
   returning m.tenant_id as "tenantId", m.id as "messageId", m.conversation_id as "conversationId"`,
  sendKey,
);
const forgetKeys = statement(
  "idempotency.forget",
  `delete from idempotency_keys where created_at < statement_timestamp() - make_interval(secs => $1::int)`,
  {},
);

/** One look. Answers how many messages joined the queue, and the tenants that have news. Role kesher_ingest. */
export async function runTimers(ingest: Db, nowMs: number): Promise<{ joined: number; tenantIds: string[] }> {
  const joined = await transaction(ingest, async (tx) => {
    const due = await tx.query(selectDue, [limits.sendTimersMax]);
    if (due.length === 0) return 0;
    await lockConversations(tx, due);
    const rows = await joinQueue(
      tx,
      due.map((send) => ({ ...send, state: "scheduled" as const })),
    );
    return rows.length;
  });
  const tenantIds = await transaction(ingest, async (tx) => {
    const late = await tx.query(selectExpired, [limits.sendTimersMax]);
    if (late.length === 0) return [];
    await lockConversations(tx, late);
    const rows = await tx.query(expire, [uuids(late.map((send) => send.tenantId)), uuids(late.map((send) => send.messageId))]);
    await reconsiderAnswers(tx, rows);
    const events: ActivityEvent[] = rows.map(({ tenantId, messageId, conversationId }) => ({
      tenantId,
      type: "message.status_changed",
      conversationId,
      messageId,
      data: { status: "cancelled", previousStatus: "pending", reason: "expired" },
    }));
    await appendActivity(tx, events, nowMs);
    return [...new Set(events.map((event) => event.tenantId))];
  });
  return { joined, tenantIds };
}

/**
 * What waits in those of these conversations whose window is open goes out. Not only where it was closed until now: a message waits, too,
 * in a window's last seconds, or in a conversation that was merged into an open one. The caller holds the locks of these rows.
 */
export async function releaseWaiting(
  tx: Tx,
  conversations: readonly { tenantId: string; conversationId: string; after: WindowState }[],
): Promise<number> {
  const open = conversations.filter(({ after }) => mayStartFreeform(after));
  if (open.length === 0) return 0;
  const waiting = await tx.query(selectWaiting, [uuids(open.map((one) => one.tenantId)), uuids(open.map((one) => one.conversationId))]);
  if (waiting.length === 0) return 0;
  // Of a conversation that was merged into the one that is locked already, a row of its own.
  await lockConversations(tx, waiting);
  const rows = await joinQueue(
    tx,
    waiting.map((send) => ({ ...send, state: "waiting" as const })),
  );
  return rows.length;
}

/** Keys older than a day. */
export async function forgetIdempotencyKeys(ingest: Db): Promise<void> {
  await ingest.query(forgetKeys, [limits.idempotencyKeyMs / 1_000]);
}
