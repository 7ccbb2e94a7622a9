/** What came in, what went out, what became of it, and how fast customers were answered. */
import { ChartColumn } from "lucide-react";
import { useState } from "react";
import { useIntl } from "react-intl";
import type { Overview } from "../../../src/contract/overview.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useNow } from "../data/clock.ts";
import { Busiest } from "../overview/busiest.tsx";
import { Failures } from "../overview/failures.tsx";
import { FirstSteps } from "../overview/first-steps.tsx";
import { Funnel } from "../overview/funnel.tsx";
import { RangeBar } from "../overview/range-bar.tsx";
import { dayOf, rangeOf, type RangeChoice } from "../overview/range.ts";
import { Responses } from "../overview/responses.tsx";
import { StatTiles } from "../overview/stat-tiles.tsx";
import { TrafficChart } from "../overview/traffic-chart.tsx";
import { useOverview } from "../overview/use-overview.ts";
import { WindowUse } from "../overview/window-use.tsx";
import { useConnections } from "../team/connections.ts";
import { EmptyState, Skeleton } from "../ui/bits.tsx";
import { Page } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

const minuteMs = 60_000;

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  const connections = useConnections();
  const [choice, setChoice] = useState<RangeChoice>({ kind: "week" });
  const [connectionId, setConnectionId] = useState<string | null>(null);
  const clock = { ms: useNow(minuteMs), timeZone: session.tenant?.timeZone ?? "UTC" };
  const chosen = rangeOf(choice, clock);
  const [kept, setKept] = useState(chosen);
  // While days are being typed, what was shown stays.
  if (chosen !== null && chosen.from + chosen.to !== (kept?.from ?? "") + (kept?.to ?? "")) setKept(chosen);
  const range = chosen ?? kept;
  if (range === null) return null;
  const lastMs = Date.parse(range.to) - 1;
  return (
    <Page title={text("nav_overview")}>
      <div className="flex flex-col gap-4">
        <RangeBar
          choice={choice}
          onChoose={setChoice}
          days={{ first: dayOf(Date.parse(range.from), clock.timeZone), last: dayOf(lastMs, clock.timeZone) }}
          isWrong={chosen === null}
          connections={connections}
          connectionId={connectionId}
          onConnection={setConnectionId}
        />
        <FirstSteps />
        <Figures range={range} connectionId={connectionId} />
      </div>
    </Page>
  );
}

function Figures({ range, connectionId }: { range: Parameters<typeof useOverview>[0]; connectionId: string | null }) {
  const text = useText();
  const { now, before } = useOverview(range, connectionId);
  if (now.data === undefined) {
    if (now.isError) return <ReadTrouble title={text("overview_failed")} onRetry={() => void now.refetch()} />;
    return <Waiting />;
  }
  const overview = now.data;
  const { totals } = overview;
  return (
    <div
      aria-busy={now.isPlaceholderData}
      className={`flex flex-col gap-4 transition-opacity ${now.isPlaceholderData ? "opacity-60" : ""}`}
    >
      {totals.inbound + totals.outbound === 0 ? (
        <div className="flex py-10">
          <EmptyState icon={<ChartColumn size={34} aria-hidden />} title={text("overview_empty")}>
            {text("overview_empty_hint")}
          </EmptyState>
        </div>
      ) : (
        <>
          <StatTiles now={overview} before={before} />
          <TrafficChart overview={overview} />
          <div className="grid gap-4 lg:grid-cols-2">
            <Funnel totals={totals} />
            <Responses responses={overview.responses} />
            <Busiest weeks={overview.busiestHours} />
            <WindowUse totals={totals} />
          </div>
          <Failures failures={overview.failures} />
        </>
      )}
      <CountedUntil overview={overview} />
    </div>
  );
}

function CountedUntil({ overview: { countedUntil, timeZone } }: { overview: Overview }) {
  const text = useText();
  const { formatTime } = useIntl();
  return (
    <p className="flex flex-wrap gap-x-3 text-xs text-faint">
      <span>{text("overview_zone", { zone: `\u2066${timeZone}\u2069` })}</span>
      {countedUntil === null ? null : (
        <span>{text("overview_counted", { at: formatTime(countedUntil, { timeZone, hour: "2-digit", minute: "2-digit" }) })}</span>
      )}
    </p>
  );
}

function Waiting() {
  return (
    <div aria-hidden className="flex flex-col gap-4">
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        {[0, 1, 2, 3].map((index) => (
          <Skeleton key={index} className="h-26 rounded-2xl" />
        ))}
      </div>
      <Skeleton className="h-72 rounded-2xl" />
      <div className="grid gap-4 lg:grid-cols-2">
        <Skeleton className="h-60 rounded-2xl" />
        <Skeleton className="h-60 rounded-2xl" />
      </div>
    </div>
  );
}
