/** Files of messages. */
import { Type, type Static } from "typebox";
import { Id, Nullable, OneOf, Time } from "./json.ts";

export const Media = Type.Object({
  id: Id,
  messageId: Nullable(Id),
  connectionId: Nullable(Id),
  direction: OneOf(["inbound", "outbound"], { description: "inbound: fetched from Meta; outbound: uploaded here" }),
  kind: Nullable(OneOf(["image", "video", "audio", "document", "sticker"])),
  state: OneOf(["pending", "stored", "failed", "expired", "refused"], {
    description: "pending: still being fetched; expired: Meta no longer had it; refused: too large, or not from Meta",
  }),
  mimeType: Nullable(Type.String({ description: "What the bytes are, else what somebody said" })),
  fileName: Nullable(Type.String()),
  bytes: Nullable(Type.Integer()),
  sha256: Nullable(Type.String({ description: "Hexadecimal" })),
  isSha256Different: Type.Boolean({ description: "The bytes are not those that Meta announced, fetched twice" }),
  error: Nullable(Type.Object({ code: Nullable(Type.Integer()), reason: Type.String() })),
  attempts: Type.Integer(),
  waMediaId: Type.String(),
  receivedAt: Time,
  storedAt: Nullable(Time),
});
export type Media = Static<typeof Media>;

export const UploadedMedia = Type.Object({
  id: Id,
  mimeType: Type.String(),
  bytes: Type.Integer(),
  sha256: Type.String({ description: "Hexadecimal" }),
  fileName: Nullable(Type.String()),
});
export type UploadedMedia = Static<typeof UploadedMedia>;

export const UploadQuery = Type.Object({ connectionId: Type.Optional(Id), tenantId: Type.Optional(Id) });
