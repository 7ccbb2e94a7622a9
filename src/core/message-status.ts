/** How the reported facts of one message become its ticks (I3, I4): a fold that gives the same end in any order. */
import { compareText } from "./profile.ts";

export const statuses = ["pending", "unknown", "accepted", "sent", "failed", "delivered", "read", "played"] as const;

/** The words of Meta that move a tick; other words are kept as facts and move nothing. */
export const reportedStatuses = ["sent", "failed", "delivered", "read", "played"] as const;
export type ReportedStatus = (typeof reportedStatuses)[number];

export type StatusFact = {
  status: string;
  atMs: number;
  error: { code: number; title: string | null; details: string | null } | null;
  pricing: unknown;
};

/** What the facts of one message say together; null where nothing was said. */
export type StatusFold = {
  status: ReportedStatus | null;
  sentAtMs: number | null;
  deliveredAtMs: number | null;
  readAtMs: number | null;
  playedAtMs: number | null;
  failure: { atMs: number; code: number; title: string | null; details: string | null } | null;
  pricing: { atMs: number; value: unknown } | null;
};

/** Position in `pending < unknown < accepted < sent < failed < delivered < read < played`; -1 for what stands outside. */
export function rankOf(status: string): number {
  return (statuses as readonly string[]).indexOf(status);
}

export function isReported(status: string): status is ReportedStatus {
  return (reportedStatuses as readonly string[]).includes(status);
}

/**
 * Each time is the least that was reported for its state or any later one of sent, delivered, read, played: a state
 * that Meta skipped is filled in, and a late report still corrects it. Of failures the earliest counts, then the least code; of prices
 * the earliest. What is still equal is decided by its text, so that the order of facts never matters.
 */
export function foldFacts(facts: readonly StatusFact[]): StatusFold {
  const fold: StatusFold = {
    status: null,
    sentAtMs: null,
    deliveredAtMs: null,
    readAtMs: null,
    playedAtMs: null,
    failure: null,
    pricing: null,
  };
  for (const fact of facts) {
    if (!isReported(fact.status)) continue;
    const { status } = fact;
    if (fold.status === null || rankOf(status) > rankOf(fold.status)) fold.status = status;
    if (status === "failed") {
      fold.failure = earlierFailure(fold.failure, fact);
    } else {
      const rank = rankOf(status);
      fold.sentAtMs = least(fold.sentAtMs, fact.atMs);
      if (rank >= rankOf("delivered")) fold.deliveredAtMs = least(fold.deliveredAtMs, fact.atMs);
      if (rank >= rankOf("read")) fold.readAtMs = least(fold.readAtMs, fact.atMs);
      if (rank >= rankOf("played")) fold.playedAtMs = least(fold.playedAtMs, fact.atMs);
    }
    if (fact.pricing !== null && (fold.pricing === null || isEarlierPricing(fact, fold.pricing))) {
      fold.pricing = { atMs: fact.atMs, value: fact.pricing };
    }
  }
  return fold;
}

function least(a: number | null, b: number): number {
  return a === null ? b : Math.min(a, b);
}

function earlierFailure(known: StatusFold["failure"], fact: StatusFact): StatusFold["failure"] {
  const found = { atMs: fact.atMs, code: fact.error?.code ?? 0, title: fact.error?.title ?? null, details: fact.error?.details ?? null };
  return known === null || compareFailures(found, known) < 0 ? found : known;
}

type Failure = NonNullable<StatusFold["failure"]>;

function compareFailures(a: Failure, b: Failure): number {
  return a.atMs - b.atMs || a.code - b.code || compareErrorTexts(a, b);
}

type ErrorTexts = { title: string | null; details: string | null };

/** Of two wordings of one error the one that says something, then the least. */
export function compareErrorTexts(a: ErrorTexts, b: ErrorTexts): number {
  return compareOptional(a.title, b.title) || compareOptional(a.details, b.details);
}

/** Nothing comes after anything. */
export function compareOptional(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareText(a, b);
}

function isEarlierPricing(fact: StatusFact, known: { atMs: number; value: unknown }): boolean {
  if (fact.atMs !== known.atMs) return fact.atMs < known.atMs;
  return compareText(JSON.stringify(fact.pricing), JSON.stringify(known.value)) < 0;
}
