import { useIntl } from "react-intl";
import type { OverviewCounts } from "../../../src/contract/overview.ts";
import { useFormats, useText } from "../app/text.tsx";
import { Card } from "../ui/card.tsx";
import { shareOf } from "./figures.ts";

const steps = ["outbound", "sent", "delivered", "read", "failed"] as const;

/** How far our messages got. */
export function Funnel({ totals }: { totals: OverviewCounts }) {
  const text = useText();
  const formats = useFormats();
  const { formatNumber } = useIntl();
  return (
    <Card title={text("overview_funnel")}>
      <dl className="flex flex-col gap-2.5">
        {steps.map((step) => {
          const share = shareOf(totals[step], totals.outbound) ?? 0;
          return (
            <div key={step} className="grid grid-cols-[1fr_auto_3rem] items-baseline gap-x-2 gap-y-1 text-sm">
              <dt>{text(`overview_step_${step}`)}</dt>
              <dd className="font-medium tabular-nums">{formats.number(totals[step])}</dd>
              <dd className="text-end text-xs text-soft tabular-nums">{formatNumber(share, { style: "percent" })}</dd>
              <dd aria-hidden className="col-span-3 h-2 overflow-hidden rounded-full bg-sunken">
                <span
                  className={`block h-full rounded-full ${step === "failed" ? "bg-danger" : "bg-accent"}`}
                  style={{ width: `${share * 100}%` }}
                />
              </dd>
            </div>
          );
        })}
      </dl>
      <p className="text-xs text-faint">{text("overview_read_hint")}</p>
    </Card>
  );
}
