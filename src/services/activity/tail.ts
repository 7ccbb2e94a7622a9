/**
 * A stream of activity is one generator: backfill from the table → cut-over → live from the hub. It misses nothing and gives nothing
 * twice, from any cursor and with any number of writers (I5). The proof rests on the numbers alone: they are gap-free and follow the
 * order of commits, so an event is next exactly when its seq is the cursor plus one. Whatever else the hub delivers sends us
 * back to the table. Cut-over: the subscription collects from before the last page is read, so nothing falls between the two.
 */
import type { ActivityEvent } from "../../contract/activity.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { limits } from "../../limits.ts";
import type { ActivityHub, Subscription } from "./hub.ts";
import { listActivity } from "./list.ts";

export type TailOptions = { app: Db; hub: ActivityHub; heartbeatMs?: number };

/** Batches of events in order; an empty batch says that nothing came for `heartbeatMs`. Ends when `signal` aborts. */
export async function* tail(
  options: TailOptions,
  scope: TenantScope,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<readonly ActivityEvent[], void, void> {
  const subscription = options.hub.subscribe(scope);
  let cursor = afterSeq;
  try {
    while (!signal.aborted) {
      subscription.reset();
      const page = await listActivity(options.app, scope, cursor, limits.activityPageMax);
      if (page.length > 0) yield page;
      cursor = page.at(-1)?.seq ?? cursor;
      if (page.length === limits.activityPageMax) continue;
      subscription.goLive(cursor);
      for await (const events of live(subscription, cursor, options.heartbeatMs ?? limits.streamHeartbeatMs, signal)) {
        yield events;
        cursor = events.at(-1)?.seq ?? cursor;
      }
    }
  } finally {
    subscription.close();
  }
}

/** Ends when what the hub has does not follow the cursor. */
async function* live(
  subscription: Subscription,
  afterSeq: number,
  heartbeatMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly ActivityEvent[], void, void> {
  let cursor = afterSeq;
  while (!signal.aborted) {
    await subscription.wait(heartbeatMs, signal);
    if (signal.aborted) return;
    const taken = subscription.take();
    if (taken === null) return;
    const events = taken.filter((event) => event.seq > cursor);
    if (events.some((event, index) => event.seq !== cursor + 1 + index)) return;
    if (taken.length > 0 && events.length === 0) continue;
    yield events;
    cursor += events.length;
  }
}
