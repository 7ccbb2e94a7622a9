/** How the platform is, for its operator: first what is wrong and what to do, then the numbers. */
import { useQuery } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import type { ReactNode } from "react";
import type { PlatformState } from "../../../src/contract/platform.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { FailingConnections } from "../operations/failing-connections.tsx";
import { Findings } from "../operations/findings.tsx";
import { ListSkeleton } from "../operations/list-end.tsx";
import { OperatorOnly } from "../operations/operator-only.tsx";
import { OperationsTabs } from "../operations/tabs.tsx";
import { useAge } from "../operations/use-age.ts";
import { Page } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

/** No stream tells of all tenants at once, so that it is asked for while somebody looks. */
const lookMs = 5_000;

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  return <Page title={text("platform")}>{session.isOperator ? <Platform /> : <OperatorOnly />}</Page>;
}

function Platform() {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const { data, isError, refetch } = useQuery({
    queryKey: ["platform"],
    queryFn: ({ signal }) => api.call<PlatformState>("platform/state", { query: { tenantId: null }, signal }),
    refetchInterval: lookMs,
    staleTime: 0,
  });
  return (
    <>
      <OperationsTabs />
      {data === undefined ? (
        isError ? (
          <ReadTrouble title={text("platform_failed")} onRetry={() => void refetch()} />
        ) : (
          <ListSkeleton />
        )
      ) : (
        <div className="flex flex-col gap-4 pb-10">
          {isError ? <p className="text-sm text-danger">{text("platform_stale", { at: formats.full(data.at) })}</p> : null}
          {data.findings.length === 0 ? <AllWell /> : <Findings findings={data.findings} />}
          <Figures state={data} />
          <FailingConnections connections={data.connections} />
          <p className="text-xs text-faint">
            {text("platform_version", { version: `\u2066${data.version}\u2069`, at: formats.full(data.at) })}
          </p>
        </div>
      )}
    </>
  );
}

function AllWell() {
  const text = useText();
  return (
    <p role="status" className="flex items-center gap-3 rounded-2xl bg-accent-soft p-4 text-lg font-semibold text-accent">
      <CircleCheck size={26} aria-hidden />
      {text("platform_well")}
    </p>
  );
}

function Figures({ state: { inbound, parked, outbound, forwarding, connections, tenants, nodes } }: { state: PlatformState }) {
  const text = useText();
  const formats = useFormats();
  const age = useAge();
  const aside = parked.reduce((sum, { count }) => sum + count, 0);
  const alive = nodes.filter(({ isAlive }) => isAlive).length;
  const waitingHint = (at: string | null): string =>
    at === null ? text("platform_nothing_waits") : text("platform_oldest", { age: age(at) });
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Figure label={text("platform_inbound")} hint={waitingHint(inbound.oldestAt)}>
        {formats.number(inbound.count)}
      </Figure>
      <Figure
        label={text("platform_per_minute")}
        hint={inbound.lastAt === null ? text("platform_never") : text("platform_last", { age: age(inbound.lastAt) })}
      >
        {formats.number(inbound.lastMinute)}
      </Figure>
      <Figure label={text("platform_outbound")} hint={waitingHint(outbound.oldestAt)}>
        {formats.number(outbound.count)}
      </Figure>
      <Figure label={text("platform_parked")} hint={parked.length === 0 ? text("platform_none") : <Reasons parked={parked} />}>
        {formats.number(aside)}
      </Figure>
      <Figure label={text("platform_forwards")} hint={waitingHint(forwarding.oldestAt)}>
        {formats.number(forwarding.count)}
      </Figure>
      <Figure label={text("platform_connections")} hint={text("platform_failing", { count: connections.failing })}>
        {formats.number(connections.connected)}
      </Figure>
      <Figure label={text("platform_tenants")} hint={text("platform_quota_spent", { count: tenants.quotaSpent })}>
        {formats.number(tenants.open)}
      </Figure>
      <Figure label={text("platform_nodes")} hint={text("platform_scheduled", { count: outbound.scheduled })}>
        {formats.number(alive)}
      </Figure>
    </dl>
  );
}

function Reasons({ parked }: { parked: PlatformState["parked"] }) {
  const text = useText();
  const formats = useFormats();
  return parked.map(({ reason, count }) => {
    const known = reasons.find((one) => one === reason);
    return (
      <span key={reason} className="block">
        {known === undefined ? reason : text(`ops_reason_${known}`)}: {formats.number(count)}
      </span>
    );
  });
}

const reasons = ["unreadable", "unrouted", "number_mismatch", "bad_update", "rejected_by_database", "crashed_worker"] as const;

function Figure({ label, hint, children }: { label: string; hint: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1 rounded-2xl border border-line bg-raised p-4">
      <dt className="text-sm text-soft">{label}</dt>
      <dd className="text-2xl font-semibold tabular-nums">{children}</dd>
      <dd className="text-xs text-faint">{hint}</dd>
    </div>
  );
}
