/** What came from Meta: deliveries, what was parked of them, and the counts. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, ListQuery, Nullable, OneOf, Time } from "./json.ts";

const parkedReasons = ["unreadable", "unrouted", "number_mismatch", "bad_update", "rejected_by_database", "crashed_worker"] as const;

export const ParkedUpdate = Type.Object({
  id: Id,
  deliveryId: Id,
  tenantId: Nullable(Id),
  reason: OneOf(parkedReasons),
  detail: Type.String(),
  wabaId: Nullable(Type.String()),
  phoneNumberId: Nullable(Type.String()),
  receivedAt: Time,
  parkedAt: Time,
  update: AnyJson,
});
export type ParkedUpdate = Static<typeof ParkedUpdate>;

export const deliveryStates = ["pending", "applied", "partly_parked", "parked"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const Delivery = Type.Object({
  id: Id,
  receivedAt: Time,
  appKey: Nullable(Type.String({ description: "Key of the tenant's own Meta app; null for the platform's" })),
  state: OneOf(deliveryStates),
  updates: Type.Integer(),
  stored: Type.Integer(),
  parked: Type.Integer(),
  duplicates: Type.Integer(),
  suppressed: Type.Integer(),
  bytes: Type.Integer(),
});
export type Delivery = Static<typeof Delivery>;

export const DeliveryQuery = Type.Object({
  ...ListQuery.properties,
  state: Type.Optional(
    OneOf(deliveryStates, { description: "A page looks at a bounded number of deliveries: it may be empty and have a `next`" }),
  ),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
});
export type DeliveryQuery = Static<typeof DeliveryQuery>;

export const DeliveryDetail = Type.Object({
  ...Delivery.properties,
  body: Type.String({ description: "The raw body, base64" }),
  results: Type.Array(
    Type.Object({
      kind: Type.String(),
      updates: Type.Integer(),
      stored: Type.Integer(),
      parked: Type.Integer(),
      duplicates: Type.Integer(),
      suppressed: Type.Integer(),
      appliedAt: Time,
    }),
  ),
});
export type DeliveryDetail = Static<typeof DeliveryDetail>;

export const ReplayRange = Type.Object({
  from: Time,
  to: Time,
  after: Type.Optional(Type.String({ minLength: 1, maxLength: limits.cursorCharsMax, description: "`next` of the answer before" })),
});
export type ReplayRange = Static<typeof ReplayRange>;

/** `next` is not null when the call reached its limit: call again with it as `after`. */
export const Replayed = Type.Object({ replayed: Type.Integer(), next: Nullable(Type.String()) });
export type Replayed = Static<typeof Replayed>;

const updateCounts = {
  updates: Type.Integer(),
  stored: Type.Integer(),
  parked: Type.Integer(),
  duplicates: Type.Integer(),
  suppressed: Type.Integer(),
};
export const Stats = Type.Object({
  ...updateCounts,
  deliveries: Type.Optional(Type.Integer({ description: "Platform scope only, like the two below" })),
  pending: Type.Optional(Type.Integer({ description: "Deliveries not yet decoded" })),
  oldestPendingMs: Type.Optional(Type.Integer()),
});
export type Stats = Static<typeof Stats>;
