/**
 * Meta's error codes as data (developer pages as of October 2026; PLATFORM facts in ARCHITECTURE.md). The same code may come as Graph's
 * answer, in a `failed` status, or both. Decide by code: titles change, and `error_subcode` is deprecated.
 */
import { errorSentences, type Sentence } from "./error-sentences.ts";

/** Whose doing it is: this program or its settings, the customer, the business account's owner, Meta. */
export type Blame = "us" | "user" | "account" | "meta";

export type ErrorClass =
  /** Meta is down or busy: again with growing waits. */
  | "retry"
  /** Unclear: again, a few times. */
  | "retry_few"
  /** Rate limits by the hour. */
  | "retry_slow"
  /** One number to one customer: Meta says to wait 4^n seconds. */
  | "retry_pair"
  /** Not by itself again; somebody may after `waitMs`. */
  | "wait"
  /** The request or the settings must change. */
  | "fix"
  /** Token or permission: the whole connection is affected. */
  | "token"
  /** Somebody must act at Meta. */
  | "human"
  /** Not to this customer. */
  | "never"
  /** Only met in what comes in. */
  | "inbound";

export type ErrorFact = {
  code: number;
  class: ErrorClass;
  /** Whether the same request may be sent again by itself. */
  retryable: boolean;
  blame: Blame;
  /** Least wait before the next try, in milliseconds; null where waiting does not help. */
  waitMs: number | null;
  sentence: Sentence;
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const waits: Readonly<Record<ErrorClass, number | null>> = {
  retry: 1_000,
  retry_few: 1_000,
  retry_slow: 5 * minuteMs,
  retry_pair: 4_000,
  wait: hourMs,
  fix: null,
  token: null,
  human: null,
  never: null,
  inbound: null,
};

type SentenceName = keyof typeof errorSentences;
/** Codes `from` to `to`, both included. */
type Row = [from: number, to: number, kind: ErrorClass, blame: Blame, sentence: SentenceName, waitMs?: number];

const rows: readonly Row[] = [
  [0, 0, "token", "us", "tokenInvalid"],
  [1, 1, "retry_few", "meta", "unknown"],
  [2, 2, "retry", "meta", "metaDown"],
  [3, 3, "token", "us", "permissionMissing"],
  [4, 4, "retry_slow", "us", "tooFast"],
  [10, 10, "token", "us", "permissionMissing"],
  [33, 33, "fix", "us", "notRegistered"],
  [100, 100, "fix", "us", "badRequest"],
  [190, 190, "token", "us", "tokenInvalid"],
  [200, 299, "token", "us", "permissionMissing"],
  [368, 368, "human", "account", "accountBlocked"],
  [80_007, 80_007, "retry_slow", "us", "tooFast"],
  [130_403, 130_403, "never", "us", "userBlockedByUs"],
  [130_429, 130_429, "retry", "us", "tooFast"],
  [130_472, 130_472, "never", "meta", "metaExperiment"],
  [130_497, 130_497, "never", "account", "countryRestricted"],
  [131_000, 131_000, "retry_few", "meta", "metaDown"],
  [131_005, 131_005, "token", "us", "permissionMissing"],
  [131_008, 131_009, "fix", "us", "badRequest"],
  [131_016, 131_016, "retry", "meta", "metaDown"],
  [131_021, 131_021, "never", "us", "sameNumber"],
  [131_026, 131_026, "never", "user", "undeliverable"],
  [131_030, 131_030, "fix", "us", "notOnTestList"],
  [131_031, 131_031, "human", "account", "accountBlocked"],
  [131_035, 131_035, "inbound", "account", "notKept"],
  [131_036, 131_036, "never", "account", "notKept"],
  [131_037, 131_037, "fix", "account", "displayName"],
  [131_042, 131_042, "human", "account", "payment"],
  [131_045, 131_045, "fix", "us", "notRegistered"],
  [131_047, 131_047, "fix", "us", "windowClosed"],
  [131_048, 131_048, "human", "account", "qualityRestricted"],
  [131_049, 131_049, "wait", "meta", "marketingCap", 24 * hourMs],
  [131_050, 131_050, "never", "user", "marketingOptOut"],
  [131_051, 131_051, "fix", "us", "unsupportedType"],
  [131_052, 131_052, "inbound", "user", "inboundMedia"],
  [131_053, 131_053, "fix", "us", "outboundMedia"],
  [131_055, 131_055, "fix", "us", "badRequest"],
  [131_056, 131_056, "retry_pair", "us", "tooFastToUser"],
  [131_057, 131_057, "retry", "meta", "metaDown", minuteMs],
  [131_060, 131_060, "inbound", "meta", "messageUnavailable"],
  [131_062, 131_062, "fix", "us", "phoneNeeded"],
  [131_063, 131_063, "fix", "account", "accountSetting"],
  [131_064, 131_064, "wait", "account", "templatePolicy"],
  [131_065, 131_065, "fix", "account", "accountSetting"],
  [131_070, 131_070, "never", "account", "notOwner"],
  [131_200, 131_299, "fix", "us", "badRequest"],
  [132_000, 132_001, "fix", "us", "templateWrong"],
  [132_005, 132_005, "fix", "us", "templateWrong"],
  [132_007, 132_007, "human", "us", "templatePolicy"],
  [132_012, 132_012, "fix", "us", "templateWrong"],
  [132_015, 132_015, "wait", "account", "templatePaused", 3 * hourMs],
  [132_016, 132_016, "fix", "account", "templatePaused"],
  [132_018, 132_018, "fix", "us", "templateWrong"],
  [132_068, 132_068, "fix", "us", "flow"],
  [132_069, 132_069, "wait", "us", "flow"],
  [133_000, 133_000, "fix", "meta", "registration"],
  [133_004, 133_004, "retry", "meta", "metaDown"],
  [133_005, 133_006, "fix", "us", "registration"],
  [133_008, 133_009, "wait", "us", "registration"],
  [133_010, 133_010, "fix", "us", "notRegistered"],
  [133_015, 133_015, "wait", "us", "registration", 5 * minuteMs],
  [133_016, 133_016, "wait", "us", "registration", 72 * hourMs],
  [134_011, 134_011, "human", "account", "payment"],
  [134_100, 134_100, "human", "account", "accountSetting"],
  [134_101, 134_101, "wait", "account", "accountSetting", 10 * minuteMs],
  [134_102, 134_102, "human", "account", "accountSetting"],
  [135_000, 135_000, "fix", "us", "badRequest"],
  [136_024, 136_024, "fix", "us", "registration"],
  [137_000, 137_000, "human", "user", "identityChanged"],
  [138_000, 138_018, "fix", "us", "call"],
  [138_038, 138_038, "fix", "us", "call"],
  [139_000, 139_999, "fix", "us", "badRequest"],
  [147_001, 147_005, "fix", "us", "badRequest"],
];

/**
 * What is known about a code. One that is not in the table may be anything, so it is not tried again by itself unless Meta itself calls
 * it transient (see `client.ts`).
 */
export function errorFact(code: number): ErrorFact {
  const [, , kind, blame, sentence, waitMs] = rows.find(([from, to]) => code >= from && code <= to) ?? unknownRow;
  return {
    code,
    class: kind,
    retryable: kind.startsWith("retry"),
    blame,
    waitMs: waitMs ?? waits[kind],
    sentence: errorSentences[sentence],
  };
}

const unknownRow: Row = [0, 0, "human", "meta", "unknown"];
