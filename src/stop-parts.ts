/** The end of the program: its parts are stopped one after another, each within bounds. Part of the composition. */
import { limits } from "./limits.ts";

/**
 * Started halfway or whole: what was started last ends first. Never rejects. Whatever hangs, a request to Graph for one, must not leave the
 * embedded database running: that is the last but the first, and has as long as the whole stop.
 */
export async function stopParts(stops: readonly (() => Promise<void> | void)[], onError: (error: unknown) => void): Promise<void> {
  const deadline = performance.now() + limits.stopPartsMsMax;
  for (const [index, stop] of [...stops.entries()].toReversed()) {
    const ended = Promise.resolve().then(stop).catch(onError);
    const leftMs = index <= 1 ? limits.stopMsMax : Math.max(limits.stopPartMsMin, deadline - performance.now());
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, leftMs).unref())]);
  }
}
