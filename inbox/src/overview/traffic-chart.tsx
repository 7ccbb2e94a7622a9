/** Messages in and out over time: columns, drawn by ourselves; the same as a table for who cannot or will not look at columns. */
import { ChartColumn, Table2 } from "lucide-react";
import { useEffect, useRef, useState, type PointerEvent } from "react";
import type { Overview } from "../../../src/contract/overview.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useFormats, useText } from "../app/text.tsx";
import { IconButton } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Table } from "../ui/page.tsx";
import { axisOf, labelEvery } from "./figures.ts";
import { useZone } from "./use-zone.ts";

type Point = Overview["series"][number];

export function TrafficChart({ overview }: { overview: Overview }) {
  const text = useText();
  const formats = useFormats();
  const zone = useZone(overview);
  const [isTable, setIsTable] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const { series, totals } = overview;
  const pointed = at === null ? undefined : series[at];
  return (
    <Card
      title={text("overview_traffic")}
      actions={
        <IconButton label={text(isTable ? "overview_as_chart" : "overview_as_table")} onClick={() => setIsTable(!isTable)}>
          {isTable ? <ChartColumn size={17} aria-hidden /> : <Table2 size={17} aria-hidden />}
        </IconButton>
      }
    >
      {isTable ? (
        // A region that scrolls is scrolled by keys, too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div role="region" aria-label={text("overview_traffic")} tabIndex={0} className="max-h-80 overflow-y-auto">
          <Table
            caption={text("overview_traffic")}
            keyOf={(point: Point) => point.at}
            rows={series}
            columns={[
              { title: text("overview_time"), show: (point) => zone.long(point.at) },
              { title: text("overview_inbound"), isNumber: true, show: (point) => formats.number(point.inbound) },
              { title: text("overview_outbound"), isNumber: true, show: (point) => formats.number(point.outbound) },
              { title: text("overview_step_failed"), isNumber: true, show: (point) => formats.number(point.failed) },
            ]}
          />
        </div>
      ) : (
        <>
          <p className="flex min-h-5 flex-wrap gap-x-4 gap-y-1 text-sm text-soft">
            {pointed === undefined ? null : <span className="font-medium text-ink">{zone.long(pointed.at)}</span>}
            <Legend color="bg-read" label={text("overview_inbound")} value={formats.number((pointed ?? totals).inbound)} />
            <Legend color="bg-accent" label={text("overview_outbound")} value={formats.number((pointed ?? totals).outbound)} />
          </p>
          <Columns
            series={series}
            label={text("overview_traffic_label", { inbound: formats.number(totals.inbound), outbound: formats.number(totals.outbound) })}
            at={at}
            onPoint={setAt}
            short={zone.short}
          />
        </>
      )}
    </Card>
  );
}

function Legend({ color, label, value }: { color: string; label: string; value: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className={`size-2.5 rounded-sm ${color}`} />
      {label} <bdi className="font-medium text-ink tabular-nums">{value}</bdi>
    </span>
  );
}

const height = 220;
const bottom = 22;
const side = 40;
const labelPx = 64;

/** Time runs as the language reads. */
function Columns({
  series,
  label,
  at,
  onPoint,
  short,
}: {
  series: readonly Point[];
  label: string;
  at: number | null;
  onPoint: (at: number | null) => void;
  short: (at: string) => string;
}) {
  const { direction } = useAppearance();
  const formats = useFormats();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const plotWidth = Math.max(0, width - side);
  const { top, ticks } = axisOf(Math.max(...series.flatMap(({ inbound, outbound }) => [inbound, outbound])));
  const slot = plotWidth / Math.max(1, series.length);
  const bar = Math.min(18, Math.max(1, slot * 0.36));
  const scale = (value: number): number => (value / top) * (height - bottom - 8);
  const mirror = (x: number, size = 0): number => (direction === "rtl" ? width - x - size : x);
  const every = labelEvery(series.length, Math.floor(plotWidth / labelPx));
  const pointedAt = (event: PointerEvent): number | null => {
    const { left } = event.currentTarget.getBoundingClientRect();
    const index = Math.floor((mirror(event.clientX - left) - side) / slot);
    return index >= 0 && index < series.length ? index : null;
  };
  return (
    <div ref={box} className="w-full" style={{ height }}>
      {width === 0 ? null : (
        <svg
          role="img"
          aria-label={label}
          width={width}
          height={height}
          onPointerMove={(event) => onPoint(pointedAt(event))}
          onPointerDown={(event) => onPoint(pointedAt(event))}
          onPointerLeave={() => onPoint(null)}
        >
          {ticks.map((tick) => {
            const y = height - bottom - scale(tick);
            return (
              <g key={tick}>
                <line x1={mirror(side)} x2={mirror(width)} y1={y} y2={y} className="stroke-line" />
                <text x={mirror(side - 8)} y={y + 4} textAnchor="end" className="fill-faint text-[11px] tabular-nums">
                  {formats.number(tick)}
                </text>
              </g>
            );
          })}
          {series.map((point, index) => {
            const x = side + index * slot;
            const pair = [
              { value: point.inbound, look: "fill-read", from: x + slot / 2 - bar - 0.5 },
              { value: point.outbound, look: "fill-accent", from: x + slot / 2 + 0.5 },
            ];
            return (
              <g key={point.at}>
                {index === at ? <rect x={mirror(x, slot)} y={0} width={slot} height={height - bottom} className="fill-hover" /> : null}
                {pair.map(({ value, look, from }) => {
                  const tall = value === 0 ? 0 : Math.max(1.5, scale(value));
                  return (
                    <rect
                      key={look}
                      x={mirror(from, bar)}
                      y={height - bottom - tall}
                      width={bar}
                      height={tall}
                      rx={Math.min(2, bar / 2)}
                      className={look}
                    />
                  );
                })}
                {index % every === 0 ? (
                  <text x={mirror(x + slot / 2)} y={height - 5} textAnchor="middle" className="fill-faint text-[11px]">
                    {short(point.at)}
                  </text>
                ) : null}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}

function useWidth(box: React.RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [box]);
  return width;
}
