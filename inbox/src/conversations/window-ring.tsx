/** The customer's picture in the ring of the 24 hours: what is left of it, amber in the last hour, none when it is over. */
import type { Window } from "../../../src/contract/conversations.ts";
import { useNow } from "../data/clock.ts";
import { dayMs, windowNow } from "../data/window.ts";
import { Avatar } from "../ui/bits.tsx";

const minuteMs = 60_000;
const radius = 23;
const length = 2 * Math.PI * radius;

export function RingedAvatar({ name, seed, window }: { name: string; seed: string; window: Window }) {
  const { state, leftMs } = windowNow(window, useNow(minuteMs));
  return (
    <span className="relative grid size-12 shrink-0 place-items-center">
      <Avatar name={name} seed={seed} size={40} />
      {leftMs > 0 ? (
        <svg aria-hidden viewBox="0 0 48 48" className="absolute inset-0 -rotate-90">
          <circle
            cx="24"
            cy="24"
            r={radius}
            fill="none"
            strokeWidth="2"
            strokeLinecap="round"
            strokeDasharray={`${(length * leftMs) / dayMs} ${length}`}
            className={state === "closing" ? "stroke-amber" : "stroke-accent"}
          />
        </svg>
      ) : null}
    </span>
  );
}
