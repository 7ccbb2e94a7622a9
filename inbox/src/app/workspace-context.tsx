import { createContext, useContext, useMemo, type ReactNode } from "react";
import type { Workspace } from "../data/workspace.ts";

type Provided = { workspace: Workspace; switchTenant: (tenantId: string) => void };
const Context = createContext<Provided | null>(null);

export function WorkspaceProvider({ workspace, switchTenant, children }: Provided & { children: ReactNode }) {
  const provided = useMemo(() => ({ workspace, switchTenant }), [workspace, switchTenant]);
  return <Context value={provided}>{children}</Context>;
}

/** The tenant's data, and what can be done with it. */
export function useWorkspace(): Workspace {
  return useProvided().workspace;
}

export function useSwitchTenant(): (tenantId: string) => void {
  return useProvided().switchTenant;
}

function useProvided(): Provided {
  const provided = useContext(Context);
  if (provided === null) throw new Error("There is no WorkspaceProvider");
  return provided;
}
