/** Chance that can be repeated. */
import { randomBytes } from "node:crypto";

/** mulberry32: small, and the same numbers everywhere; without a seed, unforeseeable ones. Not for secrets. */
export function createRandom(seed: number | null): () => number {
  if (seed === null) return Math.random;
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** In a new order (Fisher and Yates). */
export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}

/** As long as Meta's own, about 60 characters. */
export function newWaMessageId(): string {
  return `wamid.SANDBOX${randomBytes(23).toString("hex").toUpperCase()}`;
}

/** Digits only, as Graph's ids are. */
export function newNumericId(): string {
  return (100_000_000_000_000 + randomBytes(6).readUIntBE(0, 6)).toString();
}
