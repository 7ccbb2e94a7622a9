import { useIntl } from "react-intl";
import type { OverviewCounts } from "../../../src/contract/overview.ts";
import { useFormats, useText } from "../app/text.tsx";
import { Card } from "../ui/card.tsx";
import { shareOf } from "./figures.ts";

/** What of ours went out freely inside the window, and what needed a template. */
export function WindowUse({ totals }: { totals: OverviewCounts }) {
  const text = useText();
  const formats = useFormats();
  const { formatNumber } = useIntl();
  const parts = [
    { key: "overview_freeform", count: totals.freeform, color: "bg-accent" },
    { key: "overview_templates", count: totals.templates, color: "bg-amber" },
  ] as const;
  return (
    <Card title={text("overview_window")}>
      <span aria-hidden className="flex h-3 gap-0.5 overflow-hidden rounded-full bg-sunken">
        {parts.map(({ key, count, color }) => (
          <span key={key} className={color} style={{ width: `${(shareOf(count, totals.outbound) ?? 0) * 100}%` }} />
        ))}
      </span>
      <dl className="flex flex-col gap-2 text-sm">
        {parts.map(({ key, count, color }) => (
          <div key={key} className="flex items-baseline gap-2">
            <dt className="flex grow items-baseline gap-2">
              <span aria-hidden className={`size-2.5 shrink-0 rounded-sm ${color}`} />
              {text(key)}
            </dt>
            <dd className="font-medium tabular-nums">{formats.number(count)}</dd>
            <dd className="w-12 text-end text-xs text-soft tabular-nums">
              {formatNumber(shareOf(count, totals.outbound) ?? 0, { style: "percent" })}
            </dd>
          </div>
        ))}
      </dl>
      <p className="text-xs text-faint">{text("overview_automatic", { count: formats.number(totals.automatic) })}</p>
    </Card>
  );
}
