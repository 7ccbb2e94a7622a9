/** How the platform is, for whoever operates it: what is wrong at a glance, and the numbers behind it. */
import { Type, type Static } from "typebox";
import { connectionCodes } from "./connections.ts";
import { Id, Nullable, OneOf, Time } from "./json.ts";

/** The gravest first. Each has a sentence and what to do in the inbox. */
export const findingCodes = [
  "inbound_late",
  "sends_late",
  "no_sender",
  "parked_crashed",
  "connections_failing",
  "forwards_late",
  "inbound_silent",
  "parked",
  "sending_paused",
  "endpoints_paused",
  "quotas_spent",
] as const;
export type FindingCode = (typeof findingCodes)[number];

export const Finding = Type.Object({
  code: OneOf(findingCodes),
  state: OneOf(["problem", "warning"]),
  count: Nullable(Type.Integer({ description: "Of what it is about" })),
  since: Nullable(Time),
});
export type Finding = Static<typeof Finding>;

/** `oldestAt` null: nothing waits. Counts stop at 10,000. */
const Waiting = Type.Object({ count: Type.Integer(), oldestAt: Nullable(Time) });

const FailingConnection = Type.Object({
  tenantId: Id,
  tenantName: Type.String(),
  connectionId: Id,
  displayPhoneNumber: Nullable(Type.String()),
  code: OneOf(connectionCodes),
  since: Time,
  sentence: Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() }),
});

export const PlatformState = Type.Object({
  at: Time,
  findings: Type.Array(Finding, { description: "The gravest first; none when all is well" }),
  inbound: Type.Object({
    ...Waiting.properties,
    lastMinute: Type.Integer({ description: "Deliveries taken in; stops at 10,000" }),
    lastHour: Type.Integer({ description: "As above" }),
    lastAt: Nullable(Time),
  }),
  parked: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer(), oldestAt: Time })),
  outbound: Type.Object({
    ...Waiting.properties,
    underWay: Type.Integer(),
    scheduled: Type.Integer({ description: "For later, or until the customer writes" }),
    pausedNumbers: Type.Integer(),
  }),
  forwarding: Type.Object({
    ...Waiting.properties,
    dead: Type.Integer(),
    pausedEndpoints: Type.Integer(),
    failingEndpoints: Type.Integer(),
  }),
  connections: Type.Object({
    connected: Type.Integer(),
    failing: Type.Integer(),
    list: Type.Array(FailingConnection, { description: "The longest trouble first, 50 at most" }),
  }),
  tenants: Type.Object({ open: Type.Integer(), quotaSpent: Type.Integer({ description: "That may send nothing more today" }) }),
  nodes: Type.Array(Type.Object({ id: Id, aliveUntil: Time, isAlive: Type.Boolean() }), { description: "That send" }),
  version: Type.String(),
});
export type PlatformState = Static<typeof PlatformState>;

export const TenantUsage = Type.Object({
  tenantId: Id,
  name: Type.String(),
  sendsToday: Type.Integer({ description: "Since midnight UTC" }),
  sendsPerDay: Nullable(Type.Integer({ description: "null: no quota" })),
  openStreams: Nullable(Type.Integer({ description: "At once, on all nodes together; null: no quota" })),
});
export type TenantUsage = Static<typeof TenantUsage>;
