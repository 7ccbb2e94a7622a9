/**
 * Who opted out of marketing in this batch, or in again: by a word, by a tapped button, or through Meta. Reading the words costs a look
 * at short texts; nothing is asked of the database unless somebody said one.
 */
import { textsIn, wordOf } from "../../core/opt-out-words.ts";
import { clampedTime } from "../../core/window.ts";
import type { Tx } from "../../db/transaction.ts";
import type { ActivityEvent } from "../../services/activity/append.ts";
import { applyPreferences, type Preference, type Turned } from "../../services/whatsapp/contacts/preferences.ts";
import type { RoutedItem } from "../work.ts";

export type Heard = {
  events: ActivityEvent[];
  /** Contacts that a word of their own has just opted out. */
  optedOut: ReadonlySet<string>;
};

const silence: Heard = { events: [], optedOut: new Set() };

/** `fromMeta` is what Meta itself told in the same batch; all of them are judged together. */
export async function hearWords(
  tx: Tx,
  items: readonly RoutedItem[],
  contacts: readonly ({ contactId: string } | undefined)[],
  fromMeta: readonly Preference[],
): Promise<Heard> {
  const said = items.flatMap((item, index) => wordIn(item, contacts[index]?.contactId ?? null) ?? []);
  if (said.length === 0 && fromMeta.length === 0) return silence;
  const turned = (await applyPreferences(tx, [...said, ...fromMeta])).filter(({ source }) => source === "keyword");
  const optedOut = turned.filter(({ said: word }) => word === "stop").map(({ contactId }) => contactId);
  return { events: turned.map(turnedEvent), optedOut: new Set(optedOut) };
}

/** Nobody speaks for himself alone in a group. */
function wordIn({ update, route, receivedAtMs }: RoutedItem, contactId: string | null): Preference | null {
  if (update.kind !== "message" || update.groupId !== null || contactId === null) return null;
  if (update.role !== "message" && update.role !== "edit") return null;
  const said = wordOf(textsIn(update.content), route.optOutWords);
  if (said === null || route.connectionId === null) return null;
  const { tenantId, connectionId } = route;
  const { waMessageId } = update;
  return {
    tenantId,
    contactId,
    said,
    atMs: clampedTime(update.atMs, receivedAtMs),
    source: "keyword",
    message: { connectionId, waMessageId },
    origin: `${connectionId} ${waMessageId}`,
  };
}

function turnedEvent({ tenantId, contactId, said, source }: Turned): ActivityEvent {
  return { tenantId, type: "contact.changed", conversationId: null, messageId: null, data: { contactId, marketing: said, source } };
}
