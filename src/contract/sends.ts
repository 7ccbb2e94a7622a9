/** What `POST /messages` takes and answers. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, Nullable, OneOf, Text, Time } from "./json.ts";
import { OutgoingContent } from "./outgoing.ts";
import { Closed } from "./outgoing-media.ts";

const optional = Type.Optional;

/** All but the content, which has a check of its own (`core/outgoing-rules.ts`). */
const envelope = {
  conversationId: optional(Id),
  connectionId: optional(Type.String({ format: "uuid", description: "With `to`, instead of a conversation" })),
  to: optional(
    Closed({
      waId: optional(Type.String({ pattern: "^\\+?[0-9]{5,20}$", description: "A phone with its country code, digits only" })),
      userId: optional(Text({ maxLength: limits.userIdCharsMax, description: "A business-scoped user id" })),
      groupId: optional(Text({ maxLength: limits.waIdCharsMax })),
    }),
  ),
  replyToMessageId: optional(Type.String({ format: "uuid", description: "Our id of the message of this conversation that it answers" })),
  sendAt: optional(Type.String({ maxLength: 40, format: "date-time", description: "Not before this time" })),
  whenTheyWrite: optional(
    Closed({
      expiresAt: optional(Type.String({ maxLength: 40, format: "date-time", description: "Cancelled when they have not written by then" })),
    }),
  ),
  callback: optional(Text({ maxLength: limits.apiTextCharsMax, description: "Your own word for it; given back with the message" })),
};
export const SendEnvelope = Closed(envelope);
export type SendEnvelope = Static<typeof SendEnvelope>;
export const SendMessage = Closed({ ...envelope, content: OutgoingContent });
export type SendMessage = Static<typeof SendMessage>;

/** As it is when it is queued; `GET /messages/{id}` tells what became of it. */
export const QueuedMessage = Type.Object({
  id: Id,
  conversationId: Id,
  connectionId: Id,
  type: Type.String(),
  content: AnyJson,
  status: OneOf(["pending"]),
  sends: OneOf(["now", "at", "when_they_write"]),
  sendAt: Nullable(Time),
  expiresAt: Nullable(Time),
  callback: Nullable(Type.String()),
  resendOf: Nullable(Id),
  createdAt: Time,
});
export type QueuedMessage = Static<typeof QueuedMessage>;

/** Not sent yet: `POST /messages/{id}/cancel` takes it back. */
export const WaitingSend = Type.Object({
  messageId: Id,
  sends: OneOf(["at", "when_they_write"]),
  sendAt: Nullable(Time),
  expiresAt: Nullable(Type.String({ format: "date-time", description: "Cancelled when they have not written by then" })),
  type: Type.String(),
  preview: Nullable(Type.String()),
  createdAt: Time,
});
export type WaitingSend = Static<typeof WaitingSend>;

export const SendHeaders = Type.Object({
  "idempotency-key": optional(
    Type.String({
      minLength: 1,
      maxLength: limits.idempotencyKeyCharsMax,
      description: "Kept for 24 hours: the same key with the same body gets the same answer and sends nothing again",
    }),
  ),
});

export const MarkRead = Closed({ typing: optional(Type.Boolean({ description: "Show for up to 25 s that an answer is being written" })) });

/** Whether a number sends, how fast, and what waits. */
export const Sending = Type.Object({
  state: OneOf(["active", "resting", "paused"]),
  reason: Nullable(OneOf(["token", "rate", "person"])),
  errorCode: Nullable(Type.Integer()),
  until: Nullable(Time),
  messagesPerSecond: Type.Integer(),
  queued: Type.Integer(),
  scheduled: Type.Integer(),
  waiting: Type.Integer(),
});
export type Sending = Static<typeof Sending>;
export const ChangeSending = Closed({
  paused: optional(Type.Boolean()),
  messagesPerSecond: optional(
    Type.Integer({ minimum: 1, maximum: 1_000, description: "80; 1,000 after Meta's upgrade; 20 in coexistence" }),
  ),
});
export type ChangeSending = Static<typeof ChangeSending>;
