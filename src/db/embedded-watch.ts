/** Restarts a server that ends under the living program, and follows its pid. */
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "../limits.ts";
import type { Place } from "./embedded-place.ts";
import { isGone } from "./embedded-postmaster.ts";
import type { Running } from "./embedded-run.ts";

export type Watch = {
  /** The latest server known. */
  running(): Running;
  /** No restart happens or goes on after this. */
  end(): Promise<void>;
};

export type WatchOptions = {
  place: Place;
  first: Running;
  log: (message: string, facts?: Record<string, unknown>) => void;
  restart: (signal: AbortSignal) => Promise<Running>;
};

export function watchServer({ place, first, log, restart }: WatchOptions): Watch {
  const ending = new AbortController();
  const { signal } = ending;
  let running = first;
  const ended = follow();
  return {
    running: () => running,
    end: async () => {
      ending.abort();
      await ended;
    },
  };

  async function follow(): Promise<void> {
    const restartedAt: number[] = [];
    while (!signal.aborted) {
      await untilGone(running);
      for (let failures = 0; !signal.aborted; failures += 1) {
        await pauseBeforeRestart(restartedAt, failures);
        if (signal.aborted) return;
        restartedAt.push(performance.now());
        const start = performance.now();
        try {
          running = await restart(signal);
          log("embedded database restarted", { pid: running.pid, adopted: running.adopted, ms: Math.round(performance.now() - start) });
          break;
        } catch (error) {
          if (!signal.aborted) log("embedded database did not restart", { failures: failures + 1, error: String(error) });
        }
      }
    }
  }

  /** An exit of our own child is told by the system; an adopted server must be looked at. */
  async function untilGone({ pid, exited }: Running): Promise<void> {
    const told = new AbortController();
    void exited.then(() => told.abort());
    const wake = AbortSignal.any([signal, told.signal]);
    while (!wake.aborted && !(await isGone(pid, place.cluster))) await wait(limits.embeddedWatchPollMs, wake);
    if (!signal.aborted) log("embedded database ended unexpectedly", { pid });
  }

  /** Back-off doubles with each failure; never more than so many attempts within any minute. */
  async function pauseBeforeRestart(restartedAt: number[], failures: number): Promise<void> {
    const backoff = failures === 0 ? 0 : Math.min(100 * 2 ** failures, limits.embeddedRestartBackoffMsMax);
    const eldest = restartedAt.at(-limits.embeddedRestartsPerMinuteMax);
    const room = eldest === undefined ? 0 : eldest + 60_000 - performance.now();
    await wait(Math.max(backoff, room), signal);
    restartedAt.splice(0, restartedAt.length - limits.embeddedRestartsPerMinuteMax);
  }
}

async function wait(ms: number, wake: AbortSignal): Promise<void> {
  if (ms > 0) await pause(ms, undefined, { signal: wake, ref: false }).catch(() => undefined);
}
