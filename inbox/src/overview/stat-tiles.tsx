/** The four figures that one looks at first, each against the time before. */
import { ArrowDownRight, ArrowUpRight } from "lucide-react";
import type { ReactNode } from "react";
import { useIntl } from "react-intl";
import type { Overview } from "../../../src/contract/overview.ts";
import { useFormats, useText } from "../app/text.tsx";
import { cx } from "../ui/cx.ts";
import { changeOf, durationText, shareOf } from "./figures.ts";

export function StatTiles({ now, before }: { now: Overview; before: Overview | undefined }) {
  const text = useText();
  const formats = useFormats();
  const { locale, formatNumber } = useIntl();
  const percent = (share: number | null): string => (share === null ? "–" : formatNumber(share, { style: "percent" }));
  const delivered = ({ totals }: Overview): number | null => shareOf(totals.delivered, totals.outbound);
  const median = ({ responses }: Overview): number | null => responses.all.medianMs;
  const medianNow = median(now);
  const compare = (read: (overview: Overview) => number | null): number | null =>
    before === undefined ? null : changeOf(read(now), read(before));
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Tile label={text("overview_inbound")} change={compare(({ totals }) => totals.inbound)}>
        {formats.number(now.totals.inbound)}
      </Tile>
      <Tile label={text("overview_outbound")} change={compare(({ totals }) => totals.outbound)}>
        {formats.number(now.totals.outbound)}
      </Tile>
      <Tile label={text("overview_delivered_share")} change={compare(delivered)} good="more">
        {percent(delivered(now))}
      </Tile>
      <Tile label={text("overview_answer_time")} change={compare(median)} good="less">
        {medianNow === null ? "–" : durationText(medianNow, locale)}
      </Tile>
    </dl>
  );
}

/** `good`: whether more of it is better, less, or neither. */
function Tile({ label, change, good, children }: { label: string; change: number | null; good?: "more" | "less"; children: ReactNode }) {
  const text = useText();
  const { formatNumber } = useIntl();
  const isFlat = change === null || Math.abs(change) < 0.005;
  const isBetter = change !== null && good !== undefined && change > 0 === (good === "more");
  const Arrow = change !== null && change < 0 ? ArrowDownRight : ArrowUpRight;
  const share = change === null ? "" : `\u2066${formatNumber(change, { style: "percent", signDisplay: "exceptZero" })}\u2069`;
  return (
    <div className="flex flex-col gap-1 rounded-2xl border border-line bg-raised p-4">
      <dt className="text-sm text-soft">{label}</dt>
      <dd className="text-2xl font-semibold tabular-nums">{children}</dd>
      {isFlat ? null : (
        <dd className={cx("flex items-center gap-1 text-xs", good === undefined ? "text-faint" : isBetter ? "text-accent" : "text-amber")}>
          <Arrow size={13} aria-hidden className="directional shrink-0" />
          {text("overview_change", { share })}
        </dd>
      )}
    </div>
  );
}
