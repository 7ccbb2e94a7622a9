import { useQuery } from "@tanstack/react-query";
import type { Note } from "../../../src/contract/inbox.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly Note[] = [];
const notesMax = 200;

/** The latest notes on a conversation, oldest first; none until they are here. */
export function useNotes(conversationId: string): readonly Note[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["notes", conversationId],
    queryFn: async () => {
      const page = await api.call<{ data: Note[] }>(`conversations/${conversationId}/notes`, { query: { limit: notesMax } });
      return page.data.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
    },
  });
  return data ?? none;
}
