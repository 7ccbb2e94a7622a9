/**
 * The server's time by this machine's clock, and one tick for all that counts down. Windows end by the server's clock, and the clocks of
 * phones and desks are minutes apart: the offset is learnt from the answers' `Date`.
 */
import { useSyncExternalStore } from "react";

/** `Date` has whole seconds: below this the offset is noise. */
const offsetMsMin = 2_000;
let offsetMs = 0;

export function noteServerTime(date: string | null): void {
  const atMs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(atMs)) return;
  const found = atMs - Date.now();
  offsetMs = Math.abs(found) < offsetMsMin ? 0 : found;
}

export function nowMs(): number {
  return Date.now() + offsetMs;
}

const everyMs = 1_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const one of listeners) one();
  }, everyMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

/** The beginning of the step that it is now. Draws anew once a step, and only then: rows that show minutes do not draw every second. */
export function useNow(stepMs = everyMs): number {
  return useSyncExternalStore(subscribe, () => Math.floor(nowMs() / stepMs)) * stepMs;
}
