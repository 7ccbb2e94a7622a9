import { useQuery } from "@tanstack/react-query";
import type { Label } from "../../../src/contract/inbox.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly Label[] = [];

/** The tenant's labels; none until they are here. */
export function useLabels(): readonly Label[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["labels"],
    queryFn: async () => (await api.call<{ data: Label[] }>("labels")).data,
    staleTime: Infinity,
  });
  return data ?? none;
}
