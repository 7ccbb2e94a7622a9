/**
 * Lists an account's templates from Meta and brings ours up to date. Each page is its own transaction, so a list that breaks off has
 * not been for nothing; only a complete one tells what is gone. Everything holds as of the list's start: a webhook that is later wins.
 */
import { notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity, type ActivityEvent } from "../../activity/append.ts";
import type { AccessToken, Graph } from "../graph/call.ts";
import { listTemplates, type TemplatePage } from "../graph/templates-client.ts";
import { findTemplateAccount } from "./account.ts";
import { endBadly, endWell, readRefill, spendCall, takeLease, type Lease } from "./leases.ts";
import { changedEvent, changeTemplates, removeGone, stampSynced, wordOfList, type TemplateResult } from "./templates.ts";

export type SyncDeps = {
  /** Role kesher_app. */
  app: Db;
  graph: Graph;
  tokens: {
    read(tenantId: string, connectionId: string): Promise<AccessToken | null>;
    forget(connectionId: string): void;
  };
  nowMs: () => number;
  /** After each COMMIT with news. */
  onActivity: (tenantIds: readonly string[]) => void;
};

export type SyncCounts = { listed: number; added: number; changed: number; removed: number; unusable: number };

export type SyncOutcome =
  | ({ kind: "synced" } & SyncCounts)
  /** Another list of this account is under way. */
  | { kind: "busy" }
  /** No number of the account has a token. */
  | { kind: "no_token" }
  /** The calls of this hour are spent. */
  | { kind: "limited"; untilMs: number }
  /** `waitMs`: what Meta wants before the next try. */
  | { kind: "refused"; code: number; detail: string; waitMs: number }
  | { kind: "unavailable"; reason: string };

/** `syncTemplates` with its tools in hand. */
export type SyncTemplates = (scope: TenantScope, accountId: string) => Promise<SyncOutcome>;

/** Throws `not_found` for an unknown account, and when the database is unavailable. */
export async function syncTemplates(deps: SyncDeps, scope: TenantScope, accountId: string): Promise<SyncOutcome> {
  const { tenantId } = scope;
  const startedAtMs = deps.nowMs();
  const inTurn = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => tenantTransaction(deps.app, scope, work);
  const account = await inTurn((tx) => findTemplateAccount(tx, scope, accountId));
  if (account === undefined) throw notFound();
  const lease = await inTurn((tx) => takeLease(tx, { tenantId, accountId }, startedAtMs));
  if (lease === null) return { kind: "busy" };

  const run = new Run(deps, lease, account.wabaId, inTurn);
  let outcome: SyncOutcome = { kind: "no_token" };
  for (const connectionId of account.connectionIds) {
    const accessToken = await deps.tokens.read(tenantId, connectionId);
    if (accessToken === null) continue;
    outcome = await run.list(accessToken);
    if (outcome.kind !== "refused" || outcome.code !== invalidToken) break;
    deps.tokens.forget(connectionId);
  }
  if (outcome.kind !== "synced") await inTurn((tx) => giveUp(tx, lease, outcome, deps.nowMs()));
  deps.onActivity([tenantId]);
  return outcome;
}

/** 190: expired or withdrawn. Another number of the account may have a better one. */
const invalidToken = 190;

class Run {
  readonly #deps: SyncDeps;
  readonly #lease: Lease;
  readonly #wabaId: string;
  readonly #inTurn: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
  readonly #counts: SyncCounts = { listed: 0, added: 0, changed: 0, removed: 0, unusable: 0 };

  constructor(deps: SyncDeps, lease: Lease, wabaId: string, inTurn: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>) {
    this.#deps = deps;
    this.#lease = lease;
    this.#wabaId = wabaId;
    this.#inTurn = inTurn;
  }

  async list(accessToken: AccessToken): Promise<SyncOutcome> {
    let after: string | null = null;
    for (let pages = 0; pages < limits.templatePagesMax; pages++) {
      const timeoutMs = Math.min(limits.graphTimeoutMs, this.#lease.startedAtMs + limits.templateSyncMsMax - this.#deps.nowMs());
      if (timeoutMs <= 0) return { kind: "unavailable", reason: "too_slow" };
      if (!(await this.#inTurn((tx) => spendCall(tx, this.#lease, this.#deps.nowMs())))) return this.#limited();
      const request = { wabaId: this.#wabaId, accessToken, after, timeoutMs };
      const page: TemplatePage = await listTemplates(this.#deps.graph, request, wordOfList(this.#lease.startedAtMs));
      if (page.kind === "refused") {
        const { code, title, details, waitMs } = page.error;
        return { kind: "refused", code, detail: details ?? title ?? "no reason given", waitMs: waitMs ?? 0 };
      }
      if (page.kind === "unavailable") return page;
      await this.#inTurn((tx) => this.#apply(tx, page));
      after = page.after;
      if (after === null) return this.#inTurn((tx) => this.#finish(tx));
    }
    return { kind: "unavailable", reason: "too_many_pages" };
  }

  async #limited(): Promise<SyncOutcome> {
    const untilMs = await this.#inTurn((tx) => readRefill(tx, this.#lease));
    return { kind: "limited", untilMs: untilMs ?? this.#deps.nowMs() };
  }

  async #apply(tx: Tx, page: Extract<TemplatePage, { kind: "page" }>): Promise<void> {
    const { tenantId, accountId, startedAtMs } = this.#lease;
    const nowMs = this.#deps.nowMs();
    const changes = page.templates.map(({ name, language, change }) => ({ tenantId, accountId, name, language, change }));
    const results = await changeTemplates(tx, changes, nowMs);
    await stampSynced(tx, results, startedAtMs);
    // What is new is only counted: a first list would fill the activity with thousands of events.
    const known = results.filter(({ before }) => before !== null);
    const events = eventsOf(known);
    this.#counts.listed += results.length;
    this.#counts.unusable += page.unusable;
    this.#counts.added += results.length - known.length;
    this.#counts.changed += events.length;
    await appendActivity(tx, events, nowMs);
  }

  async #finish(tx: Tx): Promise<SyncOutcome> {
    const { tenantId, accountId, startedAtMs } = this.#lease;
    const nowMs = this.#deps.nowMs();
    const gone = eventsOf(await removeGone(tx, this.#lease, startedAtMs));
    this.#counts.removed = gone.length;
    await endWell(tx, this.#lease, nowMs);
    const data = { accountId, ...this.#counts };
    await appendActivity(tx, [...gone, { tenantId, type: "templates.synced", conversationId: null, messageId: null, data }], nowMs);
    return { kind: "synced", ...this.#counts };
  }
}

function eventsOf(results: readonly TemplateResult[]): ActivityEvent[] {
  return results.map(changedEvent).filter((event) => event !== null);
}

/** Told in the activity the first time only, until a list succeeds again. */
async function giveUp(tx: Tx, lease: Lease, outcome: Exclude<SyncOutcome, { kind: "synced" }>, nowMs: number): Promise<void> {
  const waitMs = outcome.kind === "limited" ? outcome.untilMs - nowMs : outcome.kind === "refused" ? outcome.waitMs : 0;
  const error = explainOutcome(outcome);
  const failures = await endBadly(tx, lease, { error, waitMs }, nowMs);
  if (failures > 1) return;
  const { tenantId, accountId } = lease;
  const data = { accountId, error };
  await appendActivity(tx, [{ tenantId, type: "templates.sync_failed", conversationId: null, messageId: null, data }], nowMs);
}

export function explainOutcome(outcome: Exclude<SyncOutcome, { kind: "synced" }>): string {
  switch (outcome.kind) {
    case "busy":
      return "The templates of this account are being read right now.";
    case "no_token":
      return "No number of this account has an access token.";
    case "limited":
      return `Meta allows a limited number of calls in an hour; the next ones are possible at ${new Date(outcome.untilMs).toISOString()}.`;
    case "refused":
      return `Meta refuses to list the templates (${outcome.code}): ${outcome.detail}`;
    case "unavailable":
      return `Meta could not be asked (${outcome.reason}).`;
    default:
      return outcome satisfies never;
  }
}
