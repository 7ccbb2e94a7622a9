/** The activity events of a batch: what a client needs to redraw without asking again. */
import type { WindowState } from "../../core/window.ts";
import type { ActivityEvent } from "../../services/activity/append.ts";
import type { FoldedConversation } from "../../services/whatsapp/conversations.ts";
import type { MessageRow, StoredMessage } from "../../services/whatsapp/messages.ts";
import type { ChangedMessage } from "../../services/whatsapp/statuses.ts";
import type { RoutedItem } from "../work.ts";

type Entry = { row: MessageRow; stored: StoredMessage | undefined; isNewConversation: boolean };

/** Whose name, addresses or members are others than before. */
export function contactEvents(
  items: readonly RoutedItem[],
  contacts: readonly ({ contactId: string; isNew: boolean; hasChanged: boolean } | undefined)[],
): ActivityEvent[] {
  const changed = new Map<string, ActivityEvent>();
  for (const [index, contact] of contacts.entries()) {
    const item = items[index];
    if (contact === undefined || item === undefined || contact.isNew || !contact.hasChanged) continue;
    changed.set(contact.contactId, {
      tenantId: item.route.tenantId,
      type: "contact.changed",
      conversationId: null,
      messageId: null,
      data: { contactId: contact.contactId },
    });
  }
  return [...changed.values()];
}

/** `conversation.opened` before its messages, `window.opened` where the customer's word has reopened the window. */
export function messageEvents(entries: readonly Entry[], folded: readonly FoldedConversation[]): ActivityEvent[] {
  const windows = new Map(folded.map((conversation) => [conversation.conversationId, conversation]));
  const announced = new Set<string>();
  return entries.flatMap(({ row, stored, isNewConversation }) => {
    const events: ActivityEvent[] = [];
    const conversation = windows.get(row.conversationId);
    if (!announced.has(row.conversationId)) {
      announced.add(row.conversationId);
      if (isNewConversation) events.push(eventOf(row, "conversation.opened", null, { connectionId: row.connectionId }));
      if (conversation !== undefined && !conversation.before.isOpen && conversation.after.isOpen) {
        events.push(eventOf(row, "window.opened", null, { window: windowJson(conversation.after) }));
      }
    }
    if (stored !== undefined && stored.outcome !== "duplicate") {
      const data = dataOf(row, conversation?.after ?? null);
      // Known before, and there is more in it now.
      events.push(eventOf(row, typeOf(row), stored.id, stored.outcome === "replaced" ? { ...data, replaced: true } : data));
    }
    return events;
  });
}

/** One event for each message whose ticks or times have changed. */
export function statusEvents(changed: readonly ChangedMessage[]): ActivityEvent[] {
  return changed.map((message) => ({
    tenantId: message.tenantId,
    type: "message.status_changed",
    conversationId: message.conversationId,
    messageId: message.id,
    data: {
      waMessageId: message.waMessageId,
      status: message.status,
      previousStatus: message.statusBefore,
      sentAt: iso(message.sentAtMs),
      deliveredAt: iso(message.deliveredAtMs),
      readAt: iso(message.readAtMs),
      playedAt: iso(message.playedAtMs),
      failedAt: iso(message.failedAtMs),
      errorCode: message.errorCode,
    },
  }));
}

function typeOf(row: MessageRow): string {
  switch (row.role) {
    case "reaction":
      return "reaction.changed";
    case "edit":
      return "message.edited";
    case "revoke":
      return "message.revoked";
    case "call":
      return "call.changed";
    default:
      return row.direction === "inbound" ? "message.received" : "message.echoed";
  }
}

function dataOf(row: MessageRow, window: WindowState | null): ActivityEvent["data"] {
  return {
    waMessageId: row.waMessageId,
    type: row.type,
    direction: row.direction,
    origin: row.origin,
    waTimestamp: iso(row.atMs),
    ...(row.targetWaMessageId === null ? {} : { targetWaMessageId: row.targetWaMessageId }),
    ...(row.isStandby ? { standby: true } : {}),
    ...(window === null ? {} : { window: windowJson(window) }),
  };
}

function eventOf(row: MessageRow, type: string, messageId: string | null, data: ActivityEvent["data"]): ActivityEvent {
  return { tenantId: row.tenantId, type, conversationId: row.conversationId, messageId, data };
}

function windowJson(window: WindowState) {
  return { isOpen: window.isOpen, expiresAt: iso(window.expiresAtMs) };
}

const dayMs = 86_400_000;
let lastDay = Number.NaN;
let lastDate = "";

/** As `toISOString` has it; the date is kept from one to the next, since the times of a batch lie close together. */
function iso(atMs: number | null): string | null {
  if (atMs === null) return null;
  const day = Math.floor(atMs / dayMs);
  if (day !== lastDay) {
    lastDate = new Date(atMs).toISOString().slice(0, -13);
    lastDay = day;
  }
  const ms = Math.floor(atMs) - day * dayMs;
  const [hour, minute, second] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60];
  return `${lastDate}${two(hour)}:${two(minute)}:${two(second)}.${ms % 1_000 === 0 ? "000" : String(ms % 1_000).padStart(3, "0")}Z`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
