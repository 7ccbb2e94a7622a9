/** When this tab first drew a message: the last step of its way to a person. Kept as long as the page is open. */
import { nowMs } from "../data/clock.ts";

const keptMax = 2_000;
const drawn = new Map<string, number>();

export function noteDrawn(messageId: string): void {
  if (drawn.has(messageId)) return;
  const [oldest] = drawn.keys();
  if (drawn.size >= keptMax && oldest !== undefined) drawn.delete(oldest);
  drawn.set(messageId, nowMs());
}

/** Null: it was not on this screen. */
export function drawnAtMs(messageId: string): number | null {
  return drawn.get(messageId) ?? null;
}
