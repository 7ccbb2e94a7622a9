/** Replays of the API, in portions, and what became of them. */
import type { ParkedUpdate, Replayed } from "../../../src/contract/webhooks.ts";
import { ApiError, type Api } from "../data/api.ts";

export type Range = { from: string; to: string };

/** All that was received in the range; `onProgress` hears after each portion how many there were so far. */
export async function replayRange(
  api: Api,
  { path, tenantId, range }: { path: "parked/replay" | "deliveries/replay"; tenantId: string | null; range: Range },
  onProgress: (done: number) => void,
): Promise<number> {
  let done = 0;
  let after: string | null = null;
  do {
    const answer: Replayed = await api.call<Replayed>(path, {
      method: "POST",
      query: { tenantId },
      body: { ...range, ...(after === null ? {} : { after }) },
    });
    done += answer.replayed;
    after = answer.next;
    onProgress(done);
  } while (after !== null);
  return done;
}

export type Outcome = { applied: number; still: number };

/** One after another. What is gone by then, since somebody else replayed it, is no trouble. */
export async function replayParked(
  api: Api,
  { updates, tenantId }: { updates: readonly ParkedUpdate[]; tenantId: string | null },
  onProgress: (done: number) => void,
): Promise<number> {
  let replayed = 0;
  for (const [index, { id }] of updates.entries()) {
    const answer = await orGone(api.call<Replayed>(`parked/${id}/replay`, { method: "POST", query: { tenantId } }));
    replayed += answer?.replayed ?? 0;
    onProgress(index + 1);
  }
  return replayed;
}

/** More than these are not looked after one by one. */
const watchedMax = 40;
const looksMax = 8;

/** A replay is work in the queue: looks, ever more seldom, until each update is applied or parked anew. Null when that takes too long. */
export async function watchOutcome(
  api: Api,
  { updates, tenantId }: { updates: readonly ParkedUpdate[]; tenantId: string | null },
): Promise<Outcome | null> {
  let left = updates.slice(0, watchedMax);
  if (left.length < updates.length) return null;
  const outcome = { applied: 0, still: 0 };
  for (let look = 0; look < looksMax; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150 * 1.6 ** look));
    const looked = await Promise.all(
      left.map(async (update) => ({ update, now: await orGone(api.call<ParkedUpdate>(`parked/${update.id}`, { query: { tenantId } })) })),
    );
    outcome.applied += looked.filter(({ now }) => now === null).length;
    outcome.still += looked.filter(({ update, now }) => now !== null && now.parkedAt !== update.parkedAt).length;
    left = looked.flatMap(({ update, now }) => (now !== null && now.parkedAt === update.parkedAt ? [update] : []));
    if (left.length === 0) return outcome;
  }
  return null;
}

async function orGone<Answer>(call: Promise<Answer>): Promise<Answer | null> {
  return call.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
}
