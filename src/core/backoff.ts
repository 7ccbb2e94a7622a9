/** How long to wait before the next attempt. `random` is in [0, 1): waits are spread so that many waiters do not come back at once. */
export type Backoff = {
  firstMs: number;
  factor: number;
  maxMs: number;
};

/** `attempt` counts from 1: the wait after the first failure. Between half of the full wait and all of it. */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** Math.max(0, attempt - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
