/** The tenant's numbers and how they are: what is wrong stands in the list already. */
import { Link } from "@tanstack/react-router";
import { Cable, ChevronRight, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import type { Connection } from "../../../src/contract/connections.ts";
import { useSentence } from "../app/sentence.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { HealthBadge } from "../connections/health-badge.tsx";
import { useConnectionPages } from "../connections/queries.ts";
import { Bdi, EmptyState, Phone, Skeleton, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Page } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

const ConnectDialog = lazy(async () => ({ default: (await import("../connections/connect-dialog.tsx")).ConnectDialog }));

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  const [isConnecting, setIsConnecting] = useState(false);
  const isManager = can(session, "manage");
  const connect = (
    <Button
      look="primary"
      disabled={!isManager}
      title={isManager ? undefined : text("needs_manager")}
      onClick={() => setIsConnecting(true)}
    >
      <Plus size={17} aria-hidden />
      {text("connect")}
    </Button>
  );
  return (
    <Page title={text("nav_connections")} actions={connect}>
      <List isManager={isManager} onConnect={() => setIsConnecting(true)} />
      {isConnecting ? (
        <Suspense fallback={null}>
          <ConnectDialog onClose={() => setIsConnecting(false)} />
        </Suspense>
      ) : null}
    </Page>
  );
}

function List({ isManager, onConnect }: { isManager: boolean; onConnect: () => void }) {
  const text = useText();
  const { data, isError, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useConnectionPages();
  if (data === undefined) {
    if (isError) return <ReadTrouble title={text("connections_failed")} onRetry={() => void refetch()} />;
    return (
      <div aria-hidden className="flex flex-col gap-3">
        <Skeleton className="h-24 rounded-2xl" />
        <Skeleton className="h-24 rounded-2xl" />
      </div>
    );
  }
  const rows = data.pages.flatMap((page) => page.data);
  if (rows.length === 0) {
    return (
      <div className="flex py-10">
        <EmptyState icon={<Cable size={36} aria-hidden />} title={text("connections_empty")}>
          {text(isManager ? "connections_empty_hint" : "connections_empty_hint_reader")}
          {isManager ? (
            <div className="mt-4">
              <Button look="primary" onClick={onConnect}>
                {text("connect")}
              </Button>
            </div>
          ) : null}
        </EmptyState>
      </div>
    );
  }
  return (
    <>
      <ul aria-label={text("nav_connections")} className="flex flex-col gap-3">
        {rows.map((one) => (
          <li key={one.id}>
            <Row connection={one} />
          </li>
        ))}
      </ul>
      {hasNextPage ? (
        <div className="mt-4 flex justify-center">
          <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {text("connections_more")}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function Row({ connection }: { connection: Connection }) {
  const text = useText();
  const inLanguage = useSentence();
  const { health, state, lastSeenAt, verifiedName } = connection;
  const isTroubled = state === "connected" && health.sentence !== null && health.state !== "unknown";
  return (
    <Link
      to="/connections/$connectionId"
      params={{ connectionId: connection.id }}
      className="flex items-center gap-4 rounded-2xl border border-line bg-raised p-4 transition-colors hover:border-accent"
    >
      <span className="flex min-w-0 grow flex-col gap-1.5">
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <Phone digits={connection.displayPhoneNumber ?? connection.phoneNumberId} className="font-semibold" />
          {verifiedName === null ? null : <Bdi className="text-soft">{verifiedName}</Bdi>}
          <HealthBadge connection={connection} />
        </span>
        {isTroubled && health.sentence !== null ? (
          <span className={health.state === "problem" ? "text-sm text-danger" : "text-sm text-amber"}>{inLanguage(health.sentence)}</span>
        ) : null}
        <span className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-faint">
          {lastSeenAt === null ? (
            <span>{text("connection_never_seen")}</span>
          ) : (
            <span>
              {text("connection_last_seen")}: <Time at={lastSeenAt} />
            </span>
          )}
          {connection.isCoexistence ? <span>{text("connection_in_app")}</span> : null}
        </span>
      </span>
      <ChevronRight size={18} aria-hidden className="directional shrink-0 text-faint" />
    </Link>
  );
}
