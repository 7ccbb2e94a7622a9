/**
 * What happens in the business, logged and counted: one function for each event, and nowhere else. Successful webhook POSTs come by the
 * thousand a second, so at `info` they make one summary line per interval; a line each is for `debug`.
 */
import { limits } from "../limits.ts";
import { errorFacts, type Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

export type WebhookAnswer = {
  appKey: string;
  bytes: number;
  updates: number;
  /** `stored` is the only one that answered 200. */
  outcome: "stored" | "bad_signature" | "too_large" | "too_slow" | "unavailable" | "aborted";
  ms: number;
};

/** Attempts that came as far as a request. */
const askedGraph: ReadonlySet<string> = new Set(["accepted", "refused", "unknown", "not_sent", "token_replaced"]);
/** Nothing that anybody would have to look at. */
const quietOutcomes: ReadonlySet<string> = new Set(["accepted", "released", "reported", "not_ready", "token_replaced"]);

export type Events = ReturnType<typeof createEvents>;

/** Nothing is written for the last interval until `stop` or the next tick. */
export function createEvents(log: Log, metrics: Metrics) {
  let summary = emptySummary();
  let indexed = { messages: 0, contacts: 0 };
  const writeSummary = (): void => {
    if (indexed.messages + indexed.contacts > 0) log.info(indexed, "filled into the search's index");
    indexed = { messages: 0, contacts: 0 };
    if (summary.requests === 0) return;
    log.info({ ...summary, ackMsMax: Math.round(summary.ackMsMax), seconds: limits.logSummaryMs / 1000 }, "webhooks received");
    summary = emptySummary();
  };
  const timer = setInterval(writeSummary, limits.logSummaryMs).unref();

  return {
    started(facts: { mode: string; role: string; address: string; version: string; ms: number }): void {
      log.info(facts, "started");
    },
    stopping(signal: string): void {
      log.info({ signal }, "stopping");
    },
    stopped(facts: { ms: number }): void {
      log.info(facts, "stopped");
    },
    /** The hash covers every audited deed of the tenant up to here: kept with the logs, it tells whether one was changed since. */
    auditSealed(facts: { tenantId: string | null; seq: number; events: number; sha256: string }): void {
      log.info(facts, "audit log sealed");
    },
    /** Which encryption keys wrap how many stored secrets. `unknown`: by keys that are not configured, so that they cannot be opened. */
    keysInUse(
      keys: Readonly<Record<string, number>>,
      unknown: readonly { table: string; column: string; keyId: string; secrets: number }[],
    ): void {
      log.info({ keys }, "encryption keys in use");
      for (const use of unknown)
        log.warn(use, "stored secrets name an encryption key that is not configured: put it back into ENCRYPTION_KEYS");
    },
    /** Ends the summaries; the last one is written. */
    stop(): void {
      clearInterval(timer);
      writeSummary();
    },

    webhookAnswered(answer: WebhookAnswer): void {
      metrics.webhookRequests.inc({ outcome: answer.outcome });
      metrics.webhookAckSeconds.observe(answer.ms / 1000);
      metrics.webhookBodyBytes.observe(answer.bytes);
      summary.requests++;
      summary.bytes += answer.bytes;
      summary.updates += answer.updates;
      if (answer.ms > summary.ackMsMax) summary.ackMsMax = answer.ms;
      if (answer.outcome === "stored") {
        if (log.isLevelEnabled("debug")) log.debug(answer, "webhook stored");
        return;
      }
      summary.refused++;
      // A stranger may send any number of these; the summary counts them all.
      if (summary.refused <= limits.logRefusalsPerSummaryMax) log.warn(answer, "webhook refused");
    },
    journalCommitted(facts: { deliveries: number }): void {
      metrics.ingestCommitBatchRows.observe(facts.deliveries);
    },
    journalFailed(facts: { deliveries: number; error: unknown }): void {
      log.error({ deliveries: facts.deliveries, error: errorFacts(facts.error) }, "webhooks could not be stored");
    },

    workerRetries(facts: { kind: string; error: unknown; attempt: number; waitMs: number }): void {
      const { kind, error, attempt, waitMs } = facts;
      metrics.workerRetries.inc({ kind });
      log.warn({ kind, attempt, waitMs, error: errorFacts(error) }, "worker tries again");
    },

    /** One attempt to bring a customer's file here has ended. */
    mediaFetched(facts: { mediaId: string; result: string; reason: string | null }): void {
      metrics.mediaFetches.inc({ outcome: facts.result });
      if (facts.result === "stored" || facts.result === "skipped") log.debug(facts, "media fetched");
      else log.warn(facts, "media not fetched");
    },
    /** One list of an account's templates has ended. */
    templatesListed(facts: { accountId: string; outcome: string }): void {
      metrics.templateSyncs.inc({ outcome: facts.outcome });
      if (facts.outcome === "synced") log.debug(facts, "templates listed");
      else log.warn(facts, "templates not listed");
    },
    /** One look at a number has ended. */
    connectionProbed(facts: { outcome: string; ms: number }): void {
      metrics.probes.inc({ outcome: facts.outcome });
      if (facts.outcome !== "spared") metrics.probeSeconds.observe(facts.ms / 1000);
    },
    /** An attempt of a background job failed; its queue says when the next one is. */
    jobFailed(facts: { queue: string; attempt: number; error: unknown }): void {
      metrics.workerRetries.inc({ kind: facts.queue });
      log.warn({ queue: facts.queue, attempt: facts.attempt, error: errorFacts(facts.error) }, "a job failed and is tried again");
    },

    sendAttempted(
      attempt: {
        send: { messageId: string; tenantId: string; attempts: number };
        outcome: { kind: string; reason?: string; error?: { code: number | null; blame?: string; fbtraceId?: string | null } };
        startedAtMs: number;
      },
      endedAtMs: number,
    ): void {
      const { send, outcome, startedAtMs } = attempt;
      const ms = endedAtMs - startedAtMs;
      if (askedGraph.has(outcome.kind)) metrics.graphSeconds.observe(ms / 1000);
      metrics.sends.inc({ outcome: outcome.kind, code_class: outcome.error?.blame ?? "none" });
      const code = outcome.error?.code ?? outcome.reason ?? null;
      const { messageId, tenantId, attempts } = send;
      const facts = { messageId, tenantId, attempts, outcome: outcome.kind, ms, code, fbtraceId: outcome.error?.fbtraceId ?? null };
      if (!quietOutcomes.has(outcome.kind)) log.warn(facts, "message not accepted by Graph");
      else if (log.isLevelEnabled("debug")) log.debug(facts, "attempt to send ended");
    },
    /** One turn of a worker that had work. */
    batchRan(
      kind: string,
      result: {
        rows: number;
        updates: number;
        parked: readonly { item: { deliveryId: string }; tenantId: string | null; reason: string }[];
      },
      ms: number,
    ): void {
      metrics.processSeconds.observe({ kind, outcome: "applied" }, ms / 1000);
      metrics.webhookUpdates.inc({ kind, outcome: "parked" }, result.parked.length);
      metrics.webhookUpdates.inc({ kind, outcome: "applied" }, result.updates - result.parked.length);
      if (log.isLevelEnabled("debug"))
        log.debug({ kind, rows: result.rows, updates: result.updates, parked: result.parked.length, ms }, "updates applied");
      for (const { item, tenantId, reason } of result.parked.slice(0, limits.logRefusalsPerSummaryMax)) {
        log.warn({ kind, reason, deliveryId: item.deliveryId, tenantId }, "update parked");
      }
    },
    sendFailed(facts: { messageId: string; error: unknown }): void {
      log.warn({ messageId: facts.messageId, error: errorFacts(facts.error) }, "message could not be prepared or recorded");
    },

    /** One request to a tenant's endpoint. */
    forwardAnswered(outcome: string, ms: number): void {
      metrics.forwards.inc({ outcome });
      metrics.forwardSeconds.observe(ms / 1000);
    },
    forwardsSettled(settled: {
      dead: number;
      lost: number;
      paused: readonly { tenantId: string; endpointId: string; reason: string }[];
    }): void {
      metrics.forwardsDead.inc(settled.dead);
      if (settled.dead > 0) log.warn({ dead: settled.dead }, "deliveries to endpoints given up");
      if (settled.lost > 0) log.warn({ lanes: settled.lost }, "forwarding claims had run out; what was sent is sent again");
      for (const endpoint of settled.paused) log.warn(endpoint, "endpoint paused");
    },

    /** Progress of what is filled into the search's index after an upgrade. */
    searchFilled(step: { messages: number; contacts: number }): void {
      indexed.messages += step.messages;
      indexed.contacts += step.contacts;
    },

    streamOpened(): void {
      metrics.sseClients.inc();
    },
    streamClosed(): void {
      metrics.sseClients.dec();
    },
    streamDropped(facts: { tenantId: string; reason: string }): void {
      metrics.sseDropped.inc();
      log.warn(facts, "activity stream cut off");
    },

    databaseTrouble(error: unknown): void {
      log.warn({ error: errorFacts(error) }, "database session lost");
    },
    databaseRestarted(facts: { attempt: number; ms: number }): void {
      log.warn(facts, "embedded database restarted");
    },
    requestFailed(facts: { requestId: string; route: string; error: unknown }): void {
      log.error({ requestId: facts.requestId, route: facts.route, error: errorFacts(facts.error) }, "request failed");
    },
    sandboxTrouble(facts: { what: string; status?: number; error?: unknown }): void {
      const error = facts.error === undefined ? {} : { error: errorFacts(facts.error) };
      log.warn({ what: facts.what, status: facts.status, ...error }, "sandbox could not deliver");
    },
  };
}

function emptySummary() {
  return { requests: 0, refused: 0, updates: 0, bytes: 0, ackMsMax: 0 };
}
