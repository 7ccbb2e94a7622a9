/** Updates of the message lane that are no messages of a conversation: kept whole, like the events of an account. */
import { clampedTime } from "../../core/window.ts";
import type { Tx } from "../../db/transaction.ts";
import type { ActivityEvent } from "../../services/activity/append.ts";
import { insertAccountEvents } from "../../services/whatsapp/account-events.ts";
import { updateText } from "../../services/whatsapp/graph/decode.ts";
import type { PreferenceUpdate } from "../../services/whatsapp/graph/updates.ts";
import type { Preference } from "../../services/whatsapp/contacts/preferences.ts";
import type { Outcome, RoutedItem } from "../work.ts";

/** Opt-outs at Meta are kept whole like an account's events; what they say is for `marketing-words.ts` to apply. */
export async function storePreferences(
  tx: Tx,
  items: readonly RoutedItem[],
  contacts: readonly ({ contactId: string } | undefined)[],
  nowMs: number,
): Promise<{ outcomes: [RoutedItem, Outcome][]; events: ActivityEvent[]; said: Preference[] }> {
  const chosen = items.flatMap((item, index) => {
    const contactId = contacts[index]?.contactId;
    return item.update.kind === "preference" && contactId !== undefined ? [{ item, update: item.update, contactId }] : [];
  });
  if (chosen.length === 0) return { outcomes: [], events: [], said: [] };
  const isNew = await insertAccountEvents(
    tx,
    chosen.map(({ item, update, contactId }) => preferenceEvent(item, update, contactId)),
    nowMs,
  );
  return {
    said: chosen.flatMap(({ item, update, contactId }) => preferenceOf(item, update, contactId) ?? []),
    outcomes: chosen.map(({ item }, index) => [item, isNew[index] === true ? "stored" : "duplicate"]),
    events: chosen.flatMap(({ item, update, contactId }, index) =>
      isNew[index] === true
        ? [
            {
              tenantId: item.route.tenantId,
              type: "contact.changed",
              conversationId: null,
              messageId: null,
              data: { contactId, marketing: update.value },
            },
          ]
        : [],
    ),
  };
}

/** What belongs to no conversation, since it names neither person nor group, is kept whole like an account's event. */
export async function storeHomeless(
  tx: Tx,
  items: readonly RoutedItem[],
  nowMs: number,
): Promise<{ outcomes: [RoutedItem, Outcome][]; events: ActivityEvent[] }> {
  const kept = items.map(({ update, route, located }) => ({
    tenantId: route.tenantId,
    accountId: route.accountId,
    connectionId: route.connectionId,
    phoneNumberId: located.phoneNumberId,
    field: located.field,
    event: update.kind === "call_status" ? update.status : update.kind,
    content: "content" in update ? update.content : { v: 1 as const, kind: update.kind },
    raw: updateText(located),
  }));
  const isNew = await insertAccountEvents(tx, kept, nowMs);
  return {
    outcomes: items.map((item, index) => [item, isNew[index] === true ? "stored" : "duplicate"]),
    events: kept.flatMap(({ tenantId, connectionId, field, event, content }, index) =>
      isNew[index] === true
        ? [{ tenantId, type: "account.event", conversationId: null, messageId: null, data: { field, event, connectionId, content } }]
        : [],
    ),
  };
}

/** A word of Meta's that is neither of the two says nothing. */
function preferenceOf(item: RoutedItem, { value, atMs }: PreferenceUpdate, contactId: string): Preference | null {
  if (value !== "stop" && value !== "resume") return null;
  const { tenantId } = item.route;
  const told = { tenantId, contactId, said: value, atMs: clampedTime(atMs, item.receivedAtMs) } as const;
  return { ...told, source: "meta", message: null, origin: updateText(item.located) };
}

function preferenceEvent(item: RoutedItem, update: PreferenceUpdate, contactId: string) {
  return {
    tenantId: item.route.tenantId,
    accountId: item.route.accountId,
    connectionId: item.route.connectionId,
    phoneNumberId: item.located.phoneNumberId,
    field: "user_preferences",
    event: update.value,
    content: { v: 1 as const, kind: "preference", contactId, category: update.category, value: update.value },
    raw: updateText(item.located),
  };
}
