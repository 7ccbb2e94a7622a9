/**
 * What the inbox needs done behind the path in: the followers of the activity (search, overview), the search's back-fill, and waking what was
 * snoozed. After each turn with work a loop rests several times as long as the turn took, and many times as long while the queue `webhooks` has
 * work: under load it falls behind rather than take from the path in what that needs, and catches up later.
 */
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { limits } from "../../limits.ts";
import { wakeSnoozed } from "../../services/inbox/conversation-state.ts";
import { followOnce, makeFollowerCursors, type Follower } from "../../services/inbox/follow.ts";
import { overviewFollower } from "../../services/inbox/overview-follower.ts";
import { unassignPerson } from "../../services/inbox/unassign.ts";
import { fillSearchOnce, searchFollower, type Filled } from "../../services/inbox/search-follower.ts";
import { Loop } from "../loop.ts";

export type InboxWorkOptions = {
  /** Role kesher_ingest. */
  ingest: Db;
  nowMs: () => number;
  random: () => number;
  /** Whether the path in is at work now. */
  isPressed: () => boolean;
  /** Something showed in these tenants. */
  onActivity: (tenantIds: readonly string[]) => void;
  /** A step of the back-fill. */
  onFilled: (filled: Filled) => void;
  onError: (error: unknown, attempt: number, waitMs: number) => void;
};

export type InboxWork = { stop(): Promise<void> };

/** Everything that there is to do, now. */
export async function inboxWorkOnce(
  options: Pick<InboxWorkOptions, "ingest" | "nowMs">,
): Promise<{ events: number; filled: number; woken: number }> {
  const { woken } = await wakeSnoozed(options.ingest, options.nowMs());
  let [events, filled] = [0, 0];
  for (const follower of [searchFollower, overviewFollower]) {
    await makeFollowerCursors(options.ingest, follower.name);
    for (let turn = await followOnce(options.ingest, follower); turn.events > 0; turn = await followOnce(options.ingest, follower)) {
      events += turn.events;
    }
  }
  for (let step = await fillSearchOnce(options.ingest); step.hasMore; step = await fillSearchOnce(options.ingest)) {
    filled += step.messages + step.contacts;
  }
  return { events, filled, woken };
}

/** Jobs `person-unassign`. */
export function inboxJobs(options: { app: Db; nowMs: () => number; onActivity: (tenantIds: readonly string[]) => void }) {
  return {
    "person-unassign": async ({ tenantId, personId }: { tenantId: string; personId: string }): Promise<void> => {
      await unassignPerson(options.app, tenantScope(tenantId), personId, options.nowMs());
      options.onActivity([tenantId]);
    },
  };
}

export function startInboxWork(options: InboxWorkOptions): InboxWork {
  const { ingest, nowMs } = options;
  const loop = (runOnce: () => Promise<boolean | number>, pollMs: number): Loop =>
    new Loop({ runOnce, pollMs, random: options.random, onError: options.onError });
  const followers = [searchFollower, overviewFollower].map((follower) => loop(turnOf(options, follower), limits.followPollMs));
  const filling = loop(async () => {
    const began = performance.now();
    const filled = await fillSearchOnce(ingest);
    if (filled.messages + filled.contacts > 0) options.onFilled(filled);
    return filled.hasMore && restMs(options, began);
  }, limits.followTenantsMs);
  const waking = loop(async () => {
    const { woken, tenantIds } = await wakeSnoozed(ingest, nowMs());
    options.onActivity(tenantIds);
    return woken === limits.snoozeWakeMax;
  }, limits.snoozeWakeMs);
  const all = [...followers, filling, waking];
  for (const each of all) each.start();
  return {
    async stop() {
      await Promise.all(all.map((each) => each.stop()));
    },
  };
}

/** Nobody wakes it: looking twice a second is soon enough, and keeps it from running with every batch of the path in. */
function turnOf(options: InboxWorkOptions, follower: Follower): () => Promise<boolean | number> {
  const { ingest } = options;
  let madeAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const began = performance.now();
    if (began - madeAtMs >= limits.followTenantsMs) {
      await makeFollowerCursors(ingest, follower.name);
      madeAtMs = began;
    }
    const { hasMore } = await followOnce(ingest, follower);
    return hasMore && restMs(options, began);
  };
}

function restMs({ isPressed }: InboxWorkOptions, began: number): number {
  return Math.ceil((performance.now() - began) * (isPressed() ? limits.followPressedRestFactor : limits.followRestFactor));
}
