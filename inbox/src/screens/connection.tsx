/** One number: how it is, check by check, with what to do; its sending; its set-up; a new token; disconnecting. */
import { Link, useParams } from "@tanstack/react-router";
import { ArrowLeft, RefreshCw } from "lucide-react";
import { useState } from "react";
import type { Connection } from "../../../src/contract/connections.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Checks } from "../connections/checks.tsx";
import { HealthBadge } from "../connections/health-badge.tsx";
import { Identifiers } from "../connections/identifiers.tsx";
import { useConnection, useConnectionStatus } from "../connections/queries.ts";
import { SendingCard } from "../connections/sending-card.tsx";
import { SetUpSteps } from "../connections/set-up-steps.tsx";
import { useConnectionDeeds } from "../connections/use-connection-deeds.ts";
import { TokenAndEnd, type Asked } from "../connections/token-and-end.tsx";
import { Bdi, Phone, Skeleton, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Page } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

export function Screen() {
  const text = useText();
  const { connectionId } = useParams({ strict: false });
  const { data, isError, refetch } = useConnection(connectionId ?? "");
  const back = (
    <Link
      to="/connections"
      className="inline-flex min-h-9 items-center gap-1.5 rounded-lg px-2 text-sm text-soft hover:bg-hover hover:text-ink"
    >
      <ArrowLeft size={16} aria-hidden className="directional" />
      {text("to_list")}
    </Link>
  );
  return (
    <Page title={text("nav_connections")} actions={back}>
      {data === undefined ? (
        isError ? (
          <ReadTrouble title={text("status_failed_to_read")} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="h-40 rounded-2xl" />
        )
      ) : (
        <Whole connection={data} />
      )}
    </Page>
  );
}

function Whole({ connection }: { connection: Connection }) {
  const text = useText();
  const { session } = useWorkspace();
  const isManager = can(session, "manage");
  const status = useConnectionStatus(connection.id);
  const deeds = useConnectionDeeds(connection.id);
  const [asked, setAsked] = useState<Asked>(null);
  const isConnected = connection.state === "connected";
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="flex min-w-0 grow flex-col gap-1">
          <h2 className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xl font-semibold">
            <Phone digits={connection.displayPhoneNumber ?? connection.phoneNumberId} />
            <HealthBadge connection={{ state: connection.state, health: status.data?.health ?? connection.health }} />
          </h2>
          <p className="flex flex-wrap gap-x-4 text-sm text-soft">
            {connection.verifiedName === null ? null : <Bdi>{connection.verifiedName}</Bdi>}
            {connection.isCoexistence ? <span>{text("connection_in_app")}</span> : null}
            <CheckedAt at={status.data?.checkedAt ?? connection.checkedAt} />
          </p>
        </div>
        {isConnected ? (
          <Button
            disabled={!isManager || deeds.probe.isRunning}
            title={isManager ? undefined : text("needs_manager")}
            onClick={deeds.probe.run}
          >
            <RefreshCw size={16} aria-hidden className={deeds.probe.isRunning ? "animate-spin" : ""} />
            {text(deeds.probe.isRunning ? "probing" : "probe_now")}
          </Button>
        ) : null}
      </div>
      {connection.state === "connected" ? null : (
        <p className="rounded-xl bg-amber-soft px-4 py-3 text-sm text-amber">{text(`connection_${connection.state}_hint`)}</p>
      )}
      {status.data === undefined && status.isError ? (
        <ReadTrouble title={text("status_failed_to_read")} onRetry={() => void status.refetch()} />
      ) : null}
      {status.data === undefined ? null : (
        <>
          {isConnected ? (
            <Checks
              status={status.data}
              acts={{
                isManager,
                isRunning: deeds.setUp.isRunning,
                giveToken: () => setAsked("token"),
                setUp: (steps) => deeds.setUp.run(steps, null),
                managerUrl: `https://business.facebook.com/latest/whatsapp_manager/phone_numbers?asset_id=${encodeURIComponent(connection.wabaId)}`,
              }}
            />
          ) : null}
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <SendingCard connectionId={connection.id} isManager={isManager} />
            <SetUpSteps status={status.data} deeds={deeds} isManager={isManager} />
          </div>
        </>
      )}
      <Identifiers connection={connection} />
      <TokenAndEnd connection={connection} deeds={deeds} isManager={isManager} asked={asked} setAsked={setAsked} />
    </div>
  );
}

function CheckedAt({ at }: { at: string | null }) {
  const text = useText();
  if (at === null) return <span>{text("connection_never_checked")}</span>;
  const [before = "", after = ""] = text("connection_checked", { at: "\u0001" }).split("\u0001");
  return (
    <span>
      {before}
      <Time at={at} />
      {after}
    </span>
  );
}
