/**
 * Who an element of a webhook is about: the contact behind a phone and user ids, found or made. Called by the workers inside their
 * transaction, before they touch conversations.
 *
 * Promises: the same set of sightings ends with the same people, addresses and names, in whatever order and batches they come (I3);
 * one customer's first messages in parallel transactions end in one contact. The usual call, in which everybody is known, is one read
 * and at most one write, without locks beyond the contacts' rows. Decisions are in `core/identity.ts`.
 */
import type { Evidence } from "../../../core/evidence.ts";
import { addressesOf, contactMaker, contactsToCompare, findContact, findSettled, isLocal, record } from "../../../core/identity.ts";
import { compareProfiles, hasSameNames, newerProfile, noProfile, type Profile } from "../../../core/profile.ts";
import { newId } from "../../../db/new-id.ts";
import type { Tx } from "../../../db/transaction.ts";
import { loadBonds, loadKnown, loadWhole, loadedOf, lockNames, type Known, type Loaded, type TenantContact } from "./evidence.ts";
import { lockAddresses, lockTenants, type TenantAddress } from "./locks.ts";
import { settlePeople, type Settled } from "./merge.ts";
import { foldProfiles, type ProfileNote } from "./writes.ts";
import type { IdentityLink } from "../graph/updates.ts";
import { PeopleCache, type Person } from "./people-cache.ts";

/** A customer as one element names them. */
export type Sighting = {
  tenantId: string;
  /** Of its user ids: the portfolio's id, or `account:` and the WABA id while that is unknown. Phones belong to the tenant. */
  scope: string;
  atMs: number;
  waMessageId: string;
  phone: string | null;
  userId: string | null;
  parentUserId: string | null;
  profileName: string | null;
  username: string | null;
  links: readonly IdentityLink[];
  /** The tenant's, as routing read it. Without it nothing is taken from or put into the cache of this process. */
  identityVersion?: number;
};

/** `contactId` is canonical. `hasChanged`: name, user name, addresses or merged contacts differ from before, or it is new. */
export type Resolved = Person & {
  isNew: boolean;
  hasChanged: boolean;
  /** Taken from the memory of this process: it need not be remembered again. */
  isRemembered?: boolean;
};

/**
 * Aligned with the input. A sighting must name a phone or a user id. Fails with 40P01 when two structural changes wait for
 * each other, as any transaction may; the worker tries again.
 */
export async function resolveContacts(tx: Tx, sightings: readonly Sighting[], nowMs: number): Promise<Resolved[]> {
  const people = sightings.map((sighting) => cache.find(sighting));
  const strangers = sightings.filter((_, index) => people[index] === null);
  const looked = await lookUp(tx, strangers, nowMs, { isFinal: strangers.length === sightings.length });
  // Somebody may have been joined or parted just now: then nobody is taken from the cache.
  if (looked === null) return (await lookUp(tx, sightings, nowMs, { isFinal: true })) ?? [];
  const notes = new Map<string, ProfileNote>();
  let next = 0;
  const resolved = sightings.map((sighting, index) => {
    const person = people[index] ?? null;
    const found =
      person === null
        ? looked[next++]
        : { ownContactId: person.ownContactId, contactId: person.contactId, isNew: false, hasChanged: false, isRemembered: true };
    if (found === undefined) throw new Error("A sighting was not resolved");
    const profile = profileOf(sighting);
    if (person !== null && profile !== null) {
      const { ownContactId, contactId } = person;
      const { tenantId } = sighting;
      const isOwn = ownContactId === contactId;
      fold(notes, { tenantId, contactId: ownContactId, own: profile, shown: isOwn ? profile : null });
      if (!isOwn) fold(notes, { tenantId, contactId, own: null, shown: profile });
    }
    return found;
  });
  const renamed = await foldProfiles(tx, [...notes.values()]);
  return renamed.size === 0 ? resolved : resolved.map((one) => (renamed.has(one.contactId) ? { ...one, hasChanged: true } : one));
}

/** For after COMMIT: these people need not be looked up again. */
export function rememberContacts(sightings: readonly Sighting[], resolved: readonly Resolved[]): void {
  for (const [index, sighting] of sightings.entries()) {
    const found = resolved[index];
    if (found !== undefined && found.isRemembered !== true)
      cache.remember(sighting, { ownContactId: found.ownContactId, contactId: found.contactId });
  }
}

const cache = new PeopleCache();

/** Somebody was erased: this process shall not hold their addresses either. */
export function forgetKnownPeople(): void {
  cache.forget();
}

/** Null when people on record are touched and the caller has not said that these are all the sightings of the batch. */
async function lookUp(tx: Tx, sightings: readonly Sighting[], nowMs: number, { isFinal = false } = {}): Promise<Resolved[] | null> {
  if (sightings.length === 0) return [];
  const known = await loadKnown(tx, addressesIn(sightings));
  const torn = contactsInDoubt(known, sightings);
  if (torn.length > 0) await loadBonds(tx, known, torn);
  const contactIds = sightings.map((sighting) => findSettled(loadedOf(known, sighting.tenantId).evidence, sighting));
  const open = sightings.filter((_, index) => contactIds[index] === null);
  if (!isFinal && open.some((one) => !isLocal(loadedOf(known, one.tenantId).evidence, one))) return null;
  const learnt = open.length === 0 ? null : await learn(tx, known, { open, sightings }, nowMs);

  const notes = new Map<string, ProfileNote>();
  const resolved = sightings.map((sighting, index) => {
    const settled = learnt?.find(sighting) ?? null;
    if (settled !== null) return settled;
    const contactId = contactIds[index] ?? null;
    if (contactId === null) throw new Error("A sighting names neither a phone nor a user id");
    return note(loadedOf(known, sighting.tenantId), sighting, contactId, notes);
  });
  await foldProfiles(tx, [...notes.values()]);
  // A name that changes in the middle of a batch has changed for all of it.
  const changed = new Set(resolved.filter((one) => one.hasChanged).map((one) => one.contactId));
  return resolved.map((one) => (changed.has(one.contactId) ? { ...one, hasChanged: true } : one));
}

/** Those whose addresses are with several contacts: rare, since mostly one contact has them all. */
function contactsInDoubt(known: Known, sightings: readonly Sighting[]): TenantContact[] {
  return sightings.flatMap((sighting) => {
    const { tenantId } = sighting;
    return contactsToCompare(loadedOf(known, tenantId).evidence, sighting).map((contactId) => ({ tenantId, contactId }));
  });
}

/** Notes the names of someone who is on record. */
function note({ evidence, names }: Loaded, sighting: Sighting, contactId: string, notes: Map<string, ProfileNote>): Resolved {
  const canonicalId = evidence.contacts.get(contactId)?.canonicalId ?? contactId;
  const read = names.get(contactId);
  const profile = profileOf(sighting);
  const person = { ownContactId: contactId, contactId: canonicalId };
  if (profile === null || read === undefined) return { ...person, isNew: false, hasChanged: false };
  const { tenantId } = sighting;
  if (compareProfiles(profile, read.own) > 0) fold(notes, { tenantId, contactId, own: profile, shown: null });
  if (compareProfiles(profile, read.shown) <= 0) return { ...person, isNew: false, hasChanged: false };
  fold(notes, { tenantId, contactId: canonicalId, own: null, shown: profile });
  return { ...person, isNew: false, hasChanged: !hasSameNames(profile, read.shown) };
}

function fold(notes: Map<string, ProfileNote>, { tenantId, contactId, own, shown }: ProfileNote): void {
  const before = notes.get(contactId);
  const newest = (a: Profile | null, b: Profile | null): Profile | null => (a === null || b === null ? (a ?? b) : newerProfile(a, b));
  notes.set(contactId, { tenantId, contactId, own: newest(own, before?.own ?? null), shown: newest(shown, before?.shown ?? null) });
}

type Learnt = { find: (sighting: Sighting) => Resolved | null };

/** Takes the locks, looks again at everything that matters, adds what is new and settles it. */
async function learn(
  tx: Tx,
  quick: Known,
  { open, sightings }: { open: readonly Sighting[]; sightings: readonly Sighting[] },
  nowMs: number,
): Promise<Learnt> {
  const tenantIds = [...new Set(open.map((sighting) => sighting.tenantId))];
  const isOpen = new Set(open);
  const known = await loadLocked(tx, quick, open, tenantIds);
  await lockNames(tx, known, contactsNamed(quick, sightings));
  for (const tenantId of tenantIds) {
    const { evidence } = loadedOf(known, tenantId);
    // Whom a bare phone belongs to may be another one by what the batch itself brings.
    const ofTenant = sightings.filter((one) => one.tenantId === tenantId && (isOpen.has(one) || isByPhoneIn(evidence, one)));
    record(
      evidence,
      ofTenant.toSorted(compareSightings),
      contactMaker(evidence, () => newId(nowMs), nowMs),
    );
  }
  for (const sighting of sightings) noteOwn(known.get(sighting.tenantId), sighting);
  const settled = await settlePeople(tx, known, nowMs);
  return { find: (sighting) => resolutionOf(known.get(sighting.tenantId), settled.get(sighting.tenantId), sighting) };
}

/** With a phone of which all is loaded. */
function isByPhoneIn(evidence: Evidence, { userId, phone }: Sighting): boolean {
  return userId === null && phone !== null && evidence.phones.has(phone);
}

/** What the quick look took for a mere addition touches contacts that exist by now. */
class NeedsTenants extends Error {}

/**
 * Shares the tenants to which only something is added, and takes those alone in which older contacts are touched. When it turns out
 * that sharing was not enough, what was locked is given back first: two that share and wait to be alone would wait for each other.
 */
async function loadLocked(tx: Tx, quick: Known, open: readonly Sighting[], tenantIds: readonly string[]): Promise<Known> {
  const addresses = addressesIn(open);
  const alone = new Set(open.filter((one) => !isLocal(loadedOf(quick, one.tenantId).evidence, one)).map((one) => one.tenantId));
  const lockAndLoad = async (isAlone: (tenantId: string) => boolean): Promise<Known> => {
    await lockTenants(tx, tenantIds, isAlone);
    await lockAddresses(tx, addresses);
    return loadWhole(tx, addresses);
  };
  if (tenantIds.every((tenantId) => alone.has(tenantId))) return lockAndLoad(() => true);
  try {
    return await tx.savepoint(async () => {
      const known = await lockAndLoad((tenantId) => alone.has(tenantId));
      const isShort = tenantIds.some((tenantId) => !alone.has(tenantId) && needsTenant(loadedOf(known, tenantId), open, tenantId));
      if (isShort) throw new NeedsTenants();
      return known;
    });
  } catch (error) {
    // The savepoint has let go of the locks.
    if (!(error instanceof NeedsTenants)) throw error;
    return lockAndLoad(() => true);
  }
}

/** Those on record whose names the batch may write. */
function contactsNamed(quick: Known, sightings: readonly Sighting[]): TenantContact[] {
  return sightings.flatMap((sighting) => {
    const { tenantId } = sighting;
    const { evidence } = loadedOf(quick, tenantId);
    const contactId = profileOf(sighting) === null ? null : findSettled(evidence, sighting);
    if (contactId === null) return [];
    return [contactId, evidence.contacts.get(contactId)?.canonicalId ?? contactId].map((id) => ({ tenantId, contactId: id }));
  });
}

function needsTenant({ evidence }: Loaded, open: readonly Sighting[], tenantId: string): boolean {
  if (evidence.ties.size > 0) return true;
  return open.some((one) => one.tenantId === tenantId && findSettled(evidence, one) === null && !isLocal(evidence, one));
}

function noteOwn(loaded: Loaded | undefined, sighting: Sighting): void {
  const contactId = loaded === undefined ? null : findContact(loaded.evidence, sighting);
  const profile = profileOf(sighting);
  if (loaded === undefined || contactId === null || profile === null) return;
  const before = loaded.names.get(contactId) ?? { own: noProfile, shown: noProfile, read: noProfile };
  loaded.names.set(contactId, { ...before, own: newerProfile(before.own, profile) });
}

/** Null for someone of whom nothing was loaded, since nothing new touches them. */
function resolutionOf(loaded: Loaded | undefined, settled: Settled | undefined, sighting: Sighting): Resolved | null {
  const contactId = loaded === undefined ? null : findContact(loaded.evidence, sighting);
  if (loaded === undefined || settled === undefined || contactId === null) return null;
  const canonicalId = settled.canonicals.get(contactId) ?? contactId;
  const isNew = loaded.evidence.added.contacts.has(canonicalId);
  return { ownContactId: contactId, contactId: canonicalId, isNew, hasChanged: isNew || settled.changed.has(canonicalId) };
}

/** The user name comes with the name: a sighting without a name says nothing about either. */
function profileOf({ atMs, waMessageId, profileName, username }: Sighting): Profile | null {
  return profileName === null ? null : { atMs, waMessageId, profileName, username };
}

function addressesIn(sightings: readonly Sighting[]): TenantAddress[] {
  const addresses = new Map<string, TenantAddress>();
  for (const sighting of sightings) {
    for (const address of addressesOf(sighting)) {
      const { tenantId } = sighting;
      addresses.set(`${tenantId} ${address.kind} ${address.scope} ${address.value}`, { tenantId, ...address });
    }
  }
  return [...addresses.values()];
}

function compareSightings(a: Sighting, b: Sighting): number {
  return a.atMs - b.atMs || (a.waMessageId < b.waMessageId ? -1 : 1);
}
