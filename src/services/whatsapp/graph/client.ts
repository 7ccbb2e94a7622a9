/**
 * The only outgoing request to Meta. One call is one request: no retries and no redirects, since each may be a second message (I6). What
 * became of it is a value with four cases; whatever is not proven to be one of the first three is `unknown`.
 */
import { createHmac } from "node:crypto";
import { limits } from "../../../limits.ts";
import { errorFact, type Blame, type ErrorClass } from "./errors.ts";
import { readCode, readFlag, readId, readList, readName, readRecord, type Wire } from "./wire.ts";

export type SendRequest = {
  phoneNumberId: string;
  accessToken: string;
  /** From `encode.ts`. */
  body: { readonly [key: string]: unknown };
  /** Proves that the token is used by its own app. */
  appSecret?: string;
  /** From the look-up of the host to the last byte of the answer. */
  timeoutMs: number;
};

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

/** `reason` is a short word or a status, fit for a log. */
export type GraphOutcome =
  | { kind: "accepted"; waMessageId: string }
  | { kind: "refused"; error: GraphError }
  /** The request failed before any of it left: may be sent again without risk. */
  | { kind: "not_sent"; reason: string }
  /** It may have arrived. Never sent again by itself. */
  | { kind: "unknown"; reason: string };

export type GraphClient = { sendMessage(request: SendRequest): Promise<GraphOutcome> };

export function createGraphClient(options: { url: string; version: string; fetch?: typeof fetch }): GraphClient {
  const { url, version, fetch: request = fetch } = options;
  return {
    async sendMessage({ phoneNumberId, accessToken, body, appSecret, timeoutMs }) {
      const proof = appSecret === undefined ? "" : `?appsecret_proof=${proofOf(accessToken, appSecret)}`;
      const signal = AbortSignal.timeout(timeoutMs);
      let response: Response;
      try {
        response = await request(`${url}/${version}/${encodeURIComponent(phoneNumberId)}/messages${proof}`, {
          method: "POST",
          headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
          body: JSON.stringify(body),
          redirect: "manual",
          signal,
        });
      } catch (error) {
        const failure = failureOf(error);
        return { kind: failure.isBeforeRequest ? "not_sent" : "unknown", reason: failure.code };
      }
      try {
        return judge(response.status, await readJson(response));
      } catch (error) {
        return { kind: "unknown", reason: failureOf(error).code };
      }
    },
  };
}

/** Meta takes the proof as a query parameter. It is no secret that could be used by itself; the token stays in the header. */
function proofOf(accessToken: string, appSecret: string): string {
  return createHmac("sha256", appSecret).update(accessToken).digest("hex");
}

function judge(status: number, answer: Wire | null): GraphOutcome {
  const isSuccess = status >= 200 && status < 300;
  const waMessageId = isSuccess ? readId(readRecord(readList(answer?.["messages"])[0])?.["id"]) : null;
  if (waMessageId !== null) return { kind: "accepted", waMessageId };
  const error = readRecord(answer?.["error"]);
  const code = readCode(error?.["code"]);
  if (error !== null && code !== null) return { kind: "refused", error: graphError(status, code, error) };
  return { kind: "unknown", reason: `status_${status}` };
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

/** Null for what is not a JSON object. Throws when the answer is cut or too long. */
async function readJson(response: Response): Promise<Wire | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > limits.graphResponseBytesMax) throw new AnswerTooLong();
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

/**
 * Only a failed look-up, connect or certificate check is before the request: the code alone is no proof, since an established connection
 * can fail with the same codes. A reset is not: a kept-alive socket may have carried the request before it died.
 */
function failureOf(error: unknown): { isBeforeRequest: boolean; code: string } {
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
