/**
 * Sends the automatic replies that the message worker has queued. Best effort: what fails is stored on its own message and
 * logged, and nothing is tried twice (I6). The window was checked with the claim, seconds before its end counts as closed (I7).
 */
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import type { Failpoint } from "../../failpoint.ts";
import { limits } from "../../limits.ts";
import type { GraphClient } from "../../services/whatsapp/graph/client.ts";
import { encodeTextMessage } from "../../services/whatsapp/graph/encode.ts";
import {
  abandonDispatches,
  claimDispatches,
  readSend,
  recordOutcome,
  type Dispatch,
  type DispatchOutcome,
} from "../../services/whatsapp/dispatch.ts";

export type AutoReplyOptions = {
  ingest: Db;
  app: Db;
  graph: GraphClient;
  openToken: (tenantId: string, connectionId: string, sealed: Buffer) => string;
  nowMs: () => number;
  onOutcome: (messageId: string, outcome: DispatchOutcome) => void;
  onError: (messageId: string, error: unknown) => void;
  failpoint: Failpoint;
};

/** One turn: answers how many messages were taken and which tenants have news. */
export async function runAutoReplies(options: AutoReplyOptions): Promise<{ taken: number; tenantIds: string[] }> {
  const abandoned = await abandonDispatches(options.ingest, limits.dispatchAbandonedAfterMs, options.nowMs());
  const claimed = await claimDispatches(options.ingest, limits.dispatchesMax);
  if (claimed.length > 0) await options.failpoint("auto_reply.claimed");
  await Promise.all(claimed.map((dispatch) => sendOne(options, dispatch)));
  return { taken: claimed.length, tenantIds: [...new Set([...abandoned, ...claimed.map((dispatch) => dispatch.tenantId)])] };
}

async function sendOne(options: AutoReplyOptions, dispatch: Dispatch): Promise<void> {
  const scope = tenantScope(dispatch.tenantId);
  try {
    const outcome = await attempt(options, dispatch);
    await recordOutcome(options.app, scope, dispatch, outcome);
    options.onOutcome(dispatch.id, outcome);
  } catch (error) {
    // The message stays claimed and ends as `unknown`: whether the request left is not known here.
    options.onError(dispatch.id, error);
  }
}

async function attempt(options: AutoReplyOptions, dispatch: Dispatch): Promise<DispatchOutcome> {
  const startedAtMs = options.nowMs();
  const stamped = <T>(outcome: T) => ({ ...outcome, startedAtMs, nowMs: options.nowMs() });
  if (!dispatch.isOpen) return stamped({ kind: "cancelled" as const });
  const send = await readSend(options.app, tenantScope(dispatch.tenantId), dispatch.id);
  const text = bodyOf(send?.content);
  if (send === null || !send.isOpen || send.accessToken === null || text === null) return stamped({ kind: "cancelled" as const });
  const outcome = await options.graph.sendMessage({
    phoneNumberId: send.phoneNumberId,
    accessToken: options.openToken(dispatch.tenantId, dispatch.connectionId, send.accessToken),
    body: encodeTextMessage({ to: { phone: send.phone, userId: send.userId }, text, messageId: dispatch.id }),
    timeoutMs: limits.graphTimeoutMs,
  });
  return stamped(outcome);
}

function bodyOf(content: unknown): string | null {
  return typeof content === "object" && content !== null && "body" in content && typeof content.body === "string" ? content.body : null;
}
