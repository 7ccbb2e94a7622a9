/** Endpoints: where a tenant has its own updates sent to. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Id, ListQuery, Name, Nullable, OneOf, Text, Time } from "./json.ts";

export const endpointForms = ["meta", "events"] as const;
export type EndpointForm = (typeof endpointForms)[number];
const deliveryStates = ["pending", "delivered", "dead"] as const;

const Topics = Type.Unsafe<string[] | null>({
  type: ["array", "null"],
  items: { type: "string", minLength: 1, maxLength: limits.wordCharsMax, pattern: "^[a-z0-9_.]+$" },
  maxItems: limits.endpointTopicsMax,
  description: "Only these: types of events (`message.received`) for the form `events`, Meta's fields (`messages`) for `meta`. Null: all.",
});
const ConnectionIds = Type.Unsafe<string[] | null>({
  type: ["array", "null"],
  items: { type: "string", format: "uuid" },
  maxItems: limits.endpointConnectionsMax,
  description: "Only what belongs to these connections; what belongs to none is then left out. Null: everything.",
});
const Url = Text({ maxLength: limits.endpointUrlCharsMax, description: "https, on port 443 or 8443, at a public address" });

export const Endpoint = Type.Object({
  id: Id,
  name: Type.String(),
  url: Type.String(),
  form: OneOf(endpointForms),
  topics: Topics,
  connectionIds: ConnectionIds,
  state: OneOf(["active", "paused"]),
  pausedReason: Nullable(OneOf(["asked", "failing", "gone"])),
  failingSince: Nullable(Time),
  /** Nothing is sent before then. */
  retryAt: Nullable(Time),
  lastSuccessAt: Nullable(Time),
  lastFailureAt: Nullable(Time),
  lastError: Nullable(Type.String()),
  /** Until then the secret before this one signs, too (form `events`). */
  previousSecretUntil: Nullable(Time),
  createdAt: Time,
});
export type Endpoint = Static<typeof Endpoint>;

export const CreateEndpoint = Type.Object({
  name: Name(),
  url: Url,
  form: OneOf(endpointForms),
  topics: Type.Optional(Topics),
  connectionIds: Type.Optional(ConnectionIds),
});
export type CreateEndpoint = Static<typeof CreateEndpoint>;

export const ChangeEndpoint = Type.Object({
  name: Type.Optional(Name()),
  url: Type.Optional(Url),
  topics: Type.Optional(Topics),
  connectionIds: Type.Optional(ConnectionIds),
  state: Type.Optional(OneOf(["active", "paused"])),
});
export type ChangeEndpoint = Static<typeof ChangeEndpoint>;

/** The secret is shown here and never again. */
export const EndpointWithSecret = Type.Object({ ...Endpoint.properties, secret: Type.String() });
export type EndpointWithSecret = Static<typeof EndpointWithSecret>;

export const EndpointDelivery = Type.Object({
  id: Id,
  state: OneOf(deliveryStates),
  attempts: Type.Integer(),
  status: Nullable(Type.Integer({ description: "HTTP status of the last attempt" })),
  error: Nullable(Type.String()),
  firstAttemptAt: Nullable(Time),
  lastAttemptAt: Nullable(Time),
  createdAt: Time,
});
export type EndpointDelivery = Static<typeof EndpointDelivery>;

export const EndpointDeliveryQuery = Type.Object({ ...ListQuery.properties, state: Type.Optional(OneOf(deliveryStates)) });
export type EndpointDeliveryQuery = Static<typeof EndpointDeliveryQuery>;

export const EndpointDeliveryParams = Type.Object({
  id: Type.String({ description: "The id" }),
  deliveryId: Type.String({ description: "The delivery's id" }),
});

export const EndpointPing = Type.Object({
  ok: Type.Boolean(),
  status: Nullable(Type.Integer()),
  error: Nullable(Type.String()),
  ms: Type.Integer({ description: "Until the answer was read" }),
});
export type EndpointPing = Static<typeof EndpointPing>;
