/** What a conversation still has to send: at a time, or when the customer writes. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import type { WaitingSend } from "../../../src/contract/sends.ts";
import { useWorkspace } from "../app/workspace-context.tsx";

const none: readonly WaitingSend[] = [];
/** What goes out at once is no longer pending by then. */
const lingersMs = 1_500;

/** By the message's id, in the order in which it goes. Asked for anew when one of them changes, or a message stays pending. */
export function useWaiting(conversationId: string): ReadonlyMap<string, WaitingSend> {
  const { api, store } = useWorkspace();
  const queries = useQueryClient();
  const { data } = useQuery({
    queryKey: ["waiting", conversationId],
    queryFn: async () => (await api.call<{ data: WaitingSend[] }>(`conversations/${conversationId}/waiting`)).data,
  });
  const waiting = useMemo(() => new Map((data ?? none).map((one) => [one.messageId, one])), [data]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const lingering = new Set<string>();
    const askAgain = (): void => void queries.invalidateQueries({ queryKey: ["waiting", conversationId] });
    const stop = store.onChange((table, id) => {
      const message = table === "message" ? store.get("message", id) : undefined;
      if (message?.conversationId !== conversationId || message.direction !== "outbound") return;
      if (waiting.has(id)) return askAgain();
      if (message.status !== "pending") return;
      lingering.add(id);
      timer ??= setTimeout(() => {
        timer = null;
        if ([...lingering].some((one) => store.get("message", one)?.status === "pending")) askAgain();
        lingering.clear();
      }, lingersMs);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [store, queries, conversationId, waiting]);
  return waiting;
}
