import { useQuery } from "@tanstack/react-query";
import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly CannedReply[] = [];

/** The tenant's canned replies; none until they are here. */
export function useCannedReplies(): readonly CannedReply[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["canned"],
    queryFn: async () => (await api.call<{ data: CannedReply[] }>("canned-replies", { query: { limit: 200 } })).data,
    staleTime: Infinity,
  });
  return data ?? none;
}
