/** What is on the screen while somebody looks has been read: our books first, then the customer's ticks. */
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { ReadState } from "../../../src/contract/inbox.ts";
import { can } from "../app/session.ts";
import { useWorkspace } from "../app/workspace-context.tsx";
import type { Thread } from "../data/store.ts";

export function useMarkRead(conversation: Conversation, thread: Thread | undefined): void {
  const { api, store, conversations, session } = useWorkspace();
  const isLooking = useSyncExternalStore(subscribe, () => document.visibilityState === "visible" && document.hasFocus());
  const told = useRef<string | null>(null);
  const { id, unreadCount } = conversation;
  const isEnd = thread !== undefined && thread.newer === null && !thread.isStale;
  const lastInbound = isEnd ? thread.ids.findLast((one) => store.get("message", one)?.direction === "inbound") : undefined;

  useEffect(() => {
    if (!isLooking || lastInbound === undefined || unreadCount === 0 || told.current === lastInbound || !can(session, "send")) return;
    told.current = lastInbound;
    void (async () => {
      const { unreadCount: left } = await api.call<ReadState>(`conversations/${id}/read`, {
        method: "POST",
        body: { messageId: lastInbound },
      });
      const now = store.get("conversation", id);
      if (now !== undefined) conversations.put({ ...now, unreadCount: left });
      // A number without a token, or Meta out of reach: the customer's ticks stay grey, and nothing else.
      await api.call(`messages/${lastInbound}/read`, { method: "POST", body: {} });
    })().catch(() => undefined);
  }, [isLooking, lastInbound, unreadCount, api, id, store, conversations, session]);
}

function subscribe(listener: () => void): () => void {
  const events = ["focus", "blur", "visibilitychange"] as const;
  for (const name of events) addEventListener(name, listener);
  document.addEventListener("visibilitychange", listener);
  return () => {
    for (const name of events) removeEventListener(name, listener);
    document.removeEventListener("visibilitychange", listener);
  };
}
