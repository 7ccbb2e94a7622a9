/** Search over contacts and messages: the beginning of the last word suffices, marks and variants of letters do not count. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { ContactSummary } from "./conversations.ts";
import { Id, Nullable, OneOf, Time } from "./json.ts";

/**
 * Where a text is highlighted: pairs of UTF-16 offsets into it, `[from, to)`, in order and apart. So `text.slice(from, to)` is a hit.
 */
const Ranges = Type.Array(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }));

export const ContactHit = Type.Object({
  contact: ContactSummary,
  /** The latest of the contact's conversations. */
  conversationId: Nullable(Id),
  lastMessageAt: Nullable(Time),
  nameRanges: Ranges,
  waIdRanges: Ranges,
  usernameRanges: Ranges,
});
export type ContactHit = Static<typeof ContactHit>;

export const MessageHit = Type.Object({
  messageId: Id,
  conversationId: Id,
  connectionId: Id,
  direction: OneOf(["inbound", "outbound"]),
  type: Type.String(),
  at: Time,
  contact: Nullable(ContactSummary),
  group: Nullable(Type.Object({ id: Type.String(), subject: Nullable(Type.String()) })),
  /** A piece of the message around the first hit. */
  snippet: Type.String(),
  ranges: Ranges,
});
export type MessageHit = Static<typeof MessageHit>;

export const SearchQuery = Type.Object({
  q: Type.String({ minLength: 1, maxLength: limits.searchQueryCharsMax, description: "Words, or a part of a phone number" }),
  in: Type.Optional(OneOf(["all", "contacts", "messages"])),
  conversationId: Type.Optional(Id),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.searchLimitMax, default: limits.searchLimitDefault })),
  after: Type.Optional(
    Type.String({ minLength: 1, maxLength: limits.cursorCharsMax, description: "`next` of the page before: older messages" }),
  ),
});
export type SearchQuery = Static<typeof SearchQuery>;

/** Contacts come with the first page only. `isComplete` is false while older messages are still being indexed. */
export const SearchResult = Type.Object({
  contacts: Type.Array(ContactHit),
  messages: Type.Array(MessageHit),
  next: Nullable(Type.String()),
  isComplete: Type.Boolean(),
});
export type SearchResult = Static<typeof SearchResult>;
