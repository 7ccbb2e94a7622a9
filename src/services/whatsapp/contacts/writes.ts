/** Writing contacts and what was learnt about them: sorted sets, one statement per table, for all tenants of a batch. */
import type { Address, Bond, Departure, Evidence, Tie } from "../../../core/evidence.ts";
import type { Profile } from "../../../core/profile.ts";
import { texts, times, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import type { Known } from "./evidence.ts";

/** A contact as it shall be. */
export type ContactState = { tenantId: string; id: string; canonicalId: string; createdAtMs: number; own: Profile; shown: Profile };

/** What to fold into the names of one contact, if it is newer than what is there by then. */
export type ProfileNote = { tenantId: string; contactId: string; own: Profile | null; shown: Profile | null };

const none = {} as const;

const writeContacts = statement(
  "contacts.write",
  `insert into whatsapp_contacts as c (tenant_id, id, created_at, merged_into_id,
     own_profile_at, own_profile_wa_message_id, own_profile_name, own_username, profile_at, profile_wa_message_id, profile_name, username)
   select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[],
     $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::text[], $12::text[])
   on conflict (tenant_id, id) do update set
     merged_into_id = excluded.merged_into_id,
     own_profile_at = excluded.own_profile_at, own_profile_wa_message_id = excluded.own_profile_wa_message_id,
     own_profile_name = excluded.own_profile_name, own_username = excluded.own_username,
     profile_at = excluded.profile_at, profile_wa_message_id = excluded.profile_wa_message_id,
     profile_name = excluded.profile_name, username = excluded.username`,
  none,
);
const writeAddresses = statement(
  "contacts.write_addresses",
  `insert into whatsapp_contact_addresses as a (tenant_id, kind, scope, value, claimant, contact_id, from_at)
   select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[])
   on conflict (tenant_id, kind, value, scope, claimant) do update set from_at = least(a.from_at, excluded.from_at)`,
  none,
);
const writeBonds = statement(
  "contacts.write_bonds",
  `insert into whatsapp_contact_bonds (tenant_id, contact_id, other_id, undone_at)
   select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
   on conflict do nothing`,
  none,
);
const writeTies = statement(
  "contacts.write_ties",
  `insert into whatsapp_contact_ties (tenant_id, phone, at, other_kind, other_scope, other_value, other_at, contact_id)
   select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::uuid[])
   on conflict do nothing`,
  none,
);
const writeDepartures = statement(
  "contacts.write_departures",
  `insert into whatsapp_contact_departures (tenant_id, phone, at)
   select * from unnest($1::uuid[], $2::text[], $3::timestamptz[])
   on conflict do nothing`,
  none,
);

const isNewer = (own: "" | "own_", at: string): string =>
  `coalesce((n.${at}at, n.${at}wa_message_id, coalesce(n.${at}name, ''), coalesce(n.${at}username, ''))
     > (c.${own}profile_at, c.${own}profile_wa_message_id, coalesce(c.${own}profile_name collate "C", ''), coalesce(c.${own}username collate "C", '')), false)`;

const takesOwn = isNewer("own_", "own_");
const takesShown = isNewer("", "shown_");

/** Rows are locked in the order of the arrays, which is that of their keys, and judged as they are once they are locked. */
const noteProfiles = statement(
  "contacts.note_profiles",
  `update whatsapp_contacts c set
     own_profile_at = case when ${takesOwn} then n.own_at else c.own_profile_at end,
     own_profile_wa_message_id = case when ${takesOwn} then n.own_wa_message_id else c.own_profile_wa_message_id end,
     own_profile_name = case when ${takesOwn} then n.own_name else c.own_profile_name end,
     own_username = case when ${takesOwn} then n.own_username else c.own_username end,
     profile_at = case when ${takesShown} then n.shown_at else c.profile_at end,
     profile_wa_message_id = case when ${takesShown} then n.shown_wa_message_id else c.profile_wa_message_id end,
     profile_name = case when ${takesShown} then n.shown_name else c.profile_name end,
     username = case when ${takesShown} then n.shown_username else c.username end
   from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::text[])
     as n (tenant_id, id, own_at, own_wa_message_id, own_name, own_username, shown_at, shown_wa_message_id, shown_name, shown_username)
   where c.tenant_id = n.tenant_id and c.id = n.id and (${takesOwn} or ${takesShown})
   returning c.id, (old.profile_name, old.username) is distinct from (c.profile_name, c.username) as "isRenamed"`,
  { id: "uuid", isRenamed: "bool" },
);

/** Answers the contacts whose shown names are others than before. */
export async function foldProfiles(tx: Tx, notes: readonly ProfileNote[]): Promise<ReadonlySet<string>> {
  if (notes.length === 0) return new Set();
  const sorted = notes.toSorted((a, b) => compare(a.tenantId + a.contactId, b.tenantId + b.contactId));
  const rows = await tx.query(noteProfiles, [
    uuids(sorted.map((note) => note.tenantId)),
    uuids(sorted.map((note) => note.contactId)),
    ...profileArrays(sorted.map((note) => note.own)),
    ...profileArrays(sorted.map((note) => note.shown)),
  ]);
  return new Set(rows.flatMap((row) => (row.isRenamed ? [row.id] : [])));
}

/** Contacts must be locked or new. */
export async function writeContactStates(tx: Tx, states: readonly ContactState[]): Promise<void> {
  if (states.length === 0) return;
  const rows = states.toSorted((a, b) => compare(a.tenantId + a.id, b.tenantId + b.id));
  await tx.query(writeContacts, [
    uuids(rows.map((row) => row.tenantId)),
    uuids(rows.map((row) => row.id)),
    times(rows.map((row) => row.createdAtMs)),
    uuids(rows.map((row) => (row.canonicalId === row.id ? null : row.canonicalId))),
    ...profileArrays(rows.map((row) => row.own)),
    ...profileArrays(rows.map((row) => row.shown)),
  ]);
}

/** What was added to the evidence since it was loaded. */
export async function writeEvidence(tx: Tx, known: Known, nowMs: number): Promise<void> {
  await insertAddresses(
    tx,
    collect(known, ({ addresses, earlier }) => [...new Set([...addresses, ...earlier])]),
  );
  await insertBonds(
    tx,
    collect(known, ({ bonds }) => [...bonds]),
    nowMs,
  );
  await insertTies(
    tx,
    collect(known, ({ ties }) => [...ties]),
  );
  await insertDepartures(
    tx,
    collect(known, ({ departures }) => [...departures]),
  );
}

type Owned<T> = T & { tenantId: string };

function collect<T>(known: Known, pick: (added: Evidence["added"]) => T[]): Owned<T>[] {
  return [...known].flatMap(([tenantId, { evidence }]) => pick(evidence.added).map((item) => ({ ...item, tenantId })));
}

async function insertAddresses(tx: Tx, addresses: readonly Owned<Address>[]): Promise<void> {
  if (addresses.length === 0) return;
  const text = (row: Owned<Address>): string => `${row.tenantId} ${row.kind} ${row.value} ${row.scope} ${row.claimant}`;
  const rows = addresses.toSorted((a, b) => compare(text(a), text(b)));
  await tx.query(writeAddresses, [
    uuids(rows.map((row) => row.tenantId)),
    texts(rows.map((row) => row.kind)),
    texts(rows.map((row) => row.scope)),
    texts(rows.map((row) => row.value)),
    texts(rows.map((row) => row.claimant)),
    uuids(rows.map((row) => row.contactId)),
    times(rows.map((row) => row.fromAtMs)),
  ]);
}

async function insertBonds(tx: Tx, rows: readonly Owned<Bond>[], nowMs: number): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(writeBonds, [
    uuids(rows.map((row) => row.tenantId)),
    uuids(rows.map((row) => row.contactId)),
    uuids(rows.map((row) => row.otherId)),
    times(rows.map((row) => (row.isUndone ? nowMs : null))),
  ]);
}

async function insertTies(tx: Tx, rows: readonly Owned<Tie>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(writeTies, [
    uuids(rows.map((row) => row.tenantId)),
    texts(rows.map((row) => row.phone)),
    times(rows.map((row) => row.atMs)),
    texts(rows.map((row) => row.other.kind)),
    texts(rows.map(({ other }) => (other.kind === "user_id" ? other.scope : ""))),
    texts(rows.map((row) => row.other.value)),
    times(rows.map((row) => (row.other.kind === "phone" ? row.other.atMs : row.atMs))),
    uuids(rows.map((row) => row.contactId)),
  ]);
}

async function insertDepartures(tx: Tx, rows: readonly Owned<Departure>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(writeDepartures, [
    uuids(rows.map((row) => row.tenantId)),
    texts(rows.map((row) => row.phone)),
    times(rows.map((row) => row.atMs)),
  ]);
}

function profileArrays(profiles: readonly (Profile | null)[]): Buffer[] {
  return [
    times(profiles.map((profile) => profile?.atMs ?? null)),
    texts(profiles.map((profile) => profile?.waMessageId ?? null)),
    texts(profiles.map((profile) => profile?.profileName ?? null)),
    texts(profiles.map((profile) => profile?.username ?? null)),
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
