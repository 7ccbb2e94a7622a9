/** What a conversation still has to send: at a time, or when the customer writes. Role kesher_app. */
import type { Page } from "../../../contract/json.ts";
import type { WaitingSend } from "../../../contract/sends.ts";
import { previewText } from "../../../core/preview.ts";
import { notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

/** What was made before a merge stays in the queue of the conversation that it was made in. */
const select = statement(
  "waiting_sends.select",
  `select asked.id as "conversationId", s.message_id as "messageId", s.state, s.due_at as "dueAtMs", s.expires_at as "expiresAtMs", m.type, m.content,
     m.created_at as "createdAtMs"
   from whatsapp_conversations asked
   join whatsapp_conversations f on f.tenant_id = asked.tenant_id
     and (f.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
       or f.merged_into_id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end)
   left join whatsapp_sends s on s.tenant_id = f.tenant_id and s.conversation_id = f.id and s.state in ('scheduled', 'waiting')
   left join whatsapp_messages m on m.tenant_id = s.tenant_id and m.id = s.message_id
   where asked.tenant_id = $1 and asked.id = $2
   order by s.state = 'waiting', s.due_at, s.ordinal limit $3`,
  {
    conversationId: "uuid",
    messageId: "uuid?",
    state: "text?",
    dueAtMs: "time?",
    expiresAtMs: "time?",
    type: "text?",
    content: "json?",
    createdAtMs: "time?",
  },
);

/** What goes at a time first, in its order; then what waits for the customer's word. Throws `not_found`. */
export async function listWaiting(app: Db, scope: TenantScope, conversationId: string): Promise<Page<WaitingSend>> {
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(select, [scope.tenantId, conversationId, limits.listLimitMax]));
  if (rows.length === 0) throw notFound();
  const data = rows.flatMap(({ messageId, state, dueAtMs, expiresAtMs, type, content, createdAtMs }): WaitingSend[] => {
    if (messageId === null || type === null || createdAtMs === null) return [];
    const isForWord = state === "waiting";
    return [
      {
        messageId,
        sends: isForWord ? "when_they_write" : "at",
        sendAt: isForWord ? null : time(dueAtMs),
        expiresAt: time(expiresAtMs),
        type,
        preview: previewText(type, content),
        createdAt: time(createdAtMs),
      },
    ];
  });
  return { data, next: null };
}
