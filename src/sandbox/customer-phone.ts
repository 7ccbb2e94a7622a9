/**
 * The customer's side: what their phone writes, reads, plays, reacts to and blocks. Each act is one webhook, as Meta would post it, and
 * leaves its trace in the ledger, of which the phone's own view of the chat is made.
 */
import { readRecord, type Wire } from "../services/whatsapp/graph/wire.ts";
import type { PhoneNumber } from "./accounts.ts";
import { carriesFile, contentOf, opensWindow, type CustomerMessage } from "./customer.ts";
import type { Accepted } from "./ledger.ts";
import type { Person } from "./people.ts";
import { newWaMessageId } from "./random.ts";
import { sampleFile } from "./sample-files.ts";
import { isVoice, usernameOf, type StatusName } from "./statuses.ts";
import { fateOf, type World } from "./world.ts";

export type Writing = CustomerMessage & {
  /** To which number; the sandbox's own if nothing is said. */
  phoneNumberId?: string;
  /** Meta's time of it. */
  atMs?: number;
  waMessageId?: string;
  /** The file; a sample of its kind if nothing is said. */
  bytes?: Uint8Array;
  mimeType?: string;
  filename?: string;
  groupId?: string;
  /** Laid over the element: a referral, or whatever shape a test needs. */
  extra?: Wire;
};

/** `status` is the ingress's answer; 0 where the webhook is withheld. */
export type Written = { waMessageId: string; status: number };

export type ChatMessage = {
  waMessageId: string;
  direction: "fromCustomer" | "fromBusiness";
  type: string;
  content: unknown;
  atMs: number;
  /** Of the business's: what it was told. Of the customer's: `read` or nothing. */
  reported: readonly StatusName[];
  /** What is quoted. */
  replyTo: string | null;
};

export async function writeAsCustomer(world: World, number: PhoneNumber, writing: Writing): Promise<Written> {
  const { atMs = world.nowMs(), waMessageId = newWaMessageId(), groupId = null, ...message } = writing;
  const person = world.people.find(message.from);
  person.name = message.name;
  if (message.hidesPhone !== undefined) person.hidesPhone = message.hidesPhone;
  if (opensWindow(message.type)) {
    const pair = world.people.pair(number.phoneNumberId, person);
    pair.lastWordMs = Math.max(pair.lastWordMs, atMs);
  }
  const content = contentOf(message, fileOf(world, number, message), message.extra);
  const group = groupId === null ? {} : { group_id: groupId };
  const element = { ...senderOf(person), ...group, id: waMessageId, timestamp: String(Math.floor(atMs / 1000)), ...content };
  const type = typeof content["type"] === "string" ? content["type"] : message.type;
  world.ledger.write({ waMessageId, phoneNumberId: number.phoneNumberId, userId: person.userId, groupId, type, element, atMs });
  // System messages come without the contact.
  const contacts = message.type === "system" ? {} : { contacts: [contactOf(person)] };
  const value = { ...contacts, messages: [element] };
  return { waMessageId, status: await world.webhooks.post({ wabaId: number.wabaId, number, field: "messages", value }) };
}

function fileOf(world: World, number: PhoneNumber, message: Omit<Writing, "atMs" | "waMessageId" | "groupId">) {
  const sample = sampleFile(message.type);
  const filename = message.filename ?? sample.filename;
  if (!carriesFile(message.type)) return { id: "", mimeType: "", sha256: "", url: "", filename };
  const bytes = message.bytes === undefined ? sample.bytes : Buffer.from(message.bytes);
  const mimeType = message.mimeType ?? sample.mimeType;
  const file = world.media.put({ phoneNumberId: number.phoneNumberId, mimeType, bytes, from: "customer" });
  return { id: file.id, mimeType, sha256: file.sha256.toString("base64"), url: world.media.urlOf(file), filename };
}

function senderOf(person: Person): Wire {
  return person.hidesPhone || person.phone === null ? { from_user_id: person.userId } : { from: person.phone, from_user_id: person.userId };
}

function contactOf(person: Person): Wire {
  if (person.hidesPhone || person.phone === null) {
    return { profile: { name: person.name, username: usernameOf(person) }, user_id: person.userId };
  }
  return { profile: { name: person.name }, wa_id: person.phone, user_id: person.userId };
}

/** Reads everything that this number sent, up to this message if one is named; answers how many were new to the customer. */
export function readAsCustomer(world: World, number: PhoneNumber, person: Person, upTo?: string): number {
  const until = upTo === undefined ? Infinity : (world.ledger.findAccepted(upTo)?.order ?? -1);
  const unread = sentTo(world, number, person).filter(
    ({ order, reported, body }) =>
      order <= until && !reported.includes("read") && !reported.includes("failed") && body["type"] !== "reaction",
  );
  // Who hides receipts reads all the same; nobody is told.
  if (person.showsReceipts) for (const message of unread) report(world, message, "read");
  return unread.length;
}

/** Plays a voice note. Throws where there is none. */
export function playAsCustomer(world: World, waMessageId: string): void {
  const message = world.ledger.findAccepted(waMessageId);
  if (message === undefined || !isVoice(message)) throw new Error(`No voice note ${waMessageId}`);
  if (!message.reported.includes("played")) report(world, message, "played");
}

function report(world: World, message: Accepted, status: StatusName): void {
  world.webhooks.deliver(world.statuses.report(fateOf(world, message), { status, atMs: world.nowMs() }));
}

/** The customer has a new phone and with it a new user id; their old one is named, as since 2026-08-11. */
export async function changeNumber(world: World, number: PhoneNumber, person: Person, toPhone: string): Promise<Written> {
  const moved = world.people.move(person, toPhone);
  const body = `User ${person.name} changed from ${person.phone ?? ""} to ${toPhone}`;
  const system = { type: "user_changed_number", body, wa_id: toPhone, user_id: moved.userId, previous_user_id: person.userId };
  return writeAsCustomer(world, number, {
    type: "system",
    from: person.phone ?? person.userId,
    name: person.name,
    extra: { type: "system", system },
  });
}

/** What the customer sees, oldest first. */
export function chatOf(world: World, number: PhoneNumber, person: Person): ChatMessage[] {
  const inbound = world.ledger.written().filter((one) => one.phoneNumberId === number.phoneNumberId && one.userId === person.userId);
  return [...sentTo(world, number, person), ...inbound]
    .toSorted((a, b) => a.order - b.order)
    .map((one) => ("body" in one ? seen(one) : own(one)));
}

/** A blocked business is heard no more: what never came is not in the chat. */
function sentTo(world: World, number: PhoneNumber, person: Person): Accepted[] {
  return world.ledger.accepted().filter((one) => one.phoneNumberId === number.phoneNumberId && one.userId === person.userId);
}

function seen({ waMessageId, body, atMs, reported }: Accepted): ChatMessage {
  const type = typeof body["type"] === "string" ? body["type"] : "text";
  const replyTo = idOf(readRecord(body["context"])?.["message_id"]);
  return { waMessageId, direction: "fromBusiness", type, content: body[type] ?? null, atMs, reported, replyTo };
}

function own({ waMessageId, type, element, atMs, isRead }: ReturnType<World["ledger"]["written"]>[number]): ChatMessage {
  const replyTo = idOf(readRecord(element["context"])?.["id"]);
  const reported: StatusName[] = isRead ? ["read"] : [];
  return { waMessageId, direction: "fromCustomer", type, content: element[type] ?? null, atMs, reported, replyTo };
}

function idOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
