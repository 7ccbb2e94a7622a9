/**
 * The customer service window: 24 hours from the customer's last word, per business number and customer.
 * Outside of it Meta accepts only templates. Source: Meta's page on customer service windows, read 2026-09.
 */
export const windowMs = 24 * 60 * 60 * 1_000;
/** A freeform request must not start in the last seconds: it could reach Meta too late (I7). */
export const sendMarginMs = 5_000;
/** Meta's clock may run ahead of ours by this much; a time beyond it is taken as our receipt plus this. */
export const clockSkewMsMax = 5 * 60 * 1_000;

export type WindowFacts = {
  /** Greatest Meta time of a customer's message or call, or null when there was none. */
  lastCustomerMessageAtMs: number | null;
  /** When Meta last refused a freeform message with 131047. */
  refusedAtMs: number | null;
  nowMs: number;
};
export type WindowState = { isOpen: boolean; expiresAtMs: number | null; remainingMs: number };

/** `expiresAtMs` stays the last word plus 24 hours; a refusal by Meta that came later closes the window all the same. */
export function windowState(facts: WindowFacts): WindowState {
  const { lastCustomerMessageAtMs, refusedAtMs, nowMs } = facts;
  if (lastCustomerMessageAtMs === null) return { isOpen: false, expiresAtMs: null, remainingMs: 0 };
  const expiresAtMs = lastCustomerMessageAtMs + windowMs;
  const isRefused = refusedAtMs !== null && refusedAtMs > lastCustomerMessageAtMs;
  const remainingMs = isRefused ? 0 : Math.max(0, expiresAtMs - nowMs);
  return { isOpen: remainingMs > 0, expiresAtMs, remainingMs };
}

/** Whether a freeform request may still start (I7). */
export function mayStartFreeform(state: WindowState): boolean {
  return state.isOpen && state.remainingMs > sendMarginMs;
}

/**
 * A time of ours as Meta would write it, in whole seconds and rounded down: a customer who writes in the second of a refusal has written after it,
 * and the window that Meta opened must not stay closed in our books.
 */
export function metaSecond(atMs: number): number {
  return Math.floor(atMs / 1_000) * 1_000;
}

/** Meta's time, but never later than our receipt plus the skew that we allow. */
export function clampedTime(atMs: number, receivedAtMs: number): number {
  return Math.min(atMs, receivedAtMs + clockSkewMsMax);
}
