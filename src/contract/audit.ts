/** The audit log: who did what, and when. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Id, Nullable, OneOf, Text, Time } from "./json.ts";

const actorKinds = ["person", "api_key", "operator", "system"] as const;

export const AuditEvent = Type.Object({
  id: Id,
  tenantId: Nullable(Type.String({ format: "uuid", description: "null: what concerns no single tenant" })),
  action: Type.String({ examples: ["api_key.created"] }),
  actor: Type.Object({
    kind: OneOf(actorKinds),
    id: Nullable(Type.String({ format: "uuid", description: "Of the person or the key" })),
    name: Type.String({ description: "As it was then: an e-mail address, a key's name" }),
  }),
  ip: Nullable(Type.String()),
  requestId: Nullable(Type.String()),
  subject: Nullable(Type.Object({ kind: Type.String(), id: Type.String() })),
  data: AnyJson,
  createdAt: Time,
});
export type AuditEvent = Static<typeof AuditEvent>;

export const AuditFilter = Type.Object({
  action: Type.Optional(
    Type.String({ pattern: "^[a-z_]{1,60}\\.[a-z_]{1,60}$", maxLength: 121, description: "Exactly this one, e.g. `api_key.created`" }),
  ),
  actorId: Type.Optional(Id),
  subjectKind: Type.Optional(Text({ maxLength: 60 })),
  subjectId: Type.Optional(Text({ maxLength: 200 })),
  from: Type.Optional(Type.String({ maxLength: 40, format: "date-time", description: "Not before this time" })),
  to: Type.Optional(Type.String({ maxLength: 40, format: "date-time", description: "Before this time" })),
});
export type AuditFilter = Static<typeof AuditFilter>;

export const VerifyAudit = Type.Object({
  after: Type.Optional(
    Type.String({ pattern: "^[0-9]{1,15}$", description: `The last seal that was verified; one call takes ${limits.auditVerifySealsMax}` }),
  ),
});
export type VerifyAudit = Static<typeof VerifyAudit>;

/** A hash over a row of seals: whoever keeps `head` elsewhere can tell later that nothing before it was changed since. */
export const AuditVerdict = Type.Object({
  isIntact: Type.Boolean({ description: "No fault among the seals of this call" }),
  seals: Type.Integer(),
  events: Type.Integer({ description: "Under these seals" }),
  expiredSeals: Type.Integer({
    description: "The oldest ones, whose rows are all gone: their time was over, if that is what your retention says",
  }),
  faults: Type.Array(
    Type.Object({
      seq: Type.Integer({ description: "Of the seal" }),
      kind: OneOf(["missing_seal", "missing_rows", "added_rows", "changed_rows"]),
      from: Time,
      through: Time,
    }),
  ),
  head: Nullable(Type.Object({ seq: Type.Integer(), sha256: Type.String(), sealedAt: Time })),
  unsealed: Type.Integer({ description: "Later rows, which get a seal within minutes" }),
  next: Nullable(Type.String({ description: "Give it as `after` to go on" })),
});
export type AuditVerdict = Static<typeof AuditVerdict>;
