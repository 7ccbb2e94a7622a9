/** Builds every part once, by hand, in the order in which they need each other; stops them the other way round. */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve as absolute } from "node:path";
import { startBackground, type Background } from "./background.ts";
import type { Config } from "./config.ts";
import { openSecret, sealSecret, type SecretContext } from "./core/secret-box.ts";
import { mediaFolder } from "./db/backup-media.ts";
import { startEmbedded, type EmbeddedServer } from "./db/embedded.ts";
import { holdProgramLock, openDatabases, prepareDatabase, type Databases, type ProgramLock } from "./db/open.ts";
import type { Server } from "./db/pool.ts";
import { reportKeysInUse } from "./db/rotate-keys.ts";
import { createFailpoint } from "./failpoint.ts";
import { registerInboxFiles } from "./http/inbox-files.ts";
import { createReadiness } from "./http/readiness.ts";
import { createServer } from "./http/server.ts";
import { createWebhookHandler } from "./http/webhook.ts";
import { startInboxBuild } from "./inbox-build.ts";
import { limits } from "./limits.ts";
import { issueFirstAccountLink } from "./people/links.ts";
import { createPeople } from "./people/people.ts";
import { forOperators, platformApp, platformSecrets } from "./platform.ts";
import { installJobs } from "./queue/jobs.ts";
import type { Demo, openDemo } from "./demo.ts";
import { createHub } from "./services/activity/hub.ts";
import { openMediaStore } from "./services/media-store.ts";
import { exportsFolder, openExportStore } from "./services/privacy/export-store.ts";
import { createHasher } from "./services/privacy/marks.ts";
import { createOutgoingMedia } from "./services/whatsapp/media/send.ts";
import { AccessTokens } from "./services/whatsapp/outbox/access-tokens.ts";
import { Answers } from "./services/whatsapp/outbox/answers.ts";
import { createMetaApps } from "./services/tenants/apps.ts";
import type { ConnectionTools } from "./services/whatsapp/connections/tools.ts";
import { syncTemplates, type SyncDeps } from "./services/whatsapp/templates/sync.ts";
import { stopParts } from "./stop-parts.ts";
import { startSealing, startUpkeep } from "./upkeep.ts";
import { createEvents } from "./telemetry/events.ts";
import { createLog } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createAppSecrets } from "./webhooks/app-secrets.ts";
import { createConnector } from "./webhooks/forward-connector.ts";
import { createDestinations } from "./webhooks/forward-secrets.ts";
import { DeliveryCache } from "./webhooks/delivery-cache.ts";
import { Receiver } from "./webhooks/receive.ts";

export type Program = {
  address: string;
  /** For the console, in the sandbox: a link that signs in once, and at the first start a key for the API. */
  sandbox: { signInLink: string; apiKey: string | null; phoneNumberId: string } | null;
  /** For the console, outside of the sandbox: leads to making the first account. Null when somebody can sign in already. */
  firstAccountLink: string | null;
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

  const stopAll = (): Promise<void> => stopParts(stops, (error) => log.warn({ err: error }, "stopping"));

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
    await installJobs(server, (error) => events.databaseTrouble(error));

    const demo = config.mode === "sandbox" ? await loadDemo({ dataDir: config.dataDir, databases, nowMs, events }) : null;
    if (demo !== null) stops.push(() => demo.stop());
    const encryptionKeys = demo === null ? config.encryptionKeys : demo.encryptionKeys;
    const keysReported = reportKeysInUse(server, encryptionKeys, {
      onUse: (keys, unknown) => events.keysInUse(keys, unknown),
      onError: (error) => events.databaseTrouble(error),
    });
    stops.push(() => keysReported);
    const open = (context: SecretContext, sealed: Uint8Array): string => openSecret(encryptionKeys, context, sealed);

    const hub = createHub({ app: databases.app, platform: databases.platform, onError: (error) => events.databaseTrouble(error) });
    hub.start();
    stops.push(() => hub.stop());

    const cache = config.role === "web" ? null : new DeliveryCache(limits.deliveryCacheBytesMax);
    let background: Background | null = null;
    // Only the sandbox lets an endpoint be on this machine.
    const rules = { allowsLoopback: config.mode === "sandbox" };
    const connector = createConnector({ rules, nowMs });
    stops.push(() => connector.close());
    const destinations = createDestinations({ app: databases.app, open, nowMs });
    const answers = new Answers();
    const apps = createAppSecrets({ platform: platformSecrets(config, demo), db: databases.platform, open, nowMs });
    const tokens = new AccessTokens(databases.app, open, async (appKey) => (await apps.secretsOf(appKey)) ?? []);
    const graph = { url: demo?.graphUrl ?? config.graph.url, version: config.graph.version };
    const store = await openMediaStore(absolute(config.dataDir, mediaFolder));
    const exports = openExportStore(absolute(config.dataDir, exportsFolder));
    const seal = (context: SecretContext, plain: string): Buffer => sealSecret(encryptionKeys, context, plain);
    const erasure = { hasher: createHasher(open), seal, exports };
    const outgoingMedia = createOutgoingMedia({ app: databases.app, store, graph, tokens, nowMs });
    const templates: SyncDeps = { app: databases.app, graph, tokens, nowMs, onActivity: (tenantIds) => hub.publish(tenantIds) };
    let ownAddress: string | null = null;
    const connections: ConnectionTools = {
      app: databases.app,
      platform: databases.platform,
      graph,
      tokens,
      apps: createMetaApps({ platform: platformApp(config, demo), db: databases.platform, open }),
      seal: (context, plain) => sealSecret(encryptionKeys, context, plain),
      open,
      // The sandbox's Meta is on this machine, too.
      publicUrl: () => config.publicUrl ?? (demo === null ? null : ownAddress),
      configId: config.meta?.configId ?? null,
      nowMs,
      onActivity: (tenantIds) => hub.publish(tenantIds),
    };
    const receiver = new Receiver({
      db: databases.receiver,
      slot: randomInt(limits.intakeSlots),
      nowMs,
      onStored: (lanes) => background?.workers.wake(lanes),
      onFailed: (error, deliveries) => events.journalFailed({ error, deliveries }),
      onGroup: (deliveries) => events.journalCommitted({ deliveries }),
      cache,
      hasWarned: databases.hasWarned,
      failpoint,
    });
    stops.push(() => receiver.drained());
    // Before the server, which takes longer to build: what ends the process again and again is set aside the sooner.
    if (config.role !== "web") {
      const parts = {
        server,
        databases,
        events,
        failpoint,
        nowMs,
        hub,
        cache,
        graph,
        tokens,
        answers,
        store,
        outgoingMedia,
        templates,
        connections,
        erasure,
      };
      background = await startBackground({ ...parts, destinations, connector }, (stop) => stops.push(stop));
    }
    const readiness = createReadiness({ db: databases.ingest, nowMs });
    const webhook = createWebhookHandler({
      secretsOf: (appKey) => apps.secretsOf(appKey),
      receive: (appKey, body) => receiver.receive(appKey, body),
      onAnswer: ({ outcome, appKey, bytes, updates, startedAt }) =>
        events.webhookAnswered({ appKey, bytes, updates, outcome, ms: performance.now() - startedAt }),
      isDraining: readiness.isDraining,
    });
    const people = createPeople({
      auth: databases.auth,
      encryptionKeys,
      publicUrl: config.publicUrl,
      oidc: config.oidc,
      isSandbox: demo !== null,
      nowMs,
      onTrouble: (message) => log.warn({}, message),
    });
    const inbox = config.role === "worker" ? null : startInboxBuild(console.progress);
    stops.push(() => inbox?.stop());
    const http = await createServer({
      app: databases.app,
      platform: databases.platform,
      hub,
      webhook,
      adminKey: config.adminApiKey,
      verifyToken: (appKey, token) => apps.verifyToken(appKey ?? "", token),
      forwarding: { connector, destinations, rules },
      secrets: { seal: (context, plain) => sealSecret(encryptionKeys, context, plain) },
      log,
      isReady: readiness.isReady,
      metricsText: () => metrics.registry.metrics(),
      publicUrl: config.publicUrl,
      trustedProxies: config.trustedProxies,
      ...forOperators(config, version),
      nowMs,
      wakeWorkers: () => background?.workers.wakeAll(),
      sends: { graph, tokens, answers, wake: () => background?.workers.wakeSends(), hasher: erasure.hasher },
      media: { store, publicUrl: config.publicUrl },
      exports,
      syncTemplates: (scope, accountId) => syncTemplates(templates, scope, accountId),
      connections,
      people,
      async registerPage(fastify) {
        await demo?.registerPage(fastify, people);
        if (inbox !== null)
          registerInboxFiles(fastify, { folder: inbox.folder, onFailed: (error) => log.error({ err: error }, "inbox not built") });
      },
    });
    stops.push(startUpkeep(databases, metrics, nowMs, (error) => events.databaseTrouble(error)));
    stops.push(
      startSealing(
        databases.platform,
        (sealed) => events.auditSealed(sealed),
        (error) => events.databaseTrouble(error),
      ),
    );
    stops.push(() => http.close());
    stops.push(() => {
      background?.workers.stopClaimingSends();
      answers.endWithin(limits.httpCloseMsMax / 2);
    });
    const { port } = await http.listen({ host: config.host, port: config.port });
    const address = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
    ownAddress = address;
    demo?.connect(address);
    events.started({ mode: config.mode, role: config.role, address, version, ms: Math.round(performance.now() - began) });

    return {
      address,
      sandbox: demo === null ? null : await welcomeOf(demo, address),
      firstAccountLink: demo === null && config.role !== "worker" ? await firstAccountLink(config, databases, address) : null,
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

async function welcomeOf(demo: Demo, address: string): Promise<Program["sandbox"]> {
  const { signIn, ...more } = await demo.welcome();
  return { ...more, signInLink: `${address}/sign-in/${signIn}` };
}

/** Null when somebody can sign in already. */
async function firstAccountLink(config: Config, databases: Databases, address: string): Promise<string | null> {
  const token = await issueFirstAccountLink(databases.auth, Date.now());
  return token === null ? null : `${config.publicUrl ?? address}/sign-in#${token}`;
}

/** With settings for the real Meta, the sandbox is not even loaded. */
async function loadDemo(options: Parameters<typeof openDemo>[0]): Promise<Demo> {
  return (await import("./demo.ts")).openDemo(options);
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
