/**
 * What is known about who is who, of one tenant and as far as it is loaded: addresses with the contact they were first given to, claims
 * to phones, ties and ends that depend on time, bonds between contacts. It only ever grows; `identity.ts` reads the people off it.
 */
import type { Holding, PhoneHistory } from "./phone-owner.ts";

export type AddressKind = "phone" | "user_id" | "parent_user_id";
export type AddressKey = { kind: AddressKind; scope: string; value: string };

/** What one element of a webhook says about a customer; `links` as in `graph/updates.ts`. */
export type SeenIdentity = {
  /** User ids mean something only within their portfolio (or, until it is known, account). */
  scope: string;
  atMs: number;
  phone: string | null;
  userId: string | null;
  parentUserId: string | null;
  links: readonly (
    | { by: "previous_user_id"; previousUserId: string; userId: string | null; phone: string | null }
    | { by: "previous_phone"; previousPhone: string; userId: string | null; phone: string | null }
    | { by: "contact_request"; phone: string }
  )[];
};

/** A stored address. `claimant` is empty but for phones, see `phone-owner.ts`. */
export type Address = AddressKey & Holding;

export type TieEnd = { kind: "user_id"; scope: string; value: string } | { kind: "phone"; value: string; atMs: number };
/** Whoever owned `phone` at `atMs` is the same person as `other`. */
export type Tie = { phone: string; atMs: number; other: TieEnd; contactId: string };
/** The owner of `phone` until `atMs` has another number since. */
export type Departure = { phone: string; atMs: number };
/** Two contacts that are one person, for certain; or, once a person has undone that, two whose direct ties no longer count. */
export type Bond = { contactId: string; otherId: string; isUndone: boolean };
export type KnownContact = { id: string; createdAtMs: number; canonicalId: string };

/** Evidence of one tenant, as far as it is loaded, with what was added since; `earlier` are known addresses whose start moved back. */
export type Evidence = {
  addresses: Map<string, Address>;
  phones: Map<string, PhoneHistory>;
  ties: Map<string, Tie>;
  departures: Map<string, Departure>;
  bonds: Map<string, Bond>;
  contacts: Map<string, KnownContact>;
  added: {
    addresses: Set<Address>;
    earlier: Set<Address>;
    ties: Set<Tie>;
    departures: Set<Departure>;
    bonds: Set<Bond>;
    contacts: Set<string>;
  };
};

export function emptyEvidence(): Evidence {
  return {
    addresses: new Map(),
    phones: new Map(),
    ties: new Map(),
    departures: new Map(),
    bonds: new Map(),
    contacts: new Map(),
    added: { addresses: new Set(), earlier: new Set(), ties: new Set(), departures: new Set(), bonds: new Set(), contacts: new Set() },
  };
}

/** What was read from the database, or has just been added. */
export function knowAddress(evidence: Evidence, address: Address): void {
  evidence.addresses.set(addressText(address), address);
  if (address.kind === "phone") phoneOf(evidence, address.value).holdings.push(address);
}

export function knowDeparture(evidence: Evidence, departure: Departure): void {
  evidence.departures.set(departureText(departure), departure);
  phoneOf(evidence, departure.phone).leftAtMs.add(departure.atMs);
}

export function knowTie(evidence: Evidence, tie: Tie): void {
  evidence.ties.set(tieText(tie), tie);
}

export function knowBond(evidence: Evidence, bond: Bond): void {
  evidence.bonds.set(bondText(bond), bond);
}

function phoneOf(evidence: Evidence, phone: string): PhoneHistory {
  let history = evidence.phones.get(phone);
  if (history === undefined) evidence.phones.set(phone, (history = { holdings: [], leftAtMs: new Set() }));
  return history;
}

/** A bond is kept once, whichever of the two was met first. */
export function pairOf(a: string, b: string): { contactId: string; otherId: string } {
  return a < b ? { contactId: a, otherId: b } : { contactId: b, otherId: a };
}

/** No part but the last can hold a space: ids and phones are checked when they are decoded. */
export function addressText({ kind, scope, value, claimant }: AddressKey & { claimant: string }): string {
  return `${kind} ${value} ${claimant} ${scope}`;
}

export function departureText({ phone, atMs }: Departure): string {
  return `${phone} ${atMs}`;
}

export function tieText({ phone, atMs, other }: Tie): string {
  return `${phone} ${atMs} ${other.kind} ${other.value} ${other.kind === "phone" ? other.atMs : other.scope}`;
}

export function bondText({ contactId, otherId }: Omit<Bond, "isUndone">): string {
  return `${contactId} ${otherId}`;
}
