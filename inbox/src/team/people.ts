import { useQuery } from "@tanstack/react-query";
import type { Person } from "../../../src/contract/people.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly Person[] = [];

/** Who works in this tenant; nobody until they are here. */
export function usePeople(): readonly Person[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["people"],
    queryFn: async () => (await api.call<{ data: Person[] }>("people")).data,
    staleTime: 5 * 60_000,
  });
  return data ?? none;
}
