/**
 * Where a signed webhook becomes durable (I1). All requests that wait share one transaction: the journal rows and the
 * queue rows. There is no timer: the next group starts when the last COMMIT has ended, so a lone request waits for nobody
 * and a crowd shares the price of one fsync. `stored` is said only after COMMIT answered COMMIT; everything else, an
 * ambiguous COMMIT included, is `unavailable`, and Meta delivers again.
 */
import type { Db } from "../db/pool.ts";
import { newId } from "../db/new-id.ts";
import type { Failpoint } from "../failpoint.ts";
import { limits } from "../limits.ts";
import type { Lane, LocatedUpdate } from "../services/whatsapp/graph/updates.ts";
import { locateBody } from "./locate-body.ts";
import type { DeliveryCache } from "./delivery-cache.ts";
import { appendGroup, appendGroupValues, type Enqueued } from "./journal.ts";

export type Received = "stored" | "unavailable";

export type ReceiverOptions = {
  /** Role kesher_ingest, one session, pipelined: begin, insert and commit travel together. */
  db: Db;
  /** Which row of the intake count this node adds to. */
  slot: number;
  nowMs: () => number;
  /** Called after a COMMIT with the lanes that have new work, and for which accounts. */
  onStored: (work: ReadonlyMap<Lane, ReadonlySet<string>>) => void;
  onFailed: (error: unknown, deliveries: number) => void;
  onGroup: (deliveries: number) => void;
  cache: DeliveryCache | null;
  /** Whether the session has warned since it was last asked (a COMMIT that waits for a standby can be cut short so). */
  hasWarned: () => boolean;
  /** Test-only. */
  failpoint: Failpoint;
};

type Waiting = Enqueued & { located: readonly LocatedUpdate[]; resolve: (received: Received) => void };

export class Receiver {
  readonly #options: ReceiverOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** `body` holds the bytes as they came and was found correctly signed for the app `appKey`. Never throws. */
  receive(appKey: string, body: Buffer): Promise<{ received: Received; updates: number }> {
    const receivedAtMs = this.#options.nowMs();
    const located = locateBody(body);
    const lanes = new Map<Lane, number>();
    for (const update of located) lanes.set(update.lane, (lanes.get(update.lane) ?? 0) + 1);
    const account = located[0]?.wabaId ?? "";
    const { promise, resolve } = Promise.withResolvers<Received>();
    this.#waiting.push({ delivery: { id: newId(receivedAtMs), appKey, receivedAtMs, body }, account, lanes, located, resolve });
    this.#running ??= this.#run();
    return promise.then((received) => ({ received, updates: located.length }));
  }

  /** Ends when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the event loop, so that requests which arrived together are committed together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting);
      const received = await this.#store(group);
      if (received === "stored") this.#announce(group);
      for (const { resolve } of group) resolve(received);
    }
    this.#running = null;
  }

  async #store(group: readonly Waiting[]): Promise<Received> {
    const { db, slot, nowMs, onFailed, onGroup, hasWarned, failpoint } = this.#options;
    onGroup(group.length);
    try {
      const client = await db.pool.connect();
      let broken = true;
      try {
        hasWarned();
        await failpoint("receive.before_commit");
        const values = appendGroupValues(group, slot, nowMs(), limits.pendingRowUpdatesMax);
        const [, inserted, committed] = await Promise.allSettled([
          client.query("begin"),
          client.query({ ...appendGroup, values }),
          client.query("commit"),
        ]);
        if (inserted.status === "rejected") throw inserted.reason;
        if (committed.status === "rejected") throw committed.reason;
        broken = false;
        if (committed.value.command !== "COMMIT") throw new Error(`COMMIT answered ${committed.value.command}`);
        if (hasWarned()) throw new Error("COMMIT came with a warning: it may not have reached the standby");
        await failpoint("receive.after_commit");
        return "stored";
      } finally {
        client.release(broken);
      }
    } catch (error) {
      onFailed(error, group.length);
      return "unavailable";
    }
  }

  #announce(group: readonly Waiting[]): void {
    const { cache, onStored } = this.#options;
    const work = new Map<Lane, Set<string>>();
    for (const { delivery, account, located, lanes: counts } of group) {
      for (const lane of counts.keys()) {
        const accounts = work.get(lane) ?? new Set();
        work.set(lane, accounts.add(account));
      }
      cache?.put(
        delivery.id,
        { appKey: delivery.appKey, receivedAtMs: delivery.receivedAtMs, located },
        counts.keys(),
        delivery.body.length,
      );
    }
    onStored(work);
  }
}

/** Takes from the front of the line, at most a group's worth of bytes but always one. */
function takeGroup(waiting: Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { delivery } of waiting) {
    bytes += delivery.body.length;
    if (count > 0 && (bytes > limits.groupBytesMax || count >= limits.groupDeliveriesMax)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}
