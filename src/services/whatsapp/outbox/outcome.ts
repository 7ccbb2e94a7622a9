/** What became of one attempt, in the outbox's own words: the event for the state machine, and what is to be written. */
import { afterNotSent, afterRefusal, type AfterRefusal } from "../../../core/send-retry.ts";
import { nextSendState, type SendEvent } from "../../../core/send-state.ts";
import { limits } from "../../../limits.ts";
import type { GraphOutcome } from "../graph/client.ts";
import type { GraphError } from "../graph/answer.ts";
import type { ClaimedSend } from "./claim.ts";

export type SendError = { code: number | null; title: string | null; details: string | null };

export type AttemptOutcome =
  | GraphOutcome
  /** Given back before the request started. */
  | { kind: "released" }
  | { kind: "window_closed" }
  /** A status told that an earlier attempt arrived: there is nothing to send any more. */
  | { kind: "reported" }
  /** Graph refused a token that has been replaced meanwhile: the number need not stop for it. */
  | { kind: "token_replaced" }
  /** It cannot be sent as it is, and Graph was not asked. */
  | { kind: "unsendable"; error: SendError }
  /** What it needs first, its media, is not there right now. */
  | { kind: "not_ready"; afterMs: number };

export type Attempt = { send: ClaimedSend; outcome: AttemptOutcome; startedAtMs: number };

export type Verdict = {
  send: ClaimedSend;
  startedAtMs: number;
  event: SendEvent;
  waMessageId: string | null;
  error: SendError | null;
  /** From now on, for what goes back into the queue. */
  afterMs: number;
  /** The attempt does not count. */
  isFree: boolean;
  lane: { pause: "token"; code: number } | { restMs: number; code: number } | null;
};

const windowClosed: SendError = {
  code: 131_047,
  title: "The customer service window has closed",
  details: "It closed before this message could be sent. Nothing was sent to Meta.",
};

/** `random` from 0 to 1. */
export function judgeAttempt({ send, outcome, startedAtMs }: Attempt, laneRefusals: number, random: number): Verdict {
  const verdict = (event: SendEvent, more: Partial<Verdict> = {}): Verdict => {
    if (nextSendState("dispatching", event) === null) throw new Error(`${event} does not follow from dispatching`);
    return { send, startedAtMs, event, waMessageId: null, error: null, afterMs: 0, isFree: false, lane: null, ...more };
  };
  switch (outcome.kind) {
    case "accepted":
      return verdict("accepted", { waMessageId: outcome.waMessageId });
    case "unknown":
      return verdict("lost");
    case "not_sent":
      return verdict("not_sent", { afterMs: afterNotSent(send.attempts, random).afterMs });
    case "released":
      return verdict("released", { isFree: true, afterMs: limits.retryMsMin });
    case "not_ready":
      return verdict("released", { afterMs: outcome.afterMs });
    case "reported":
      return verdict("reported");
    case "token_replaced":
      return verdict("postponed", { isFree: true });
    case "window_closed":
      return verdict("window_closed", { error: windowClosed });
    case "unsendable":
      return verdict("refused", { error: outcome.error });
    case "refused":
      return refused(outcome.error, afterRefusal({ ...outcome.error, attempts: send.refusals + 1, laneRefusals, random }), verdict);
    default:
      return outcome satisfies never;
  }
}

function refused(
  { code, title, details }: GraphError,
  after: AfterRefusal,
  verdict: (event: SendEvent, more: Partial<Verdict>) => Verdict,
): Verdict {
  const error = { code, title, details };
  switch (after.kind) {
    case "fail":
      return verdict("refused", { error });
    case "pause":
      return verdict("postponed", { error, isFree: true, lane: { pause: "token", code } });
    case "retry":
      return verdict("postponed", { error, afterMs: after.afterMs, lane: after.laneMs === null ? null : { restMs: after.laneMs, code } });
    default:
      return after satisfies never;
  }
}
