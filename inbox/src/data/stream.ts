/**
 * The activity, from a cursor on, without gaps and without repeats. One tab of a browser holds the connection (a Web Lock says which) and gives
 * the events to the others; where a browser knows no locks, each tab has its own. A follower takes an event only if its number is the next;
 * else it reads what it missed from the list. Nothing is polled: the server says something at least every 15 s, and who hears nothing for
 * longer connects anew.
 */
import type { ActivityEvent } from "../../../src/contract/activity.ts";
import type { Api } from "./api.ts";
import { readEventStream } from "./event-stream.ts";

const silenceMsMax = 40_000;
const retryMsMin = 500;
const retryMsMax = 15_000;
const pageMax = 200;

export type StreamOptions = {
  api: Api;
  /** Names what the tabs share: the tenant and the person. */
  channelName: string;
  /** The last number whose event is part of what is shown; null: nothing is, begin at the head. */
  after: number | null;
  /** The number after which the events come, before the first of them. */
  onStart: (seq: number) => void;
  onEvent: (event: ActivityEvent) => void;
  onLine: (line: Line) => void;
};

type Line = "connecting" | "live" | "offline";
type Told = { kind: "event"; event: ActivityEvent } | { kind: "at"; seq: number } | { kind: "line"; line: Line } | { kind: "ask" };

export function startStream(options: StreamOptions): { stop: () => void; retryNow: () => void } {
  const abort = new AbortController();
  const { signal } = abort;
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(options.channelName);
  let cursor = options.after;
  let isLeader = false;
  let line: Line = "connecting";
  let wake: (() => void) | null = null;
  let goal = 0;
  let catchingUp: Promise<void> | null = null;
  // A BroadcastChannel reaches this origin alone, and takes no other argument.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  const tell = (told: Told): void => channel?.postMessage(told);
  const setLine = (next: Line): void => {
    line = next;
    options.onLine(next);
    if (isLeader) tell({ kind: "line", line: next });
  };

  function take(event: ActivityEvent): void {
    if (cursor === null || event.seq !== cursor + 1) return;
    cursor = event.seq;
    options.onEvent(event);
  }

  function start(seq: number): void {
    if (cursor !== null) return;
    cursor = seq;
    options.onStart(seq);
  }

  /** Reads the events up to `seq` at least. */
  function catchUp(seq: number): void {
    goal = Math.max(goal, seq);
    if (cursor === null || cursor >= goal) return;
    catchingUp ??= (async () => {
      while (cursor !== null && cursor < goal && !signal.aborted) {
        const page = await options.api.call<{ data: ActivityEvent[] }>("activity", { query: { after: cursor, limit: pageMax }, signal });
        for (const event of page.data) take(event);
        if (page.data.length === 0) return;
      }
    })()
      .catch(() => undefined)
      .finally(() => {
        catchingUp = null;
      });
  }

  if (channel !== null) {
    channel.addEventListener("message", ({ data }: MessageEvent<Told>) => {
      if (isLeader) {
        if (data.kind === "ask" && cursor !== null) {
          tell({ kind: "at", seq: cursor });
          tell({ kind: "line", line });
        }
        return;
      }
      if (data.kind === "line") setLine(data.line);
      if (data.kind === "at") {
        start(data.seq);
        catchUp(data.seq);
      }
      if (data.kind === "event") {
        start(data.event.seq - 1);
        take(data.event);
        // There was one before it that this tab did not get.
        if (cursor !== null && cursor < data.event.seq) catchUp(data.event.seq);
      }
    });
    tell({ kind: "ask" });
  }

  async function lead(): Promise<void> {
    isLeader = true;
    if (cursor !== null) tell({ kind: "at", seq: cursor });
    for (let failures = 0; !signal.aborted; failures += 1) {
      setLine(failures === 0 ? "connecting" : "offline");
      await listen(() => {
        failures = -1;
        setLine("live");
      });
      await pause(Math.min(retryMsMax, retryMsMin * 2 ** Math.max(0, failures)));
    }
  }

  async function listen(onOpen: () => void): Promise<void> {
    const call = new AbortController();
    const stopCall = (): void => call.abort();
    signal.addEventListener("abort", stopCall, { once: true });
    // The machine knows that its network is gone long before the silence tells.
    addEventListener("offline", stopCall);
    let silence = setTimeout(stopCall, silenceMsMax);
    try {
      const answer = await fetch(options.api.url("activity/stream", { after: cursor }), {
        signal: call.signal,
        credentials: "same-origin",
      });
      if (!answer.ok || answer.body === null) {
        // Signed out: the next ordinary call says so to everybody. A lack of places is waited out.
        if (answer.status === 401 || answer.status === 403) await options.api.call("session", { signal }).catch(() => undefined);
        return;
      }
      for await (const part of readEventStream(answer.body)) {
        clearTimeout(silence);
        silence = setTimeout(stopCall, silenceMsMax);
        if (part.kind === "comment") {
          const head = /^after (\d+)$/.exec(part.text)?.[1];
          if (head === undefined) continue;
          onOpen();
          start(Number(head));
          if (cursor !== null) tell({ kind: "at", seq: cursor });
        } else {
          const event = JSON.parse(part.data) as ActivityEvent;
          take(event);
          tell({ kind: "event", event });
        }
      }
    } catch {
      // Cut off, in whichever way: `lead` connects anew.
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stopCall);
      removeEventListener("offline", stopCall);
    }
  }

  async function pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    wake = null;
  }

  const retryNow = (): void => wake?.();
  addEventListener("online", retryNow, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? undefined : retryNow()), { signal });
  // Only pages from a secure address have locks.
  const { locks } = navigator as { locks?: LockManager };
  if (locks === undefined || channel === null) void lead();
  else locks.request(options.channelName, { signal }, lead).catch(() => undefined);

  return {
    retryNow,
    stop() {
      abort.abort();
      wake?.();
      channel?.close();
    },
  };
}
