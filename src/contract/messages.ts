/** Messages as they are read: reactions, edits and revokes are already applied. */
import { Type, type Static } from "typebox";
import { AnyJson, Id, Nullable, OneOf, Text, Time } from "./json.ts";

const messageStatuses = [
  "received",
  "pending",
  "unknown",
  "accepted",
  "sent",
  "failed",
  "delivered",
  "read",
  "played",
  "cancelled",
] as const;

export const MessageError = Type.Object({
  code: Nullable(Type.Integer()),
  title: Nullable(Type.String()),
  details: Nullable(Type.String()),
  blame: Nullable(Type.String({ description: "Who can mend it" })),
  sentence: Nullable(Type.String({ description: "For people" })),
});
export type MessageError = Static<typeof MessageError>;

export const Reaction = Type.Object({
  emoji: Type.String(),
  from: OneOf(["customer", "business"]),
  waId: Nullable(Type.String()),
  userId: Nullable(Type.String()),
  at: Time,
});
export type Reaction = Static<typeof Reaction>;

export const Message = Type.Object({
  id: Id,
  conversationId: Id,
  connectionId: Id,
  waMessageId: Nullable(Type.String()),
  direction: OneOf(["inbound", "outbound"]),
  origin: OneOf(["customer", "phone", "api", "inbox", "automatic"]),
  type: Type.String({ description: "Meta's own word, or `unrecognised`" }),
  content: AnyJson,
  status: OneOf(messageStatuses),
  waTimestamp: Time,
  sentAt: Nullable(Time),
  deliveredAt: Nullable(Time),
  readAt: Nullable(Time),
  playedAt: Nullable(Time),
  failedAt: Nullable(Time),
  error: Nullable(MessageError),
  replyTo: Nullable(Type.Object({ waMessageId: Type.String(), id: Nullable(Id), preview: Nullable(Type.String()) })),
  reactions: Type.Array(Reaction),
  editedAt: Nullable(Time),
  revokedAt: Nullable(Time),
  from: Nullable(Type.Object({ waId: Nullable(Type.String()), userId: Nullable(Type.String()) })),
  isStandby: Type.Boolean(),
  pricing: AnyJson,
  createdAt: Time,
});
export type Message = Static<typeof Message>;

export const MessageFilter = Type.Object({ waMessageId: Type.Optional(Text()), conversationId: Type.Optional(Id) });
export type MessageFilter = Static<typeof MessageFilter>;

export const TimelineEntry = Type.Object({
  type: OneOf(["message.created", "message.status", "message.edited", "message.revoked", "reaction.changed"]),
  at: Time,
  status: Nullable(Type.String()),
  participant: Nullable(Type.String({ description: "Of a group; else null" })),
  error: Nullable(MessageError),
  data: AnyJson,
  createdAt: Time,
});
export type TimelineEntry = Static<typeof TimelineEntry>;
