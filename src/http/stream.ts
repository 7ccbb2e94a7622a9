/**
 * Writes streams of server-sent events. Bounded in number; each reader has its own back-pressure: a reader that takes nothing for
 * `limits.streamDrainMsMax` is let go and resumes from its cursor. A stream ends soon after its key does. On a stop all streams
 * end with a hint when to come back.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ActivityEvent } from "../contract/activity.ts";
import { Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import type { ActivityHub } from "../services/activity/hub.ts";
import type { ActivityFilter } from "../services/activity/of-connection.ts";
import { tail } from "../services/activity/tail.ts";
import type { WebNode } from "./web-node.ts";

export type Opening = {
  request: IncomingMessage;
  response: ServerResponse;
  scope: TenantScope;
  afterSeq: number;
  /** Of what the caller may see only a part; null: all. */
  filter: ActivityFilter | null;
  isStillValid: () => Promise<boolean>;
};

export type Streams = {
  /** Why one more stream of this tenant cannot be opened now. `quota`: how many the operator lets it have. */
  refusal(tenantId: string, quota: number | null): Rejection | null;
  openOf(tenantId: string): number;
  /** Why one more does not fit into the tenant's quota over all nodes; null: it has its place, and `open` follows at once. */
  reserve(tenantId: string, quota: number | null): Promise<Rejection | null>;
  /** Takes the response over, and the place that was reserved. */
  open(opening: Opening): void;
  count(): number;
  /** Ends all; resolves when they are ended. */
  close(): Promise<void>;
};

export type StreamsOptions = {
  app: Db;
  hub: ActivityHub;
  onError: (error: unknown) => void;
  /** Left out, this node is alone. */
  node?: Pick<WebNode, "takeStream" | "streamsChanged">;
};

export function createStreams(options: StreamsOptions): Streams {
  const running = new Map<Promise<void>, { tenantId: string; abort: AbortController }>();
  const reserved = new Map<string, number>();
  let isClosing = false;

  function reserve(tenantId: string, places: 1 | -1): void {
    const next = (reserved.get(tenantId) ?? 0) + places;
    if (next > 0) reserved.set(tenantId, next);
    else reserved.delete(tenantId);
  }

  async function run(opening: Opening, abort: AbortController): Promise<void> {
    const { response } = opening;
    response.once("close", () => abort.abort());
    response.on("error", () => abort.abort());
    const authorize = setInterval(() => void endIfInvalid(opening, abort), limits.streamAuthorizeMs);
    try {
      writeHead(opening);
      for await (const events of tail(options, opening.scope, opening.afterSeq, abort.signal)) {
        const text =
          events.length === 0
            ? ": still here\n\n"
            : opening.filter === null
              ? events.map(frame).join("")
              : await filtered(opening.filter, events);
        if (!response.write(text)) await drained(response, abort);
        if (abort.signal.aborted) break;
      }
    } catch (error) {
      // The database was away, for example: the reader comes back by itself and loses nothing.
      if (!abort.signal.aborted) options.onError(error);
    } finally {
      clearInterval(authorize);
      if (!response.destroyed) response.end(`retry: ${limits.streamRetryMs}\n\n`);
    }
  }

  const openOf = (tenantId: string): number =>
    [...running.values()].filter((stream) => stream.tenantId === tenantId).length + (reserved.get(tenantId) ?? 0);

  return {
    openOf,
    refusal(tenantId, quota) {
      if (isClosing) return stopping();
      if (running.size >= limits.streamsMax) return new Rejection("unavailable", 503, "Too many streams are open");
      const own = openOf(tenantId);
      if (quota !== null && own >= quota) return streamsSpent(quota);
      return own >= limits.streamsPerTenantMax ? new Rejection("too_many", 429, "Too many streams are open for this tenant") : null;
    },
    async reserve(tenantId, quota) {
      reserve(tenantId, 1);
      if (quota === null) return null;
      let fits = false;
      try {
        fits = options.node === undefined ? openOf(tenantId) <= quota : await options.node.takeStream(tenantId, quota);
        // Opened after all were ended, it would be ended by nobody.
        if (fits && !isClosing) return null;
      } catch (error) {
        reserve(tenantId, -1);
        throw error;
      }
      reserve(tenantId, -1);
      return fits ? stopping() : streamsSpent(quota);
    },
    open(opening) {
      const { tenantId } = opening.scope;
      const abort = new AbortController();
      const done = run(opening, abort).finally(() => {
        running.delete(done);
        options.node?.streamsChanged(tenantId);
      });
      running.set(done, { tenantId, abort });
      reserve(tenantId, -1);
      options.node?.streamsChanged(tenantId);
    },
    count: () => running.size,
    async close() {
      isClosing = true;
      for (const { abort } of running.values()) abort.abort();
      await Promise.all(running.keys());
    },
  };
}

function stopping(): Rejection {
  return new Rejection("unavailable", 503, "The program is about to stop");
}

function streamsSpent(quota: number): Rejection {
  return new Rejection(
    "quota_exceeded",
    429,
    `The operator lets this tenant have ${quota} open streams on all nodes together; one must end first.`,
  );
}

function writeHead({ response, afterSeq }: Opening): void {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // Proxies of the nginx family would otherwise hold events back.
    "x-accel-buffering": "no",
  });
  response.write(`: after ${afterSeq}\nretry: ${limits.streamRetryMs}\n\n`);
}

/** A failure to ask ends nothing: the next look will tell. */
async function endIfInvalid(opening: Opening, abort: AbortController): Promise<void> {
  try {
    if (!(await opening.isStillValid())) abort.abort();
  } catch {
    return;
  }
}

async function drained(response: ServerResponse, abort: AbortController): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off("drain", done);
      abort.signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(() => {
      abort.abort();
      response.destroy();
    }, limits.streamDrainMsMax);
    response.once("drain", done);
    abort.signal.addEventListener("abort", done, { once: true });
    if (abort.signal.aborted) done();
  });
}

/** An id without data tells the reader nothing and moves its cursor over what was left out: it comes back behind that. */
async function filtered(filter: ActivityFilter, events: readonly ActivityEvent[]): Promise<string> {
  const shown = await filter(events);
  const [last, lastShown] = [events.at(-1)?.seq, shown.at(-1)?.seq];
  return shown.map(frame).join("") + (last === lastShown ? "" : `id: ${String(last)}\n\n`);
}

/** An event goes to all subscribers of its tenant: its text is made once. */
const frames = new WeakMap<ActivityEvent, string>();

function frame(event: ActivityEvent): string {
  const known = frames.get(event);
  if (known !== undefined) return known;
  // A line break in the type would begin a new field; JSON has none.
  const text = `id: ${event.seq}\nevent: ${event.type.replaceAll(/[\r\n]/g, " ")}\ndata: ${JSON.stringify(event)}\n\n`;
  frames.set(event, text);
  return text;
}
