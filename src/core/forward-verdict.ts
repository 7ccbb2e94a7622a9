/** What the answer of a tenant's endpoint means: for the delivery, for its conversation, and for the endpoint. Pure. */
import { limits } from "../limits.ts";
import { backoffMs } from "./backoff.ts";

/** What came of one POST. `unreachable` covers everything without a status: names, connections, certificates, time. */
export type PostAnswer =
  | { kind: "answered"; status: number; retryAfterMs: number | null; shown: string }
  | { kind: "unreachable"; reason: string }
  /** We broke it off ourselves: no attempt at all. */
  | { kind: "stopped" };

/**
 * - `delivered`: 2xx
 * - `trouble`: the endpoint cannot, now: 5xx, 408, 425, 429, redirects, no answer
 * - `refused`: the endpoint does not want this one: other 4xx
 * - `gone`: 410, it wants nothing any more
 */
export type Verdict = "delivered" | "trouble" | "refused" | "gone" | "stopped";

export function verdictOf(answer: PostAnswer): Verdict {
  if (answer.kind === "stopped") return "stopped";
  if (answer.kind === "unreachable") return "trouble";
  const { status } = answer;
  if (status >= 200 && status < 300) return "delivered";
  if (status === 410) return "gone";
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429 ? "refused" : "trouble";
}

/** `attempts` counts this one; `triedMs` is the time since the first attempt. */
export type Attempted = { verdict: Verdict; attempts: number; triedMs: number };

/** Trouble is waited out for days; a refusal that stays is given up sooner, since it holds its conversation up. */
export function isDead({ verdict, attempts, triedMs }: Attempted): boolean {
  if (verdict === "delivered" || verdict === "stopped") return false;
  if (verdict === "refused" && attempts >= limits.forwardRefusalsMax) return true;
  return triedMs >= limits.forwardTriedMsMax;
}

/** How long a conversation waits after its failures in a row. */
export function laneWaitMs(failures: number, random: number): number {
  return backoffMs({ firstMs: limits.forwardRetryMsMin, factor: 2, maxMs: limits.forwardRetryMsMax }, failures, random);
}

export type Health = {
  /** Rounds of attempts without a success between them. */
  failures: number;
  /** Since the first of them; 0 when all is well. */
  failingMs: number;
};
/** All answers that one endpoint gave since it was last judged. */
export type Round = { delivered: number; failed: number; gone: number; retryAfterMs: number | null };
export type NextHealth = {
  failures: number;
  /** Nothing is sent to it for so long; null: at once. */
  waitMs: number | null;
  pausedReason: "failing" | "gone" | null;
  /** It answers again, so conversations that wait for it need not wait longer. */
  hasRecovered: boolean;
};

/** From `forwardTroubleFrom` failed rounds in a row on, an endpoint gets one attempt at a time, with growing pauses between. */
export function judgeEndpoint(health: Health, round: Round, random: number): NextHealth {
  const askedMs = round.retryAfterMs === null ? null : Math.min(round.retryAfterMs, limits.forwardRetryAfterMsMax);
  if (round.gone > 0) return { failures: health.failures + 1, waitMs: null, pausedReason: "gone", hasRecovered: false };
  if (round.delivered > 0) {
    return { failures: 0, waitMs: askedMs, pausedReason: null, hasRecovered: isInTrouble(health.failures) };
  }
  if (round.failed === 0) return { failures: health.failures, waitMs: null, pausedReason: null, hasRecovered: false };
  const failures = health.failures + 1;
  const backoff = { firstMs: limits.forwardRetryMsMin, factor: 2, maxMs: limits.forwardProbeMsMax };
  const ownMs = isInTrouble(failures) ? backoffMs(backoff, failures - limits.forwardTroubleFrom + 1, random) : null;
  const waitMs = askedMs === null && ownMs === null ? null : Math.max(askedMs ?? 0, ownMs ?? 0);
  const pausedReason = health.failingMs >= limits.forwardFailingMsMax ? "failing" : null;
  return { failures, waitMs, pausedReason, hasRecovered: false };
}

export function isInTrouble(failures: number): boolean {
  return failures >= limits.forwardTroubleFrom;
}

/** Seconds, or a date (RFC 9110, 10.2.3). Null when it says neither. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
