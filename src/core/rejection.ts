/** A request that is refused for what it asks. Becomes problem+json; not logged as an error. */
import type { ProblemCode } from "../contract/problem.ts";

export class Rejection extends Error {
  readonly code: ProblemCode;
  /** HTTP status. */
  readonly status: number;
  /** For the caller's developer; says nothing about other tenants. */
  readonly detail: string;

  constructor(code: ProblemCode, status: number, detail: string) {
    super(detail);
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}

/** The same words for what does not exist and for what belongs to somebody else. */
export function notFound(): Rejection {
  return new Rejection("not_found", 404, "There is nothing under this id.");
}

export function invalidRequest(detail: string): Rejection {
  return new Rejection("invalid_request", 400, detail);
}
