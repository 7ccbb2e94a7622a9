/** Accounts (WABAs), their connections (numbers), how a number is connected, and how it is. */
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

/** What is looked at, the gravest first. */
export const connectionChecks = [
  "setup",
  "token",
  "token_expiry",
  "registration",
  "subscription",
  "webhook",
  "sending",
  "quality",
  "name",
  "messaging_limit",
  "throughput",
  "ownership",
  "silence",
  "graph",
] as const;
export type ConnectionCheckName = (typeof connectionChecks)[number];

/** What is wrong with a connection; the words are stable. Each has a sentence and what to do in `core/connection-problems.ts`. */
export const connectionCodes = [
  "token_missing",
  "token_invalid",
  "token_foreign_app",
  "token_scopes",
  "token_other_account",
  "token_personal",
  "token_expires",
  "token_expires_soon",
  "number_gone",
  "number_not_registered",
  "number_flagged",
  "number_restricted",
  "number_banned",
  "app_not_subscribed",
  "webhook_elsewhere",
  "webhook_account_elsewhere",
  "webhook_unknown",
  "sending_blocked",
  "sending_limited",
  "quality_low",
  "quality_medium",
  "name_pending",
  "name_declined",
  "name_expired",
  "on_standby",
  "silent",
  "graph_unreachable",
  "not_reached",
  "subscribe_refused",
  "register_refused",
  "register_wrong_pin",
  "register_too_often",
  "contacts_refused",
  "history_refused",
  "sync_too_late",
  "setup_waits",
] as const;
export type ConnectionCode = (typeof connectionCodes)[number];

export const checkStates = ["ok", "warning", "problem", "unknown"] as const;
export type CheckState = (typeof checkStates)[number];

/** For people; in the three languages of the inbox. */
const Sentence = Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() });

/** The gravest of its checks. `unknown`: nothing was looked at yet, or the number is not connected. */
export const ConnectionHealth = Type.Object({
  state: OneOf(checkStates),
  code: Nullable(OneOf(connectionCodes)),
});
export type ConnectionHealth = Static<typeof ConnectionHealth>;

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
  isCoexistence: Type.Boolean({ description: "The number is used in the WhatsApp Business app, too" }),
  health: Type.Object({ ...ConnectionHealth.properties, sentence: Nullable(Sentence), action: Nullable(Sentence) }),
  checkedAt: Nullable(Time),
});
export type Connection = Static<typeof Connection>;

/** Meta's ids are digits, but what is routed is compared as text. */
/** Digits at Meta. It becomes a segment of an address there: neither dots nor slashes. */
const MetaId = Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" });
const Pin = Type.String({ pattern: "^[0-9]{6}$", description: "The number's two-step verification PIN; kept sealed and never shown" });

export const CreateConnection = Type.Object({
  tenantId: Type.Optional(Id),
  wabaId: MetaId,
  phoneNumberId: MetaId,
  displayPhoneNumber: Type.Optional(Text({ maxLength: 64 })),
  accessToken: Text({ maxLength: limits.apiTokenCharsMax }),
  portfolioId: Type.Optional(Nullable(MetaId)),
  appKey: Type.Optional(Nullable(Text({ maxLength: 64 }))),
  pin: Type.Optional(Pin),
});
export type CreateConnection = Static<typeof CreateConnection>;

/** What Graph said about the token and the number; `checked: false` when nobody asked. The operator is never refused for it. */
export const Verification = Type.Object({
  checked: Type.Boolean(),
  ok: Nullable(Type.Boolean()),
  detail: Nullable(Type.String()),
  facts: AnyJson,
});
export type Verification = Static<typeof Verification>;

/** What is done once for a number: each can be repeated, and does no harm then. */
export const connectionSteps = ["token", "subscribe", "register", "contacts", "history"] as const;
export type ConnectionStepName = (typeof connectionSteps)[number];
export const stepStates = ["pending", "done", "skipped", "failed"] as const;
export type StepState = (typeof stepStates)[number];

export const ConnectionStep = Type.Object({
  step: OneOf(connectionSteps),
  state: OneOf(stepStates, { description: "pending: not done yet, tried again by itself; failed: somebody must act; skipped: not needed" }),
  code: Nullable(OneOf(connectionCodes)),
  metaCode: Nullable(Type.Integer({ description: "Graph's error code" })),
  detail: Nullable(Type.String({ description: "What Meta said" })),
  sentence: Nullable(Sentence),
  action: Nullable(Sentence),
  attempts: Type.Integer(),
  updatedAt: Time,
});
export type ConnectionStep = Static<typeof ConnectionStep>;

export const ConnectionCheck = Type.Object({
  check: OneOf(connectionChecks),
  state: OneOf(checkStates),
  code: Nullable(OneOf(connectionCodes)),
  since: Time,
  checkedAt: Time,
  data: AnyJson,
  sentence: Nullable(Sentence),
  action: Nullable(Sentence),
});
export type ConnectionCheck = Static<typeof ConnectionCheck>;

export const ConnectionStatus = Type.Object({
  connectionId: Id,
  state: OneOf(["discovered", "connected", "disconnected"]),
  health: ConnectionHealth,
  checkedAt: Nullable(Time),
  checks: Type.Array(ConnectionCheck),
  steps: Type.Array(ConnectionStep),
});
export type ConnectionStatus = Static<typeof ConnectionStatus>;

export const CreatedConnection = Type.Object({
  id: Id,
  verification: Verification,
  steps: Type.Array(ConnectionStep, { description: "What was done at Meta, and what is missing: POST /connections/{id}/setup goes on" }),
});
export type CreatedConnection = Static<typeof CreatedConnection>;

/** What the browser needs to open Meta's dialogue. */
export const EmbeddedSignup = Type.Object({
  appId: Type.String(),
  configId: Type.String(),
  graphVersion: Type.String(),
  state: Type.String({
    description: "Comes back with the code: proves that it was begun here, for this tenant, by the same person or key",
  }),
  expiresAt: Time,
});
export type EmbeddedSignup = Static<typeof EmbeddedSignup>;

export const CompleteSignup = Type.Object({
  tenantId: Type.Optional(Id),
  state: Text({ maxLength: 1_024 }),
  code: Type.Optional(Text({ maxLength: limits.apiTokenCharsMax, description: "Of the dialogue; Meta takes it for 30 s" })),
  exchanged: Type.Optional(
    Text({
      maxLength: limits.signupChoiceCharsMax,
      description: "In place of the code: from the `choice` of the answer that asked for one",
    }),
  ),
  redirectUri: Type.Optional(
    Type.String({
      maxLength: limits.endpointUrlCharsMax,
      pattern: "^https?://",
      description: "Where the dialogue sent the code; left out where Meta's JavaScript SDK took it",
    }),
  ),
  wabaId: Type.Optional(
    Type.Unsafe<string | null>({
      ...Nullable(MetaId),
      description: "Left out or null where the dialogue did not say: Meta is asked which accounts and numbers the code opens",
    }),
  ),
  phoneNumberId: Type.Optional(Nullable(MetaId)),
  portfolioId: Type.Optional(Nullable(MetaId)),
  isCoexistence: Type.Optional(
    Type.Boolean({
      description: "The dialogue ended with FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING: the number stays in the app. Left out: Meta is asked",
    }),
  ),
  pin: Type.Optional(Pin),
});
export type CompleteSignup = Static<typeof CompleteSignup>;

/** The code opens several numbers: one of them is to be named, with `exchanged` in place of the code, which Meta takes only once. */
export const SignupChoice = Type.Object({
  exchanged: Type.String({ description: "Sealed; opens for the same person or key, for a while" }),
  numbers: Type.Array(Type.Object({ wabaId: Type.String(), phoneNumberId: Type.String(), displayPhoneNumber: Nullable(Type.String()) })),
});
export type SignupChoice = Static<typeof SignupChoice>;

export const ContinueSetup = Type.Object({
  steps: Type.Optional(
    Type.Array(OneOf(connectionSteps), {
      maxItems: connectionSteps.length,
      description: "To be done again; left out: whatever is not done yet",
    }),
  ),
  pin: Type.Optional(Pin),
});
export type ContinueSetup = Static<typeof ContinueSetup>;

export const ReplaceToken = Type.Object({ accessToken: Text({ maxLength: limits.apiTokenCharsMax }) });
export type ReplaceToken = Static<typeof ReplaceToken>;

export const Disconnected = Type.Object({
  id: Id,
  state: OneOf(["disconnected"]),
  unsubscribed: Nullable(
    Type.Boolean({ description: "Whether Meta sends no more webhooks of the account; null: another number of it is still connected" }),
  ),
  detail: Nullable(Type.String()),
  waiting: Type.Object(
    { queued: Type.Integer(), scheduled: Type.Integer(), waiting: Type.Integer() },
    {
      description:
        "Messages that were still to be sent: each fails, visibly, when its turn comes, unless the number is connected again by then",
    },
  ),
});
export type Disconnected = Static<typeof Disconnected>;

export const MetaApp = Type.Object({
  id: Id,
  appKey: Type.String(),
  appId: Type.String(),
  webhookPath: Type.String(),
  secrets: Nullable(Type.Integer({ description: "How many secrets may sign; more than one while rotating" })),
  createdAt: Time,
});
export type MetaApp = Static<typeof MetaApp>;

export const RotateAppSecret = Type.Object({
  appSecret: Text({ maxLength: limits.apiTextCharsMax }),
  keepOld: Type.Boolean({
    description: "Whether the secret so far may still sign. Once Meta signs with the new one, call again with false",
  }),
});
export type RotateAppSecret = Static<typeof RotateAppSecret>;
