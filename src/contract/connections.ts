/** Accounts (WABAs) and their connections (numbers). */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, Nullable, OneOf, Text, Time } from "./json.ts";

export const Account = Type.Object({
  id: Id,
  wabaId: Type.String(),
  portfolioId: Nullable(Type.String()),
  appKey: Nullable(Type.String({ description: "The tenant's own Meta app; null for the platform's" })),
  createdAt: Time,
});
export type Account = Static<typeof Account>;

export const Connection = Type.Object({
  id: Id,
  accountId: Id,
  wabaId: Type.String(),
  phoneNumberId: Type.String(),
  displayPhoneNumber: Nullable(Type.String()),
  verifiedName: Nullable(Type.String()),
  state: OneOf(["discovered", "connected", "disconnected"]),
  quality: Nullable(Type.String()),
  messagingLimit: Nullable(Type.String()),
  lastSeenAt: Nullable(Time),
  lastError: Nullable(Type.String()),
  createdAt: Time,
});
export type Connection = Static<typeof Connection>;

/** Meta's ids are digits, but what is routed is compared as text. */
const MetaId = Text({ maxLength: 64 });

export const CreateConnection = Type.Object({
  tenantId: Id,
  wabaId: MetaId,
  phoneNumberId: MetaId,
  displayPhoneNumber: Text({ maxLength: 64 }),
  accessToken: Text({ maxLength: limits.apiTokenCharsMax }),
  portfolioId: Type.Optional(Nullable(MetaId)),
  appKey: Type.Optional(Nullable(Text({ maxLength: 64 }))),
});
export type CreateConnection = Static<typeof CreateConnection>;

/** What Graph said about the token and the number; `checked: false` when nobody asked. Never a reason to refuse. */
export const Verification = Type.Object({
  checked: Type.Boolean(),
  ok: Nullable(Type.Boolean()),
  detail: Nullable(Type.String()),
  facts: AnyJson,
});
export type Verification = Static<typeof Verification>;

export const CreatedConnection = Type.Object({ id: Id, verification: Verification });
export type CreatedConnection = Static<typeof CreatedConnection>;
