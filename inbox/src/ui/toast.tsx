/** Short messages that go by themselves, and that one clicks through: what they lie over stays in reach. One live region reads them out; errors stay longer. */
import { CircleAlert, CircleCheck } from "lucide-react";
import { useSyncExternalStore } from "react";
import { cx } from "./cx.ts";

type Toast = { id: number; kind: "done" | "error"; text: string; undo?: { label: string; run: () => void } };
const shownMs = { done: 4_000, error: 9_000 } as const;
const toastsMax = 3;

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

export function showToast(kind: Toast["kind"], text: string, undo?: Toast["undo"]): void {
  lastId += 1;
  const id = lastId;
  change([...toasts, { id, kind, text, ...(undo === undefined ? {} : { undo }) }].slice(-toastsMax));
  setTimeout(() => drop(id), shownMs[kind]);
}

function drop(id: number): void {
  change(toasts.filter((toast) => toast.id !== id));
}

function change(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-0 bottom-20 z-60 flex flex-col items-center gap-2 px-4"
    >
      {shown.map((toast) => (
        <div
          key={toast.id}
          className={cx(
            "flex max-w-md items-center gap-2.5 rounded-xl px-4 py-2.5 text-sm shadow-pop",
            toast.kind === "error" ? "bg-danger-soft text-danger" : "bg-ink text-panel",
          )}
        >
          {toast.kind === "error" ? <CircleAlert size={17} aria-hidden /> : <CircleCheck size={17} aria-hidden />}
          <span dir="auto">{toast.text}</span>
          {toast.undo === undefined ? null : (
            <button
              type="button"
              className="pointer-events-auto font-semibold underline"
              onClick={() => {
                toast.undo?.run();
                drop(toast.id);
              }}
            >
              {toast.undo.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
