/**
 * Jobs `whatsapp-statuses` of the queue `webhooks`: what became of messages that were sent. Every distinct fact is kept, then
 * all facts of a message are folded onto it in one statement; ticks never go back and missed states are filled in (I3, I4).
 */
import { clampedTime } from "../../core/window.ts";
import type { Tx } from "../../db/transaction.ts";
import type { ActivityEvent } from "../../services/activity/append.ts";
import { linkCache } from "../../services/whatsapp/contacts/link-cache.ts";
import { resolveContacts, type Sighting } from "../../services/whatsapp/contacts/contacts.ts";
import { failuresIn, lockConversationsOf, reconsiderAnswers } from "../../services/whatsapp/conversation-answers.ts";
import { noteMetaVerdicts } from "../../services/whatsapp/meta-verdicts.ts";
import type { StatusUpdate } from "../../services/whatsapp/graph/updates.ts";
import { ownIdOf } from "../../services/whatsapp/send-adoption.ts";
import { insertStatusFacts, type Fact } from "../../services/whatsapp/status-facts.ts";
import { projectFacts } from "../../services/whatsapp/statuses.ts";
import type { Application } from "../apply.ts";
import type { RoutedItem } from "../work.ts";
import { statusEvents } from "./events.ts";

export async function applyStatuses(tx: Tx, items: readonly RoutedItem[], nowMs: number): Promise<Application> {
  const statuses = items.filter(isStatus);
  const sightings = statuses.flatMap((item) => sightingOf(item) ?? []).filter((sighting) => !linkCache.isKnown(sighting));
  const contacts = await resolveContacts(tx, sightings, nowMs);
  const facts = statuses.flatMap((item) => factOf(item) ?? []);
  await lockConversationsOf(
    tx,
    facts.filter((fact) => fact.status === "failed").map((fact) => ({ ...fact, ownId: ownIdOf(fact) })),
  );
  const stored = await insertStatusFacts(tx, facts, nowMs);
  const { changed, verdicts } = await projectFacts(
    tx,
    facts.filter((_, index) => stored[index] !== "known"),
  );
  await noteMetaVerdicts(tx, verdicts);
  await reconsiderAnswers(tx, failuresIn(changed));
  return {
    outcomes: stored.map((found) => (found === "new" ? "stored" : "duplicate")),
    events: [...statusEvents(changed), ...linkEvents(sightings, contacts)],
    onCommit: () => {
      for (const sighting of sightings) linkCache.remember(sighting);
    },
  };
}

function isStatus(item: RoutedItem): item is RoutedItem<StatusUpdate> {
  return item.update.kind === "status";
}

function factOf(item: RoutedItem<StatusUpdate>): Fact | null {
  const { update, route } = item;
  if (route.connectionId === null) return null;
  return {
    tenantId: route.tenantId,
    connectionId: route.connectionId,
    waMessageId: update.waMessageId,
    status: update.status,
    participant: update.participant,
    atMs: clampedTime(update.atMs, item.receivedAtMs),
    error: update.error,
    pricing: update.pricing,
    freeEntryPointExpiresAtMs: update.freeEntryPointExpiresAtMs,
    callback: update.callback,
  };
}

/** A status that names both the phone and the user id links the two; one that names one of them says nothing new. */
function sightingOf(item: RoutedItem<StatusUpdate>): Sighting | null {
  const { update, route } = item;
  const peer = update.recipient;
  if (peer === null || update.groupId !== null || peer.phone === null || peer.userId === null) return null;
  return {
    tenantId: route.tenantId,
    scope: route.userIdScope,
    atMs: clampedTime(update.atMs, item.receivedAtMs),
    waMessageId: update.waMessageId,
    phone: peer.phone,
    userId: peer.userId,
    parentUserId: peer.parentUserId,
    profileName: null,
    username: null,
    links: [],
    identityVersion: route.identityVersion,
  };
}

function linkEvents(
  sightings: readonly Sighting[],
  contacts: readonly { contactId: string; isNew: boolean; hasChanged: boolean }[],
): ActivityEvent[] {
  return contacts.flatMap((contact, index) => {
    const sighting = sightings[index];
    if (sighting === undefined || contact.isNew || !contact.hasChanged) return [];
    return [
      {
        tenantId: sighting.tenantId,
        type: "contact.changed",
        conversationId: null,
        messageId: null,
        data: { contactId: contact.contactId },
      },
    ];
  });
}
