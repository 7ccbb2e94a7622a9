import { CircleAlert, CircleCheck, CircleDashed, CircleHelp, Link2Off, TriangleAlert, type LucideIcon } from "lucide-react";
import type { CheckState, Connection } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { Badge } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";

const icons: Readonly<Record<CheckState, LucideIcon>> = {
  ok: CircleCheck,
  warning: TriangleAlert,
  problem: CircleAlert,
  unknown: CircleHelp,
};
const tones = { ok: "accent", warning: "amber", problem: "danger", unknown: "plain" } as const;
const colors = { ok: "text-accent", warning: "text-amber", problem: "text-danger", unknown: "text-faint" } as const;

/** How a number is, in a word: whether it is connected at all, and then its gravest check. */
export function HealthBadge({ connection }: { connection: Pick<Connection, "state"> & { health: { state: CheckState } } }) {
  const text = useText();
  if (connection.state !== "connected") {
    const Icon = connection.state === "disconnected" ? Link2Off : CircleDashed;
    return (
      <Badge>
        <Icon size={13} aria-hidden />
        {text(`connection_${connection.state}`)}
      </Badge>
    );
  }
  const { state } = connection.health;
  const Icon = icons[state];
  return (
    <Badge tone={tones[state]}>
      <Icon size={13} aria-hidden />
      {text(`health_${state}`)}
    </Badge>
  );
}

export function CheckIcon({ state, className }: { state: CheckState; className?: string }) {
  const Icon = icons[state];
  return <Icon size={19} aria-hidden className={cx("shrink-0", colors[state], className)} />;
}
