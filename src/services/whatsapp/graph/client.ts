/**
 * The request that sends a message. One call is one request: no retries and no redirects, since each may be a second message (I6), but for
 * one that Graph has refused for its proof. What became of it is a value with four cases; whatever is not proven to be one of the first three is `unknown`.
 */
import { failureOf, readGraphError, readJson, type GraphError } from "./answer.ts";
import { provenToken, withItsProof, type AccessToken } from "./call.ts";
import { readId, readList, readRecord, type Wire } from "./wire.ts";

export type SendRequest = {
  phoneNumberId: string;
  accessToken: AccessToken | string;
  /** From `encode.ts`. */
  body: { readonly [key: string]: unknown };
  /** Of a bare token. */
  appSecret?: string;
  /** From the look-up of the host to the last byte of the answer. */
  timeoutMs: number;
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
    async sendMessage({ phoneNumberId, body, timeoutMs, ...call }) {
      const accessToken = provenToken(call);
      const signal = AbortSignal.timeout(timeoutMs);
      return withItsProof(accessToken, async (proof): Promise<GraphOutcome> => {
        const search = proof === null ? "" : `?appsecret_proof=${proof}`;
        let response: Response;
        try {
          response = await request(`${url}/${version}/${encodeURIComponent(phoneNumberId)}/messages${search}`, {
            method: "POST",
            headers: { authorization: `Bearer ${accessToken.token}`, "content-type": "application/json" },
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
      });
    },
  };
}

function judge(status: number, answer: Wire | null): GraphOutcome {
  const isSuccess = status >= 200 && status < 300;
  const waMessageId = isSuccess ? readId(readRecord(readList(answer?.["messages"])[0])?.["id"]) : null;
  if (waMessageId !== null) return { kind: "accepted", waMessageId };
  const error = readGraphError(status, answer);
  if (error !== null) return { kind: "refused", error };
  return { kind: "unknown", reason: `status_${status}` };
}
