/** Tenants and how they let programs in: API keys, and Meta apps of their own. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Id, Nullable, OneOf, Text, Time } from "./json.ts";

const Locale = Type.String({ pattern: "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$", examples: ["he"] });
const TimeZone = Text({ maxLength: 64, description: "IANA name, e.g. Asia/Jerusalem" });
const SupportedTypes = Type.Array(Type.String({ pattern: "^[a-z_]{1,64}$" }), {
  maxItems: limits.supportedTypesMax,
  description: "Message types that get no automatic reply",
});

export const Tenant = Type.Object({
  id: Id,
  name: Type.String(),
  slug: Type.String(),
  locale: Type.String(),
  timeZone: Type.String(),
  supportedTypes: Type.Array(Type.String()),
  autoReplyEnabled: Type.Boolean(),
  autoReplyInterval: Type.Integer({ description: "Seconds between two automatic replies in one conversation" }),
  autoReplyText: Nullable(Type.String({ description: "The tenant's own words; null: ours, in the tenant's language" })),
  createdAt: Time,
});
export type Tenant = Static<typeof Tenant>;

export const CreateTenant = Type.Object({
  name: Text({ maxLength: 200 }),
  slug: Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples: ["cafe-aroma"] }),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
});
export type CreateTenant = Static<typeof CreateTenant>;

/** `apiKey` only when the tenant was made by this very call: the secret is shown once. */
export const CreatedTenant = Type.Object({ id: Id, apiKey: Type.Optional(Type.String()) });

export const ChangeTenant = Type.Object({
  name: Type.Optional(Text({ maxLength: 200 })),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  supportedTypes: Type.Optional(SupportedTypes),
  autoReplyEnabled: Type.Optional(Type.Boolean()),
  autoReplyInterval: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 * 86_400 })),
  autoReplyText: Type.Optional(Nullable(Text({ maxLength: limits.autoReplyTextCharsMax, description: "null: our text again" }))),
});
export type ChangeTenant = Static<typeof ChangeTenant>;

export const scopes = ["read", "send", "manage", "admin"] as const;
export type Scope = (typeof scopes)[number];
const ScopeWord = OneOf(scopes, { description: "read lists, send messages, manage settings and replays, admin of API keys" });

export const ApiKey = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  expiresAt: Nullable(Time),
  revokedAt: Nullable(Time),
  lastUsedAt: Nullable(Time),
  createdAt: Time,
});
export type ApiKey = Static<typeof ApiKey>;

export const CreateApiKey = Type.Object({
  name: Text({ maxLength: 200 }),
  scopes: Type.Array(ScopeWord, { minItems: 1, maxItems: scopes.length, uniqueItems: true }),
  expiresAt: Type.Optional(Nullable(Time)),
});
export type CreateApiKey = Static<typeof CreateApiKey>;

export const CreatedApiKey = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  expiresAt: Nullable(Time),
  apiKey: Type.String({ description: "The secret. Shown once." }),
});
export type CreatedApiKey = Static<typeof CreatedApiKey>;

export const CreateApp = Type.Object({
  tenantId: Id,
  appId: Type.String({ pattern: "^[0-9]{1,32}$", description: "Meta's app id" }),
  appSecret: Text({ maxLength: limits.apiTokenCharsMax, description: "Several, comma-separated, while a secret is being rotated" }),
  verifyToken: Text({ description: "The word that Meta repeats when it verifies the webhook" }),
});
export type CreateApp = Static<typeof CreateApp>;

export const CreatedApp = Type.Object({ appKey: Type.String(), webhookPath: Type.String() });
export type CreatedApp = Static<typeof CreatedApp>;
