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

export type Events = ReturnType<typeof createEvents>;

/** Nothing is written for the last interval until `stop` or the next tick. */
export function createEvents(log: Log, metrics: Metrics) {
  let summary = emptySummary();
  const writeSummary = (): void => {
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

    automaticReply(
      messageId: string,
      outcome: {
        kind: string;
        startedAtMs: number;
        nowMs: number;
        reason?: string;
        error?: { code: number; blame: string; fbtraceId: string | null };
      },
    ): void {
      const ms = outcome.nowMs - outcome.startedAtMs;
      const code = outcome.error?.code ?? outcome.reason;
      const facts = {
        messageId,
        outcome: outcome.kind,
        ms,
        ...(code === undefined ? {} : { code }),
        fbtraceId: outcome.error?.fbtraceId ?? null,
      };
      metrics.graphSeconds.observe(ms / 1000);
      metrics.sends.inc({ outcome: outcome.kind, code_class: outcome.error?.blame ?? "none" });
      if (outcome.kind === "accepted") log.debug(facts, "automatic reply accepted by Graph");
      else log.warn(facts, "automatic reply not accepted by Graph");
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
    autoReplyFailed(facts: { messageId: string; error: unknown }): void {
      log.warn({ messageId: facts.messageId, error: errorFacts(facts.error) }, "automatic reply failed");
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
