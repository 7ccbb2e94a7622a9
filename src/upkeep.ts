/** What is looked after now and then: partitions, statistics, what is kept for a time, and what the metrics show. Part of the composition. */
import type { Databases } from "./db/open.ts";
import { keepPartitions } from "./db/partitions.ts";
import type { Db } from "./db/pool.ts";
import { createStatistics } from "./db/statistics.ts";
import { limits } from "./limits.ts";
import { backlog } from "./queue/index.ts";
import { Loop } from "./queue/loop.ts";
import { expireAudit } from "./services/audit/expire.ts";
import { sealAudit, type Sealed } from "./services/audit/seal.ts";
import { countNumbers, type NumberCount } from "./services/whatsapp/connections/sweep.ts";
import type { createMetrics } from "./telemetry/metrics.ts";
import { forwardBacklog, purgeForwards, type ForwardBacklog } from "./webhooks/forward-upkeep.ts";

/** Partitions and the audit log once an hour; what the metrics show about the queue, every few seconds. */
export function startUpkeep(
  databases: Databases,
  metrics: ReturnType<typeof createMetrics>,
  nowMs: () => number,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let seen: Awaited<ReturnType<typeof backlog>> = { updates: 0, oldestMs: 0, parked: {} };
  let forwards: ForwardBacklog = { pending: 0, dead: 0, oldestMs: 0, paused: 0, failing: 0 };
  let numbers: NumberCount[] = [];
  let samples = 0;
  metrics.sources.forwarding = () => forwards;
  metrics.sources.numbers = () => numbers;
  metrics.sources.databasePool = databases.inUse;
  metrics.sources.inbound = () => ({ backlog: seen.updates, oldestMs: seen.oldestMs, parked: seen.parked });
  const sampling = new Loop({
    runOnce: async () => {
      seen = await backlog(databases.ingest);
      forwards = await forwardBacklog(databases.ingest);
      // All numbers are looked over for it: once a minute.
      if (samples % 12 === 0) numbers = await countNumbers(databases.platform);
      samples += 1;
      return false;
    },
    onError,
    random: Math.random,
    pollMs: limits.backlogSampleMs,
  });
  const partitions = new Loop({
    runOnce: async () => {
      await keepPartitions(databases.owner, nowMs());
      while (await purgeForwards(databases.ingest, nowMs()));
      await expireAudit(databases.owner);
      return false;
    },
    onError,
    random: Math.random,
    pollMs: limits.upkeepMs,
  });
  const { keepOnce } = createStatistics(databases.owner);
  const statistics = new Loop({
    runOnce: async () => {
      await keepOnce();
      return false;
    },
    onError,
    random: Math.random,
    pollMs: limits.statisticsPollMs,
  });
  const loops = [sampling, partitions, statistics];
  for (const loop of loops) loop.start();
  return async () => {
    await Promise.all(loops.map((loop) => loop.stop()));
  };
}

/** The audit log gets its seals, which are logged too: who rewrites them all in the database does not reach the log. */
export function startSealing(platform: Db, onSealed: (sealed: Sealed) => void, onError: (error: unknown) => void): () => Promise<void> {
  const sealing = new Loop({
    runOnce: async () => {
      const sealed = await sealAudit(platform);
      for (const each of sealed) onSealed(each);
      return sealed.length > 0;
    },
    onError,
    random: Math.random,
    pollMs: limits.auditSealPollMs,
  });
  sealing.start();
  return () => sealing.stop();
}
