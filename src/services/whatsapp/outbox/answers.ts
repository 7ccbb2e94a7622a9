/**
 * For callers who wait for what Graph says to their message. The sender of this node tells at once, with Graph's own error; what another
 * node sends is found by looking at the message now and then.
 */
import { limits } from "../../../limits.ts";
import type { GraphError } from "../graph/answer.ts";
import type { Attempt } from "./outcome.ts";

type Waiting = { wake: () => void; refusal: GraphError | null };

export class Answers {
  readonly #waiting = new Map<string, Waiting>();
  /** By the monotonic clock; no wait goes on beyond it. */
  #endsAt = Number.POSITIVE_INFINITY;

  /** The outcomes of these attempts are written. */
  told(attempts: readonly Attempt[]): void {
    if (this.#waiting.size === 0) return;
    for (const { send, outcome } of attempts) {
      const waiting = this.#waiting.get(send.messageId);
      if (waiting === undefined) continue;
      waiting.refusal = outcome.kind === "refused" ? outcome.error : null;
      waiting.wake();
    }
  }

  /** The process is about to stop: who waits is answered before his connection is cut, since a cut caller would send once more. */
  endWithin(ms: number): void {
    this.#endsAt = performance.now() + ms;
    for (const { wake } of this.#waiting.values()) wake();
  }

  /**
   * Looks until `look` answers something but null, at most so long and ever more seldom; null when it never did. `refusal` is Graph's last
   * word on this node. One caller a message: who sent it.
   */
  async wait<T>(messageId: string, msMax: number, look: () => Promise<T | null>): Promise<{ found: T | null; refusal: GraphError | null }> {
    const waiting: Waiting = { wake: () => undefined, refusal: null };
    // Beyond the bound nobody is told: they look again when their time is up.
    if (this.#waiting.size < limits.sendAnswersMax) this.#waiting.set(messageId, waiting);
    const deadline = performance.now() + msMax;
    const leftOf = (): number => Math.min(deadline, this.#endsAt) - performance.now();
    try {
      for (let pollMs: number = limits.sendAnswerPollMs; ; pollMs *= 2) {
        // Asked for before the look: what is told in between is not missed.
        const woken = Promise.withResolvers<void>();
        waiting.wake = woken.resolve;
        const found = await look();
        const leftMs = leftOf();
        if (found !== null || leftMs <= 0) return { found, refusal: waiting.refusal };
        const timer = setTimeout(woken.resolve, Math.min(pollMs, leftMs));
        await woken.promise;
        clearTimeout(timer);
      }
    } finally {
      this.#waiting.delete(messageId);
    }
  }
}
