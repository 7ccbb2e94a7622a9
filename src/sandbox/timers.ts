/** What is still to happen; all of it ends with the sandbox. */
import { limits } from "../limits.ts";

export type Timers = {
  /** False when too much waits already, or when it is over: then it never happens. */
  later(delayMs: number, work: () => void): boolean;
  stop(): void;
};

export function createTimers(): Timers {
  const waiting = new Set<NodeJS.Timeout>();
  let isStopped = false;
  return {
    later(delayMs, work) {
      if (isStopped || waiting.size >= limits.sandboxPendingStatusesMax) return false;
      const timer = setTimeout(() => {
        waiting.delete(timer);
        work();
      }, delayMs);
      waiting.add(timer);
      return true;
    },
    stop() {
      isStopped = true;
      for (const timer of waiting) clearTimeout(timer);
      waiting.clear();
    },
  };
}
