/**
 * Who an element is about. Since usernames, the phone may be missing, come back, or be a user id in disguise; `contacts` beside the
 * element completes the picture. A wrong guess here would show one customer's words to another, so what contradicts is not joined.
 */
import { cleanName } from "../../../../core/text.ts";
import type { LocatedUpdate, Peer } from "../updates.ts";
import { readName, readPhone, readRecord, readUserId } from "../wire.ts";

/** The ids of one person as one object spells them. */
export type Ids = {
  phone: string | null;
  userId: string | null;
  parentUserId: string | null;
  /** Something stands where an id should, and none of it is usable. Never guessed around. */
  isGarbled: boolean;
};

/** `plain` is `from`, `to`, `wa_id` or `recipient_id`: a phone as a rule, a user id from some forwarding layers, empty as good as absent. */
export function readIds(plain: unknown, user: unknown, parent: unknown): Ids {
  const phone = readPhone(plain);
  const userId = readUserId(user) ?? (phone === null ? readUserId(plain) : null);
  const isGarbled = phone === null && userId === null && (isPresent(plain) || isPresent(user));
  return { phone, userId, parentUserId: readUserId(parent), isGarbled };
}

/** The person that these ids name, completed from `contacts`; null when there is no usable id. */
export function resolvePeer(located: LocatedUpdate, ids: Ids): Peer | null {
  if (ids.isGarbled) return null;
  const contact = findContact(located, ids);
  const phone = ids.phone ?? contact?.phone ?? null;
  const userId = ids.userId ?? contact?.userId ?? null;
  if (phone === null && userId === null) return null;
  return {
    phone,
    userId,
    parentUserId: ids.parentUserId ?? contact?.parentUserId ?? null,
    profileName: contact?.profileName ?? null,
    username: contact?.username ?? null,
  };
}

type Contact = Ids & { profileName: string | null; username: string | null };
type ContactIndex = { byPhone: Map<string, Contact>; byUserId: Map<string, Contact> };

function findContact(located: LocatedUpdate, ids: Ids): Contact | null {
  const { contacts } = located;
  if (contacts.length === 0) return null;
  const contact = contacts.length === 1 ? readContact(contacts[0]) : lookUp(contacts, ids);
  if (contact === null || contradicts(contact, ids)) return null;
  const hasNoIds = ids.phone === null && ids.userId === null;
  return located.alone || hasNoIds || sharesId(contact, ids) ? contact : null;
}

function contradicts(a: Ids, b: Ids): boolean {
  return (a.phone !== null && b.phone !== null && a.phone !== b.phone) || (a.userId !== null && b.userId !== null && a.userId !== b.userId);
}

function sharesId(a: Ids, b: Ids): boolean {
  return (a.phone !== null && a.phone === b.phone) || (a.userId !== null && a.userId === b.userId);
}

/** Made once for each list: a body of a thousand messages has a thousand contacts. */
const indexes = new WeakMap<readonly unknown[], ContactIndex>();

function lookUp(contacts: readonly unknown[], ids: Ids): Contact | null {
  let index = indexes.get(contacts);
  if (index === undefined) indexes.set(contacts, (index = indexContacts(contacts)));
  const byUserId = ids.userId === null ? undefined : index.byUserId.get(ids.userId);
  if (byUserId !== undefined) return byUserId;
  return (ids.phone === null ? undefined : index.byPhone.get(ids.phone)) ?? null;
}

function indexContacts(contacts: readonly unknown[]): ContactIndex {
  const index: ContactIndex = { byPhone: new Map(), byUserId: new Map() };
  // From the end: of several with one id the first is kept.
  for (let at = contacts.length - 1; at >= 0; at -= 1) {
    const contact = readContact(contacts[at]);
    if (contact === null) continue;
    if (contact.phone !== null) index.byPhone.set(contact.phone, contact);
    if (contact.userId !== null) index.byUserId.set(contact.userId, contact);
  }
  return index;
}

function readContact(value: unknown): Contact | null {
  const wire = readRecord(value);
  if (wire === null) return null;
  const ids = readIds(wire["wa_id"], wire["user_id"], wire["parent_user_id"]);
  const profile = readRecord(wire["profile"]);
  return {
    phone: ids.phone,
    userId: ids.userId,
    parentUserId: ids.parentUserId,
    isGarbled: ids.isGarbled,
    profileName: readShownName(profile?.["name"]),
    username: readShownName(profile?.["username"]),
  };
}

/** As it may be shown; Meta's own bytes stay in the delivery. */
function readShownName(value: unknown): string | null {
  const name = readName(value);
  return name === null ? null : cleanName(name) || null;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}
