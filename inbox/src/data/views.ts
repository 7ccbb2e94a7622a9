/** Which conversations a list shows, and in which order: the server's rules, so that a change shows before the server was asked again. */
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { ConversationView } from "../../../src/contract/inbox.ts";
import { windowNow } from "./window.ts";

/** `done` and `snoozed` are states that are listed like views. */
export const viewNames = ["all", "mine", "unassigned", "waiting", "closing_soon", "snoozed", "done"] as const;
export type ViewName = (typeof viewNames)[number];

export type ListFilter = { view: ViewName; connectionId?: string; labelId?: string; assigneeId?: string; unread?: true };

export const closingWithinHours = 4;
const hourMs = 3_600_000;

export function listKey(filter: ListFilter): string {
  return JSON.stringify([filter.view, filter.connectionId ?? "", filter.labelId ?? "", filter.assigneeId ?? "", filter.unread ?? false]);
}

export function filterOf(key: string): ListFilter {
  const [view, connectionId, labelId, assigneeId, unread] = JSON.parse(key) as [ViewName, string, string, string, boolean];
  return {
    view,
    ...(connectionId === "" ? {} : { connectionId }),
    ...(labelId === "" ? {} : { labelId }),
    ...(assigneeId === "" ? {} : { assigneeId }),
    ...(unread ? { unread } : {}),
  };
}

export function listQuery({ view, ...filter }: ListFilter): Record<string, string | number | boolean> {
  if (view === "done" || view === "snoozed") return { state: view, ...filter };
  return { view: view satisfies ConversationView, ...(view === "closing_soon" ? { closingWithinHours } : {}), ...filter };
}

export function isListed(filter: ListFilter, conversation: Conversation, now: { ms: number; personId: string | null }): boolean {
  if (filter.connectionId !== undefined && conversation.connectionId !== filter.connectionId) return false;
  if (filter.assigneeId !== undefined && conversation.assigneeId !== filter.assigneeId) return false;
  if (filter.labelId !== undefined && !conversation.labelIds.includes(filter.labelId)) return false;
  if (filter.unread === true && conversation.unreadCount === 0) return false;
  const isOpen = conversation.state === "open";
  switch (filter.view) {
    case "all":
      return isOpen;
    case "mine":
      return isOpen && conversation.assigneeId !== null && conversation.assigneeId === now.personId;
    case "unassigned":
      return isOpen && conversation.assigneeId === null;
    case "waiting":
      return isOpen && conversation.isWaiting;
    case "closing_soon": {
      const { leftMs } = windowNow(conversation.window, now.ms);
      return isOpen && conversation.isWaiting && leftMs > 0 && leftMs <= closingWithinHours * hourMs;
    }
    case "done":
    case "snoozed":
      return conversation.state === filter.view;
    default:
      return filter.view satisfies never;
  }
}

/** Newest word first; what closes soon by its end. */
export function comesBefore(view: ViewName, a: Conversation, b: Conversation): boolean {
  if (view === "closing_soon") return (a.window.expiresAt ?? "") < (b.window.expiresAt ?? "");
  const [left, right] = [a.lastMessageAt ?? "", b.lastMessageAt ?? ""];
  return left === right ? a.id > b.id : left > right;
}
