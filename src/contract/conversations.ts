/** Contacts and conversations. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { conversationStates, conversationViews } from "./inbox.ts";
import { Id, Nullable, OneOf, Text, Time } from "./json.ts";

export const ContactSummary = Type.Object({
  id: Id,
  waId: Nullable(Type.String({ description: "Phone, digits only; null when hidden, or when the number went to somebody else" })),
  userId: Nullable(Type.String({ description: "Business-scoped user id" })),
  username: Nullable(Type.String()),
  profileName: Nullable(Type.String()),
});
export type ContactSummary = Static<typeof ContactSummary>;

const optOutSources = ["keyword", "meta", "person"] as const;

export const Contact = Type.Object({
  ...ContactSummary.properties,
  locale: Nullable(Type.String()),
  optedOutAt: Nullable(
    Type.String({ format: "date-time", description: "Since then no marketing templates are sent to them; all else is" }),
  ),
  optOutSource: Nullable(OneOf(optOutSources, { description: "A word or button of theirs, Meta's own opt-out, one of your people" })),
  createdAt: Time,
});
export type Contact = Static<typeof Contact>;

export const Window = Type.Object({
  isOpen: Type.Boolean(),
  expiresAt: Nullable(Time),
  remainingMs: Type.Integer(),
});
export type Window = Static<typeof Window>;

export const Conversation = Type.Object({
  id: Id,
  connectionId: Id,
  contact: Nullable(ContactSummary),
  group: Nullable(Type.Object({ id: Type.String(), subject: Nullable(Type.String()) })),
  window: Window,
  headroom: Type.Object(
    { sendsNow: Type.Integer(), nextAt: Nullable(Time) },
    { description: "How many messages this number may send to this customer at once: Meta allows one in 6 s, with a burst of 45" },
  ),
  lastCustomerMessageAt: Nullable(Time),
  freeEntryPointExpiresAt: Nullable(Time),
  lastMessageAt: Nullable(Time),
  lastMessagePreview: Nullable(Type.String()),
  inboundCount: Type.Integer(),
  outboundCount: Type.Integer(),
  unreadCount: Type.Integer(),
  state: OneOf(conversationStates, { description: "A customer who writes or calls opens it again" }),
  snoozedUntil: Nullable(Time),
  isWaiting: Type.Boolean({ description: "The customer has the last word; an automatic reply is no answer" }),
  assigneeId: Nullable(Id),
  labelIds: Type.Array(Id),
  createdAt: Time,
});
export type Conversation = Static<typeof Conversation>;

export const ContactFilter = Type.Object({ waId: Type.Optional(Text()), userId: Type.Optional(Text()) });
export type ContactFilter = Static<typeof ContactFilter>;

export const ConversationFilter = Type.Object({
  ...ContactFilter.properties,
  connectionId: Type.Optional(Id),
  view: Type.Optional(
    OneOf(conversationViews, { description: "Without `state`: only what is open. `closing_soon` lists what ends first" }),
  ),
  state: Type.Optional(OneOf(conversationStates)),
  closingWithinHours: Type.Optional(Type.Integer({ minimum: 1, maximum: 24, default: limits.closingWithinHoursDefault })),
  assigneeId: Type.Optional(Id),
  labelId: Type.Optional(Id),
  unread: Type.Optional(Type.Boolean()),
});
export type ConversationFilter = Static<typeof ConversationFilter>;
