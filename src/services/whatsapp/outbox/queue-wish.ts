/**
 * From a wish to the outbox, inside the caller's transaction: who it goes to, whether it may go, and its rows. Freeform content is taken
 * inside the window only (judged under the lock of the conversation, by the database's clock, with the margin of I7), or when it may wait
 * for the customer. Role kesher_app.
 */
import type { OutgoingContent } from "../../../contract/outgoing.ts";
import type { QueuedMessage } from "../../../contract/sends.ts";
import { isFreeform, roleOf, storedContent, targetOf, typeOf } from "../../../core/outgoing.ts";
import { Rejection, invalidFields, notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { mayStartFreeform } from "../../../core/window.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import type { Hasher } from "../../privacy/marks.ts";
import { takeSends } from "../../tenants/quotas.ts";
import { lockConversations, type Conversation } from "../conversations.ts";
import { checkTemplate, usableTemplates } from "../templates/check.ts";
import { refuseOptedOut } from "../contacts/opt-outs.ts";
import { queueMessages, type Draft } from "./enqueue.ts";
import { assertMediaOf, withOwnMedia } from "./own-media.ts";
import { findRecipient, type Recipient } from "./recipients.ts";
import type { Wish } from "./wish.ts";

const selectReplied = statement(
  "outbox.replied",
  `select m.wa_message_id as "waMessageId" from whatsapp_messages m join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id
   where m.tenant_id = $1 and m.id = $2 and coalesce(v.merged_into_id, v.id) = $3`,
  { waMessageId: "text?" },
);

/** A wish whose recipient, files and template are known. */
export type PreparedWish = { wish: Wish; recipient: Recipient; content: OutgoingContent; shown: string | null };

/** Checks, stores and queues one. Throws `not_found`, `not_connected`, `invalid_request`, `window_closed` with what may be sent instead. */
export async function queueWish(
  tx: Tx,
  tools: { nowMs: () => number; wakeSends: () => void; hasher: Hasher | null },
  scope: TenantScope,
  wish: Wish,
): Promise<QueuedMessage> {
  const nowMs = tools.nowMs();
  const prepared = await prepareWish(tx, tools, scope, { wish, recipient: await findRecipient(tx, scope, wish, nowMs) });
  const { conversationId } = prepared.recipient;
  const conversation = (await lockConversations(scope, tx, [conversationId])).get(conversationId);
  const draft = await draftOf(tx, scope, prepared, { conversation, nowMs });
  const { granted, refusal } = await takeSends(tx, scope, 1, nowMs);
  if (granted === 0) throw refusal();
  const { events } = await queueMessages(tx, [draft], nowMs);
  await appendActivity(tx, events, nowMs);
  tx.afterCommit(tools.wakeSends);
  return queuedMessage(draft, nowMs);
}

/** Its files and its template, for a recipient that is known. */
export async function prepareWish(
  tx: Tx,
  { hasher }: { hasher: Hasher | null },
  scope: TenantScope,
  { wish, recipient }: Pick<PreparedWish, "wish" | "recipient">,
): Promise<PreparedWish> {
  const { onlyConnectionId = null } = wish;
  if (onlyConnectionId !== null && recipient.connectionId !== onlyConnectionId) throw notFound();
  const content = await withOwnMedia(tx, scope, wish.content);
  if (onlyConnectionId !== null) await assertMediaOf(tx, scope, content, onlyConnectionId);
  const shown = wish.content.type === "template" ? await checkedTemplate(tx, scope, { ...recipient, hasher }, wish.content) : null;
  return { wish, recipient, content, shown };
}

/** With the conversation locked: whether it may go, and when. */
export async function draftOf(
  tx: Tx,
  scope: TenantScope,
  { wish, recipient, content, shown }: PreparedWish,
  at: { conversation: Conversation | undefined; nowMs: number },
): Promise<Draft> {
  const { conversation, nowMs } = at;
  if (conversation === undefined) throw new Error("A conversation vanished inside its transaction");
  const when = await judgeWhen(tx, scope, wish, { conversation, recipient });
  return {
    tenantId: scope.tenantId,
    messageId: newId(nowMs),
    connectionId: recipient.connectionId,
    conversationId: conversation.id,
    origin: wish.origin,
    type: typeOf(wish.content),
    role: roleOf(wish.content),
    content: JSON.stringify(storedContent(content, { body: shown })),
    isFreeform: isFreeform(wish.content),
    targetWaMessageId: targetOf(wish.content) ?? (await repliedTo(tx, scope, wish, conversation.id)),
    to: recipient.to,
    callback: wish.callback,
    resendOf: wish.resendOf,
    when,
  };
}

async function checkedTemplate(
  tx: Tx,
  scope: TenantScope,
  { accountId, conversationId, hasher }: Recipient & { hasher: Hasher | null },
  template: Extract<OutgoingContent, { type: "template" }>,
): Promise<string | null> {
  const { body, category } = await checkTemplate(tx, scope, { accountId, template });
  await refuseOptedOut(tx, scope, { conversationId, category, hasher });
  return body;
}

async function judgeWhen(
  tx: Tx,
  scope: TenantScope,
  { content, sendAtMs, whenTheyWrite }: Wish,
  { conversation, recipient }: { conversation: Conversation; recipient: Recipient },
): Promise<Draft["when"]> {
  const { window, nowMs } = conversation;
  const isLater = sendAtMs !== null && sendAtMs > nowMs;
  if (isLater && whenTheyWrite !== null) throw invalidFields([{ field: "sendAt", detail: "and whenTheyWrite exclude each other" }]);
  const isOpen = mayStartFreeform(window) && (!isLater || (window.expiresAtMs ?? 0) > sendAtMs);
  if (isFreeform(content) && !isOpen) {
    if (whenTheyWrite !== null) return { kind: "when_they_write", expiresAtMs: whenTheyWrite.expiresAtMs };
    throw await windowClosed(tx, scope, recipient, conversation, isLater);
  }
  return isLater ? { kind: "at", atMs: sendAtMs } : { kind: "now" };
}

async function windowClosed(
  tx: Tx,
  scope: TenantScope,
  { connectionId }: Recipient,
  { window, refusedAtMs }: Conversation,
  isLater: boolean,
): Promise<Rejection> {
  const templates = await usableTemplates(tx, scope, { connectionId, max: limits.windowClosedTemplatesMax });
  const when =
    window.expiresAtMs === null
      ? "The customer has never written to this number, so there is no window yet"
      : isLater
        ? `The window ends at ${time(window.expiresAtMs)}, before sendAt`
        : refusedAtMs !== null && window.expiresAtMs > refusedAtMs
          ? `Meta closed the window at ${time(refusedAtMs)}`
          : `The window closed at ${time(window.expiresAtMs)}`;
  const detail = `${when}. Send a template, or give whenTheyWrite to send this as soon as the customer writes.`;
  return new Rejection("window_closed", 409, detail, {
    windowExpiredAt: window.expiresAtMs === null ? null : time(window.expiresAtMs),
    templates,
  });
}

async function repliedTo(tx: Tx, scope: TenantScope, { replyTo }: Wish, conversationId: string): Promise<string | null> {
  if (replyTo === null) return null;
  if ("waMessageId" in replyTo) return replyTo.waMessageId;
  const [replied] = await tx.query(selectReplied, [scope.tenantId, replyTo.messageId, conversationId]);
  if (replied === undefined) throw invalidFields([{ field: "replyToMessageId", detail: "is no message of this conversation" }]);
  if (replied.waMessageId === null)
    throw invalidFields([{ field: "replyToMessageId", detail: "has not reached Meta yet, so it cannot be answered" }]);
  return replied.waMessageId;
}

export function queuedMessage(draft: Draft, nowMs: number): QueuedMessage {
  const { when } = draft;
  return {
    id: draft.messageId,
    conversationId: draft.conversationId,
    connectionId: draft.connectionId,
    type: draft.type,
    content: JSON.parse(draft.content) as unknown,
    status: "pending",
    sends: when.kind,
    sendAt: when.kind === "at" ? time(when.atMs) : null,
    expiresAt: when.kind === "when_they_write" ? time(when.expiresAtMs) : null,
    callback: draft.callback,
    resendOf: draft.resendOf,
    createdAt: time(nowMs),
  };
}
