/** What runs by itself on a node that works: the queue's workers and the sender, forwarding, and the jobs of pg-boss. Part of the composition. */
import type { Databases } from "./db/open.ts";
import type { Server } from "./db/pool.ts";
import type { Failpoint } from "./failpoint.ts";
import { limits } from "./limits.ts";
import { startWorkers, stopWorkers, type Workers } from "./queue/index.ts";
import { startJobs, stopJobs, type Jobs } from "./queue/jobs.ts";
import { startForwarding, type Forwarding } from "./queue/workers/forward.worker.ts";
import { connectionJobs } from "./queue/workers/connections.worker.ts";
import { inboxJobs, startInboxWork, type InboxWork } from "./queue/workers/inbox.worker.ts";
import { createMediaWorker } from "./queue/workers/media.worker.ts";
import { privacyJobs } from "./queue/workers/privacy.worker.ts";
import { templateJobs } from "./queue/workers/templates.worker.ts";
import type { ActivityHub } from "./services/activity/hub.ts";
import type { MediaStore } from "./services/media-store.ts";
import type { ExportStore } from "./services/privacy/export-store.ts";
import type { ErasureSecrets, Hasher } from "./services/privacy/marks.ts";
import { createSuppression } from "./services/privacy/suppress.ts";
import { linkCache } from "./services/whatsapp/contacts/link-cache.ts";
import { forgetKnownPeople } from "./services/whatsapp/contacts/contacts.ts";
import type { Graph } from "./services/whatsapp/graph/call.ts";
import { createGraphClient } from "./services/whatsapp/graph/client.ts";
import type { ConnectionTools } from "./services/whatsapp/connections/tools.ts";
import type { OutgoingMedia } from "./services/whatsapp/media/send.ts";
import type { AccessTokens } from "./services/whatsapp/outbox/access-tokens.ts";
import type { Answers } from "./services/whatsapp/outbox/answers.ts";
import type { Attempt } from "./services/whatsapp/outbox/outcome.ts";
import { createPrepareBody, ownMediaIn, type ResolveMedia } from "./services/whatsapp/outbox/prepare.ts";
import type { SyncDeps } from "./services/whatsapp/templates/sync.ts";
import type { Events } from "./telemetry/events.ts";
import type { DeliveryCache } from "./webhooks/delivery-cache.ts";
import type { Connector } from "./webhooks/forward-connector.ts";
import type { Destinations } from "./webhooks/forward-secrets.ts";

export type BackgroundParts = {
  server: Server;
  databases: Databases;
  events: Events;
  failpoint: Failpoint;
  nowMs: () => number;
  hub: ActivityHub;
  cache: DeliveryCache | null;
  graph: Graph;
  tokens: AccessTokens;
  answers: Answers;
  store: MediaStore;
  erasure: { hasher: Hasher; seal: ErasureSecrets["seal"]; exports: ExportStore };
  outgoingMedia: OutgoingMedia;
  templates: SyncDeps;
  connections: ConnectionTools;
  destinations: Destinations;
  connector: Connector;
};

export type Background = { workers: Workers };

/** `defer` takes what stops each part, in the order of their start. */
export async function startBackground(parts: BackgroundParts, defer: (stop: () => Promise<void>) => void): Promise<Background> {
  const forwarding = startForwards(parts);
  defer(() => forwarding.stop());
  const workers = startAll(parts, forwarding);
  defer(() => stopWorkers(workers));
  const jobs = await startAllJobs(parts);
  defer(() => stopJobs(jobs));
  const inbox = startInbox(parts, workers);
  defer(() => inbox.stop());
  return { workers };
}

function startAll(parts: BackgroundParts, forwarding: Forwarding): Workers {
  const { databases, events, failpoint, nowMs, hub, cache, graph, tokens, answers, outgoingMedia } = parts;
  return startWorkers({
    ingest: databases.ingest,
    cache,
    nowMs,
    random: Math.random,
    failpoint,
    suppression: createSuppression(parts.erasure.hasher),
    sends: {
      graph: createGraphClient(graph),
      tokens,
      prepare: createPrepareBody(resolverOf(outgoingMedia)),
      answers,
      onAttempt: (attempt, endedAtMs) => {
        events.sendAttempted(attempt, endedAtMs);
        void forgetMedia(outgoingMedia, attempt).catch((error: unknown) => events.databaseTrouble(error));
      },
      onError: (messageId, error) => events.sendFailed({ messageId, error }),
    },
    onActivity: (tenantIds) => {
      hub.publish(tenantIds);
      forwarding.wake(tenantIds);
    },
    onBatch: (kind, result, ms) => events.batchRan(kind, result, ms),
    onError: (kind, error, attempt, waitMs) => events.workerRetries({ kind, error, attempt, waitMs }),
  });
}

function resolverOf(outgoingMedia: OutgoingMedia): ResolveMedia {
  return async ({ tenantId, connectionId }, file) => {
    const media = await outgoingMedia.resolve({ tenantId, connectionId, ...file });
    if (media.kind === "ready") return media;
    return media.kind === "refused" ? { kind: "unsendable", error: media.error } : { kind: "not_ready", afterMs: limits.retryMsMax };
  };
}

/** Codes by which Graph says that a file is not there: it is brought again with the next message that shows it. */
const unknownMedia: ReadonlySet<number> = new Set([100, 131_009, 131_053]);

async function forgetMedia(outgoingMedia: OutgoingMedia, { send, outcome }: Attempt): Promise<void> {
  if (outcome.kind !== "refused" || !unknownMedia.has(outcome.error.code)) return;
  const { tenantId, connectionId } = send;
  for (const mediaId of ownMediaIn(send)) await outgoingMedia.forget({ tenantId, connectionId, mediaId });
}

function startInbox({ databases, events, nowMs, hub }: BackgroundParts, workers: Workers): InboxWork {
  return startInboxWork({
    ingest: databases.ingest,
    nowMs,
    random: Math.random,
    isPressed: () => workers.isPressed(),
    onActivity: (tenantIds) => hub.publish(tenantIds),
    onFilled: (filled) => events.searchFilled(filled),
    onError: (error, attempt, waitMs) => events.workerRetries({ kind: "inbox", error, attempt, waitMs }),
  });
}

function startForwards({ databases, events, failpoint, nowMs, destinations, connector }: BackgroundParts): Forwarding {
  return startForwarding({
    ingest: databases.ingest,
    destinations,
    connector,
    nowMs,
    random: Math.random,
    failpoint,
    onAnswer: (outcome, ms) => events.forwardAnswered(outcome, ms),
    onSettled: (settled) => events.forwardsSettled(settled),
    onError: (error, attempt, waitMs) => events.workerRetries({ kind: "forward", error, attempt, waitMs }),
  });
}

function startAllJobs(parts: BackgroundParts): Promise<Jobs> {
  const { server, databases, events, failpoint, nowMs, hub, cache, graph, tokens, store, templates, connections, erasure } = parts;
  return startJobs({
    server,
    handlers: {
      "media-fetch": createMediaWorker({
        app: databases.app,
        store,
        graph,
        tokens,
        nowMs,
        random: Math.random,
        onFetched: (mediaId, result) => events.mediaFetched({ mediaId, result: result.kind, reason: result.reason }),
        onActivity: (tenantIds) => hub.publish(tenantIds),
      }),
      ...templateJobs({
        ...templates,
        ingest: databases.ingest,
        onSynced: (accountId, outcome) => events.templatesListed({ accountId, outcome: outcome.kind }),
      }),
      ...connectionJobs({ ...connections, ingest: databases.ingest, onProbed: (facts) => events.connectionProbed(facts) }),
      ...inboxJobs({ app: databases.app, nowMs, onActivity: (tenantIds) => hub.publish(tenantIds) }),
      ...privacyJobs({
        privacy: databases.privacy,
        store,
        ...erasure,
        nowMs,
        failpoint,
        forgetPeople() {
          forgetKnownPeople();
          linkCache.forget();
          cache?.clear();
        },
        onActivity: (tenantIds) => hub.publish(tenantIds),
      }),
    },
    onError: (error) => events.databaseTrouble(error),
    onFailed: (queue, error, { attempt }) => events.jobFailed({ queue, attempt, error }),
  });
}
