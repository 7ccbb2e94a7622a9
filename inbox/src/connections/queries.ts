/** What is read about numbers. All keys begin with `connections`, so that `connection.changed` makes them stale (`data/workspace.ts`). */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { Connection, ConnectionStatus } from "../../../src/contract/connections.ts";
import type { Sending } from "../../../src/contract/sends.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

type Page = { data: Connection[]; next: string | null };

const pageMax = 50;

export function useConnectionPages() {
  const { api } = useWorkspace();
  return useInfiniteQuery({
    queryKey: ["connections", "pages"],
    queryFn: ({ pageParam, signal }) => api.call<Page>("connections", { query: { after: pageParam, limit: pageMax }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }: Page) => next,
  });
}

export function useConnection(id: string) {
  const { api } = useWorkspace();
  return useQuery({ queryKey: ["connections", id], queryFn: ({ signal }) => api.call<Connection>(`connections/${id}`, { signal }) });
}

export function useConnectionStatus(id: string) {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: ["connections", id, "status"],
    queryFn: ({ signal }) => api.call<ConnectionStatus>(`connections/${id}/status`, { signal }),
  });
}

export function useSending(id: string) {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: ["connections", id, "sending"],
    queryFn: ({ signal }) => api.call<Sending>(`connections/${id}/sending`, { signal }),
    staleTime: 5_000,
  });
}
