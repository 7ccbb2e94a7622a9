/**
 * Who this process knows to be on record, so that a customer's next message needs no look-up. Only people with a user id:
 * whom a bare phone belongs to depends on the time. An entry holds for one version of its tenant's identities
 * (`tenants.identity_version`), which grows in the transaction that joins or parts people. A miss only costs the look-up.
 */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { limits } from "../../../limits.ts";
import type { Sighting } from "./contacts.ts";

export type Person = { ownContactId: string; contactId: string };
type Entry = Person & { version: number; fromAtMs: number };

export class PeopleCache {
  readonly #entries: BoundedMap<Entry>;

  constructor(entriesMax: number = limits.knownPeopleMax) {
    this.#entries = new BoundedMap(entriesMax);
  }

  /** Null unless everything that the sighting says about identities is on record. */
  find(sighting: Sighting): Person | null {
    const key = keyOf(sighting);
    const entry = key === null ? undefined : this.#entries.get(key);
    if (key === null || entry === undefined || entry.version !== sighting.identityVersion || entry.fromAtMs > sighting.atMs) return null;
    return entry;
  }

  /** Somebody was erased: what is in here has names of people in its keys. */
  forget(): void {
    this.#entries.clear();
  }

  /** To be called when the transaction that resolved the sighting has committed, not before. */
  remember(sighting: Sighting, person: Person): void {
    const key = keyOf(sighting);
    const { identityVersion: version, atMs } = sighting;
    if (key === null || version === undefined) return;
    const known = this.#entries.get(key);
    const fromAtMs = known !== undefined && known.version === version ? Math.min(known.fromAtMs, atMs) : atMs;
    this.#entries.set(key, { ...person, version, fromAtMs });
  }
}

function keyOf({ tenantId, scope, phone, userId, parentUserId, links, identityVersion }: Sighting): string | null {
  if (userId === null || links.length > 0 || identityVersion === undefined) return null;
  return `${tenantId} ${userId} ${phone ?? ""} ${parentUserId ?? ""} ${scope}`;
}
