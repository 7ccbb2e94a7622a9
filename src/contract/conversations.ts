/** Contacts and conversations. */
import { Type, type Static } from "typebox";
import { Id, Nullable, OneOf, Text, Time } from "./json.ts";

export const ContactSummary = Type.Object({
  id: Id,
  waId: Nullable(Type.String({ description: "Phone, digits only; null when hidden, or when the number went to somebody else" })),
  userId: Nullable(Type.String({ description: "Business-scoped user id" })),
  username: Nullable(Type.String()),
  profileName: Nullable(Type.String()),
});
export type ContactSummary = Static<typeof ContactSummary>;

export const Contact = Type.Object({
  ...ContactSummary.properties,
  locale: Nullable(Type.String()),
  optedOutAt: Nullable(Time),
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
  state: OneOf(["open", "closed"]),
  assigneeId: Nullable(Id),
  createdAt: Time,
});
export type Conversation = Static<typeof Conversation>;

export const ContactFilter = Type.Object({ waId: Type.Optional(Text()), userId: Type.Optional(Text()) });
export type ContactFilter = Static<typeof ContactFilter>;

export const ConversationFilter = Type.Object({
  ...ContactFilter.properties,
  connectionId: Type.Optional(Id),
  state: Type.Optional(OneOf(["open", "closed"])),
});
export type ConversationFilter = Static<typeof ConversationFilter>;
