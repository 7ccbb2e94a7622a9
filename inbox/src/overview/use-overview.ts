import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Overview } from "../../../src/contract/overview.ts";
import { useWorkspace } from "../app/workspace-context.tsx";
import type { Range } from "./range.ts";

/** What was counted in a range, and in the same time before it. Both are shown until those of another range are here. */
export function useOverview(range: Range, connectionId: string | null) {
  const { api } = useWorkspace();
  const read = (query: { from: string; to: string; interval: string }) => ({
    queryKey: ["overview", query, connectionId],
    queryFn: ({ signal }: { signal: AbortSignal }) => api.call<Overview>("overview", { query: { ...query, connectionId }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });
  const now = useQuery(read({ from: range.from, to: range.to, interval: range.interval }));
  const before = useQuery({ ...read({ ...range.before, interval: "month" }), staleTime: 5 * 60_000 });
  return { now, before: before.isPlaceholderData ? undefined : before.data };
}
