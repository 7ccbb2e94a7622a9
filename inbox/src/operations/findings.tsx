import { Link } from "@tanstack/react-router";
import { ChevronRight, OctagonAlert, TriangleAlert } from "lucide-react";
import type { Finding, FindingCode } from "../../../src/contract/platform.ts";
import { useText } from "../app/text.tsx";
import { cx } from "../ui/cx.ts";
import { useAge } from "./use-age.ts";

/** Where one goes on; null: it is nothing that a screen can mend. */
const places: Readonly<Record<FindingCode, "/parked" | "/parked/deliveries" | "/parked/tenants" | null>> = {
  inbound_late: "/parked/deliveries",
  sends_late: null,
  no_sender: null,
  parked_crashed: "/parked",
  connections_failing: null,
  forwards_late: null,
  inbound_silent: "/parked/deliveries",
  parked: "/parked",
  sending_paused: null,
  endpoints_paused: null,
  quotas_spent: "/parked/tenants",
};

/** Each with its sentence and what to do; the gravest on top. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  const text = useText();
  return (
    <ul aria-label={text("platform_findings")} className="flex flex-col gap-2">
      {findings.map((finding) => (
        <One key={finding.code} finding={finding} />
      ))}
    </ul>
  );
}

function One({ finding: { code, state, count, since } }: { finding: Finding }) {
  const text = useText();
  const age = useAge();
  const isGrave = state === "problem";
  const Icon = isGrave ? OctagonAlert : TriangleAlert;
  const to = places[code];
  return (
    <li
      data-finding={code}
      className={cx("flex items-start gap-3 rounded-2xl p-4", isGrave ? "bg-danger-soft text-danger" : "border border-line bg-raised")}
    >
      <Icon size={22} aria-hidden className={cx("mt-0.5 shrink-0", !isGrave && "text-amber")} />
      <div className="min-w-0 grow">
        <p className="font-semibold">
          {text(`finding_${code}`, { count: count ?? 0 })}
          {since === null ? null : <span className="ms-2 text-sm font-normal">{age(since)}</span>}
        </p>
        <p className={cx("text-sm", isGrave ? "" : "text-soft")}>{text(`finding_${code}_do`)}</p>
      </div>
      {to === null ? null : (
        <Link to={to} className="flex min-h-9 shrink-0 items-center gap-1 rounded-lg px-2 text-sm font-medium hover:bg-hover">
          {text("platform_look")}
          <ChevronRight size={16} aria-hidden className="directional" />
        </Link>
      )}
    </li>
  );
}
