/**
 * This node among those that serve callers: what it has counted of rates and streams and what it has heard of the others' counts. In memory between two
 * beats, so no request waits for it; only a stream under a quota asks the database when it is opened.
 */
import { isCurrent, type RateWindow } from "../core/rate-window.ts";
import { newId } from "../db/new-id.ts";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import {
  beatWebNode,
  forgetWebNodes,
  leaveWebNodes,
  streamsElsewhere,
  takeStream,
  tellStreams,
  type ToldRates,
} from "../services/tenants/web-nodes.ts";

export type WebNode = {
  start(): void;
  stop(): Promise<void>;
  /** One exchange. */
  beat(): Promise<void>;
  /** Notes what this caller has asked here; answers how often it has asked elsewhere, as of the last beat. */
  exchange(caller: string, window: RateWindow): number;
  /** Whether one more stream fits into the quota; `own` counts it already. */
  takeStream(tenantId: string, quota: number): Promise<boolean>;
  /** One was opened or has ended. */
  streamsChanged(tenantId: string): void;
  streamsElsewhere(tenantId: string): Promise<number>;
};

type WebNodeOptions = { platform: Db; openOf: (tenantId: string) => number; nowMs: () => number; onError: (error: unknown) => void };

export function createWebNode({ platform, openOf, nowMs, onError }: WebNodeOptions): WebNode {
  const nodeId = newId(Date.now());
  const own = new Map<string, RateWindow>();
  const untold = new Set<string>();
  const told = new Set<string>();
  let heard = new Map<string, RateWindow[]>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  let beats = 0;

  /** The most frequent first: whoever asks rarely is far from any limit. */
  function ownRates(): ToldRates {
    for (const [caller, window] of own) if (!isCurrent(window, nowMs(), limits.rateWindowMs)) own.delete(caller);
    const most = [...own].toSorted(([, a], [, b]) => b.count - a.count).slice(0, limits.webNodeRatesMax);
    return Object.fromEntries(most.map(([caller, { count, endsAtMs }]) => [caller, [count, endsAtMs] as const]));
  }

  async function beat(): Promise<void> {
    const { isNew, others } = await beatWebNode(platform, nodeId, ownRates());
    const next = new Map<string, RateWindow[]>();
    for (const rates of others) {
      for (const [caller, [count, endsAtMs]] of Object.entries(rates)) {
        next.set(caller, [...(next.get(caller) ?? []), { count, endsAtMs }]);
      }
    }
    heard = next;
    tellAnewIf(isNew);
    for (const tenantId of others.length === 0 ? [] : [...untold].slice(0, limits.webNodeStreamsToldMax)) {
      untold.delete(tenantId);
      await tell(tenantId);
    }
    beats += 1;
    if (beats % 60 === 0) await forgetWebNodes(platform);
  }

  /** The database knows nothing of this node any more: it has crashed, or this node was silent for long. */
  function tellAnewIf(isNew: boolean): void {
    if (isNew) for (const tenantId of told) untold.add(tenantId);
  }

  async function tell(tenantId: string): Promise<void> {
    try {
      tellAnewIf((await tellStreams(platform, { nodeId, tenantId }, () => openOf(tenantId))).isNew);
      if (openOf(tenantId) > 0) told.add(tenantId);
      else told.delete(tenantId);
    } catch (error) {
      untold.add(tenantId);
      throw error;
    }
  }

  function schedule(): void {
    timer = setTimeout(() => {
      running = beat()
        .catch(onError)
        .finally(() => (isStopped ? undefined : schedule()));
    }, limits.webNodeBeatMs);
    timer.unref();
  }

  return {
    start: schedule,
    async stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      // Where the database is away the others find out by themselves.
      const gone = Promise.withResolvers<void>();
      const late = setTimeout(gone.resolve, limits.webNodeLeaveMsMax);
      const left = running.then(() => leaveWebNodes(platform, nodeId)).catch(onError);
      await Promise.race([left, gone.promise]);
      clearTimeout(late);
    },
    beat,
    exchange(caller, window) {
      if (own.size < limits.rateKeysMax || own.has(caller)) own.set(caller, window);
      const current = (heard.get(caller) ?? []).filter((one) => isCurrent(one, nowMs(), limits.rateWindowMs));
      return current.reduce((sum, { count }) => sum + count, 0);
    },
    async takeStream(tenantId, quota) {
      const { isTaken, isNew } = await takeStream(platform, { nodeId, tenantId, quota }, () => openOf(tenantId));
      tellAnewIf(isNew);
      if (isTaken) told.add(tenantId);
      return isTaken;
    },
    streamsChanged: (tenantId) => void untold.add(tenantId),
    streamsElsewhere: (tenantId) => streamsElsewhere(platform, { nodeId, tenantId }),
  };
}
