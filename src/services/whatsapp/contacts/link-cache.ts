/**
 * Which pairs of phone and user id this process knows to be on record, so that a status, which mostly repeats the pair of the
 * message before it, needs no look-up. A miss only costs that look-up. Bounded; the least recently used goes first.
 */
import { BoundedMap } from "../../../core/bounded-map.ts";
import { limits } from "../../../limits.ts";
import type { Sighting } from "./contacts.ts";

export type LinkCache = {
  /** Whether the sighting says nothing new. Never true of one that bears a name or links. */
  isKnown(sighting: Sighting): boolean;
  /** To be called when the transaction that resolved the sighting has committed, not before. */
  remember(sighting: Sighting): void;
  /** Somebody was erased. */
  forget(): void;
};

export function makeLinkCache(entriesMax: number = limits.knownLinksMax): LinkCache {
  /** Least time at which the pair was seen: what was on record then is on record for any later time. */
  const fromAtMs = new BoundedMap<number>(entriesMax);
  return {
    isKnown(sighting) {
      if (sighting.links.length > 0 || sighting.profileName !== null) return false;
      const key = keyOf(sighting);
      const from = fromAtMs.get(key);
      if (from === undefined || from > sighting.atMs) return false;
      return true;
    },
    remember(sighting) {
      const key = keyOf(sighting);
      const from = Math.min(sighting.atMs, fromAtMs.get(key) ?? Infinity);
      fromAtMs.set(key, from);
    },
    forget: () => fromAtMs.clear(),
  };
}

/** The cache of this process. */
export const linkCache: LinkCache = makeLinkCache();

/** A pair that an erasure has taken off the record is news again: the version says so to all nodes. */
function keyOf({ tenantId, scope, phone, userId, parentUserId, identityVersion }: Sighting): string {
  return `${tenantId} ${phone ?? ""} ${userId ?? ""} ${parentUserId ?? ""} ${scope} ${identityVersion ?? ""}`;
}
