/** How Graph's answers are read, to sends and to every other call alike: bounded, and judged by what they say rather than by their status. */
import { limits } from "../../../limits.ts";
import { errorFact, type Blame, type ErrorClass } from "./errors.ts";
import { readCode, readFlag, readName, readRecord, type Wire } from "./wire.ts";

export type GraphError = {
  code: number;
  subcode: number | null;
  title: string | null;
  details: string | null;
  class: ErrorClass;
  /** Whether the same request may be sent again by itself. */
  retryable: boolean;
  blame: Blame;
  /** Least wait before the next try, in milliseconds. */
  waitMs: number | null;
  fbtraceId: string | null;
  httpStatus: number;
};

/** Null for what is not a JSON object. Throws when the answer is cut or too long. */
export async function readJson(response: Response, bytesMax: number = limits.graphResponseBytesMax): Promise<Wire | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new AnswerTooLong();
    chunks.push(chunk);
  }
  try {
    return readRecord(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  } catch {
    return null;
  }
}

class AnswerTooLong extends Error {
  readonly code = "answer_too_long";
}

/** The error that an answer holds, whatever its status; null without one that has a code. */
export function readGraphError(httpStatus: number, answer: Wire | null): GraphError | null {
  const error = readRecord(answer?.["error"]);
  const code = readCode(error?.["code"]);
  return error === null || code === null ? null : graphError(httpStatus, code, error);
}

function graphError(httpStatus: number, code: number, wire: Wire): GraphError {
  const fact = errorFact(code);
  const isTransient = readFlag(wire["is_transient"]) === true;
  return {
    code,
    subcode: readCode(wire["error_subcode"]),
    title: readName(wire["message"]) ?? readName(wire["error_user_title"]),
    details: readName(readRecord(wire["error_data"])?.["details"]) ?? readName(wire["error_user_msg"]),
    class: isTransient && !fact.retryable ? "retry_few" : fact.class,
    retryable: fact.retryable || isTransient,
    blame: fact.blame,
    waitMs: fact.waitMs ?? (isTransient ? errorFact(2).waitMs : null),
    fbtraceId: readName(wire["fbtrace_id"]),
    httpStatus,
  };
}

/**
 * Only a failed look-up, connect or certificate check is before the request: the code alone is no proof, since an established connection
 * can fail with the same codes. A reset is not: a kept-alive socket may have carried the request before it died.
 */
export function failureOf(error: unknown): { isBeforeRequest: boolean; code: string } {
  const causes = causesOf(error);
  const code = causes.map((cause) => cause.code).find((known) => known !== undefined) ?? causes[0]?.name ?? "error";
  const isBeforeRequest = causes.some(
    (cause) =>
      cause.syscall === "connect" ||
      cause.syscall === "getaddrinfo" ||
      cause.code === "UND_ERR_CONNECT_TIMEOUT" ||
      certificateErrors.test(cause.code ?? ""),
  );
  return { isBeforeRequest, code };
}

const certificateErrors =
  /^(?:CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|HOSTNAME_MISMATCH|INVALID_CA)$/;

type Cause = { name: string; code: string | undefined; syscall: string | undefined };

/** The error and what caused it, the attempts at several addresses included; bounded. */
function causesOf(error: unknown): Cause[] {
  const found: Cause[] = [];
  let next: unknown = error;
  for (let depth = 0; depth < 5 && next instanceof Error; depth++) {
    found.push(causeOf(next));
    if (next instanceof AggregateError) found.push(...next.errors.filter((one) => one instanceof Error).map(causeOf));
    next = next.cause;
  }
  return found;
}

function causeOf(error: Error): Cause {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const syscall = "syscall" in error && typeof error.syscall === "string" ? error.syscall : undefined;
  return { name: error.name, code, syscall };
}
