import { limits } from "../../limits.ts";

/** What is done in which order. An erasure's first two steps make the person a stranger; the others delete what is left of them. */
export const erasureSteps = [
  "announce",
  "people",
  "sends",
  "marks",
  "messages",
  "groups",
  "activity",
  "account_events",
  "parked",
  "forwarding",
  "journal",
  "facts",
  "uploads",
  "exports",
  "contact",
] as const;
export type ErasureStep = (typeof erasureSteps)[number];

/**
 * Where a step goes on that reads what others add to all the while. Behind a page that is not full there was nothing when it was read, and
 * whatever has come since was judged by the path in, which knows of the marks: to go after it would never end.
 */
export function placeBehind(page: readonly unknown[], place: string): string | null {
  return page.length < limits.privacyRowsMax ? null : place;
}

export const exportSteps = ["collect", "write"] as const;
