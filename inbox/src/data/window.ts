/** The 24-hour window, by the clock of the server and without asking it. */
import type { Window } from "../../../src/contract/conversations.ts";

const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

export type WindowNow = { state: "never" | "closed" | "closing" | "open"; leftMs: number };

/** `closing`: it ends within the hour. `never`: the customer has not written yet. */
export function windowNow(window: Window, nowMs: number): WindowNow {
  if (window.expiresAt === null) return { state: "never", leftMs: 0 };
  const leftMs = window.isOpen ? Math.min(dayMs, Math.max(0, Date.parse(window.expiresAt) - nowMs)) : 0;
  if (leftMs === 0) return { state: "closed", leftMs };
  return { state: leftMs <= hourMs ? "closing" : "open", leftMs };
}
