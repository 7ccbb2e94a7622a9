/** A message of ours once more, as a new message that names the old one: for a person who decides about an `unknown` or a `failed` one. */
import type { QueuedMessage } from "../../../contract/sends.ts";
import type { Actor } from "../../../core/actor.ts";
import { outgoingOf } from "../../../core/outgoing.ts";
import { Rejection } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { appendAudit } from "../../audit/append.ts";
import { readOutgoing } from "./actions.ts";
import { claimKey, keepAnswer, keptAnswer, type Keyed } from "./idempotency.ts";
import { queueWish } from "./queue-wish.ts";
import type { SendTools } from "./send-groups.ts";
import type { Wish } from "./wish.ts";

const again: ReadonlySet<string> = new Set(["unknown", "failed", "cancelled"]);

/** The window and all else are judged anew. Throws `conflict` when the old one arrived or may still go out by itself. */
export function resendMessage(
  tools: SendTools,
  scope: TenantScope,
  messageId: string,
  { origin, keyed, actor }: { origin: Wish["origin"]; keyed: Keyed | null; actor: Actor },
): Promise<QueuedMessage> {
  return tenantTransaction(tools.app, scope, async (tx) => {
    if (keyed !== null && !(await claimKey(tx, scope, keyed))) return keptAnswer(tx, scope, keyed);
    const old = await readOutgoing(tx, scope, messageId);
    if (!again.has(old.status)) {
      throw new Rejection(
        "conflict",
        409,
        `This message is ${old.status}; only one that failed, was cancelled, or whose outcome is unknown is sent anew.`,
      );
    }
    const subject = { kind: "message", id: messageId };
    await appendAudit(
      tx,
      actor,
      [{ tenantId: scope.tenantId, action: "message.resent", subject, data: { was: old.status } }],
      tools.nowMs(),
    );
    const content = outgoingOf(old.content);
    if (content === null) throw new Rejection("conflict", 409, "What is kept of this message cannot be sent.");
    const queued = await queueWish(tx, tools, scope, {
      origin,
      conversationId: old.conversationId,
      content,
      replyTo: old.targetWaMessageId === null || old.role === "reaction" ? null : { waMessageId: old.targetWaMessageId },
      sendAtMs: null,
      whenTheyWrite: null,
      callback: old.callback,
      resendOf: messageId,
    });
    if (keyed !== null) await keepAnswer(tx, scope, keyed.key, queued);
    return queued;
  });
}
