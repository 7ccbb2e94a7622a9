/** Builds every part once, by hand, in the order in which they need each other; stops them the other way round. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "./config.ts";
import { openSecret, sealSecret, type SecretContext } from "./core/secret-box.ts";
import { startEmbedded, type EmbeddedServer } from "./db/embedded.ts";
import { holdProgramLock, openDatabases, prepareDatabase, type Databases, type ProgramLock } from "./db/open.ts";
import { keepPartitions } from "./db/partitions.ts";
import type { Server } from "./db/pool.ts";
import { createStatistics } from "./db/statistics.ts";
import { createFailpoint } from "./failpoint.ts";
import { createReadiness } from "./http/readiness.ts";
import { createServer } from "./http/server.ts";
import { createWebhookHandler } from "./http/webhook.ts";
import { limits } from "./limits.ts";
import { backlog, startWorkers, stopWorkers, type Workers } from "./queue/index.ts";
import { Loop } from "./queue/loop.ts";
import { openDemo, type Demo } from "./demo.ts";
import { createHub } from "./services/activity/hub.ts";
import { createGraphClient } from "./services/whatsapp/graph/client.ts";
import { createEvents } from "./telemetry/events.ts";
import { createLog } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createAppSecrets } from "./webhooks/app-secrets.ts";
import { DeliveryCache } from "./webhooks/delivery-cache.ts";
import { Receiver } from "./webhooks/receive.ts";

export type Program = {
  address: string;
  /** A link that signs in once, in the sandbox. */
  signInLink: string | null;
  /** Everything ends within 10 s, the embedded database too. */
  stop: (why: string) => Promise<void>;
};

/** For a person at the console. */
export type Console = { progress: (message: string) => void };

export async function startProgram(config: Config, console: Console, signal: AbortSignal): Promise<Program> {
  const began = performance.now();
  const nowMs = (): number => Date.now();
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  const log = createLog(config.logLevel);
  const metrics = createMetrics(version);
  const events = createEvents(log, metrics);
  const failpoint = createFailpoint(config.failpoint);
  const stops: (() => Promise<void> | void)[] = [() => events.stop()];

  /** Started halfway or whole: what was started last ends first. */
  const stopAll = async (): Promise<void> => {
    const deadline = performance.now() + limits.stopPartsMsMax;
    for (const [index, stop] of [...stops.entries()].toReversed()) {
      const ended = Promise.resolve()
        .then(stop)
        .catch((error: unknown) => log.warn({ err: error }, "stopping"));
      // Whatever hangs, a request to Graph for one, must not leave the embedded database running: that is the last but the first.
      const leftMs = index <= 1 ? limits.stopMsMax : Math.max(limits.stopPartMsMin, deadline - performance.now());
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, leftMs).unref())]);
    }
  };

  try {
    const { server, embedded } = await openServer(config, console, (message, facts) => log.info(facts ?? {}, message), signal);
    if (embedded !== null) stops.push(() => embedded.stop());
    const databases = openDatabases(server, (error) => events.databaseTrouble(error));
    stops.push(() => databases.close());
    if (embedded !== null) {
      const lock = await lockOrRelease(server, embedded, (error) => events.databaseTrouble(error), stops);
      stops.push(() => lock.release());
    }
    await prepareDatabase(databases, nowMs(), console.progress, (error) => events.databaseTrouble(error));

    const demo = config.mode === "sandbox" ? await openDemo({ dataDir: config.dataDir, databases, nowMs, events }) : null;
    if (demo !== null) stops.push(() => demo.stop());
    const encryptionKeys = demo === null ? config.encryptionKeys : demo.encryptionKeys;
    const open = (context: SecretContext, sealed: Uint8Array): string => openSecret(encryptionKeys, context, sealed);

    const hub = createHub({ app: databases.app, platform: databases.platform, onError: (error) => events.databaseTrouble(error) });
    hub.start();
    stops.push(() => hub.stop());

    const cache = config.role === "web" ? null : new DeliveryCache(limits.deliveryCacheBytesMax);
    let workers: Workers | null = null;
    const receiver = new Receiver({
      db: databases.receiver,
      slot: randomInt(limits.intakeSlots),
      nowMs,
      onStored: (lanes) => workers?.wake(lanes),
      onFailed: (error, deliveries) => events.journalFailed({ error, deliveries }),
      onGroup: (deliveries) => events.journalCommitted({ deliveries }),
      cache,
      hasWarned: databases.hasWarned,
      failpoint,
    });
    const readiness = createReadiness({ db: databases.ingest, nowMs });
    const apps = createAppSecrets({ platform: platformSecrets(config, demo), db: databases.platform, open, nowMs });
    const webhook = createWebhookHandler({
      secretsOf: (appKey) => apps.secretsOf(appKey),
      receive: (appKey, body) => receiver.receive(appKey, body),
      onAnswer: ({ outcome, appKey, bytes, updates, startedAt }) =>
        events.webhookAnswered({ appKey, bytes, updates, outcome, ms: performance.now() - startedAt }),
      isDraining: readiness.isDraining,
    });
    const http = await createServer({
      app: databases.app,
      platform: databases.platform,
      hub,
      webhook,
      adminKey: config.adminApiKey,
      verifyToken: (appKey, token) => apps.verifyToken(appKey ?? "", token),
      secrets: { seal: (context, plain) => sealSecret(encryptionKeys, context, plain) },
      log,
      isReady: readiness.isReady,
      metricsText: () => metrics.registry.metrics(),
      nowMs,
      wakeWorkers: () => workers?.wakeAll(),
      ...(demo === null ? {} : { sessions: demo.sessions }),
      ...(demo === null ? {} : { registerPage: demo.registerPage }),
    });
    stops.push(() => receiver.drained());

    if (config.role !== "web") {
      const graph = createGraphClient({ url: demo?.graphUrl ?? config.graph.url, version: config.graph.version });
      const running = startWorkers({
        ingest: databases.ingest,
        cache,
        nowMs,
        random: Math.random,
        failpoint,
        autoReplies: {
          ingest: databases.ingest,
          app: databases.app,
          graph,
          openToken: (tenantId, rowId, sealed) => open({ table: "whatsapp_connections", column: "access_token", tenantId, rowId }, sealed),
          nowMs,
          onOutcome: (messageId, outcome) => events.automaticReply(messageId, outcome),
          onError: (messageId, error) => events.autoReplyFailed({ messageId, error }),
          failpoint,
        },
        onActivity: (tenantIds) => hub.publish(tenantIds),
        onBatch: (kind, result, ms) => events.batchRan(kind, result, ms),
        onError: (kind, error, attempt, waitMs) => events.workerRetries({ kind, error, attempt, waitMs }),
      });
      workers = running;
      stops.push(() => stopWorkers(running));
    }
    stops.push(startUpkeep(databases, metrics, nowMs, (error) => events.databaseTrouble(error)));
    stops.push(() => http.close());
    const { port } = await http.listen({ host: config.host, port: config.port });
    const address = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
    await demo?.connect(address);
    events.started({ mode: config.mode, role: config.role, address, version, ms: Math.round(performance.now() - began) });

    return {
      address,
      signInLink: demo === null ? null : `${address}/sign-in/${demo.issueSignIn()}`,
      async stop(why) {
        const stopBegan = performance.now();
        events.stopping(why);
        readiness.drain();
        // A proxy that asks /readyz gets the time to look elsewhere; answers meanwhile say `Connection: close`.
        if (config.mode === "live") await new Promise((resolve) => setTimeout(resolve, limits.drainGraceMs));
        await stopAll();
        events.stopped({ ms: Math.round(performance.now() - stopBegan) });
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function openServer(
  config: Config,
  console: Console,
  log: (message: string, facts?: Record<string, unknown>) => void,
  signal: AbortSignal,
): Promise<{ server: Server; embedded: EmbeddedServer | null }> {
  if (config.databaseUrl !== null) return { server: { connectionString: config.databaseUrl }, embedded: null };
  const { dataDir, dataDirIsDefault } = config;
  const embedded = await startEmbedded({ dataDir, dataDirIsDefault, log, onProgress: console.progress, signal });
  return { server: embedded.connection, embedded };
}

/** Where another program holds the lock, its database is left running. */
async function lockOrRelease(
  server: Server,
  embedded: EmbeddedServer,
  onError: (error: Error) => void,
  stops: (() => Promise<void> | void)[],
): Promise<ProgramLock> {
  try {
    return await holdProgramLock(server, onError);
  } catch (error) {
    stops.splice(1, 1, () => embedded.release());
    throw error;
  }
}

function platformSecrets(config: Config, demo: Demo | null): { secrets: readonly string[]; verifyToken: string } {
  if (config.mode === "live") return { secrets: config.meta.appSecrets, verifyToken: config.meta.verifyToken };
  if (demo === null) throw new Error("The sandbox has no secrets of its own");
  return { secrets: [demo.appSecret], verifyToken: demo.verifyToken };
}

/** Partitions once an hour; what the metrics show about the queue, every few seconds. */
function startUpkeep(
  databases: Databases,
  metrics: ReturnType<typeof createMetrics>,
  nowMs: () => number,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let seen: Awaited<ReturnType<typeof backlog>> = { updates: 0, oldestMs: 0, parked: {} };
  metrics.sources.databasePool = databases.inUse;
  metrics.sources.inbound = () => ({ backlog: seen.updates, oldestMs: seen.oldestMs, parked: seen.parked });
  const sampling = new Loop({
    runOnce: async () => {
      seen = await backlog(databases.ingest);
      return false;
    },
    onError,
    random: Math.random,
    pollMs: limits.backlogSampleMs,
  });
  const partitions = new Loop({
    runOnce: async () => {
      await keepPartitions(databases.owner, nowMs());
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
