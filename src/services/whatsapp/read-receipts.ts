/**
 * Tells the customer that a message was read, and if wanted that an answer is being written. Meta marks the earlier messages too (not in
 * groups), up to 30 days back; the typing sign stays for 25 s at most. Doing it twice does no harm, so it needs no outbox.
 */
import { Rejection, notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { callGraph, type Graph, type GraphAnswer } from "./graph/call.ts";
import type { AccessTokens } from "./outbox/access-tokens.ts";

const select = statement(
  "read_receipts.select",
  `select m.direction, m.wa_message_id as "waMessageId", m.connection_id as "connectionId", n.phone_number_id as "phoneNumberId"
   from whatsapp_messages m join whatsapp_connections n on n.tenant_id = m.tenant_id and n.id = m.connection_id
   where m.tenant_id = $1 and m.id = $2`,
  { direction: "text", waMessageId: "text?", connectionId: "uuid", phoneNumberId: "text" },
);

/** What came later is still unread. */
const markSeen = statement(
  "read_receipts.mark_seen",
  `with m as (
     select m.tenant_id, m.wa_timestamp, m.id, case when v.merged_into_id is null then v.id else v.merged_into_id end as conversation_id
     from whatsapp_messages m join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id where m.tenant_id = $1 and m.id = $2
   )
   update whatsapp_conversations c set unread_count = (
     select count(*) from (
       select from whatsapp_messages x where x.tenant_id = c.tenant_id and x.conversation_id = c.id and x.direction = 'inbound' and x.role = 'message'
         and (x.wa_timestamp, x.id) > (m.wa_timestamp, m.id) limit c.unread_count
     ) later
   ) from m where c.tenant_id = m.tenant_id and c.id = m.conversation_id and c.unread_count > 0
   returning c.id, c.unread_count as "unreadCount", old.unread_count as "before"`,
  { id: "uuid", unreadCount: "bigint", before: "bigint" },
);

export type ReadTools = { app: Db; graph: Graph; tokens: AccessTokens; nowMs: () => number };

/** Throws `not_found`, `not_connected`, `conflict` when Graph refuses, `unavailable` when it cannot be asked. */
export async function markRead(tools: ReadTools, scope: TenantScope, messageId: string, { typing }: { typing: boolean }): Promise<void> {
  const [message] = await tenantTransaction(tools.app, scope, (tx) => tx.query(select, [scope.tenantId, messageId]));
  if (message === undefined || message.direction !== "inbound" || message.waMessageId === null) throw notFound();
  const { connectionId, phoneNumberId, waMessageId } = message;
  const answer = await tellRead(tools, scope, { connectionId, phoneNumberId, waMessageId, typing });
  if (answer === null) throw new Rejection("not_connected", 409, "This number is not connected: it has no access token.");
  if (answer.kind === "refused") {
    throw new Rejection("conflict", 409, `Meta refused it: ${answer.error.title ?? ""} (${answer.error.code})`);
  }
  if (answer.kind === "unavailable") throw new Rejection("unavailable", 503, "Meta cannot be reached right now. Try again.");
  await tenantTransaction(tools.app, scope, async (tx) => {
    const [row] = await tx.query(markSeen, [scope.tenantId, messageId]);
    if (row === undefined || row.before === row.unreadCount) return;
    const data = { unreadCount: row.unreadCount };
    await appendActivity(
      tx,
      [{ tenantId: scope.tenantId, type: "conversation.read", conversationId: row.id, messageId, data }],
      tools.nowMs(),
    );
  });
}

/** Null without a token. */
export async function tellRead(
  { graph, tokens }: Pick<ReadTools, "graph" | "tokens">,
  scope: TenantScope,
  message: { connectionId: string; phoneNumberId: string; waMessageId: string; typing: boolean },
): Promise<GraphAnswer | null> {
  const accessToken = await tokens.read(scope.tenantId, message.connectionId);
  if (accessToken === null) return null;
  return callGraph(graph, {
    method: "POST",
    path: [message.phoneNumberId, "messages"],
    body: {
      messaging_product: "whatsapp",
      status: "read",
      message_id: message.waMessageId,
      ...(message.typing ? { typing_indicator: { type: "text" } } : {}),
    },
    accessToken,
    timeoutMs: limits.graphTimeoutMs,
  });
}
