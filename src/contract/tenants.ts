/** Tenants and how they let programs in: API keys, and Meta apps of their own. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Email, Id, Name, Nullable, OneOf, Text, Time } from "./json.ts";

const Locale = Type.String({ pattern: "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$", examples: ["he"] });
const TimeZone = Text({ maxLength: 64, description: "IANA name, e.g. Asia/Jerusalem" });
const SupportedTypes = Type.Array(Type.String({ pattern: "^[a-z_]{1,64}$" }), {
  maxItems: limits.supportedTypesMax,
  description: "Message types that get no automatic reply",
});

const Words = Nullable(
  Type.Array(Text({ maxLength: limits.optOutWordCharsMax }), {
    maxItems: limits.optOutWordsMax,
    description: "All of them, in place of those before; case, accents, spaces and punctuation do not count. null: ours again",
  }),
);

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
  optOutWords: Type.Array(Type.String(), {
    description: "Whoever writes one of these, and nothing else, gets no marketing templates any more",
  }),
  optInWords: Type.Array(Type.String(), { description: "Whoever writes one of these, and nothing else, may get them again" }),
  optOutReply: Nullable(Type.String({ description: "What a customer is told who has just opted out; null: nothing" })),
  createdAt: Time,
});
export type Tenant = Static<typeof Tenant>;

export const CreateTenant = Type.Object({
  name: Name({ maxLength: 200 }),
  slug: Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples: ["cafe-aroma"] }),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  ownerEmail: Type.Optional(Email),
});
export type CreateTenant = Static<typeof CreateTenant>;

/** `apiKey` only when the tenant was made by this very call: the secret is shown once. */
export const CreatedTenant = Type.Object({
  id: Id,
  apiKey: Type.Optional(Type.String()),
  ownerLink: Type.Optional(Type.String({ description: "Of `ownerEmail`: by it that person becomes the owner. Works once, for a week" })),
});
export type CreatedTenant = Static<typeof CreatedTenant>;

const Quota = (max: number, description: string) =>
  Type.Optional(
    Type.Unsafe<number | null>({ type: ["integer", "null"], minimum: 0, maximum: max, description: `${description}. null: no quota` }),
  );
/** What the operator lets a tenant have. */
export const Quotas = Type.Object({
  sendsPerDay: Quota(limits.sendsPerDayMax, "Messages that may be queued in a day (UTC); automatic replies are not counted"),
  openStreams: Quota(limits.streamsPerTenantMax, "Streams open at once, on all nodes together"),
});
export type Quotas = Static<typeof Quotas>;

export const ChangeTenant = Type.Object({
  name: Type.Optional(Name({ maxLength: 200 })),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  supportedTypes: Type.Optional(SupportedTypes),
  autoReplyEnabled: Type.Optional(Type.Boolean()),
  autoReplyInterval: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 * 86_400 })),
  autoReplyText: Type.Optional(Nullable(Text({ maxLength: limits.autoReplyTextCharsMax, description: "null: our text again" }))),
  optOutWords: Type.Optional(Words),
  optInWords: Type.Optional(Words),
  optOutReply: Type.Optional(
    Nullable(Text({ maxLength: limits.autoReplyTextCharsMax, description: "Costs as much as any service message; null: nothing is said" })),
  ),
  quotas: Type.Optional(Type.Object(Quotas.properties, { description: "With the operator's admin key only" })),
});
export type ChangeTenant = Static<typeof ChangeTenant>;

export const scopes = ["read", "send", "manage", "admin"] as const;
export type Scope = (typeof scopes)[number];
const ScopeWord = OneOf(scopes, { description: "read lists, send messages, manage settings and replays, admin of API keys" });

const OnlyConnection = Type.Unsafe<string | null>({
  type: ["string", "null"],
  format: "uuid",
  description: "The one connection that the key is for: it reads and sends only what belongs to it. null: all of the tenant's",
});
const RequestsPerMinute = Type.Unsafe<number | null>({
  type: ["integer", "null"],
  minimum: 1,
  maximum: limits.keyRequestsPerMinuteMax,
  description: `On each node. null: ${limits.keyRequestsPerMinuteDefault}`,
});

export const ApiKey = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  connectionId: OnlyConnection,
  requestsPerMinute: Type.Integer(),
  expiresAt: Nullable(Time),
  revokedAt: Nullable(Time),
  lastUsedAt: Nullable(Type.String({ format: "date-time", description: "To the minute" })),
  madeBy: Type.Unsafe<{ kind: string; id: string | null; name: string } | null>({
    type: ["object", "null"],
    required: ["kind", "id", "name"],
    properties: { kind: { type: "string" }, id: { type: ["string", "null"] }, name: { type: "string" } },
    description: "A person, another key, the operator, or the program itself",
  }),
  createdAt: Time,
});
export type ApiKey = Static<typeof ApiKey>;

export const CreateApiKey = Type.Object({
  name: Name({ maxLength: 200 }),
  scopes: Type.Array(ScopeWord, { minItems: 1, maxItems: scopes.length, uniqueItems: true }),
  expiresAt: Type.Optional(Nullable(Time)),
  connectionId: Type.Optional(OnlyConnection),
  requestsPerMinute: Type.Optional(RequestsPerMinute),
});
export type CreateApiKey = Static<typeof CreateApiKey>;

export const ChangeApiKey = Type.Object({
  name: Type.Optional(Name({ maxLength: 200 })),
  requestsPerMinute: Type.Optional(RequestsPerMinute),
});
export type ChangeApiKey = Static<typeof ChangeApiKey>;

export const CreatedApiKey = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  connectionId: OnlyConnection,
  expiresAt: Nullable(Time),
  apiKey: Type.String({ description: "The secret. Shown once." }),
});
export type CreatedApiKey = Static<typeof CreatedApiKey>;

export const Usage = Type.Object({
  sends: Type.Object({
    today: Type.Integer({ description: "Messages queued since midnight UTC; what was cancelled counts" }),
    quota: Nullable(Type.Integer()),
    resetsAt: Time,
  }),
  streams: Type.Object({ open: Type.Integer({ description: "On the node that answers" }), quota: Nullable(Type.Integer()) }),
});
export type Usage = Static<typeof Usage>;

export const CreateApp = Type.Object({
  tenantId: Id,
  appId: Type.String({ pattern: "^[0-9]{1,32}$", description: "Meta's app id" }),
  appSecret: Text({ maxLength: limits.apiTokenCharsMax, description: "Several, comma-separated, while a secret is being rotated" }),
  verifyToken: Text({ description: "The word that Meta repeats when it verifies the webhook" }),
});
export type CreateApp = Static<typeof CreateApp>;

export const CreatedApp = Type.Object({ appKey: Type.String(), webhookPath: Type.String() });
export type CreatedApp = Static<typeof CreatedApp>;
