/**
 * One attempt to send one claimed message: the last look at its window, what it needs first, one request to Graph, and what became of it
 * as a value. Never throws: what fails before the request is given back, and from its start on the outcome is Graph's or `unknown` (I6).
 */
import type { Failpoint } from "../../failpoint.ts";
import { limits } from "../../limits.ts";
import type { AccessToken } from "../../services/whatsapp/graph/call.ts";
import type { GraphClient } from "../../services/whatsapp/graph/client.ts";
import type { AccessTokens } from "../../services/whatsapp/outbox/access-tokens.ts";
import type { ClaimedSend } from "../../services/whatsapp/outbox/claim.ts";
import type { Attempt, AttemptOutcome } from "../../services/whatsapp/outbox/outcome.ts";
import type { PrepareBody } from "../../services/whatsapp/outbox/prepare.ts";

export type SendOptions = {
  graph: GraphClient;
  tokens: AccessTokens;
  prepare: PrepareBody;
  nowMs: () => number;
  /** `limits.sendStartMsMax`, unless a test has another one. */
  startMsMax?: number;
  failpoint: Failpoint;
  onError: (messageId: string, error: unknown) => void;
};

/** From before the claim, by two clocks: the monotonic one stands still while the machine sleeps, the other one can be set back. */
export type ClaimedAt = { monotonicMs: number; wallMs: number };

export async function sendOne(options: SendOptions, send: ClaimedSend, claimedAt: ClaimedAt): Promise<Attempt> {
  const began = { send, startedAtMs: options.nowMs() };
  const refusal = judgeClaim(send);
  if (refusal !== null) return { ...began, outcome: refusal };
  try {
    await options.failpoint("send.claimed");
    const accessToken = await options.tokens.read(send.tenantId, send.connectionId);
    if (accessToken === null) return { ...began, outcome: noToken };
    const prepared = await options.prepare(send);
    if (prepared.kind !== "ready") return { ...began, outcome: prepared };
    // Who slept since the claim must not start (I7).
    if (agoMs(options, claimedAt) > (options.startMsMax ?? limits.sendStartMsMax)) return { ...began, outcome: { kind: "released" } };
    const outcome = await request(options, send, { accessToken, body: prepared.body });
    await options.failpoint("send.answered");
    return { send, startedAtMs: began.startedAtMs, outcome };
  } catch (error) {
    // Nothing of the above throws once the request has begun.
    options.onError(send.messageId, error);
    return { ...began, outcome: { kind: "not_ready", afterMs: limits.retryMsMax } };
  }
}

function agoMs({ nowMs }: SendOptions, { monotonicMs, wallMs }: ClaimedAt): number {
  return Math.max(performance.now() - monotonicMs, nowMs() - wallMs);
}

function judgeClaim(send: ClaimedSend): AttemptOutcome | null {
  if (send.isReported) return { kind: "reported" };
  if (!send.isConnected) return noToken;
  if (send.isOptedOut) return optedOut;
  return send.isFreeform && !send.isOpen ? { kind: "window_closed" } : null;
}

/** With Meta's own code for the same: whose choice it was, and that it is to be respected, is said by it. */
const optedOut: AttemptOutcome = {
  kind: "unsendable",
  error: {
    code: 131_050,
    title: "The customer has opted out of marketing messages",
    details: "They opted out before this message could be sent. Nothing was sent to Meta.",
  },
};

const noToken: AttemptOutcome = {
  kind: "unsendable",
  error: {
    code: null,
    title: "The number is not connected",
    details: "Connect it with a token, then send again. Nothing was sent to Meta.",
  },
};

async function request(
  { graph, tokens, onError }: SendOptions,
  send: ClaimedSend,
  { accessToken, body }: { accessToken: AccessToken; body: { readonly [key: string]: unknown } },
): Promise<AttemptOutcome> {
  const outcome = await graph.sendMessage({ phoneNumberId: send.phoneNumberId, accessToken, body, timeoutMs: limits.graphTimeoutMs });
  if (outcome.kind !== "refused" || outcome.error.class !== "token") return outcome;
  tokens.forget(send.connectionId);
  try {
    const current = await tokens.read(send.tenantId, send.connectionId);
    if (current !== null && current.token !== accessToken.token) return { kind: "token_replaced" };
    // The number is going to be paused: whoever sends next does so with a new one.
    tokens.forget(send.connectionId);
    return outcome;
  } catch (error) {
    onError(send.messageId, error);
    return outcome;
  }
}
