import type { Conversation, ContactSummary } from "../../../src/contract/conversations.ts";
import { shownPhone } from "../ui/bits.tsx";
import { plainLine } from "../ui/plain.ts";

type Peer = Pick<Conversation, "contact" | "group">;

/** What a conversation is called; `fallback` where nothing is known of the customer. */
export function nameOf({ contact, group }: Peer, fallback: string): string {
  if (contact === null) return plainLine(group?.subject ?? "") || fallback;
  return contactName(contact) ?? fallback;
}

export function contactName({ profileName, username, waId }: ContactSummary): string | null {
  const name = plainLine(profileName ?? "");
  if (name !== "") return name;
  if (username !== null) return `@${plainLine(username)}`;
  // A number inside a sentence of another direction keeps its order.
  return waId === null ? null : `\u2066${shownPhone(waId)}\u2069`;
}
