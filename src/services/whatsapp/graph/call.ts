/**
 * Every request to Graph but the sends (`client.ts`): templates, media, numbers, subscriptions. One call is one request without redirects,
 * bounded in time and in the bytes of its answer. What the outside world does is a value; nothing of it is thrown.
 */
import { createHmac } from "node:crypto";
import { limits } from "../../../limits.ts";
import { failureOf, readGraphError, readJson, type GraphError } from "./answer.ts";
import type { Wire } from "./wire.ts";

/** Where Graph is, in which version. */
export type Graph = { url: string; version: string; fetch?: typeof fetch };

export type GraphCall = {
  method: "GET" | "POST" | "DELETE";
  /** Its segments, not yet encoded: `[wabaId, "message_templates"]`. */
  path: readonly string[];
  query?: Readonly<Record<string, string>>;
  /** A plain object goes as JSON, a form as itself (multipart, or urlencoded). */
  body?: FormData | URLSearchParams | { readonly [key: string]: unknown };
  accessToken: string;
  /** Proves that the token is used by its own app. */
  appSecret?: string;
  /** From the look-up of the host to the last byte of the answer. */
  timeoutMs: number;
  /** Of the answer; `limits.graphResponseBytesMax` when not given. */
  bytesMax?: number;
};

/** `reason` is a short word or a status, fit for a log. */
export type GraphAnswer =
  | { kind: "answered"; value: Wire }
  | { kind: "refused"; error: GraphError }
  /** Graph was not reached or said nothing usable: whether the call has worked is not known. */
  | { kind: "unavailable"; reason: string };

export async function callGraph(graph: Graph, call: GraphCall): Promise<GraphAnswer> {
  const url = urlOf(graph, call);
  if (url === null) return { kind: "unavailable", reason: "unusable_path" };
  const { fetch: request = fetch } = graph;
  try {
    const response = await request(url, {
      method: call.method,
      ...encodeBody(call),
      redirect: "manual",
      signal: AbortSignal.timeout(call.timeoutMs),
    });
    return judge(response, await readJson(response, call.bytesMax ?? limits.graphResponseBytesMax));
  } catch (error) {
    return { kind: "unavailable", reason: failureOf(error).code };
  }
}

/** Null when a segment would lead elsewhere: `..` is resolved before the request, however it is encoded. */
function urlOf({ url, version }: Graph, { path, query, accessToken, appSecret }: GraphCall): string | null {
  if (path.length === 0 || path.some((segment) => segment === "" || segment === "." || segment === "..")) return null;
  const parameters = new URLSearchParams(query);
  if (appSecret !== undefined) parameters.set("appsecret_proof", proofOf(accessToken, appSecret));
  const search = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  return `${url}/${version}/${path.map(encodeURIComponent).join("/")}${search}`;
}

/** Meta takes the proof as a query parameter. It is no secret that could be used by itself; the token stays in the header. */
export function proofOf(accessToken: string, appSecret: string): string {
  return createHmac("sha256", appSecret).update(accessToken).digest("hex");
}

function encodeBody({ body, accessToken }: GraphCall): { headers: Record<string, string>; body?: string | FormData | URLSearchParams } {
  const headers = { authorization: `Bearer ${accessToken}` };
  if (body === undefined) return { headers };
  if (body instanceof FormData || body instanceof URLSearchParams) return { headers, body };
  return { headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) };
}

function judge(response: Response, answer: Wire | null): GraphAnswer {
  const error = readGraphError(response.status, answer);
  if (error !== null) return { kind: "refused", error };
  if (response.ok && answer !== null) return { kind: "answered", value: answer };
  return { kind: "unavailable", reason: `status_${response.status}` };
}
