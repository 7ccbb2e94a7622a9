/**
 * Jobs `whatsapp-messages` of the queue `webhooks`: what customers wrote or called, what the business wrote from its own
 * phone, and what customers want to hear of. A batch becomes, in this order of locks: contacts, conversations, messages with
 * their window and counts, automatic replies; its events go to the activity when the batch is settled.
 */
import { clampedTime } from "../../core/window.ts";
import { newId } from "../../db/new-id.ts";
import type { Tx } from "../../db/transaction.ts";
import type { ActivityEvent } from "../../services/activity/append.ts";
import { queueAutoReplies, type ReplyCandidate } from "../../services/whatsapp/auto-reply.ts";
import { rebuildConversations } from "../../services/whatsapp/contacts/conversations.ts";
import { rememberContacts, resolveContacts, type Resolved } from "../../services/whatsapp/contacts/contacts.ts";
import { failuresIn, reconsiderAnswers } from "../../services/whatsapp/conversation-answers.ts";
import { ensureConversations, rememberConversations } from "../../services/whatsapp/conversation-lookup.ts";
import { foldConversations, noFacts, type ConversationFacts } from "../../services/whatsapp/conversations.ts";
import { updateText } from "../../services/whatsapp/graph/decode.ts";
import type { CallStatusUpdate, CallUpdate, EchoUpdate, MessageUpdate, Peer, Update } from "../../services/whatsapp/graph/updates.ts";
import { queueMedia, type MessageWithMedia } from "../../services/whatsapp/media/queue.ts";
import { noteMetaVerdicts } from "../../services/whatsapp/meta-verdicts.ts";
import { insertMessages, isKeptBefore, type MessageRow, type StoredMessage } from "../../services/whatsapp/messages.ts";
import { releaseWaiting } from "../../services/whatsapp/outbox/timers.ts";
import { settleMessages } from "../../services/whatsapp/statuses.ts";
import type { Application } from "../apply.ts";
import type { Outcome, RoutedItem } from "../work.ts";
import { contactEvents, messageEvents, statusEvents } from "./events.ts";
import { storeHomeless, storePreferences } from "./kept-whole.ts";
import { hearWords } from "./marketing-words.ts";
import { peerOf, sightingOf, waMessageIdOf } from "./speakers.ts";

type Spoken = MessageUpdate | EchoUpdate | CallUpdate | CallStatusUpdate;
type Job = {
  item: RoutedItem<Spoken>;
  connectionId: string;
  /** Null in a group. */
  contactId: string | null;
  peer: Peer | null;
  groupId: string | null;
  row: MessageRow;
  /** Clamped time of the customer's word, when it is one that Meta opens the window for. */
  customerAtMs: number | null;
};

export async function applyMessages(tx: Tx, items: readonly RoutedItem[], nowMs: number): Promise<Application> {
  const speakers = await resolveSpeakers(tx, items, nowMs);
  const { contacts } = speakers;
  const preferences = await storePreferences(tx, items, contacts, nowMs);
  const heard = await hearWords(tx, items, contacts, preferences.said);
  const jobs = items.flatMap((item, index) => jobOf(item, contacts[index]?.contactId ?? null, nowMs) ?? []);
  const homeless = await storeHomeless(
    tx,
    items.filter((item, index) => isSpoken(item) && !hasConversation(item, contacts[index]?.contactId ?? null)),
    nowMs,
  );
  const wanted = jobs.map(wantedOf);
  const conversations = await ensureConversations(tx, wanted, nowMs);
  for (const [index, job] of jobs.entries()) job.row.conversationId = conversations[index]?.conversationId ?? "";

  const stored = await storeMessages(tx, jobs, nowMs);
  const facts = factsOf(jobs, stored);
  const folded = await foldConversations(tx, facts);
  await recount(tx, jobs, stored);
  // Facts about these messages may have come first: only what the business sent has any.
  const settled = await settleMessages(
    tx,
    jobs.flatMap(({ row }, index) => (row.direction === "outbound" && stored[index]?.outcome !== "duplicate" ? [row] : [])),
  );
  await noteMetaVerdicts(tx, settled.verdicts);
  await reconsiderAnswers(tx, failuresIn(settled.changed));
  await queueMedia(tx, withMedia(jobs, stored), nowMs);
  // What waited for the customer's word goes before what answers it.
  const released = await releaseWaiting(tx, folded);
  const replies = await queueAutoReplies(tx, candidatesOf(jobs, stored, heard.optedOut), nowMs);

  const events: ActivityEvent[] = [
    ...contactEvents(items, contacts),
    ...messageEvents(
      jobs.map(({ row }, index) => ({ row, stored: stored[index], isNewConversation: conversations[index]?.isNew ?? false })),
      folded,
    ),
    ...statusEvents(settled.changed),
    ...replies.events,
    ...preferences.events,
    ...heard.events,
    ...homeless.events,
  ];
  const outcomes = new Map<RoutedItem, Outcome>([...preferences.outcomes, ...homeless.outcomes]);
  for (const [index, { item }] of jobs.entries()) outcomes.set(item, stored[index]?.outcome === "stored" ? "stored" : "duplicate");
  return {
    outcomes: items.map((item) => outcomeOf(outcomes, item)),
    events,
    hasSends: released + replies.events.length > 0,
    onCommit: () => {
      speakers.remember();
      rememberConversations(wanted, conversations);
    },
  };
}

function outcomeOf(outcomes: ReadonlyMap<RoutedItem, Outcome>, item: RoutedItem): Outcome {
  const outcome = outcomes.get(item);
  if (outcome === undefined) throw new Error(`An update of kind ${item.update.kind} was left out`);
  return outcome;
}

/** The person behind each item, aligned; undefined where an item names none (a message to a group, a call status). */
async function resolveSpeakers(
  tx: Tx,
  items: readonly RoutedItem[],
  nowMs: number,
): Promise<{ contacts: readonly (Resolved | undefined)[]; remember: () => void }> {
  const named = items.flatMap((item, index) => {
    const sighting = sightingOf(item);
    return sighting === null ? [] : [{ index, sighting }];
  });
  const sightings = named.map(({ sighting }) => sighting);
  const resolved = await resolveContacts(tx, sightings, nowMs);
  const contacts: (Resolved | undefined)[] = items.map(() => undefined);
  for (const [position, { index }] of named.entries()) contacts[index] = resolved[position];
  return { contacts, remember: () => rememberContacts(sightings, resolved) };
}

/** Null for what is not part of a conversation. The row's conversation is filled in once it is known. */
function jobOf(item: RoutedItem, contactId: string | null, nowMs: number): Job | null {
  const { update } = item;
  const { connectionId } = item.route;
  if (connectionId === null || !isSpoken(item)) return null;
  if (!hasConversation(item, contactId)) return null;
  const groupId = groupOf(update);
  const spoken = item.update;
  const atMs = clampedTime(spoken.atMs, item.receivedAtMs);
  const peer = peerOf(spoken);
  const isCall = spoken.kind === "call" || spoken.kind === "call_status";
  const isInbound = spoken.kind === "message" || (spoken.kind === "call" && spoken.direction === "user");
  const row: MessageRow = {
    tenantId: item.route.tenantId,
    id: newId(nowMs),
    connectionId,
    conversationId: "",
    waMessageId: waMessageIdOf(spoken),
    direction: isInbound ? "inbound" : "outbound",
    origin: isInbound ? "customer" : "phone",
    type: isCall ? "call" : spoken.type,
    role: isCall ? "call" : spoken.role,
    content: JSON.stringify(isCall ? { ...spoken.content, opensWindow: spoken.opensWindow } : spoken.content),
    raw: updateText(item.located),
    status: isInbound ? "received" : "sent",
    atMs,
    sentAtMs: spoken.kind === "echo" ? atMs : null,
    senderPhone: peer?.phone ?? null,
    senderUserId: peer?.userId ?? null,
    targetWaMessageId: isCall ? null : spoken.targetWaMessageId,
    isStandby: item.located.standby,
  };
  const opens = isCall ? spoken.opensWindow : spoken.kind === "message" && spoken.role === "message";
  return { item, connectionId, contactId: groupId === null ? contactId : null, peer, groupId, row, customerAtMs: opens ? atMs : null };
}

/** A call's status may name nobody. */
function hasConversation({ update }: RoutedItem, contactId: string | null): boolean {
  return contactId !== null || groupOf(update) !== null;
}

function groupOf(update: Update): string | null {
  return update.kind === "message" || update.kind === "echo" ? update.groupId : null;
}

function isSpoken(item: RoutedItem): item is RoutedItem<Spoken> {
  const { kind } = item.update;
  return kind === "message" || kind === "echo" || kind === "call" || kind === "call_status";
}

function wantedOf(job: Job) {
  return {
    identityVersion: job.item.route.identityVersion,
    tenantId: job.row.tenantId,
    connectionId: job.connectionId,
    contactId: job.contactId,
    groupId: job.groupId,
  };
}

/** One wamid may stand several times in a batch: only the content that is kept goes to the database. Aligned with the jobs. */
async function storeMessages(tx: Tx, jobs: readonly Job[], nowMs: number): Promise<StoredMessage[]> {
  const kept = new Map<string, Map<string, Job>>();
  for (const job of jobs) {
    const { waMessageId } = job.row;
    const ofConnection = kept.get(job.connectionId) ?? new Map<string, Job>();
    kept.set(job.connectionId, ofConnection);
    const rival = ofConnection.get(waMessageId);
    if (rival === undefined || isKeptBefore(job.row, rival.row)) ofConnection.set(waMessageId, job);
  }
  const all = [...kept.values()].flatMap((ofConnection) => [...ofConnection.values()]);
  const winners = all.length === jobs.length ? jobs : all;
  const stored = await insertMessages(
    tx,
    winners.map(({ row }) => row),
    nowMs,
  );
  if (winners === jobs) return stored;
  const byJob = new Map(winners.map((job, index) => [job, stored[index]]));
  return jobs.map((job) => {
    const winner = kept.get(job.connectionId)?.get(job.row.waMessageId);
    const found = winner === undefined ? undefined : byJob.get(winner);
    if (found === undefined) throw new Error("A message of the batch has no row");
    return job === winner ? found : { ...found, outcome: "duplicate" };
  });
}

/** What the newly stored messages say about each conversation: it is a function of the messages that are kept, and of them alone. */
function factsOf(jobs: readonly Job[], stored: readonly StoredMessage[]): ConversationFacts[] {
  const facts = new Map<string, ConversationFacts>();
  for (const [index, job] of jobs.entries()) {
    const { row, customerAtMs, peer } = job;
    const messageId = stored[index]?.id;
    if (messageId === undefined || stored[index]?.outcome !== "stored") continue;
    const entry = facts.get(row.conversationId) ?? noFacts(row.tenantId, row.conversationId);
    facts.set(row.conversationId, entry);
    const { customerAtMs: latestMs, customerWaMessageId: latestId } = entry;
    if (customerAtMs !== null && (latestMs === null || isLater(row, { atMs: latestMs, waMessageId: latestId ?? "" }))) {
      entry.customerAtMs = customerAtMs;
      entry.customerWaMessageId = row.waMessageId;
      entry.replyPhone = peer?.phone ?? null;
      entry.replyUserId = peer?.userId ?? null;
    }
    if (isListed(row.role) && (entry.last === null || isLater(row, entry.last))) {
      entry.last = { atMs: row.atMs, waMessageId: row.waMessageId, messageId };
    }
    const change = row.role === "message" ? 1 : 0;
    if (row.direction === "inbound") entry.inbound += change;
    else entry.outbound += change;
    if (row.direction === "outbound" && row.role === "message") entry.answeredAtMs = Math.max(entry.answeredAtMs ?? row.atMs, row.atMs);
  }
  return [...facts.values()];
}

/** A message that was known already has its files, or is having them fetched. */
function withMedia(jobs: readonly Job[], stored: readonly StoredMessage[]): MessageWithMedia[] {
  return jobs.flatMap(({ item, row, connectionId }, index) => {
    const found = stored[index];
    if (found === undefined || found.outcome === "duplicate") return [];
    const { content } = item.update;
    return [{ tenantId: row.tenantId, connectionId, messageId: found.id, content, atMs: row.atMs, receivedAtMs: item.receivedAtMs }];
  });
}

function isListed(role: string): boolean {
  return role === "message" || role === "system" || role === "call";
}

function isLater(row: MessageRow, last: { atMs: number; waMessageId: string }): boolean {
  if (row.atMs !== last.atMs) return row.atMs > last.atMs;
  return Buffer.compare(Buffer.from(row.waMessageId), Buffer.from(last.waMessageId)) > 0;
}

/** A message whose content was replaced may no longer say what its conversation has heard from it: rare, so counted again from the rows. */
async function recount(tx: Tx, jobs: readonly Job[], stored: readonly StoredMessage[]): Promise<void> {
  const touched = new Map<string, Set<string>>();
  for (const [index, { row }] of jobs.entries()) {
    const found = stored[index];
    if (found?.outcome !== "replaced") continue;
    const ofTenant = touched.get(row.tenantId) ?? new Set();
    touched.set(row.tenantId, ofTenant.add(found.conversationId));
  }
  for (const [tenantId, conversationIds] of [...touched].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    // In the order of tenants, as all locks are.
    await rebuildConversations(tx, tenantId, [...conversationIds]);
  }
}

/** Whoever has just opted out is told so, if the tenant wants that: whatever the type of the message was. */
function candidatesOf(jobs: readonly Job[], stored: readonly StoredMessage[], optedOut: ReadonlySet<string>): ReplyCandidate[] {
  return jobs.flatMap(({ item, row, groupId, contactId }, index) => {
    const { update, route } = item;
    if (update.kind !== "message" || stored[index]?.outcome !== "stored") return [];
    return [
      {
        route,
        connectionId: row.connectionId,
        conversationId: row.conversationId,
        type: row.type,
        role: row.role,
        errorCode: update.errorCode,
        isGroup: groupId !== null,
        isStandby: row.isStandby,
        peer: update.from,
        ownText: contactId !== null && optedOut.has(contactId) ? route.optOutReply : null,
      },
    ];
  });
}
