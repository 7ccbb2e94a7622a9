/**
 * From evidence to people in the database: who is canonical now, what that means for names, conversations and messages, and the
 * undoing of a merge. Runs under the locks of `contact-locks.ts`. Lock order: tenants, addresses, contacts, conversations, messages.
 */
import { knowBond, pairOf, type Evidence } from "../../core/evidence.ts";
import { contactMaker, deriveCanonicals, findContact, place } from "../../core/identity.ts";
import { hasSameNames, newerProfile, noProfile } from "../../core/profile.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import { statement, time } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { findSentMessages, rebuildConversations, rehomeMessages, relinkConversations, type SentMessage } from "./contact-conversations.ts";
import { loadWhole, type Known, type Loaded } from "./contact-evidence.ts";
import { lockTenants } from "./contact-locks.ts";
import { writeContactStates, writeEvidence, type ContactState } from "./contact-writes.ts";

/** `changed` holds canonical contacts of before or now whose names, addresses or members changed. */
export type Settled = { canonicals: Map<string, string>; changed: Set<string> };

/** Brings contacts, conversations and messages in line with the evidence, and stores what was added to it. */
export async function settlePeople(tx: Tx, known: Known, nowMs: number): Promise<Map<string, Settled>> {
  const plans = new Map<string, Plan>();
  // oxlint-disable-next-line no-await-in-loop -- one session; only the rare tenant asks anything
  for (const [tenantId, loaded] of known) plans.set(tenantId, await makePlan(tx, tenantId, loaded, nowMs));
  await writeContactStates(
    tx,
    [...plans.values()].flatMap((plan) => plan.states),
  );
  await writeEvidence(tx, known, nowMs);
  for (const [tenantId, { moved, moves }] of plans) {
    if (moved.size === 0 && moves.length === 0) continue;
    /* oxlint-disable no-await-in-loop -- one session */
    const relinked = moved.size === 0 ? [] : await relinkConversations(tx, tenantId, moved, nowMs);
    const rehomed = await rehomeMessages(tx, tenantId, moves, nowMs);
    await rebuildConversations(tx, tenantId, [...relinked, ...rehomed]);
    /* oxlint-enable no-await-in-loop */
  }
  return plans;
}

type Plan = Settled & {
  states: ContactState[];
  /** Older contacts of families that changed, with their canonical contacts. */
  moved: Map<string, string>;
  moves: { message: SentMessage; contactId: string }[];
};

async function makePlan(tx: Tx, tenantId: string, { evidence, profiles }: Loaded, nowMs: number): Promise<Plan> {
  const before = new Map([...evidence.contacts.values()].map(({ id, canonicalId }) => [id, canonicalId]));
  const isOld = (id: string): boolean => !evidence.added.contacts.has(id);
  let canonicals = deriveCanonicals(evidence);
  const messages = await findSentMessages(tx, tenantId, disturbed(evidence, before, canonicals));
  const make = contactMaker(evidence, () => newId(nowMs), nowMs);
  for (const message of messages) if (message.userId === null && message.phone !== null) place(evidence, message.phone, message.atMs, make);
  if (messages.length > 0) canonicals = deriveCanonicals(evidence);
  const now = (id: string): string => canonicals.get(id) ?? id;

  const moves = messages.flatMap((message) => {
    const found = message.scopes.map((scope) => findContact(evidence, { ...message, scope })).find((id) => id !== null);
    return found === undefined || found === null || now(found) === now(message.contactId) ? [] : [{ message, contactId: now(found) }];
  });
  const changedFamilies = new Set([...before].filter(([id, was]) => isOld(id) && was !== now(id)).flatMap(([id, was]) => [was, now(was), now(id)]));
  const moved = new Map([...canonicals].filter(([id, is]) => isOld(id) && (changedFamilies.has(is) || changedFamilies.has(before.get(id) ?? id))));

  const shown = new Map<string, typeof noProfile>();
  const familySizes = new Map<string, number>();
  for (const was of before.values()) familySizes.set(was, (familySizes.get(was) ?? 0) + 1);
  for (const [id, is] of canonicals) {
    const profile = ownProfile({ evidence, profiles }, id);
    shown.set(is, newerProfile(shown.get(is) ?? noProfile, profile));
  }
  const changed = new Set([...changedFamilies].filter((id) => now(id) === id));
  for (const { contactId } of evidence.added.addresses) if (isOld(now(contactId))) changed.add(now(contactId));
  const states: ContactState[] = [];
  for (const { id, createdAtMs, canonicalId } of evidence.contacts.values()) {
    const old = profiles.get(id);
    const own = old?.own ?? noProfile;
    const is = now(id);
    const shows = is === id ? (shown.get(id) ?? own) : (old?.shown ?? own);
    const isSame = old !== undefined && !old.isNoted && canonicalId === is && JSON.stringify(shows) === JSON.stringify(old.shown);
    if (is === id && isOld(id) && old !== undefined && !hasSameNames(shows, old.shown)) changed.add(id);
    if (!isOld(id) || !isSame) states.push({ tenantId, id, canonicalId: is, createdAtMs, own, shown: shows });
  }
  return { canonicals, changed, states, moved, moves };
}
