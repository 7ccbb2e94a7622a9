/** Errors: RFC 9457 `application/problem+json`. `code` is stable, the texts are not. */
import { Type, type Static } from "typebox";
import { connectionCodes, SignupChoice } from "./connections.ts";
import { Nullable, OneOf, Time } from "./json.ts";

export const problemCodes = [
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "invalid_request",
  "tenant_required",
  "unsupported_media_type",
  "conflict",
  "idempotency_conflict",
  "not_connected",
  "window_closed",
  "opted_out",
  "meta_refused",
  "too_large",
  "too_many",
  "rate_limited",
  "quota_exceeded",
  "unavailable",
  "internal",
] as const;
export type ProblemCode = (typeof problemCodes)[number];

/** Of `meta_refused`: what is wrong and what to do, for people. */
const SentenceInThree = Type.Object({ he: Type.String(), en: Type.String(), ar: Type.String() });

export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: OneOf(problemCodes),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        field: Type.String(),
        detail: Type.String(),
        rule: Type.Optional(Type.String({ description: "Of templates: which of Meta's rules, by a stable word" })),
      }),
      { description: "Each field that is not valid" },
    ),
  ),
  windowExpiredAt: Type.Optional(Nullable(Time)),
  retryAfterSeconds: Type.Optional(Type.Integer({ description: "Of `rate_limited` and `quota_exceeded`; also in the header Retry-After" })),
  resetsAt: Type.Optional(Time),
  reason: Type.Optional(OneOf(connectionCodes, { description: "Of `meta_refused`: what is wrong with the token" })),
  sentence: Type.Optional(SentenceInThree),
  action: Type.Optional(SentenceInThree),
  choice: Type.Optional(SignupChoice),
  templates: Type.Optional(
    Type.Array(
      Type.Object({ name: Type.String(), language: Type.String(), category: Type.String(), bodyPreview: Nullable(Type.String()) }),
      {
        description: "Of `window_closed`: what may be sent instead",
      },
    ),
  ),
});
export type Problem = Static<typeof Problem>;
