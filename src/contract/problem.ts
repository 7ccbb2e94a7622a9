/** Errors: RFC 9457 `application/problem+json`. `code` is stable, the texts are not. */
import { Type, type Static } from "typebox";
import { OneOf } from "./json.ts";

export const problemCodes = [
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "invalid_request",
  "tenant_required",
  "unsupported_media_type",
  "conflict",
  "too_large",
  "too_many",
  "unavailable",
  "internal",
] as const;
export type ProblemCode = (typeof problemCodes)[number];

export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: OneOf(problemCodes),
});
export type Problem = Static<typeof Problem>;
