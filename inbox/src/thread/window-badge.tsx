import { Hourglass, Lock } from "lucide-react";
import type { Window } from "../../../src/contract/conversations.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useNow } from "../data/clock.ts";
import { windowNow } from "../data/window.ts";
import { cx } from "../ui/cx.ts";

/** How long one may still write freely; counts down by itself. */
export function WindowBadge({ window }: { window: Window }) {
  const text = useText();
  const formats = useFormats();
  const { state, leftMs } = windowNow(window, useNow());
  const isOpen = leftMs > 0;
  return (
    <span
      data-testid="window"
      data-state={state}
      title={window.expiresAt === null ? text("window_never") : text("window_until", { at: formats.full(window.expiresAt) })}
      className={cx(
        "inline-flex shrink-0 items-center gap-1.5 rounded-full px-2.5 py-1 text-xs font-medium",
        state === "closing" ? "bg-amber-soft text-amber" : isOpen ? "bg-accent-soft text-accent" : "bg-sunken text-soft",
      )}
    >
      {isOpen ? <Hourglass size={13} aria-hidden /> : <Lock size={13} aria-hidden />}
      {isOpen ? (
        <>
          <span className="max-lg:sr-only">{text("window_left")}</span>
          <bdi dir="ltr" className="tabular-nums">
            {formats.countdown(leftMs)}
          </bdi>
        </>
      ) : (
        text(state === "never" ? "window_never_short" : "window_closed")
      )}
    </span>
  );
}
