/**
 * Whose phone a number is at a moment. Numbers are given to other people, so a phone is a line of tenures:
 * each user id (BSUID) that was seen with it claims it from its first such moment on, and a change of number ends what was before.
 * A stretch between two such ends in which nobody claims is owned by whoever was seen there without a user id.
 * The answer depends only on the set of claims and ends, never on the order in which they became known (promise I3).
 */
export type Holding = {
  /** The user id seen with the phone; `''` or `after:<ms>` for the person known by the phone alone, see `isUnclaimed`. */
  claimant: string;
  /** Least Meta time at which the phone was seen so, milliseconds. */
  fromAtMs: number;
  contactId: string;
};

/** What is known about one phone. */
export type PhoneHistory = {
  holdings: Holding[];
  /** Meta times at which its owner changed to another number; the owner holds the phone up to and including that moment. */
  leftAtMs: Set<number>;
};

const unclaimedPrefix = "after:";

type Stretch = { afterMs: number; untilMs: number };

/** `contactId` is null where nobody has claimed the stretch and nobody was seen in it yet; `claimant` is then the one to store. */
export type Owner = Omit<Holding, "contactId"> & { contactId: string | null };

export function ownerAt(history: PhoneHistory | undefined, atMs: number): Owner {
  const stretch = stretchAt(history, atMs);
  const claim = claimAt(history, stretch, atMs);
  if (claim !== null) return claim;
  const claimant = stretch.afterMs === -Infinity ? "" : `${unclaimedPrefix}${stretch.afterMs}`;
  return history?.holdings.find((holding) => holding.claimant === claimant) ?? { contactId: null, claimant, fromAtMs: Infinity };
}

/** The contact to which somebody first known by the phone alone belongs: the claimant of that moment, if there is one by now. */
export function ownerOf(history: PhoneHistory, seen: Holding): string {
  const afterMs = seen.claimant === "" ? -Infinity : Number(seen.claimant.slice(unclaimedPrefix.length));
  const untilMs = Math.min(Infinity, ...[...history.leftAtMs].filter((leftAtMs) => leftAtMs > afterMs));
  return claimAt(history, { afterMs, untilMs }, Math.min(seen.fromAtMs, untilMs))?.contactId ?? seen.contactId;
}

/** The claim in force: the newest that is early enough, else the first of the stretch, whose claimant had the phone before, too. */
function claimAt(history: PhoneHistory | undefined, stretch: Stretch, atMs: number): Holding | null {
  let inForce: Holding | null = null;
  let first: Holding | null = null;
  for (const holding of history?.holdings ?? []) {
    if (isUnclaimed(holding) || holding.fromAtMs <= stretch.afterMs || holding.fromAtMs > stretch.untilMs) continue;
    if (first === null || isLater(first, holding)) first = holding;
    if (holding.fromAtMs <= atMs && (inForce === null || isLater(holding, inForce))) inForce = holding;
  }
  return inForce ?? first;
}

function stretchAt(history: PhoneHistory | undefined, atMs: number): Stretch {
  let afterMs = -Infinity;
  let untilMs = Infinity;
  for (const leftAtMs of history?.leftAtMs ?? []) {
    if (leftAtMs < atMs) afterMs = Math.max(afterMs, leftAtMs);
    else untilMs = Math.min(untilMs, leftAtMs);
  }
  return { afterMs, untilMs };
}

/** User ids are `CC.` and alphanumerics, so neither form can be one. */
export function isUnclaimed({ claimant }: Pick<Holding, "claimant">): boolean {
  return claimant === "" || claimant.startsWith(unclaimedPrefix);
}

function isLater(a: Holding, b: Holding): boolean {
  return a.fromAtMs > b.fromAtMs || (a.fromAtMs === b.fromAtMs && a.claimant > b.claimant);
}
