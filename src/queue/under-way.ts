/**
 * How many requests are under way, for each number and in all. A number whose requests are not answered gets fewer places, down to a
 * few, and more again with each answer: a Graph that hangs for one of them must not hold the places of all others.
 */
import { limits } from "../limits.ts";
import type { Attempt } from "../services/whatsapp/outbox/outcome.ts";

export class UnderWay {
  readonly #counts = new Map<string, number>();
  readonly #places = new Map<string, number>();
  #total = 0;
  #wake: (() => void)[] = [];

  get total(): number {
    return this.#total;
  }

  of(connectionId: string): number {
    return this.#counts.get(connectionId) ?? 0;
  }

  maxOf(connectionId: string): number {
    return this.#places.get(connectionId) ?? limits.sendsUnderWayPerLaneMax;
  }

  add(connectionId: string): void {
    this.#total += 1;
    this.#counts.set(connectionId, this.of(connectionId) + 1);
  }

  remove(connectionId: string): void {
    this.#total -= 1;
    const left = this.of(connectionId) - 1;
    if (left > 0) this.#counts.set(connectionId, left);
    else this.#counts.delete(connectionId);
    const woken = this.#wake;
    this.#wake = [];
    for (const wake of woken) wake();
  }

  /** What the outcome says about the number's next places. */
  learn({ send: { connectionId }, outcome }: Attempt): void {
    if (outcome.kind === "unknown" || outcome.kind === "not_sent") {
      this.#places.set(connectionId, Math.max(limits.sendsUnderWayPerLaneMin, Math.floor(this.maxOf(connectionId) / 2)));
    } else if (this.#places.has(connectionId)) {
      const places = this.maxOf(connectionId) * 2;
      if (places >= limits.sendsUnderWayPerLaneMax) this.#places.delete(connectionId);
      else this.#places.set(connectionId, places);
    }
  }

  /** When one of them has ended. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}
