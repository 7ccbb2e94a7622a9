/** A word in the tab's title when a customer writes while nobody looks. */
import type { ActivityEvent } from "../../../src/contract/activity.ts";

const name = "Kesher";
let unseen = 0;

export function announceIncoming(_event: ActivityEvent): void {
  if (!document.hidden) return;
  unseen += 1;
  document.title = `(${unseen}) ${name}`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = name;
});

type Listener = (event: ActivityEvent) => void;
const noteListeners = new Set<Listener>();

/** A colleague left a note. */
export function announceNote(event: ActivityEvent): void {
  for (const listener of noteListeners) listener(event);
}

export function listenForNotes(listener: Listener): () => void {
  noteListeners.add(listener);
  return () => noteListeners.delete(listener);
}
