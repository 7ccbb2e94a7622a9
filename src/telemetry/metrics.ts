/** The metrics of this process, by the names that dashboards and alerts rely on. Labels have few values; none comes from a stranger. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type Metrics = ReturnType<typeof createMetrics>;

/** What is asked for when somebody reads the metrics; must be cheap. */
export type GaugeSources = {
  numbers?: () => readonly { state: string; code: string; numbers: number }[];
  databasePool?: () => { inUse: number; waiting: number };
  forwarding?: () => { pending: number; dead: number; oldestMs: number; paused: number; failing: number };
  inbound?: () => { backlog: number; oldestMs: number; parked: Readonly<Record<string, number>> };
};

export function createMetrics(version: string) {
  const registry = new Registry();
  const registers = [registry];
  const sources: GaugeSources = {};
  collectDefaultMetrics({ register: registry });
  const buildInfo = new Gauge({ name: "wa_build_info", help: "Always 1", labelNames: ["version", "node"], registers });
  buildInfo.set({ version, node: process.version }, 1);

  return {
    registry,
    /** Assign the functions that know. */
    sources,
    databasePoolInUse: new Gauge({
      name: "wa_db_pool_in_use",
      help: "Sessions of the database that are at work",
      registers,
      collect() {
        this.set(sources.databasePool?.().inUse ?? 0);
      },
    }),
    databasePoolWaiting: new Gauge({
      name: "wa_db_pool_waiting",
      help: "Callers that wait for a session of the database",
      registers,
      collect() {
        this.set(sources.databasePool?.().waiting ?? 0);
      },
    }),
    inboundBacklog: new Gauge({
      name: "wa_inbound_backlog",
      help: "Updates stored and not yet applied",
      registers,
      collect() {
        this.set(sources.inbound?.().backlog ?? 0);
      },
    }),
    inboundOldestSeconds: new Gauge({
      name: "wa_inbound_oldest_seconds",
      help: "Age of the oldest update that is not yet applied",
      registers,
      collect() {
        this.set((sources.inbound?.().oldestMs ?? 0) / 1000);
      },
    }),
    parked: new Gauge({
      name: "wa_parked",
      help: "Updates kept aside, by reason",
      labelNames: ["reason"],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(sources.inbound?.().parked ?? {})) this.set({ reason }, count);
      },
    }),
    workerRetries: new Counter({
      name: "wa_worker_retries_total",
      help: "Turns of workers that failed and are tried again",
      labelNames: ["kind"],
      registers,
    }),
    mediaFetches: new Counter({
      name: "wa_media_fetches_total",
      help: "Attempts to fetch a customer's file from Meta",
      labelNames: ["outcome"],
      registers,
    }),
    templateSyncs: new Counter({
      name: "wa_template_syncs_total",
      help: "Lists of an account's templates asked of Meta",
      labelNames: ["outcome"],
      registers,
    }),
    probes: new Counter({
      name: "wa_connection_probes_total",
      help: "Looks at numbers by how they ended",
      labelNames: ["outcome"],
      registers,
    }),
    probeSeconds: new Histogram({ name: "wa_connection_probe_seconds", help: "One look at a number", buckets: seconds, registers }),
    connections: new Gauge({
      name: "wa_connections",
      help: "Numbers by state (of connected ones that of their gravest check) and by that check's problem",
      labelNames: ["state", "code"],
      registers,
      collect() {
        this.reset();
        for (const { state, code, numbers } of sources.numbers?.() ?? []) this.set({ state, code }, numbers);
      },
    }),
    webhookRequests: new Counter({ name: "wa_webhook_requests_total", help: "Webhook POSTs answered", labelNames: ["outcome"], registers }),
    webhookAckSeconds: new Histogram({
      name: "wa_webhook_ack_seconds",
      help: "From the request to its answer",
      buckets: seconds,
      registers,
    }),
    webhookBodyBytes: new Histogram({
      name: "wa_webhook_body_bytes",
      help: "Size of webhook bodies",
      buckets: [512, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 3_145_728, 5_242_880],
      registers,
    }),
    ingestCommitBatchRows: new Histogram({
      name: "wa_ingest_commit_batch_rows",
      help: "Deliveries that share one COMMIT",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024],
      registers,
    }),
    webhookUpdates: new Counter({
      name: "wa_webhook_updates_total",
      help: "Updates by what became of them",
      labelNames: ["kind", "outcome"],
      registers,
    }),
    processSeconds: new Histogram({
      name: "wa_process_seconds",
      help: "One batch of a worker",
      labelNames: ["kind", "outcome"],
      buckets: seconds,
      registers,
    }),
    graphSeconds: new Histogram({ name: "wa_send_seconds", help: "One call of Graph", buckets: seconds, registers }),
    sends: new Counter({ name: "wa_send_total", help: "Calls of Graph by outcome", labelNames: ["outcome", "code_class"], registers }),
    forwards: new Counter({
      name: "wa_forward_total",
      help: "Requests to tenants' endpoints by outcome",
      labelNames: ["outcome"],
      registers,
    }),
    forwardSeconds: new Histogram({ name: "wa_forward_seconds", help: "One request to a tenant's endpoint", buckets: seconds, registers }),
    forwardsDead: new Counter({ name: "wa_forward_dead_total", help: "Deliveries to endpoints that were given up", registers }),
    forwardPending: new Gauge({
      name: "wa_forward_pending",
      help: "Deliveries to tenants' endpoints by state; of each endpoint a bounded number is counted",
      labelNames: ["state"],
      registers,
      collect() {
        const seen = sources.forwarding?.();
        this.set({ state: "pending" }, seen?.pending ?? 0);
        this.set({ state: "dead" }, seen?.dead ?? 0);
      },
    }),
    forwardOldestSeconds: new Gauge({
      name: "wa_forward_oldest_seconds",
      help: "Age of the oldest delivery that waits for an endpoint",
      registers,
      collect() {
        this.set((sources.forwarding?.().oldestMs ?? 0) / 1000);
      },
    }),
    forwardEndpoints: new Gauge({
      name: "wa_forward_endpoints",
      help: "Endpoints that fail now, and endpoints that are paused",
      labelNames: ["state"],
      registers,
      collect() {
        const seen = sources.forwarding?.();
        this.set({ state: "failing" }, seen?.failing ?? 0);
        this.set({ state: "paused" }, seen?.paused ?? 0);
      },
    }),
    sseClients: new Gauge({ name: "wa_sse_clients", help: "Open activity streams", registers }),
    sseDropped: new Counter({ name: "wa_sse_dropped_total", help: "Activity streams that were cut off for reading too slowly", registers }),
  };
}
