/** What a message attests about two identities being one person (DESIGN section 6, Identity). */
import type { SharedContact, SystemContent } from "../content.ts";
import type { Decoded } from "./content.ts";
import type { IdentityLink } from "../updates.ts";
import { readPhone, readUserId, type Wire } from "../wire.ts";

const none: readonly IdentityLink[] = [];

export function readLinks(message: Wire, { content }: Decoded): readonly IdentityLink[] {
  if (content.kind === "contacts") return content.contacts.flatMap((contact) => contactLinks(contact, message["origin"]));
  return content.kind === "system" ? systemLinks(message, content) : none;
}

/** Meta's sentence in `body` is never read: it is translated. */
function systemLinks(message: Wire, content: SystemContent): IdentityLink[] {
  const userId = content.userId ?? null;
  const phone = content.waId ?? null;
  const links: IdentityLink[] = [];
  // Where no previous id is given, the sender of a changed number is still the old one.
  const isNewNumber = content.subtype === "user_changed_number";
  const previousUserId = content.previousUserId ?? (isNewNumber ? readUserId(message["from"]) : null);
  if (previousUserId !== null && previousUserId !== userId) links.push({ by: "previous_user_id", previousUserId, userId, phone });
  const previousPhone = isNewNumber ? (readPhone(message["from"]) ?? content.customer ?? null) : null;
  const isKnownNew = phone !== null || userId !== null;
  if (previousPhone !== null && previousPhone !== phone && isKnownNew) links.push({ by: "previous_phone", previousPhone, userId, phone });
  return links;
}

/** Only Meta's share button attests the sender's own number; any other card is somebody's. */
function contactLinks(contact: SharedContact, messageOrigin: unknown): IdentityLink[] {
  const origin = contact.origin ?? messageOrigin;
  if (origin !== "contact_request") return [];
  const phones = new Set(contact.phones.map(({ waId, phone }) => waId ?? readPhone(phone)).filter((phone) => phone !== null));
  return [...phones].map((phone) => ({ by: "contact_request", phone }));
}
