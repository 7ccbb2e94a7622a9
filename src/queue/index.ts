/**
 * The queues' public face. Queue `webhooks` is a transactional inbox (`pending.ts`): the path in enqueues in the transaction
 * that makes a webhook durable, and a worker's claim, its effects and its results commit together or not at all.
 */
import { setTimeout } from "node:timers/promises";
import type { Db } from "../db/pool.ts";
import type { Failpoint } from "../failpoint.ts";
import { limits } from "../limits.ts";
import type { Suppression } from "../services/privacy/suppress.ts";
import type { Lane } from "../services/whatsapp/graph/updates.ts";
import type { DeliveryCache } from "../webhooks/delivery-cache.ts";
import type { Apply, BatchResult } from "./apply.ts";
import { runBatch } from "./batch.ts";
import { Loop } from "./loop.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { LaneShares, RightOfWay, type Share } from "./shares.ts";
import { sendOne } from "./workers/send.worker.ts";
import { applyAccountEvents } from "./workers/whatsapp-account.worker.ts";
import { applyMessages } from "./workers/whatsapp-message.worker.ts";
import { applyStatuses } from "./workers/whatsapp-status.worker.ts";

export { applyAccountEvents, applyMessages, applyStatuses, sendOne };
export type { BatchOptions, BatchResult } from "./apply.ts";
export { runBatch } from "./batch.ts";
export { backlog } from "./pending.ts";

/** Job names of the queue `webhooks`. */
export const lanes = ["whatsapp-messages", "whatsapp-statuses", "whatsapp-account"] as const satisfies readonly Lane[];

/** Which worker applies which jobs. */
export const workers: Readonly<Record<Lane, Apply>> = {
  "whatsapp-messages": applyMessages,
  "whatsapp-statuses": applyStatuses,
  "whatsapp-account": applyAccountEvents,
};

export type WorkersOptions = {
  /** Role kesher_ingest, a session for each lane. */
  ingest: Db;
  cache: DeliveryCache | null;
  nowMs: () => number;
  random: () => number;
  failpoint: Failpoint;
  suppression?: Suppression;
  sends: Pick<SenderOptions, "graph" | "tokens" | "prepare" | "answers" | "onAttempt"> & { onError: SenderOptions["onError"] };
  /** After each commit: tenants with new activity. */
  onActivity: (tenantIds: readonly string[]) => void;
  onBatch: (lane: Lane, result: BatchResult, ms: number) => void;
  onError: (kind: string, error: unknown, attempt: number, waitMs: number) => void;
};

export type Workers = {
  /** New work was committed by this node: for which accounts in each lane. */
  wake(work: ReadonlyMap<Lane, ReadonlySet<string>>): void;
  /** Something outside of this node's own path in has put work into the queue. */
  wakeAll(): void;
  /** A message of ours was queued. */
  wakeSends(): void;
  /** Whether a loop of a lane has work at this moment. */
  isPressed(): boolean;
  /** A stop is near: no more requests to Graph begin, so that those under way have as much time as there is. */
  stopClaimingSends(): void;
  stop(): Promise<void>;
};

type LaneLoops = { shares: LaneShares; loops: readonly Loop[] };

/** Starts the loops of each lane and the sender. They run until `stopWorkers`. */
export function startWorkers(options: WorkersOptions): Workers {
  const startedAtMs = options.nowMs();
  const sender = new Sender({
    ...options.sends,
    ingest: options.ingest,
    nowMs: options.nowMs,
    random: options.random,
    failpoint: options.failpoint,
    onActivity: options.onActivity,
    onLoopError: options.onError,
  });
  const way = new RightOfWay();
  const running: Readonly<Record<Lane, LaneLoops>> = {
    "whatsapp-messages": openLane("whatsapp-messages"),
    "whatsapp-statuses": openLane("whatsapp-statuses"),
    "whatsapp-account": openLane("whatsapp-account"),
  };

  /** While one loop waits for the database, the other decodes. The first turns to small backlogs first, the others to large ones. */
  function openLane(lane: Lane): LaneLoops {
    const shares = new LaneShares({ clock: () => performance.now(), onRested: () => wakeOne(loops) });
    const loops: readonly Loop[] = Array.from(
      { length: limits.laneLoopsMax },
      (_, index) =>
        new Loop({
          runOnce: () => runLane(lane, { lane: shares, prefers: index === 0 ? "small" : "large", way }),
          onError: (error, attempt, waitMs) => options.onError(lane, error, attempt, waitMs),
          random: options.random,
        }),
    );
    return { shares, loops };
  }

  async function runLane(lane: Lane, share: Share): Promise<boolean> {
    const began = performance.now();
    const result = await runBatch({
      db: options.ingest,
      lane,
      share,
      apply: workers[lane],
      cache: options.cache,
      nowMs: options.nowMs,
      startedAtMs,
      failpoint: options.failpoint,
      onSends: () => sender.wake(),
      ...(options.suppression === undefined ? {} : { suppression: options.suppression }),
    });
    if (result.rows === 0) return false;
    options.onActivity(result.tenantIds);
    options.onBatch(lane, result, performance.now() - began);
    // It may have left as much behind.
    if (result.updates >= limits.claimUpdatesSharedMax) wakeOne(running[lane].loops);
    // A batch of one costs almost what a batch of fifty does: when little comes, let a little more of it gather.
    if (result.updates < limits.smallBatchUpdatesMax) await setTimeout(limits.gatherMs);
    return true;
  }

  const all = Object.values(running).flatMap(({ loops }) => loops);
  for (const loop of all) loop.start();
  sender.start();
  return {
    wake(work) {
      for (const [lane, accounts] of work) {
        const { shares, loops } = running[lane];
        // Who works on an account claims again afterwards.
        if (shares.isWanted(accounts)) wakeOne(loops);
        else wakeBusy(loops);
      }
    },
    wakeAll() {
      for (const loop of all) loop.wake();
    },
    wakeSends: () => sender.wake(),
    isPressed: () => all.some((loop) => !loop.isIdle),
    stopClaimingSends: () => void sender.stopClaims(),
    async stop() {
      await Promise.all([...all.map((loop) => loop.stop()), sender.stop()]);
    },
  };
}

/** Ends when the running batches have ended. */
export async function stopWorkers(running: Workers): Promise<void> {
  await running.stop();
}

/** One idle loop is enough for what has come. Those that run look again before they sleep. */
function wakeOne(loops: readonly Loop[]): void {
  wakeBusy(loops);
  loops.find((loop) => loop.isIdle)?.wake();
}

function wakeBusy(loops: readonly Loop[]): void {
  for (const loop of loops) if (!loop.isIdle) loop.wake();
}
