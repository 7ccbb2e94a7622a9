/** Sending in our own shape. */
import { createHash } from "node:crypto";
import type { QueuedMessage } from "../../../contract/sends.ts";
import { notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { sendWish, type SendTools } from "./send-groups.ts";
import { readWish, type Wish } from "./wish.ts";

/**
 * The same key with the same body within a day answers what the first call answered. Throws `invalid_request` that names every field,
 * `not_found`, `not_connected`, `window_closed` with what may be sent instead, `idempotency_conflict`.
 */
export async function sendMessage(
  tools: SendTools,
  scope: TenantScope,
  body: unknown,
  call: { origin: Wish["origin"]; idempotencyKey: string | null; onlyConnectionId?: string | null },
): Promise<QueuedMessage> {
  const { idempotencyKey: key, origin, onlyConnectionId = null } = call;
  const read = (nowMs: number): Wish => {
    const wish = readWish(body, nowMs);
    if (onlyConnectionId !== null && wish.connectionId !== undefined && wish.connectionId.toLowerCase() !== onlyConnectionId)
      throw notFound();
    return { ...wish, origin, onlyConnectionId };
  };
  // A repeated call is answered as the first one was, even when its times have passed meanwhile; any other is judged at once.
  const wish = key === null ? read(tools.nowMs()) : null;
  const readAt = wish === null ? read : () => wish;
  const keyed =
    key === null
      ? null
      : {
          // What another connection's caller was answered is not for this one.
          key: onlyConnectionId === null ? key : `${onlyConnectionId} ${key}`,
          requestSha256: createHash("sha256")
            .update(JSON.stringify(body) ?? "")
            .digest(),
        };
  return sendWish(tools, scope, { readAt, keyed });
}
