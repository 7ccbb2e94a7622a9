/**
 * One reader per tenant and process for all streams of that tenant: each nudge costs one read, whatever the number of subscribers.
 * Nudges come from this process's own workers after their COMMIT, and from a look at the counters for what other nodes commit.
 * The hub is only a shortcut: it may lose or repeat, since every subscriber checks that numbers follow each other and otherwise
 * goes back to the table (`tail.ts`). So nothing here needs to be durable, and every buffer may be thrown away.
 */
import type { ActivityEvent } from "../../contract/activity.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import { listActivity } from "./list.ts";

const selectHeads = statement(
  "activity_hub.heads",
  `select tenant_id as "tenantId", seq from activity_counters where tenant_id = any($1::uuid[])`,
  { tenantId: "uuid", seq: "bigint" },
);

export type Subscription = {
  /** Forgets what waits, and collects anew from this moment. */
  reset(): void;
  /** From now on the hub reads on after `seq`, unless it is further already. */
  goLive(seq: number): void;
  /** What waits, in order, at once; null when some of it was thrown away. An empty array: nothing. */
  take(): ActivityEvent[] | null;
  /** Resolves when there is something to take, after `waitMs`, or when `signal` aborts. */
  wait(waitMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
};

export type ActivityHub = {
  /** After a commit of this process: these tenants have new events. Never waits, never throws. */
  publish(tenantIds: Iterable<string>): void;
  subscribe(scope: TenantScope): Subscription;
  subscribersOf(tenantId: string): number;
  start(): void;
  stop(): void;
  /** One look at the counters of subscribed tenants; returns how many had moved. */
  pollOnce(): Promise<number>;
};

export type HubOptions = { app: Db; platform: Db; pollMs?: number; onError: (error: unknown) => void };

type Subscriber = { buffer: ActivityEvent[]; overflowed: boolean; wake: (() => void) | null };
/** `readSeq` null: nobody is live yet, so there is nothing to read for. */
type Feed = { scope: TenantScope; subscribers: Set<Subscriber>; readSeq: number | null; isReading: boolean; isStale: boolean };

export function createHub(options: HubOptions): ActivityHub {
  const feeds = new Map<string, Feed>();
  let timer: NodeJS.Timeout | null = null;
  let isPolling = false;

  function nudge(feed: Feed): void {
    feed.isStale = true;
    if (!feed.isReading && feed.readSeq !== null) void read(feed);
  }

  /** One at a time for a feed; what was nudged meanwhile is read before it ends. An error waits for the next poll. */
  async function read(feed: Feed): Promise<void> {
    feed.isReading = true;
    try {
      while (feed.isStale && feed.readSeq !== null && feed.subscribers.size > 0) {
        feed.isStale = false;
        const events = await listActivity(options.app, feed.scope, feed.readSeq, limits.activityPageMax);
        const last = events.at(-1);
        if (last === undefined) continue;
        feed.readSeq = last.seq;
        if (events.length === limits.activityPageMax) feed.isStale = true;
        for (const subscriber of feed.subscribers) deliver(subscriber, events);
      }
    } catch (error) {
      options.onError(error);
    } finally {
      feed.isReading = false;
    }
  }

  async function pollOnce(): Promise<number> {
    const live = [...feeds.values()].filter((feed) => feed.readSeq !== null);
    if (live.length === 0) return 0;
    const heads = await options.platform.query(selectHeads, [uuids(live.map((feed) => feed.scope.tenantId))]);
    const moved = heads.filter(({ tenantId, seq }) => seq > (feeds.get(tenantId)?.readSeq ?? seq));
    publish(moved.map(({ tenantId }) => tenantId));
    return moved.length;
  }

  function publish(tenantIds: Iterable<string>): void {
    for (const tenantId of tenantIds) {
      const feed = feeds.get(tenantId);
      if (feed !== undefined) nudge(feed);
    }
  }

  async function tick(): Promise<void> {
    if (isPolling) return;
    isPolling = true;
    try {
      await pollOnce();
    } catch (error) {
      options.onError(error);
    } finally {
      isPolling = false;
    }
  }

  return {
    publish,
    pollOnce,
    subscribersOf: (tenantId) => feeds.get(tenantId)?.subscribers.size ?? 0,
    start() {
      timer ??= setInterval(() => void tick(), options.pollMs ?? limits.activityPollMs);
    },
    stop() {
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
    subscribe(scope) {
      const { tenantId } = scope;
      const feed = feeds.get(tenantId) ?? { scope, subscribers: new Set(), readSeq: null, isReading: false, isStale: false };
      feeds.set(tenantId, feed);
      const subscriber: Subscriber = { buffer: [], overflowed: false, wake: null };
      feed.subscribers.add(subscriber);
      return {
        reset() {
          subscriber.buffer = [];
          subscriber.overflowed = false;
        },
        goLive(seq) {
          // The first one sets where reading begins; a commit between its last page and now may have been nudged already.
          // Nobody's cursor may hold the others up: reading begins at the least of them, and who is further on skips what they know.
          if (feed.readSeq !== null && feed.readSeq <= seq) return;
          feed.readSeq = seq;
          nudge(feed);
        },
        take() {
          const { buffer, overflowed } = subscriber;
          subscriber.buffer = [];
          subscriber.overflowed = false;
          return overflowed ? null : buffer;
        },
        wait: (waitMs, signal) => waitFor(subscriber, waitMs, signal),
        close() {
          feed.subscribers.delete(subscriber);
          subscriber.wake?.();
          if (feed.subscribers.size === 0) feeds.delete(tenantId);
        },
      };
    },
  };
}

function deliver(subscriber: Subscriber, events: readonly ActivityEvent[]): void {
  if (!subscriber.overflowed) {
    if (subscriber.buffer.length + events.length > limits.activityBufferMax) {
      subscriber.buffer = [];
      subscriber.overflowed = true;
    } else {
      subscriber.buffer.push(...events);
    }
  }
  subscriber.wake?.();
}

async function waitFor(subscriber: Subscriber, waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || subscriber.overflowed || subscriber.buffer.length > 0) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      subscriber.wake = null;
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    signal.addEventListener("abort", done, { once: true });
    subscriber.wake = done;
  });
}
