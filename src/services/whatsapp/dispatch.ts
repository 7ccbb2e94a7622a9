/**
 * What is written around one request to Graph (I6). `dispatching_at` is committed before the request leaves: a crash after
 * that leaves an outcome that nobody knows, which is `unknown` and is never sent again by itself.
 */
import { sendMarginMs, windowMs } from "../../core/window.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, transaction, type Tx } from "../../db/transaction.ts";
import { appendActivity, type ActivityEvent } from "../activity/append.ts";
import { noteMetaVerdicts } from "./conversations.ts";
import type { GraphOutcome } from "./graph/client.ts";
import { lockWaMessageIds, settleMessages } from "./statuses.ts";

const dispatchRow = { tenantId: "uuid", id: "uuid", connectionId: "uuid", conversationId: "uuid", isOpen: "bool" } as const;
export type Dispatch = RowOf<typeof dispatchRow>;

const claim = statement(
  "dispatch.claim",
  `update whatsapp_messages m set dispatching_at = clock_timestamp()
   from (
     select p.tenant_id, p.id, c.last_customer_message_at + make_interval(secs => $2::int) > clock_timestamp() + make_interval(secs => $3::int)
       and (c.refused_at is null or c.refused_at <= c.last_customer_message_at) as is_open
     from whatsapp_messages p join whatsapp_conversations asked on asked.tenant_id = p.tenant_id and asked.id = p.conversation_id
       join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = coalesce(asked.merged_into_id, asked.id)
     where p.wa_message_id is null and p.direction = 'outbound' and p.status = 'pending' and p.origin = 'automatic' and p.dispatching_at is null
     order by p.created_at limit $1 for update of p skip locked
   ) d
   where m.tenant_id = d.tenant_id and m.id = d.id
   returning m.tenant_id as "tenantId", m.id, m.connection_id as "connectionId", m.conversation_id as "conversationId", coalesce(d.is_open, false) as "isOpen"`,
  dispatchRow,
);

const abandon = statement(
  "dispatch.abandon",
  `update whatsapp_messages set status = 'unknown'
   where wa_message_id is null and direction = 'outbound' and status = 'pending' and dispatching_at < clock_timestamp() - make_interval(secs => $1::int)
   returning tenant_id as "tenantId", id, conversation_id as "conversationId"`,
  { tenantId: "uuid", id: "uuid", conversationId: "uuid" },
);

const selectSend = statement(
  "dispatch.select",
  `select n.phone_number_id as "phoneNumberId", n.access_token as "accessToken", c.reply_phone as "phone", c.reply_user_id as "userId", m.content,
     coalesce(c.last_customer_message_at + make_interval(secs => $3::int) > clock_timestamp() + make_interval(secs => $4::int)
       and (c.refused_at is null or c.refused_at <= c.last_customer_message_at), false) as "isOpen"
   from whatsapp_messages m
     join whatsapp_conversations asked on asked.tenant_id = m.tenant_id and asked.id = m.conversation_id
     join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = coalesce(asked.merged_into_id, asked.id)
     join whatsapp_connections n on n.tenant_id = m.tenant_id and n.id = m.connection_id
   where m.tenant_id = $1 and m.id = $2`,
  { phoneNumberId: "text", accessToken: "bytes?", phone: "text?", userId: "text?", content: "json", isOpen: "bool" },
);

/** An echo of this very message may have come first under the same wamid: the send takes its place. */
const dropEcho = statement(
  "dispatch.drop_echo",
  `with dropped as (
     delete from whatsapp_messages where tenant_id = $1 and connection_id = $2 and wa_message_id = $3 and origin = 'phone' and id <> $4
     returning tenant_id, conversation_id
   )
   update whatsapp_conversations c set outbound_count = c.outbound_count - 1, last_message_id = case when c.last_message_wa_message_id = $3 then $4 else c.last_message_id end
   from dropped d join whatsapp_conversations k on k.tenant_id = d.tenant_id and k.id = d.conversation_id
   where c.tenant_id = k.tenant_id and c.id = coalesce(k.merged_into_id, k.id) returning c.id`,
  { id: "uuid" },
);

const accept = statement(
  "dispatch.accept",
  `update whatsapp_messages set wa_message_id = $3, status = case when status in ('pending', 'unknown') then 'accepted' else status end
   where tenant_id = $1 and id = $2 and (wa_message_id is null or wa_message_id = $3)
   returning conversation_id as "conversationId", connection_id as "connectionId"`,
  { conversationId: "uuid", connectionId: "uuid" },
);

const finish = statement(
  "dispatch.finish",
  `update whatsapp_messages set status = $3, failed_at = $4::timestamptz, error_code = $5, error_title = $6, error_details = $7
   where tenant_id = $1 and id = $2 and status in ('pending', 'unknown')
   returning conversation_id as "conversationId"`,
  { conversationId: "uuid" },
);

/** Takes messages that wait, for good: whoever claims one is the only one who may send it. Role kesher_ingest. */
export function claimDispatches(ingest: Db, messagesMax: number): Promise<Dispatch[]> {
  return transaction(ingest, (tx) => tx.query(claim, [messagesMax, windowMs / 1_000, sendMarginMs / 1_000]));
}

/** What was claimed so long ago that its sender must be gone ends as `unknown`. */
export function abandonDispatches(ingest: Db, afterMs: number, nowMs: number): Promise<string[]> {
  return transaction(ingest, async (tx) => {
    const rows = await tx.query(abandon, [Math.round(afterMs / 1_000)]);
    const events = rows.map((row) =>
      statusEvent(row.tenantId, row.conversationId, row.id, { status: "unknown", previousStatus: "pending" }),
    );
    await appendActivity(tx, events, nowMs);
    return [...new Set(rows.map((row) => row.tenantId))];
  });
}

/** From this look to the start of the request: a moment, but not none. */
const secondLookMarginMs = sendMarginMs + 1_000;

/** What the request needs. `isOpen` looks at the window a second time, right before the request (I7). */
export function readSend(app: Db, scope: TenantScope, messageId: string) {
  return tenantTransaction(
    app,
    scope,
    async (tx) => (await tx.query(selectSend, [scope.tenantId, messageId, windowMs / 1_000, secondLookMarginMs / 1_000]))[0] ?? null,
  );
}

/** Writes what became of the request. Role kesher_app. `startedAtMs` is when the request started: that is when the window was closed. */
export function recordOutcome(app: Db, scope: TenantScope, dispatch: Dispatch, outcome: DispatchOutcome): Promise<void> {
  return tenantTransaction(app, scope, async (tx) => {
    if (outcome.kind === "accepted") await recordAccepted(tx, scope, dispatch, outcome);
    else await recordFailure(tx, scope, dispatch, outcome);
  });
}

export type DispatchOutcome = (GraphOutcome | { kind: "cancelled" }) & { startedAtMs: number; nowMs: number };

async function recordAccepted(
  tx: Tx,
  scope: TenantScope,
  dispatch: Dispatch,
  outcome: Extract<DispatchOutcome, { kind: "accepted" }>,
): Promise<void> {
  const { waMessageId, nowMs } = outcome;
  await lockWaMessageIds(tx, [{ tenantId: scope.tenantId, connectionId: dispatch.connectionId, waMessageId }]);
  await tx.query(dropEcho, [scope.tenantId, dispatch.connectionId, waMessageId, dispatch.id]);
  const [row] = await tx.query(accept, [scope.tenantId, dispatch.id, waMessageId]);
  if (row === undefined) return;
  const { changed, verdicts } = await settleMessages(tx, [{ tenantId: scope.tenantId, connectionId: row.connectionId, waMessageId }]);
  await noteMetaVerdicts(tx, verdicts);
  const accepted: ActivityEvent = {
    tenantId: scope.tenantId,
    type: "message.accepted",
    conversationId: row.conversationId,
    messageId: dispatch.id,
    data: { waMessageId },
  };
  const later = changed.map((message) =>
    statusEvent(scope.tenantId, message.conversationId, message.id, { status: message.status, previousStatus: "accepted" }),
  );
  await appendActivity(tx, [accepted, ...later], nowMs);
}

async function recordFailure(
  tx: Tx,
  scope: TenantScope,
  dispatch: Dispatch,
  outcome: Exclude<DispatchOutcome, { kind: "accepted" }>,
): Promise<void> {
  const { nowMs, startedAtMs } = outcome;
  const { status, error } = failureOf(outcome);
  const [row] = await tx.query(finish, [
    scope.tenantId,
    dispatch.id,
    status,
    status === "failed" ? time(nowMs) : null,
    error?.code ?? null,
    error?.title ?? null,
    error?.details ?? null,
  ]);
  if (row === undefined) return;
  if (error?.code === 131_047) {
    await noteMetaVerdicts(tx, [
      { tenantId: scope.tenantId, conversationId: row.conversationId, refusedAtMs: startedAtMs, freeEntryPointExpiresAtMs: null },
    ]);
  }
  await appendActivity(
    tx,
    [statusEvent(scope.tenantId, row.conversationId, dispatch.id, { status, previousStatus: "pending", errorCode: error?.code ?? null })],
    nowMs,
  );
}

type Failure = {
  status: "failed" | "unknown" | "cancelled";
  error: { code: number | null; title: string | null; details: string | null } | null;
};

function failureOf(outcome: Exclude<DispatchOutcome, { kind: "accepted" }>): Failure {
  switch (outcome.kind) {
    case "refused":
      return { status: "failed", error: outcome.error };
    case "not_sent":
      return { status: "failed", error: { code: null, title: "The request never left", details: outcome.reason } };
    case "unknown":
      return { status: "unknown", error: null };
    case "cancelled":
      return { status: "cancelled", error: null };
    default:
      return outcome satisfies never;
  }
}

function statusEvent(tenantId: string, conversationId: string, messageId: string, data: ActivityEvent["data"]): ActivityEvent {
  return { tenantId, type: "message.status_changed", conversationId, messageId, data };
}
