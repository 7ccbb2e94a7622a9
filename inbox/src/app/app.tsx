/** From nothing to a tenant's inbox: appearance → texts → session → workspace → router. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { Session } from "../../../src/contract/people.ts";
import { ApiError } from "../data/api.ts";
import { openWorkspace, type Workspace } from "../data/workspace.ts";
import { Toasts } from "../ui/toast.tsx";
import { AppearanceProvider, useAppearance } from "./appearance.tsx";
import { router } from "./router.tsx";
import { readSession } from "./session.ts";
import { SignedOut } from "./signed-out.tsx";
import { Splash, Trouble } from "./splash.tsx";
import { TextProvider } from "./text.tsx";
import { announceIncoming, announceNote } from "./notifications.ts";
import { WorkspaceProvider } from "./workspace-context.tsx";

const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 60_000, refetchOnWindowFocus: false, retry: (count, error) => count < 2 && !(error instanceof ApiError) },
  },
});
const tenantKey = "kesher.tenant";
const retryMs = 3_000;

type State =
  | { kind: "starting" }
  | { kind: "signed-out" }
  | { kind: "unreachable" }
  | { kind: "no-tenant"; session: Session }
  | { kind: "ready"; workspace: Workspace };

export function App() {
  return (
    <AppearanceProvider>
      <TextProvider>
        <QueryClientProvider client={queries}>
          <Signed />
          <Toasts />
        </QueryClientProvider>
      </TextProvider>
    </AppearanceProvider>
  );
}

function Signed() {
  const { suggestLocale } = useAppearance();
  const [wanted, setWanted] = useState<{ tenantId: string | null; tries: number }>(() => ({
    tenantId: sessionStorage.getItem(tenantKey),
    tries: 0,
  }));
  const [state, setState] = useState<State>({ kind: "starting" });

  useEffect(() => {
    const abort = new AbortController();
    let opened: Workspace | null = null;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const start = async (): Promise<void> => {
      const session = await readSession(wanted.tenantId, abort.signal).catch((error: unknown) => {
        // A tenant that this person no longer belongs to.
        if (wanted.tenantId !== null && error instanceof ApiError && error.status !== 401) return readSession(null, abort.signal);
        throw error;
      });
      if (session.tenant === null) return setState({ kind: "no-tenant", session });
      suggestLocale(session.tenant.locale);
      queries.clear();
      const workspace = await openWorkspace({
        session,
        tenantId: session.tenant.id,
        queries,
        onSignedOut: () => setState({ kind: "signed-out" }),
        onIncoming: (event) => announceIncoming(event),
        onNote: (event) => announceNote(event),
      });
      opened = workspace;
      if (abort.signal.aborted) workspace.stop();
      else setState({ kind: "ready", workspace });
    };
    start().catch((error: unknown) => {
      if (abort.signal.aborted) return;
      if (error instanceof ApiError && error.status === 401) return setState({ kind: "signed-out" });
      setState({ kind: "unreachable" });
      timer = setTimeout(() => setWanted((before) => ({ ...before, tries: before.tries + 1 })), retryMs);
    });
    return () => {
      abort.abort();
      opened?.stop();
      if (timer !== null) clearTimeout(timer);
    };
    // The suggestion of a locale is a setter.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [wanted]);

  const switchTenant = (tenantId: string): void => {
    sessionStorage.setItem(tenantKey, tenantId);
    setState({ kind: "starting" });
    setWanted({ tenantId, tries: 0 });
  };

  switch (state.kind) {
    case "starting":
      return <Splash />;
    case "signed-out":
      return <SignedOut />;
    case "unreachable":
      return <Trouble kind="unreachable" />;
    case "no-tenant":
      return <Trouble kind="no-tenant" />;
    case "ready":
      return (
        <WorkspaceProvider workspace={state.workspace} switchTenant={switchTenant}>
          <RouterProvider router={router} />
        </WorkspaceProvider>
      );
    default:
      return state satisfies never;
  }
}
