/**
 * The evidence of `core/identity.ts` in the database: the quick look for what is known, the whole of what hangs together with it,
 * and writing what was added. Several tenants at once, one statement for all.
 */
import {
  addressText,
  emptyEvidence,
  knowAddress,
  knowBond,
  knowDeparture,
  knowTie,
  type AddressKey,
  type AddressKind,
  type Evidence,
  type Tie,
} from "../../../core/evidence.ts";
import type { Profile } from "../../../core/profile.ts";
import { texts, uuids } from "../../../db/arrays.ts";
import { statement, type RowOf } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import type { TenantAddress } from "./locks.ts";

/** Of the contact's own addresses, and as shown, which counts those of contacts merged into it. */
export type Names = {
  own: Profile;
  shown: Profile;
  /** `own` as it was read. */
  read: Profile;
};
/** What is loaded of one tenant. */
export type Loaded = { evidence: Evidence; names: Map<string, Names> };
export type Known = Map<string, Loaded>;
export type TenantContact = { tenantId: string; contactId: string };

const addressRow = {
  tenantId: "uuid",
  kind: "text",
  scope: "text",
  value: "text",
  claimant: "text",
  contactId: "uuid",
  fromAtMs: "time",
} as const;
const addressColumns = `a.tenant_id as "tenantId", a.kind, a.scope, a.value, a.claimant, a.contact_id as "contactId", a.from_at as "fromAtMs"`;
const askedAddresses = `unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as asked (tenant_id, kind, scope, value)`;
const askedContacts = `unnest($1::uuid[], $2::uuid[]) as asked (tenant_id, contact_id)`;
const onAddress = `a.tenant_id = asked.tenant_id and a.kind = asked.kind and a.value = asked.value and a.scope = asked.scope`;

const namesRow = {
  ownAtMs: "time?",
  ownWaMessageId: "text?",
  ownProfileName: "text?",
  ownUsername: "text?",
  shownAtMs: "time?",
  shownWaMessageId: "text?",
  shownProfileName: "text?",
  shownUsername: "text?",
} as const;
function namesColumns(own: string, shown: string): string {
  return `
  ${own}.own_profile_at as "ownAtMs", ${own}.own_profile_wa_message_id as "ownWaMessageId",
  ${own}.own_profile_name as "ownProfileName", ${own}.own_username as "ownUsername",
  ${shown}.profile_at as "shownAtMs", ${shown}.profile_wa_message_id as "shownWaMessageId",
  ${shown}.profile_name as "shownProfileName", ${shown}.username as "shownUsername"`;
}

/** Rows with kind `departure` carry the end of a phone's ownership and no contact. */
const selectKnown = statement(
  "contacts.known",
  `with asked as (select * from ${askedAddresses})
   select a.tenant_id as "tenantId", a.kind, a.scope, a.value, a.claimant, a.contact_id as "contactId", a.from_at as "fromAtMs",
     c.created_at as "createdAtMs", k.id as "canonicalId", ${namesColumns("c", "k")}
   from asked
   join whatsapp_contact_addresses a on ${onAddress}
   join whatsapp_contacts c on c.tenant_id = a.tenant_id and c.id = a.contact_id
   join whatsapp_contacts k on k.tenant_id = c.tenant_id and k.id = case when c.merged_into_id is null then c.id else c.merged_into_id end
   union all
   select d.tenant_id, 'departure', '', d.phone, '', null, d.at, null, null, null, null, null, null, null, null, null, null
   from asked
   join whatsapp_contact_departures d on d.tenant_id = asked.tenant_id and d.phone = asked.value
   where asked.kind = 'phone'`,
  { ...addressRow, contactId: "uuid?", createdAtMs: "time?", canonicalId: "uuid?", ...namesRow },
);

const selectAddresses = statement(
  "contacts.addresses",
  `select ${addressColumns} from ${askedAddresses} join whatsapp_contact_addresses a on ${onAddress}`,
  addressRow,
);
const selectAddressesOf = statement(
  "contacts.addresses_of",
  `select ${addressColumns} from ${askedContacts}
   join whatsapp_contact_addresses a on a.tenant_id = asked.tenant_id and a.contact_id = asked.contact_id`,
  addressRow,
);
const tieRow = {
  tenantId: "uuid",
  phone: "text",
  atMs: "time",
  otherKind: "text",
  otherScope: "text",
  otherValue: "text",
  otherAtMs: "time",
  contactId: "uuid",
} as const;
const tieColumns = `t.tenant_id as "tenantId", t.phone, t.at as "atMs", t.other_kind as "otherKind", t.other_scope as "otherScope",
  t.other_value as "otherValue", t.other_at as "otherAtMs", t.contact_id as "contactId"`;
const askedPhones = `unnest($1::uuid[], $2::text[]) as asked (tenant_id, phone)`;
const selectTies = statement(
  "contacts.ties",
  `select ${tieColumns} from ${askedPhones} join whatsapp_contact_ties t on t.tenant_id = asked.tenant_id and t.phone = asked.phone`,
  tieRow,
);
const selectTiesOf = statement(
  "contacts.ties_of",
  `select ${tieColumns} from ${askedContacts} join whatsapp_contact_ties t on t.tenant_id = asked.tenant_id and t.contact_id = asked.contact_id`,
  tieRow,
);
const selectDepartures = statement(
  "contacts.departures",
  `select d.tenant_id as "tenantId", d.phone, d.at as "atMs" from ${askedPhones}
   join whatsapp_contact_departures d on d.tenant_id = asked.tenant_id and d.phone = asked.phone`,
  { tenantId: "uuid", phone: "text", atMs: "time" },
);
const selectBondsOf = statement(
  "contacts.bonds_of",
  `select b.tenant_id as "tenantId", b.contact_id as "contactId", b.other_id as "otherId", b.undone_at is not null as "isUndone"
   from ${askedContacts}
   join whatsapp_contact_bonds b on b.tenant_id = asked.tenant_id and (b.contact_id = asked.contact_id or b.other_id = asked.contact_id)`,
  { tenantId: "uuid", contactId: "uuid", otherId: "uuid", isUndone: "bool" },
);
const selectFamilies = statement(
  "contacts.families",
  `select distinct f.tenant_id as "tenantId", f.id, f.created_at as "createdAtMs", coalesce(f.merged_into_id, f.id) as "canonicalId"
   from ${askedContacts}
   join whatsapp_contacts c on c.tenant_id = asked.tenant_id and c.id = asked.contact_id
   join whatsapp_contacts f on f.tenant_id = c.tenant_id and (f.id = case when c.merged_into_id is null then c.id else c.merged_into_id end or f.merged_into_id = case when c.merged_into_id is null then c.id else c.merged_into_id end)`,
  { tenantId: "uuid", id: "uuid", createdAtMs: "time", canonicalId: "uuid" },
);
/** What a row shows of itself; that of a merged contact is of no account. */
const lockContacts = statement(
  "contacts.lock",
  `select c.tenant_id as "tenantId", c.id, ${namesColumns("c", "c")}
   from ${askedContacts}
   join whatsapp_contacts c on c.tenant_id = asked.tenant_id and c.id = asked.contact_id
   order by c.tenant_id, c.id for no key update of c`,
  { tenantId: "uuid", id: "uuid", ...namesRow },
);

export function loadedOf(known: Known, tenantId: string): Loaded {
  let loaded = known.get(tenantId);
  if (loaded === undefined) known.set(tenantId, (loaded = { evidence: emptyEvidence(), names: new Map() }));
  return loaded;
}

/** Just these addresses with their contacts: what every batch reads. */
export async function loadKnown(tx: Tx, addresses: readonly TenantAddress[]): Promise<Known> {
  const known: Known = new Map();
  for (const row of await tx.query(selectKnown, addressArrays(addresses))) {
    const { evidence, names } = loadedOf(known, row.tenantId);
    const { contactId, createdAtMs, canonicalId, value, fromAtMs } = row;
    if (contactId === null || createdAtMs === null || canonicalId === null) {
      knowDeparture(evidence, { phone: value, atMs: fromAtMs });
      continue;
    }
    evidence.contacts.set(contactId, { id: contactId, createdAtMs, canonicalId });
    // In this quick look what is shown is the canonical contact's, whichever of the merged ones the address leads to.
    names.set(contactId, namesIn(row));
    addOnce(evidence, row, contactId);
  }
  return known;
}

/** Adds the bonds of these contacts to what the quick look has found. */
export async function loadBonds(tx: Tx, known: Known, contacts: readonly TenantContact[]): Promise<void> {
  for (const row of await tx.query(selectBondsOf, contactArrays(contacts))) knowBond(loadedOf(known, row.tenantId).evidence, row);
}

/** Everything that has a bearing on who these addresses and contacts are, but for names. */
export async function loadWhole(tx: Tx, addresses: readonly TenantAddress[], contacts: readonly TenantContact[] = []): Promise<Known> {
  const known: Known = new Map();
  const asked = { addresses: new Map<string, TenantAddress>(), contacts: new Map<string, TenantContact>() };
  let nextAddresses: TenantAddress[] = [];
  let nextContacts: TenantContact[] = [];
  const wantAddress = (tenantId: string, { kind, scope, value }: AddressKey): void => {
    const address = { tenantId, kind, scope, value };
    const key = `${tenantId} ${addressText({ ...address, claimant: "" })}`;
    if (asked.addresses.has(key)) return;
    asked.addresses.set(key, address);
    nextAddresses.push(address);
  };
  const wantContact = (tenantId: string, contactId: string): void => {
    const key = `${tenantId} ${contactId}`;
    if (asked.contacts.has(key)) return;
    asked.contacts.set(key, { tenantId, contactId });
    nextContacts.push({ tenantId, contactId });
  };
  const meetAddress = (row: RowOf<typeof addressRow>): void => {
    addOnce(loadedOf(known, row.tenantId).evidence, row, row.contactId);
    wantAddress(row.tenantId, addressKey(row));
    wantContact(row.tenantId, row.contactId);
  };
  const meetTie = (row: RowOf<typeof tieRow>): void => {
    const tie = tieOf(row);
    knowTie(loadedOf(known, row.tenantId).evidence, tie);
    wantAddress(row.tenantId, { kind: "phone", scope: "", value: tie.phone });
    wantAddress(row.tenantId, tie.other.kind === "phone" ? { ...tie.other, scope: "" } : tie.other);
    wantContact(row.tenantId, row.contactId);
  };
  for (const { tenantId, ...address } of addresses) wantAddress(tenantId, address);
  for (const { tenantId, contactId } of contacts) wantContact(tenantId, contactId);
  // Each round asks for what the one before has found.
  for (let round = 0; nextAddresses.length + nextContacts.length > 0; round++) {
    if (round >= limits.identityRoundsMax || asked.contacts.size > limits.identityContactsMax) {
      throw new Error("Too many contacts hang together");
    }
    const [byAddress, byContact] = [nextAddresses, nextContacts];
    [nextAddresses, nextContacts] = [[], []];
    if (byAddress.length > 0) {
      for (const row of await tx.query(selectAddresses, addressArrays(byAddress))) meetAddress(row);
      const phones = byAddress.filter(({ kind }) => kind === "phone");
      const phoneArrays = [uuids(phones.map(({ tenantId }) => tenantId)), texts(phones.map(({ value }) => value))];
      if (phones.length > 0) {
        for (const row of await tx.query(selectTies, phoneArrays)) meetTie(row);
        for (const row of await tx.query(selectDepartures, phoneArrays)) knowDeparture(loadedOf(known, row.tenantId).evidence, row);
      }
    }
    if (byContact.length > 0) {
      const asArrays = contactArrays(byContact);
      for (const { tenantId, id, createdAtMs, canonicalId } of await tx.query(selectFamilies, asArrays)) {
        loadedOf(known, tenantId).evidence.contacts.set(id, { id, createdAtMs, canonicalId });
        wantContact(tenantId, id);
      }
      for (const row of await tx.query(selectAddressesOf, asArrays)) meetAddress(row);
      for (const row of await tx.query(selectTiesOf, asArrays)) meetTie(row);
      for (const row of await tx.query(selectBondsOf, asArrays)) {
        knowBond(loadedOf(known, row.tenantId).evidence, row);
        wantContact(row.tenantId, row.contactId);
        wantContact(row.tenantId, row.otherId);
      }
    }
  }
  return known;
}

/**
 * Locks the rows of all contacts that are loaded, and `others` that the transaction is going to write, in one go and in the order of
 * their keys; reads the names as they are then.
 */
export async function lockNames(tx: Tx, known: Known, others: readonly TenantContact[]): Promise<void> {
  const loaded = [...known].flatMap(([tenantId, { evidence }]) =>
    [...evidence.contacts.keys()].map((contactId) => ({ tenantId, contactId })),
  );
  const contacts = [...loaded, ...others];
  if (contacts.length === 0) return;
  const rows = await tx.query(lockContacts, contactArrays(contacts));
  for (const row of rows) known.get(row.tenantId)?.names.set(row.id, namesIn(row));
}

function addOnce(evidence: Evidence, row: Omit<RowOf<typeof addressRow>, "contactId">, contactId: string): void {
  const address = { ...addressKey(row), claimant: row.claimant, fromAtMs: row.fromAtMs, contactId };
  if (!evidence.addresses.has(addressText(address))) knowAddress(evidence, address);
}

function addressKey({ kind, scope, value }: { kind: string; scope: string; value: string }): AddressKey {
  // The column's check allows no other word.
  return { kind: kind as AddressKind, scope, value };
}

function tieOf(row: RowOf<typeof tieRow>): Tie {
  const { phone, atMs, contactId, otherScope: scope, otherValue: value, otherAtMs } = row;
  const other =
    row.otherKind === "phone" ? ({ kind: "phone", value, atMs: otherAtMs } as const) : ({ kind: "user_id", scope, value } as const);
  return { phone, atMs, other, contactId };
}

function namesIn(row: RowOf<typeof namesRow>): Names {
  const own = { atMs: row.ownAtMs ?? 0, waMessageId: row.ownWaMessageId ?? "", profileName: row.ownProfileName, username: row.ownUsername };
  const shown = {
    atMs: row.shownAtMs ?? 0,
    waMessageId: row.shownWaMessageId ?? "",
    profileName: row.shownProfileName,
    username: row.shownUsername,
  };
  return { own, shown, read: own };
}

function contactArrays(contacts: readonly TenantContact[]): Buffer[] {
  return [uuids(contacts.map(({ tenantId }) => tenantId)), uuids(contacts.map(({ contactId }) => contactId))];
}

function addressArrays(addresses: readonly TenantAddress[]): Buffer[] {
  return [
    uuids(addresses.map(({ tenantId }) => tenantId)),
    texts(addresses.map(({ kind }) => kind)),
    texts(addresses.map(({ scope }) => scope)),
    texts(addresses.map(({ value }) => value)),
  ];
}
