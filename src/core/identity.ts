/**
 * Who is who. Every sighting of a customer adds evidence (addresses, claims to phones, ends of claims, ties), evidence is only ever
 * added, and the people are read off all of it: whichever order it came in, the people are the same (promise I3).
 *
 * A contact is made with its first address and later addresses that are certainly the same person's join it. Where two contacts turn
 * out to be one, a bond ties them; ties that depend on who owned a phone at a time are computed afresh each time, so that late
 * evidence can also part what seemed to be one person. The canonical contact of a group is its oldest, so that ids stay.
 */
import {
  addressText,
  bondText,
  departureText,
  knowAddress,
  knowDeparture,
  pairOf,
  tieText,
  type Address,
  type AddressKey,
  type Bond,
  type Departure,
  type Evidence,
  type SeenIdentity,
  type Tie,
  type TieEnd,
} from "./evidence.ts";
import { isUnclaimed, ownerAt, ownerOf } from "./phone-owner.ts";

/** Every address that the sighting names, whatever it says about it. */
export function addressesOf(seen: SeenIdentity): AddressKey[] {
  const keys: AddressKey[] = [];
  const user = (value: string | null): unknown => value !== null && keys.push({ kind: "user_id", scope: seen.scope, value });
  const phone = (value: string | null): unknown => value !== null && keys.push({ kind: "phone", scope: "", value });
  user(seen.userId);
  phone(seen.phone);
  if (seen.userId !== null && seen.parentUserId !== null) {
    keys.push({ kind: "parent_user_id", scope: seen.scope, value: seen.parentUserId });
  }
  for (const link of seen.links) {
    phone(link.phone);
    if (link.by === "contact_request") continue;
    user(link.userId);
    if (link.by === "previous_user_id") user(link.previousUserId);
    else phone(link.previousPhone);
  }
  return keys;
}

/**
 * The contact's id (not its canonical one) if everything the sighting says is on record; null when something is new. That its addresses
 * lead to one person today is not enough: they may do so by ties that later evidence moves, and then the sighting's own word must be there.
 */
export function findSettled(evidence: Evidence, seen: SeenIdentity): string | null {
  if (seen.links.length > 0) return null;
  const { atMs, phone } = seen;
  if (seen.userId === null) {
    if (phone === null) return null;
    const owner = ownerAt(evidence.phones.get(phone), atMs);
    return isUnclaimed(owner) && owner.fromAtMs > atMs ? null : owner.contactId;
  }
  const user = findContact(evidence, seen);
  const isOnRecord = (address: Address | undefined): boolean =>
    address !== undefined && user !== null && address.fromAtMs <= atMs && isCertain(evidence, user, address.contactId);
  return statedBy(evidence, seen).every(isOnRecord) ? user : null;
}

/** The contacts of the sighting's addresses where there are several: whether it is settled is judged only with their bonds at hand. */
export function contactsToCompare(evidence: Evidence, seen: SeenIdentity): string[] {
  const contactIds = new Set(statedBy(evidence, seen).flatMap((address) => address?.contactId ?? []));
  return contactIds.size < 2 ? [] : [...contactIds];
}

/** What is on record of the addresses that a sighting with a user id states as its own. */
function statedBy(evidence: Evidence, { scope, phone, userId, parentUserId }: SeenIdentity): (Address | undefined)[] {
  if (userId === null) return [];
  const at = (key: AddressKey, claimant = ""): Address | undefined => evidence.addresses.get(addressText({ ...key, claimant }));
  return [
    at({ kind: "user_id", scope, value: userId }),
    ...(parentUserId === null ? [] : [at({ kind: "parent_user_id", scope, value: parentUserId })]),
    ...(phone === null ? [] : [at({ kind: "phone", scope: "", value: phone }, userId)]),
  ];
}

/** Also true of two that a person has parted: saying again that they are one changes nothing. */
function isCertain(evidence: Evidence, a: string, b: string): boolean {
  return a === b || evidence.bonds.has(bondText(pairOf(a, b)));
}

/**
 * Whether the sighting cannot change what is known of older contacts: all its addresses are new, or it merely moves back
 * a start that decides nothing, since the phone has one owner. Such sightings need no more than the locks of their addresses.
 */
export function isLocal(evidence: Evidence, seen: SeenIdentity): boolean {
  const isFresh = addressesOf(seen).every((key) =>
    key.kind === "phone" ? !evidence.phones.has(key.value) : !evidence.addresses.has(addressText({ ...key, claimant: "" })),
  );
  if (isFresh) return true;
  const history = seen.phone === null ? undefined : evidence.phones.get(seen.phone);
  const hasOneOwner = history === undefined || (history.holdings.length <= 1 && history.leftAtMs.size === 0);
  return hasOneOwner && findSettled(evidence, { ...seen, atMs: Infinity }) !== null;
}

/** Adds what the sightings say. `make` adds a contact, see `contactMaker`. Saying it again adds nothing. */
export function record(evidence: Evidence, sightings: readonly SeenIdentity[], make: () => string): void {
  for (const seen of sightings) recordCertain(evidence, seen, make);
  // Ends of claims before anybody is placed by a phone alone, so that the order within the batch makes no difference.
  for (const seen of sightings) {
    for (const link of seen.links) if (link.by === "previous_phone") depart(evidence, link.previousPhone, seen.atMs);
  }
  for (const seen of sightings) {
    if (seen.userId === null && seen.phone !== null) place(evidence, seen.phone, seen.atMs, make);
  }
  for (const seen of sightings) recordTies(evidence, seen);
}

/** Adds a contact with an id from `mint`, created at `nowMs`, to the evidence. */
export function contactMaker(evidence: Evidence, mint: () => string, nowMs: number): () => string {
  return () => {
    const id = mint();
    evidence.contacts.set(id, { id, createdAtMs: nowMs, canonicalId: id });
    evidence.added.contacts.add(id);
    return id;
  };
}

/** Makes sure that somebody has the phone at that time. */
export function place(evidence: Evidence, phone: string, atMs: number, make: () => string): void {
  const owner = ownerAt(evidence.phones.get(phone), atMs);
  if (!isUnclaimed(owner)) return;
  const contactId = owner.contactId ?? make();
  addAddress(evidence, { kind: "phone", scope: "", value: phone, claimant: owner.claimant, contactId, fromAtMs: atMs });
}

/** The contact (not its canonical one) of a sighting that is on record; null if it is not. */
export function findContact(evidence: Evidence, seen: Pick<SeenIdentity, "scope" | "atMs" | "phone" | "userId">): string | null {
  if (seen.userId !== null) return userContact(evidence, seen.scope, seen.userId);
  return seen.phone === null ? null : ownerAt(evidence.phones.get(seen.phone), seen.atMs).contactId;
}

/** Ids that are one person's, whatever the phones say later. */
function recordCertain(evidence: Evidence, seen: SeenIdentity, make: () => string): void {
  const { scope, atMs } = seen;
  const user = (value: string): Omit<Address, "contactId"> => ({ kind: "user_id", scope, value, claimant: "", fromAtMs: atMs });
  const claim = (phone: string, userId: string): void =>
    join(evidence, [user(userId), { kind: "phone", scope: "", value: phone, claimant: userId, fromAtMs: atMs }], make);
  if (seen.userId !== null) {
    const parent = seen.parentUserId;
    join(evidence, [user(seen.userId), ...(parent === null ? [] : [{ ...user(parent), kind: "parent_user_id" as const }])], make);
    if (seen.phone !== null) claim(seen.phone, seen.userId);
  }
  for (const link of seen.links) {
    if (link.by === "contact_request") {
      if (seen.userId !== null) claim(link.phone, seen.userId);
      continue;
    }
    if (link.userId !== null) {
      join(evidence, [user(link.userId)], make);
      if (link.phone !== null) claim(link.phone, link.userId);
    }
    if (link.by === "previous_user_id") {
      const known = link.userId ?? seen.userId;
      join(evidence, [user(link.previousUserId), ...(known === null ? [] : [user(known)])], make);
    }
  }
}

/** What ties the owners of phones at a time, who may turn out to be others when more is known. */
function recordTies(evidence: Evidence, seen: SeenIdentity): void {
  for (const link of seen.links) {
    const leaves = link.by === "previous_phone" ? link.previousPhone : null;
    // The old phone is still the sender's just before.
    const timeOf = (phone: string): number => (phone === leaves ? seen.atMs - 1 : seen.atMs);
    const userId = (link.by === "contact_request" ? null : link.userId) ?? seen.userId;
    const anchor: TieEnd | null =
      userId !== null
        ? { kind: "user_id", scope: seen.scope, value: userId }
        : seen.phone !== null
          ? { kind: "phone", value: seen.phone, atMs: timeOf(seen.phone) }
          : null;
    const self = findContact(evidence, seen);
    if (anchor === null || self === null) continue;
    for (const phone of new Set([link.phone, leaves, seen.userId === null ? seen.phone : null])) {
      if (phone !== null && phone !== anchor.value) tie(evidence, { phone, atMs: timeOf(phone), other: anchor, contactId: self });
    }
    if (link.by === "previous_user_id" && anchor.kind === "phone") {
      const other: TieEnd = { kind: "user_id", scope: seen.scope, value: link.previousUserId };
      tie(evidence, { phone: anchor.value, atMs: anchor.atMs, other, contactId: self });
    }
  }
}

/**
 * A tie of two phones is kept with both, so that whoever meets one of them finds the other. A tie to a user id is kept with that
 * one's contact, so that it is found from there even while nobody was seen at the phone.
 */
function tie(evidence: Evidence, { phone, atMs, other, contactId }: Tie): void {
  const user = other.kind === "user_id" ? userContact(evidence, other.scope, other.value) : null;
  const ties: Tie[] = [{ phone, atMs, other, contactId: user ?? contactId }];
  if (other.kind === "phone") ties.push({ phone: other.value, atMs: other.atMs, other: { kind: "phone", value: phone, atMs }, contactId });
  for (const made of ties) {
    const key = tieText(made);
    if (evidence.ties.has(key)) continue;
    evidence.ties.set(key, made);
    evidence.added.ties.add(made);
  }
}

function depart(evidence: Evidence, phone: string, atMs: number): void {
  const departure: Departure = { phone, atMs };
  if (evidence.departures.has(departureText(departure))) return;
  knowDeparture(evidence, departure);
  evidence.added.departures.add(departure);
}

/** One person's addresses: the new ones join the first contact that is known, and further contacts are bound to it. */
function join(evidence: Evidence, addresses: readonly Omit<Address, "contactId">[], make: () => string): void {
  const known = addresses.flatMap((address) => evidence.addresses.get(addressText(address)) ?? []);
  const contactId = known[0]?.contactId ?? make();
  for (const address of addresses) addAddress(evidence, { ...address, contactId });
  for (const other of known) bind(evidence, contactId, other.contactId);
}

function addAddress(evidence: Evidence, address: Address): void {
  const known = evidence.addresses.get(addressText(address));
  if (known === undefined) {
    knowAddress(evidence, address);
    evidence.added.addresses.add(address);
  } else if (address.fromAtMs < known.fromAtMs) {
    known.fromAtMs = address.fromAtMs;
    evidence.added.earlier.add(known);
  }
}

function bind(evidence: Evidence, a: string, b: string): void {
  const bond: Bond = { ...pairOf(a, b), isUndone: false };
  const key = bondText(bond);
  if (a === b || evidence.bonds.has(key)) return;
  evidence.bonds.set(key, bond);
  evidence.added.bonds.add(bond);
}

/** The canonical contact of every loaded contact: of those that are one person the oldest, then the least id. */
export function deriveCanonicals(evidence: Evidence): Map<string, string> {
  const above = new Map<string, string>();
  const top = (node: string): string => {
    let at = node;
    for (let next = above.get(at); next !== undefined; next = above.get(at)) at = next;
    if (at !== node) above.set(node, at);
    return at;
  };
  const isApart = (a: string, b: string): boolean => evidence.bonds.get(bondText(pairOf(a, b)))?.isUndone === true;
  const unite = (a: string, b: string): void => {
    if (isApart(a, b)) return;
    const [x, y] = [top(a), top(b)];
    if (x !== y) above.set(x, y);
  };
  for (const { contactId, otherId } of evidence.bonds.values()) unite(contactId, otherId);
  for (const history of evidence.phones.values()) {
    for (const holding of history.holdings) {
      // Whoever was first known by the phone alone is its owner of that moment.
      if (isUnclaimed(holding)) unite(holding.contactId, ownerOf(history, holding));
    }
  }
  for (const { phone, atMs, other } of evidence.ties.values()) {
    unite(personAt(evidence, { kind: "phone", value: phone, atMs }), personAt(evidence, other));
  }
  const oldestFirst = [...evidence.contacts.values()].toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  const heads = new Map<string, string>();
  const canonicals = new Map<string, string>();
  for (const { id } of oldestFirst) {
    const head = heads.get(top(id)) ?? id;
    heads.set(top(id), head);
    canonicals.set(id, head);
  }
  return canonicals;
}

/** A contact, or a name for whoever held the phone then and was not seen: ties through that person count all the same. */
function personAt(evidence: Evidence, end: TieEnd): string {
  if (end.kind === "user_id") return userContact(evidence, end.scope, end.value) ?? `user ${end.scope} ${end.value}`;
  const owner = ownerAt(evidence.phones.get(end.value), end.atMs);
  return owner.contactId ?? `phone ${end.value} ${owner.claimant}`;
}

function userContact(evidence: Evidence, scope: string, value: string): string | null {
  return evidence.addresses.get(addressText({ kind: "user_id", scope, value, claimant: "" }))?.contactId ?? null;
}
