/** A request that is refused for what it asks. Becomes problem+json; not logged as an error. */
import type { Problem, ProblemCode } from "../contract/problem.ts";

/** What a problem says beyond its sentence. */
export type RejectionFacts = Partial<
  Pick<Problem, "errors" | "windowExpiredAt" | "templates" | "retryAfterSeconds" | "resetsAt" | "reason" | "choice" | "sentence" | "action">
>;

export class Rejection extends Error {
  readonly code: ProblemCode;
  /** HTTP status. */
  readonly status: number;
  /** For the caller's developer; says nothing about other tenants. */
  readonly detail: string;
  readonly facts: RejectionFacts;

  constructor(code: ProblemCode, status: number, detail: string, facts: RejectionFacts = {}) {
    super(detail);
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.facts = facts;
  }
}

/** The same words for what does not exist and for what belongs to somebody else. */
export function notFound(): Rejection {
  return new Rejection("not_found", 404, "There is nothing under this id.");
}

export function invalidRequest(detail: string): Rejection {
  return new Rejection("invalid_request", 400, detail);
}

/** Names each field. */
export function invalidFields(errors: readonly { field: string; detail: string }[]): Rejection {
  const detail = errors.map((error) => `${error.field}: ${error.detail}`).join("; ");
  return new Rejection("invalid_request", 400, detail, { errors: errors.map((error) => ({ field: error.field, detail: error.detail })) });
}
