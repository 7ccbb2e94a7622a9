/** What follows from Graph's refusal of a send: another try, a pause of the whole number, or the end. */

/** As in the error table (`graph/errors.ts`). */
export type RefusalClass = "retry" | "retry_few" | "retry_slow" | "retry_pair" | "wait" | "fix" | "token" | "human" | "never" | "inbound";

export type Refusal = {
  class: RefusalClass;
  retryable: boolean;
  /** Least wait that the table or Graph asks for. */
  waitMs: number | null;
  /** Refusals of this message so far, this one included; requests that could not leave do not count. */
  attempts: number;
  /** Refusals of this number in a row that asked for a slower pace. */
  laneRefusals: number;
  /** 0 to 1: spreads those that were refused together. */
  random: number;
};

export type AfterRefusal =
  | { kind: "fail" }
  /** The message again after a while. `laneMs`: the whole number waits for so long. */
  | { kind: "retry"; afterMs: number; laneMs: number | null }
  /** The number waits for a person or a new token; the message keeps its place. */
  | { kind: "pause" };

const attemptsMaxOf: Readonly<Record<RefusalClass, number>> = {
  retry: 8,
  retry_few: 3,
  retry_slow: 12,
  retry_pair: 8,
  wait: 1,
  fix: 1,
  token: Number.POSITIVE_INFINITY,
  human: 1,
  never: 1,
  inbound: 1,
};
const pairFactor = 4;
const hourMs = 3_600_000;
const firstWaitMs = 1_000;

/** Meta asks for 4^n seconds between one number and one customer; elsewhere the waits double. */
export function afterRefusal(refusal: Refusal): AfterRefusal {
  if (refusal.class === "token") return { kind: "pause" };
  if (!refusal.retryable || refusal.attempts >= attemptsMaxOf[refusal.class]) return { kind: "fail" };
  const firstMs = refusal.waitMs ?? firstWaitMs;
  const factor = refusal.class === "retry_pair" ? pairFactor : 2;
  const afterMs = Math.min(hourMs, firstMs * factor ** Math.max(0, refusal.attempts - 1)) * (1 + refusal.random / 4);
  return { kind: "retry", afterMs, laneMs: laneRest(refusal, firstMs) };
}

/** A refusal that is about the number's pace, not about this message. */
function laneRest({ class: kind, laneRefusals }: Refusal, firstMs: number): number | null {
  if (kind === "retry_slow") return Math.min(hourMs, firstMs);
  return kind === "retry" ? Math.min(60_000, firstMs * 2 ** Math.min(6, laneRefusals)) : null;
}

/** The request never left: the network to Graph is the matter, not the message. */
export function afterNotSent(attempts: number, random: number): { afterMs: number } {
  return { afterMs: Math.min(60_000, 500 * 2 ** Math.min(7, Math.max(0, attempts - 1))) * (1 + random / 4) };
}
