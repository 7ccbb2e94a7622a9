/** The one place where an error becomes an answer: RFC 9457 problem+json with a stable code. Nothing inside the program is told. */
import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import { STATUS_CODES } from "node:http";
import type { Problem, ProblemCode } from "../contract/problem.ts";
import { classifyFailure } from "../core/failure.ts";
import { Rejection } from "../core/rejection.ts";
import { CommitError } from "../db/transaction.ts";

export function registerProblems(fastify: FastifyInstance): void {
  fastify.setErrorHandler((error: unknown, request, reply) => {
    const rejection = rejectionOf(error);
    if (rejection.status >= 500) request.log.error({ err: error, code: rejection.code }, "request failed");
    return sendProblem(reply, rejection);
  });
}

function sendProblem(reply: FastifyReply, rejection: Rejection): FastifyReply {
  const { retryAfterSeconds } = rejection.facts;
  if (retryAfterSeconds !== undefined) void reply.header("retry-after", retryAfterSeconds);
  return reply.code(rejection.status).type("application/problem+json").serializer(JSON.stringify).send(problemOf(rejection));
}

function problemOf(rejection: Rejection): Problem {
  const { status, detail, code, facts } = rejection;
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code, ...facts };
}

/** What a caller is told of any error. */
export function rejectionOf(error: unknown): Rejection {
  if (error instanceof Rejection) return error;
  if (isRequestError(error)) return requestRejection(error);
  if (error instanceof CommitError) return unavailable();
  const sqlState = sqlStateOf(error);
  if (sqlState === null) return isLinkError(error) ? unavailable() : internal();
  if (classifyFailure(sqlState) === "unavailable") return unavailable();
  // 22: the value itself, for example a number out of range. Schemas should have caught it.
  return sqlState.startsWith("22") ? new Rejection("invalid_request", 400, "A value cannot be stored") : internal();
}

function unavailable(): Rejection {
  return new Rejection("unavailable", 503, "The database cannot be reached right now. Try again.");
}

function internal(): Rejection {
  return new Rejection("internal", 500, "Something went wrong inside. It was logged.");
}

/** Errors that Fastify raises about the request carry a status below 500. */
function isRequestError(error: unknown): error is FastifyError & { statusCode: number } {
  if (!(error instanceof Error) || !("statusCode" in error) || typeof error.statusCode !== "number") return false;
  return error.statusCode >= 400 && error.statusCode < 500;
}

const codeByStatus: ReadonlyMap<number, ProblemCode> = new Map([
  [404, "not_found"],
  [405, "method_not_allowed"],
  [413, "too_large"],
  [414, "too_large"],
  [415, "unsupported_media_type"],
]);

function requestRejection(error: FastifyError & { statusCode: number }): Rejection {
  if (error.validation !== undefined) return new Rejection("invalid_request", 400, validationDetail(error));
  const code = codeByStatus.get(error.statusCode) ?? "invalid_request";
  return new Rejection(code, code === "invalid_request" ? 400 : error.statusCode, error.message);
}

/** Names the field. */
function validationDetail(error: FastifyError): string {
  const [first] = error.validation ?? [];
  const params: Readonly<Record<string, unknown>> = first?.params ?? {};
  const missing: unknown = Array.isArray(params["requiredProperties"]) ? params["requiredProperties"][0] : undefined;
  const path = (first?.instancePath ?? "").split("/").filter((part) => part !== "");
  const field = [...path, ...(typeof missing === "string" ? [missing] : [])].join(".");
  const where = error.validationContext ?? "request";
  const problem = typeof missing === "string" ? "is missing" : (first?.message ?? "is not valid");
  return field === "" ? `${where} ${problem}` : `${field} (${where}) ${problem}`;
}

/** Errors of PostgreSQL have a five-character code. */
function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("severity" in error) || !("code" in error)) return null;
  return typeof error.code === "string" && error.code.length === 5 ? error.code : null;
}

/** Of the driver: sockets (`code` and `syscall`), and its own words for a session that is gone or not to be had. */
function isLinkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "syscall" in error || /connection|timeout|client/i.test(error.message);
}
