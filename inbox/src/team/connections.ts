import { useQuery } from "@tanstack/react-query";
import type { Connection } from "../../../src/contract/connections.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly Connection[] = [];

/** The tenant's numbers; none until they are here. */
export function useConnections(): readonly Connection[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["connections"],
    queryFn: async () => (await api.call<{ data: Connection[] }>("connections")).data,
    staleTime: 5 * 60_000,
  });
  return data ?? none;
}
