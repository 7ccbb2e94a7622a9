/**
 * From evidence to people in the database: who is canonical now, what that means for names, conversations and messages, and the
 * undoing of a merge. Runs under the locks of `contacts/locks.ts`. Lock order: tenants, addresses, contacts, conversations, messages.
 */
import { knowBond, pairOf, type Evidence } from "../../../core/evidence.ts";
import { contactMaker, deriveCanonicals, findContact, place } from "../../../core/identity.ts";
import { compareProfiles, hasSameNames, newerProfile, noProfile, type Profile } from "../../../core/profile.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { uuids } from "../../../db/arrays.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { findSentMessages, rebuildConversations, rehomeMessages, relinkConversations, type SentMessage } from "./conversations.ts";
import { loadWhole, lockNames, type Known, type Loaded } from "./evidence.ts";
import { lockTenants } from "./locks.ts";
import { carryPreferences } from "./preferences.ts";
import { writeContactStates, writeEvidence, type ContactState } from "./writes.ts";

/** `changed` holds canonical contacts of before or now whose names, addresses or members changed. */
export type Settled = { canonicals: Map<string, string>; changed: Set<string> };

/** Brings contacts, conversations and messages in line with the evidence, and stores what was added to it. */
export async function settlePeople(tx: Tx, known: Known, nowMs: number): Promise<Map<string, Settled>> {
  const plans = new Map<string, Plan>();
  // One session; only the rare tenant asks anything.
  for (const [tenantId, loaded] of known) plans.set(tenantId, await makePlan(tx, tenantId, loaded, nowMs));
  await writeContactStates(
    tx,
    [...plans.values()].flatMap((plan) => plan.states),
  );
  await writeEvidence(tx, known, nowMs);
  for (const [tenantId, { moved, moves, canonicals }] of plans) {
    if (moved.size === 0 && moves.length === 0) continue;
    // One session.
    const relinked = moved.size === 0 ? [] : await relinkConversations(tx, tenantId, moved, nowMs);
    const rehomed = await rehomeMessages(tx, tenantId, moves, nowMs);
    const now = (id: string): string => canonicals.get(id) ?? id;
    const canonicalIds = [...moved.values(), ...moves.flatMap(({ message, contactId }) => [now(message.contactId), now(contactId)])];
    await carryPreferences(tx, tenantId, { canonicalIds, movedMessageIds: moves.map(({ message }) => message.id) });
    await rebuildConversations(tx, tenantId, [...relinked, ...rehomed]);
  }
  return plans;
}

type Plan = Settled & {
  states: ContactState[];
  /** Older contacts of families that changed, with their canonical contacts. */
  moved: Map<string, string>;
  moves: { message: SentMessage; contactId: string }[];
};

async function makePlan(tx: Tx, tenantId: string, loaded: Loaded, nowMs: number): Promise<Plan> {
  const { evidence } = loaded;
  const messages = await findSentMessages(tx, tenantId, disturbed(evidence, deriveCanonicals(evidence)));
  const make = contactMaker(evidence, () => newId(nowMs), nowMs);
  for (const { userId, phone, atMs } of messages) if (userId === null && phone !== null) place(evidence, phone, atMs, make);
  const canonicals = deriveCanonicals(evidence);
  const now = (id: string): string => canonicals.get(id) ?? id;

  const moves = messages.flatMap((message) => {
    const found = message.scopes.map((scope) => findContact(evidence, { ...message, scope })).find((id) => id !== null) ?? null;
    return found === null || now(found) === now(message.contactId) ? [] : [{ message, contactId: now(found) }];
  });
  const older = [...evidence.contacts.values()].filter(({ id }) => !evidence.added.contacts.has(id));
  const families = new Set(
    older.filter(({ id, canonicalId }) => now(id) !== canonicalId).flatMap(({ id, canonicalId }) => [canonicalId, now(id)]),
  );
  const moved = new Map(
    older.filter(({ id, canonicalId }) => families.has(canonicalId) || families.has(now(id))).map(({ id }) => [id, now(id)]),
  );
  const touched = new Set([...families].map(now));
  for (const { contactId } of evidence.added.addresses) touched.add(now(contactId));
  return { canonicals, moves, moved, ...stateContacts(tenantId, loaded, canonicals, touched) };
}

/** Contacts that are new or differ from what was read, and the canonical ones that look different to a reader. */
function stateContacts(
  tenantId: string,
  { evidence, names }: Loaded,
  canonicals: ReadonlyMap<string, string>,
  touched: ReadonlySet<string>,
): { states: ContactState[]; changed: Set<string> } {
  const newest = new Map<string, Profile>();
  for (const [id, canonicalId] of canonicals) {
    newest.set(canonicalId, newerProfile(newest.get(canonicalId) ?? noProfile, names.get(id)?.own ?? noProfile));
  }
  const states: ContactState[] = [];
  const changed = new Set<string>();
  for (const { id, createdAtMs, canonicalId: before } of evidence.contacts.values()) {
    const canonicalId = canonicals.get(id) ?? id;
    const { own, shown: shownBefore, read } = names.get(id) ?? { own: noProfile, shown: noProfile, read: noProfile };
    const shown = canonicalId === id ? (newest.get(id) ?? own) : shownBefore;
    const isNew = evidence.added.contacts.has(id);
    const isSame = canonicalId === before && compareProfiles(own, read) === 0 && compareProfiles(shown, shownBefore) === 0;
    if (isNew || !isSame) states.push({ tenantId, id, canonicalId, createdAtMs, own, shown });
    if (canonicalId === id && (touched.has(id) || !hasSameNames(shown, shownBefore))) changed.add(id);
  }
  return { states, changed };
}

/**
 * Where messages may lie with the wrong contact: in families that came apart, and around phones that have just got another
 * line of owners. Contacts made in this call have no messages yet.
 */
function disturbed(
  evidence: Evidence,
  canonicals: ReadonlyMap<string, string>,
): { contactIds: string[]; phones: string[]; userIds: string[] } {
  const now = (id: string): string => canonicals.get(id) ?? id;
  const older = [...evidence.contacts.values()].filter(({ id }) => !evidence.added.contacts.has(id));
  const apart = new Set(older.filter(({ id, canonicalId }) => now(id) !== now(canonicalId)).map(({ canonicalId }) => canonicalId));
  const phones = new Set<string>();
  for (const { kind, value } of [...evidence.added.addresses, ...evidence.added.earlier]) if (kind === "phone") phones.add(value);
  for (const { phone } of evidence.added.departures) phones.add(phone);
  const families = new Set(apart);
  for (const phone of phones) {
    const history = evidence.phones.get(phone);
    const owners = (history?.holdings ?? []).map(({ contactId }) => contactId);
    if (history === undefined || (new Set(owners.map(now)).size < 2 && history.leftAtMs.size === 0)) phones.delete(phone);
    else for (const owner of owners) families.add(evidence.contacts.get(owner)?.canonicalId ?? owner);
  }
  const isApart = (contactId: string): boolean => apart.has(evidence.contacts.get(contactId)?.canonicalId ?? contactId);
  const userIds = new Set<string>();
  if (apart.size > 0) {
    for (const { kind, value, contactId } of evidence.addresses.values()) {
      if (!isApart(contactId)) continue;
      if (kind === "phone") phones.add(value);
      else userIds.add(value);
    }
  }
  const contactIds = older.filter(({ canonicalId }) => families.has(canonicalId)).map(({ id }) => id);
  return { contactIds, phones: [...phones], userIds: [...userIds] };
}

const part = statement(
  "contacts.part",
  `insert into whatsapp_contact_bonds as b (tenant_id, contact_id, other_id, undone_at)
   select $1, pair.contact_id, pair.other_id, $4 from unnest($2::uuid[], $3::uuid[]) as pair (contact_id, other_id)
   on conflict (tenant_id, contact_id, other_id) do update set undone_at = excluded.undone_at`,
  {},
);

/**
 * Undoes a merge: the contact stands alone again, with its own names, addresses and conversations; messages that came after the
 * merge follow their senders, what the business itself sent stays where it is. Evidence that comes again does not merge them again.
 * Answers whether it was merged with anything; addresses that never were two contacts cannot be parted.
 */
export async function unmergeContact(tx: Tx, scope: TenantScope, contactId: string, nowMs: number): Promise<boolean> {
  const { tenantId } = scope;
  await lockTenants(tx, [tenantId], () => true);
  const known = await loadWhole(tx, [], [{ tenantId, contactId }]);
  const evidence = known.get(tenantId)?.evidence;
  const self = evidence?.contacts.get(contactId);
  if (evidence === undefined || self === undefined) return false;
  const others = [...evidence.contacts.values()].filter(({ id, canonicalId }) => id !== contactId && canonicalId === self.canonicalId);
  const pairs = others.map(({ id }) => pairOf(contactId, id));
  if (pairs.length === 0) return false;
  for (const pair of pairs) knowBond(evidence, { ...pair, isUndone: true });
  await lockNames(tx, known, []);
  await tx.query(part, [tenantId, uuids(pairs.map((pair) => pair.contactId)), uuids(pairs.map((pair) => pair.otherId)), time(nowMs)]);
  await settlePeople(tx, known, nowMs);
  return true;
}
