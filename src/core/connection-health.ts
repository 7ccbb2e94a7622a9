/** What Meta and our own books say of a connection, judged: one verdict for each check. Pure; who asks is `services/whatsapp/connections/probe.ts`. */
import {
  connectionChecks,
  type CheckState,
  type ConnectionCheckName,
  type ConnectionCode,
  type ConnectionHealth,
  type ConnectionStepName,
  type StepState,
} from "../contract/connections.ts";
import { connectionProblem } from "./connection-problems.ts";

const dayMs = 86_400_000;
export const tokenExpiresSoonMs = 7 * dayMs;
export const neededScopes = ["whatsapp_business_management", "whatsapp_business_messaging"] as const;

/** What became of a question to Graph. */
export type Asked<Facts> =
  | { kind: "answered"; facts: Facts }
  | { kind: "refused"; code: number; detail: string | null }
  /** Not reached, or asked too often. */
  | { kind: "unreached"; reason: string };

/** `GET /debug_token`. */
export type TokenFacts = {
  isValid: boolean;
  appId: string | null;
  type: string | null;
  scopes: readonly string[];
  /** Null: never. */
  expiresAtMs: number | null;
  /** Accounts that both scopes reach; null where Meta does not say. */
  wabaIds: readonly string[] | null;
};

/** `GET /{phone}`. */
export type NumberFacts = {
  displayPhoneNumber: string | null;
  verifiedName: string | null;
  quality: string | null;
  status: string | null;
  nameStatus: string | null;
  throughput: string | null;
  messagingLimit: string | null;
  isOnBizApp: boolean;
  webhook: { application: string | null; account: string | null; number: string | null } | null;
  health: { canSend: string; entities: readonly { kind: string; id: string | null; canSend: string; reasons: readonly string[] }[] } | null;
};

/** `GET /{waba}/subscribed_apps`: the apps' ids. */
export type SubscribedApps = readonly string[];

export type ConnectionFacts = {
  nowMs: number;
  wabaId: string;
  /** Of the app whose secret signs the account's webhooks; null where it is not known. */
  appId: string | null;
  /** Where the account's webhooks should come; null where nobody has said how the world reaches us. */
  webhookUrl: string | null;
  /** Null: the connection has no token. */
  asked: { token: Asked<TokenFacts>; number: Asked<NumberFacts>; apps: Asked<SubscribedApps> } | null;
  silence: "usual" | "unusual" | "unknown";
  lastSeenAtMs: number | null;
  /** Conversations that were heard of within a day, and how many of them another responder holds. */
  recent: { conversations: number; onStandby: number };
  steps: readonly { step: ConnectionStepName; state: StepState; code: ConnectionCode | null }[];
};

/** `data.value` is what the state alone does not tell; a change of it is a change. */
export type Verdict = {
  check: ConnectionCheckName;
  state: CheckState;
  code: ConnectionCode | null;
  data: { readonly [key: string]: unknown };
};

export function judgeConnection(facts: ConnectionFacts): Verdict[] {
  const ours = [judgeSetUp(facts), judgeOwnership(facts), judgeSilenceOf(facts)];
  const { asked } = facts;
  if (asked === null) return [...ours, found("token", "token_missing")];
  return [
    ...ours,
    judgeToken(facts, asked.token, asked.number),
    ...judgeExpiry(facts, asked.token),
    ...judgeNumber(facts, asked.number),
    judgeSubscription(facts, asked.apps),
    judgeGraph([asked.token, asked.number, asked.apps]),
  ];
}

/** The gravest; of equals the one that stands first in the list of checks. Unknown only where nothing is known. */
export function worstOf(
  checks: readonly { check: ConnectionCheckName; state: CheckState; code: ConnectionCode | null }[],
): ConnectionHealth {
  const rank = (state: CheckState): number => gravity.indexOf(state);
  const [worst] = checks.toSorted(
    (a, b) => rank(a.state) - rank(b.state) || connectionChecks.indexOf(a.check) - connectionChecks.indexOf(b.check),
  );
  return worst === undefined ? { state: "unknown", code: null } : { state: worst.state, code: worst.code };
}

const gravity = ["problem", "warning", "ok", "unknown"] as const satisfies readonly CheckState[];

/** What `debug_token` says of a token, for an account: null where it can be used. */
export function tokenFault(token: TokenFacts, { appId, wabaId }: { appId: string | null; wabaId: string }): ConnectionCode | null {
  if (!token.isValid) return "token_invalid";
  if (appId !== null && token.appId !== appId) return "token_foreign_app";
  if (neededScopes.some((scope) => !token.scopes.includes(scope))) return "token_scopes";
  return token.wabaIds !== null && !token.wabaIds.includes(wabaId) ? "token_other_account" : null;
}

function judgeToken(facts: ConnectionFacts, token: Asked<TokenFacts>, number: Asked<NumberFacts>): Verdict {
  // Whatever `debug_token` says: this is what a send would meet.
  if (number.kind === "refused" && number.code === invalidToken) return found("token", "token_invalid", { detail: number.detail });
  if (token.kind === "unreached") return notReached("token");
  if (token.kind === "refused") return found("token", "token_invalid", { metaCode: token.code, detail: token.detail });
  const fault = tokenFault(token.facts, facts);
  const data = { type: token.facts.type, scopes: token.facts.scopes };
  if (fault !== null) return found("token", fault, data);
  return token.facts.type !== null && token.facts.type !== "SYSTEM_USER" ? found("token", "token_personal", data) : fine("token", data);
}

const invalidToken = 190;

function judgeExpiry({ nowMs }: ConnectionFacts, token: Asked<TokenFacts>): Verdict[] {
  if (token.kind === "unreached") return [notReached("token_expiry")];
  // Of a token that is no use any more it does not matter.
  if (token.kind === "refused" || !token.facts.isValid) return [{ check: "token_expiry", state: "unknown", code: null, data: {} }];
  const { expiresAtMs } = token.facts;
  if (expiresAtMs === null) return [fine("token_expiry", { expiresAt: null })];
  const expiresAt = new Date(expiresAtMs).toISOString();
  const code = expiresAtMs - nowMs <= tokenExpiresSoonMs ? "token_expires_soon" : "token_expires";
  return [found("token_expiry", code, { value: expiresAt, expiresAt })];
}

function judgeNumber(facts: ConnectionFacts, number: Asked<NumberFacts>): Verdict[] {
  if (number.kind === "answered") {
    const { facts: known } = number;
    return [
      judgeRegistration(known),
      judgeQuality(known),
      judgeName(known),
      judgeSending(known),
      judgeWebhook(facts, known),
      fineOrUnknown("messaging_limit", known.messagingLimit),
      fineOrUnknown("throughput", known.throughput),
    ];
  }
  const isGone = number.kind === "refused" && goneCodes.has(number.code);
  const registration = isGone
    ? found("registration", "number_gone", { metaCode: number.code, detail: number.detail })
    : notReached("registration");
  return [registration, ...(["quality", "name", "sending", "webhook"] as const).map(notReached)];
}

/** 33 and 100: there is no such number, or not for this token. */
const goneCodes: ReadonlySet<number> = new Set([33, 100]);

function judgeRegistration({ status, isOnBizApp }: NumberFacts): Verdict {
  const data = { value: status, isOnBizApp };
  if (status === null) return { check: "registration", state: "unknown", code: null, data };
  const code = statuses.get(status) ?? "number_not_registered";
  return code === "ok" ? fine("registration", data) : found("registration", code, data);
}

/** Meta's words for a number's status (developer pages as of October 2026). All others mean: not there yet. */
const statuses: ReadonlyMap<string, ConnectionCode | "ok"> = new Map([
  ["CONNECTED", "ok"],
  ["FLAGGED", "number_flagged"],
  ["RESTRICTED", "number_restricted"],
  ["RATE_LIMITED", "number_restricted"],
  ["BANNED", "number_banned"],
  ["DELETED", "number_gone"],
  ["MIGRATED", "number_gone"],
]);

function judgeQuality({ quality }: NumberFacts): Verdict {
  const data = { value: quality };
  if (quality === "RED") return found("quality", "quality_low", data);
  return quality === "YELLOW" ? found("quality", "quality_medium", data) : fineOrUnknown("quality", quality);
}

function judgeName({ nameStatus, verifiedName }: NumberFacts): Verdict {
  const data = { value: nameStatus, name: verifiedName };
  if (nameStatus === null) return { check: "name", state: "unknown", code: null, data };
  const code = names.get(nameStatus);
  return code === undefined ? fine("name", data) : found("name", code, data);
}

const names: ReadonlyMap<string, ConnectionCode> = new Map([
  ["PENDING_REVIEW", "name_pending"],
  ["DECLINED", "name_declined"],
  ["EXPIRED", "name_expired"],
]);

function judgeSending({ health }: NumberFacts): Verdict {
  if (health === null) return { check: "sending", state: "unknown", code: null, data: {} };
  const entities = health.entities.filter(({ canSend }) => canSend !== "AVAILABLE");
  const data = { value: health.canSend, entities };
  if (health.canSend === "BLOCKED") return found("sending", "sending_blocked", data);
  // The whole may be called available while the portfolio or a template is limited.
  return health.canSend === "LIMITED" || entities.length > 0 ? found("sending", "sending_limited", data) : fine("sending", data);
}

/** Number before account before app (PLATFORM section 1); templates and accounts know only the app's address. */
function judgeWebhook({ webhookUrl }: ConnectionFacts, { webhook }: NumberFacts): Verdict {
  if (webhook === null) return { check: "webhook", state: "unknown", code: null, data: {} };
  const effective = webhook.number ?? webhook.account ?? webhook.application;
  const data = { ...webhook, value: effective, expected: webhookUrl };
  if (webhookUrl === null) return { check: "webhook", state: "unknown", code: "webhook_unknown", data };
  if (!isSameUrl(effective, webhookUrl)) return found("webhook", "webhook_elsewhere", data);
  return webhook.application !== null && !isSameUrl(webhook.application, webhookUrl)
    ? found("webhook", "webhook_account_elsewhere", data)
    : fine("webhook", data);
}

function isSameUrl(given: string | null, wanted: string): boolean {
  const [a, b] = [URL.parse(given ?? ""), URL.parse(wanted)];
  const path = (url: URL): string => url.pathname.replace(/\/$/, "");
  return a !== null && b !== null && a.origin === b.origin && path(a) === path(b);
}

function judgeSubscription({ appId }: ConnectionFacts, apps: Asked<SubscribedApps>): Verdict {
  if (apps.kind === "unreached") return notReached("subscription");
  // The token's fault, or the number's, is told by their own checks.
  if (apps.kind === "refused")
    return { check: "subscription", state: "unknown", code: null, data: { metaCode: apps.code, detail: apps.detail } };
  const isThere = appId === null ? apps.facts.length > 0 : apps.facts.includes(appId);
  const data = { apps: apps.facts };
  return isThere ? fine("subscription", data) : found("subscription", "app_not_subscribed", data);
}

function judgeGraph(asked: readonly Asked<unknown>[]): Verdict {
  const missed = asked.find((one) => one.kind === "unreached");
  return missed === undefined ? fine("graph", {}) : found("graph", "graph_unreachable", { reason: missed.reason });
}

function judgeSetUp({ steps }: ConnectionFacts): Verdict {
  const failed = steps.find(({ state, code }) => state === "failed" && code !== null && connectionProblem(code).state === "problem");
  const open = failed ?? steps.find(({ state }) => state === "failed") ?? steps.find(({ state }) => state === "pending");
  if (open === undefined) return fine("setup", {});
  return found("setup", open.state === "failed" && open.code !== null ? open.code : "setup_waits", { step: open.step });
}

function judgeOwnership({ recent }: ConnectionFacts): Verdict {
  return recent.onStandby > 0 ? found("ownership", "on_standby", recent) : fine("ownership", recent);
}

function judgeSilenceOf({ silence, lastSeenAtMs }: ConnectionFacts): Verdict {
  const data = { lastSeenAt: lastSeenAtMs === null ? null : new Date(lastSeenAtMs).toISOString() };
  if (silence === "unusual") return found("silence", "silent", data);
  return silence === "unknown" ? { check: "silence", state: "unknown", code: null, data } : fine("silence", data);
}

function fine(check: ConnectionCheckName, data: Verdict["data"]): Verdict {
  return { check, state: "ok", code: null, data };
}

function found(check: ConnectionCheckName, code: ConnectionCode, data: Verdict["data"] = {}): Verdict {
  return { check, state: connectionProblem(code).state, code, data };
}

function fineOrUnknown(check: ConnectionCheckName, value: string | null): Verdict {
  return { check, state: value === null ? "unknown" : "ok", code: null, data: { value } };
}

function notReached(check: ConnectionCheckName): Verdict {
  return { check, state: "unknown", code: "not_reached", data: {} };
}
