/** Errors as Meta answers them, for the routes in Meta's own shape: its clients read `error.code` and `error.error_data.details`. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ProblemCode } from "../contract/problem.ts";
import { Rejection } from "../core/rejection.ts";
import { rejectionOf } from "./problems.ts";

export type MetaError = {
  status: number;
  code: number;
  message: string;
  details?: string | null;
  subcode?: number | null;
  fbtraceId?: string | null;
  isTransient?: boolean;
};

export function sendMetaError(reply: FastifyReply, error: MetaError): FastifyReply {
  const { status, code, message, details = null, subcode = null, fbtraceId = null, isTransient = false } = error;
  const body = {
    error: {
      message,
      type: "OAuthException",
      code,
      ...(subcode === null ? {} : { error_subcode: subcode }),
      ...(isTransient ? { is_transient: true } : {}),
      ...(details === null ? {} : { error_data: { messaging_product: "whatsapp", details } }),
      ...(fbtraceId === null ? {} : { fbtrace_id: fbtraceId }),
    },
  };
  return reply.code(status).type("application/json; charset=utf-8").serializer(JSON.stringify).send(body);
}

type Words = Omit<MetaError, "details">;

/** The refusals that Meta has words for; `invalid` and `broken` for all others. */
const words: Readonly<Partial<Record<ProblemCode, Words>>> = {
  unauthorized: { status: 401, code: 190, message: "Invalid OAuth access token - Cannot parse access token" },
  forbidden: { status: 403, code: 10, message: "(#10) Application does not have permission for this action" },
  window_closed: { status: 400, code: 131_047, message: "(#131047) Re-engagement message" },
  opted_out: { status: 400, code: 131_050, message: "(#131050) The user has opted out of marketing messages" },
  not_connected: { status: 400, code: 131_045, message: "(#131045) Message failed to send because of a phone number registration error" },
  too_many: { status: 429, code: 130_429, message: "(#130429) Rate limit hit", isTransient: true },
  rate_limited: { status: 429, code: 80_007, message: "(#80007) Rate limit issues", isTransient: true },
  quota_exceeded: { status: 429, code: 80_007, message: "(#80007) Rate limit issues" },
  unavailable: { status: 503, code: 2, message: "(#2) Service temporarily unavailable", isTransient: true },
};
const invalid: Words = { status: 400, code: 100, message: "(#100) Invalid parameter" };
const broken: Words = { status: 500, code: 1, message: "(#1) An unknown error occurred" };

/** The error handler of these routes: whatever happens, a client of Meta's gets an answer that it can read. */
export function answerInMetasWords(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = metaErrorOf(error) ?? metaErrorOf(rejectionOf(error)) ?? broken;
  if (known.status >= 500) request.log.error({ err: error, code: known.code }, "request failed");
  const retryAfterSeconds = error instanceof Rejection ? error.facts.retryAfterSeconds : undefined;
  if (retryAfterSeconds !== undefined) void reply.header("retry-after", retryAfterSeconds);
  return sendMetaError(reply, known);
}

/** What a refusal of ours is in Meta's words; null for what is no refusal. */
function metaErrorOf(error: unknown): MetaError | null {
  if (!(error instanceof Rejection)) return isBadRequest(error) ? { status: 400, code: 100, message: `(#100) ${error.message}` } : null;
  return { ...(templateWordsOf(error) ?? words[error.code] ?? (error.status >= 500 ? broken : invalid)), details: error.detail };
}

/** The shape was checked before, in Meta's words: what is wrong below `content` is what the template itself does not allow. */
function templateWordsOf({ code, facts }: Rejection): Words | null {
  const fault = code === "invalid_request" ? facts.errors?.find(({ field }) => field.startsWith("content.")) : undefined;
  if (fault === undefined) return null;
  if (fault.field === "content.name") {
    return { status: 404, code: 132_001, message: "(#132001) Template name does not exist in the translation" };
  }
  return /^missing: |^one too many: /.test(fault.detail)
    ? { status: 400, code: 132_000, message: "(#132000) Number of parameters does not match the expected number of params" }
    : { status: 400, code: 132_012, message: "(#132012) Parameter format does not match format in the created template" };
}

/** What the HTTP layer refuses by itself: no JSON, another content type, too long a body. */
function isBadRequest(error: unknown): error is Error {
  if (!(error instanceof Error) || !("statusCode" in error)) return false;
  return typeof error.statusCode === "number" && error.statusCode >= 400 && error.statusCode < 500;
}

/** As Graph answers about an id that does not exist, or is not for this token. */
export function unknownObject(id: string): MetaError {
  const message = `Unsupported request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation`;
  return { status: 400, code: 100, subcode: 33, message };
}
