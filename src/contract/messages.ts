/** Messages as they are read: reactions, edits and revokes are already applied. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, ListQuery, Nullable, OneOf, Text, Time } from "./json.ts";

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

/** What somebody can do about an error; the words are stable. */
export const errorActions = [
  "retry_later",
  "wait_24h",
  "use_template",
  "change_template",
  "fix_request",
  "fix_media",
  "replace_token",
  "grant_permission",
  "register_number",
  "change_account_settings",
  "complete_payment",
  "improve_quality",
  "contact_meta",
  "other_channel",
  "other_recipient",
  "add_test_recipient",
  "ask_for_phone",
  "ask_to_resend",
  "unblock_user",
  "respect_choice",
  "verify_identity",
  "take_over",
  "write_instead",
  "nothing",
] as const;
export type ErrorAction = (typeof errorActions)[number];

/** For people; in the three languages of the inbox. */
const Sentence = Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() });

export const MessageError = Type.Object({
  code: Nullable(Type.Integer()),
  title: Nullable(Type.String()),
  details: Nullable(Type.String()),
  blame: Nullable(Type.String({ description: "Who can mend it" })),
  sentence: Nullable(Type.String({ description: "For people: what happened, in the tenant's language" })),
  action: Nullable(OneOf(errorActions, { description: "What can be done" })),
  actionSentence: Nullable(Type.String({ description: "For people: what can be done, in the tenant's language" })),
  sentences: Nullable(
    Type.Object(
      { what: Sentence, action: Sentence },
      { description: "Both sentences in every language: whoever reads need not speak the tenant's" },
    ),
  ),
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
  callback: Nullable(Type.String({ description: "The caller's own word for a message that was sent" })),
  resendOf: Nullable(Id),
  createdAt: Time,
});
export type Message = Static<typeof Message>;

export const MessageFilter = Type.Object({
  waMessageId: Type.Optional(Text()),
  conversationId: Type.Optional(Id),
  connectionId: Type.Optional(Id),
});
export type MessageFilter = Static<typeof MessageFilter>;

/**
 * A thread can be opened at any place: `around` a message (it is in the page), then on with `after` (older) and `before` (newer). Only one of the
 * three. Every page is newest first.
 */
export const ThreadQuery = Type.Object({
  ...ListQuery.properties,
  before: Type.Optional(
    Type.String({ minLength: 1, maxLength: limits.cursorCharsMax, description: "`previous` of a page: what is newer" }),
  ),
  around: Type.Optional(Type.String({ format: "uuid", description: "Our id of a message of this conversation" })),
});
export type ThreadQuery = Static<typeof ThreadQuery>;

/** `next` leads to older messages, null at the first one; `previous` to newer ones, and is never null in a page with messages: more may come. */
export const ThreadPage = Type.Object({
  data: Type.Array(Message),
  next: Nullable(Type.String({ description: "Give it as `after` for older messages" })),
  previous: Nullable(Type.String({ description: "Give it as `before` for newer messages" })),
});
export type ThreadPage = Static<typeof ThreadPage>;

/** `webhook.received`: when Meta's POST with the message came in, as far as it is still kept. */
export const TimelineEntry = Type.Object({
  type: OneOf(["webhook.received", "message.created", "message.status", "message.edited", "message.revoked", "reaction.changed"]),
  at: Time,
  status: Nullable(Type.String()),
  participant: Nullable(Type.String({ description: "Of a group; else null" })),
  error: Nullable(MessageError),
  data: AnyJson,
  createdAt: Time,
});
export type TimelineEntry = Static<typeof TimelineEntry>;
