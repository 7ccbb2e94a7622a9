/**
 * Meta's error codes as data (developer pages as of October 2026; PLATFORM facts in ARCHITECTURE.md). The same code may come as Graph's
 * answer, in a `failed` status, or both. Decide by code: titles change, and `error_subcode` is deprecated.
 */
import type { ErrorAction } from "../../../contract/messages.ts";
import { actionSentences } from "./error-actions.ts";
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
  /** What happened. */
  sentence: Sentence;
  /** What somebody can do about it. */
  action: ErrorAction;
  actionSentence: Sentence;
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
type Row = [from: number, to: number, kind: ErrorClass, blame: Blame, sentence: SentenceName, action: ErrorAction, waitMs?: number];

const rows: readonly Row[] = [
  [0, 0, "token", "us", "tokenInvalid", "replace_token"],
  [1, 1, "retry_few", "meta", "unknown", "retry_later"],
  [2, 2, "retry", "meta", "metaDown", "retry_later"],
  [3, 3, "token", "us", "permissionMissing", "grant_permission"],
  [4, 4, "retry_slow", "us", "tooFast", "retry_later"],
  [10, 10, "token", "us", "permissionMissing", "grant_permission"],
  [33, 33, "fix", "us", "notRegistered", "register_number"],
  [100, 100, "fix", "us", "badRequest", "fix_request"],
  [190, 190, "token", "us", "tokenInvalid", "replace_token"],
  [200, 299, "token", "us", "permissionMissing", "grant_permission"],
  [368, 368, "human", "account", "accountBlocked", "contact_meta"],
  [80_007, 80_007, "retry_slow", "us", "tooFast", "retry_later"],
  [130_403, 130_403, "never", "us", "userBlockedByUs", "unblock_user"],
  [130_429, 130_429, "retry", "us", "tooFast", "retry_later"],
  [130_472, 130_472, "never", "meta", "metaExperiment", "other_channel"],
  [130_497, 130_497, "never", "account", "countryRestricted", "other_channel"],
  [131_000, 131_000, "retry_few", "meta", "metaDown", "retry_later"],
  [131_005, 131_005, "token", "us", "permissionMissing", "grant_permission"],
  [131_008, 131_009, "fix", "us", "badRequest", "fix_request"],
  [131_016, 131_016, "retry", "meta", "metaDown", "retry_later"],
  [131_021, 131_021, "never", "us", "sameNumber", "other_recipient"],
  [131_026, 131_026, "never", "user", "undeliverable", "other_channel"],
  [131_030, 131_030, "fix", "us", "notOnTestList", "add_test_recipient"],
  [131_031, 131_031, "human", "account", "accountBlocked", "contact_meta"],
  [131_035, 131_035, "inbound", "account", "notKept", "change_account_settings"],
  [131_036, 131_036, "never", "account", "notKept", "change_account_settings"],
  [131_037, 131_037, "fix", "account", "displayName", "change_account_settings"],
  [131_042, 131_042, "human", "account", "payment", "complete_payment"],
  [131_045, 131_045, "fix", "us", "notRegistered", "register_number"],
  [131_047, 131_047, "fix", "us", "windowClosed", "use_template"],
  [131_048, 131_048, "human", "account", "qualityRestricted", "improve_quality"],
  [131_049, 131_049, "wait", "meta", "marketingCap", "wait_24h", 24 * hourMs],
  [131_050, 131_050, "never", "user", "marketingOptOut", "respect_choice"],
  [131_051, 131_051, "fix", "us", "unsupportedType", "fix_request"],
  [131_052, 131_052, "inbound", "user", "inboundMedia", "ask_to_resend"],
  [131_053, 131_053, "fix", "us", "outboundMedia", "fix_media"],
  [131_055, 131_055, "fix", "us", "badRequest", "fix_request"],
  [131_056, 131_056, "retry_pair", "us", "tooFastToUser", "retry_later"],
  [131_057, 131_057, "retry", "meta", "metaDown", "retry_later", minuteMs],
  [131_060, 131_060, "inbound", "meta", "messageUnavailable", "ask_to_resend"],
  [131_062, 131_062, "fix", "us", "phoneNeeded", "ask_for_phone"],
  [131_063, 131_063, "fix", "account", "accountSetting", "change_account_settings"],
  [131_064, 131_064, "wait", "account", "templateMisfiled", "change_template"],
  [131_065, 131_065, "fix", "account", "accountSetting", "change_account_settings"],
  [131_070, 131_070, "never", "account", "notOwner", "take_over"],
  [131_200, 131_299, "fix", "us", "badRequest", "fix_request"],
  [132_000, 132_001, "fix", "us", "templateWrong", "change_template"],
  [132_005, 132_005, "fix", "us", "templateWrong", "change_template"],
  [132_007, 132_007, "human", "us", "templatePolicy", "change_template"],
  [132_012, 132_012, "fix", "us", "templateWrong", "change_template"],
  [132_015, 132_015, "wait", "account", "templatePaused", "change_template", 3 * hourMs],
  [132_016, 132_016, "fix", "account", "templatePaused", "change_template"],
  [132_018, 132_018, "fix", "us", "templateWrong", "change_template"],
  [132_068, 132_068, "fix", "us", "flow", "change_account_settings"],
  [132_069, 132_069, "wait", "us", "flow", "retry_later"],
  [133_000, 133_000, "fix", "meta", "registration", "register_number"],
  [133_004, 133_004, "retry", "meta", "metaDown", "retry_later"],
  [133_005, 133_006, "fix", "us", "registration", "register_number"],
  [133_008, 133_009, "wait", "us", "registration", "retry_later"],
  [133_010, 133_010, "fix", "us", "notRegistered", "register_number"],
  [133_015, 133_015, "wait", "us", "registration", "retry_later", 5 * minuteMs],
  [133_016, 133_016, "wait", "us", "registration", "retry_later", 72 * hourMs],
  [134_011, 134_011, "human", "account", "payment", "complete_payment"],
  [134_100, 134_100, "human", "account", "accountSetting", "change_account_settings"],
  [134_101, 134_101, "wait", "account", "accountSetting", "retry_later", 10 * minuteMs],
  [134_102, 134_102, "human", "account", "accountSetting", "change_account_settings"],
  [135_000, 135_000, "fix", "us", "badRequest", "fix_request"],
  [136_024, 136_024, "fix", "us", "registration", "nothing"],
  [137_000, 137_000, "human", "user", "identityChanged", "verify_identity"],
  [138_000, 138_018, "fix", "us", "call", "write_instead"],
  [138_038, 138_038, "fix", "us", "call", "write_instead"],
  [139_000, 139_999, "fix", "us", "badRequest", "fix_request"],
  [147_001, 147_005, "fix", "us", "badRequest", "fix_request"],
];

/**
 * What is known about a code. One that is not in the table may be anything, so it is not tried again by itself unless Meta itself calls
 * it transient (see `client.ts`).
 */
export function errorFact(code: number): ErrorFact {
  const [, , kind, blame, sentence, action, waitMs] = rows.find(([from, to]) => code >= from && code <= to) ?? unknownRow;
  return {
    code,
    class: kind,
    retryable: kind.startsWith("retry"),
    blame,
    waitMs: waitMs ?? waits[kind],
    sentence: errorSentences[sentence],
    action,
    actionSentence: actionSentences[action],
  };
}

const unknownRow: Row = [0, 0, "human", "meta", "unknown", "retry_later"];
