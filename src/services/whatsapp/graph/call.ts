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

/**
 * A token as it is kept: with Meta's `appsecret_proof`, by which Graph knows that the app's own server uses it, so that a token alone is of
 * no use to whoever finds it once the app demands the proof. Null where no secret of its app is known.
 */
export type AccessToken = {
  token: string;
  proof: string | null;
  /** By its app's other secrets: while one is being changed, Meta may still know the other only. */
  otherProofs?: readonly string[];
};

export type GraphCall = {
  method: "GET" | "POST" | "DELETE";
  /** Its segments, not yet encoded: `[wabaId, "message_templates"]`. */
  path: readonly string[];
  query?: Readonly<Record<string, string>>;
  /** A plain object goes as JSON, a form as itself (multipart, or urlencoded). */
  body?: FormData | URLSearchParams | { readonly [key: string]: unknown };
  /** A bare one was not read from a connection: it is proven by `appSecret`, if at all. Null for `/oauth/access_token`, whose body says who asks. */
  accessToken: AccessToken | string | null;
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
  const signal = AbortSignal.timeout(call.timeoutMs);
  if (call.accessToken === null) return request(graph, call, { proof: null, signal });
  return withItsProof(provenToken({ ...call, accessToken: call.accessToken }), (proof) => request(graph, call, { proof, signal }));
}

/** What Graph refuses for the proof alone it has not done: it is asked again with the next, if there is one. */
export async function withItsProof<Answer extends { kind: string; error?: GraphError }>(
  { proof, otherProofs = [] }: AccessToken,
  ask: (proof: string | null) => Promise<Answer>,
): Promise<Answer> {
  let answer = await ask(proof);
  for (const other of otherProofs) {
    if (answer.error === undefined || !isOfTheProof(answer.error)) break;
    answer = await ask(other);
  }
  return answer;
}

/** "Invalid appsecret_proof provided in the API argument": the code alone says that of any parameter. */
function isOfTheProof({ code, title }: GraphError): boolean {
  return code === 100 && title !== null && title.includes("appsecret_proof");
}

async function request(
  graph: Graph,
  call: GraphCall,
  { proof, signal }: { proof: string | null; signal: AbortSignal },
): Promise<GraphAnswer> {
  const url = urlOf(graph, call, proof);
  if (url === null) return { kind: "unavailable", reason: "unusable_path" };
  const { fetch: send = fetch } = graph;
  try {
    const response = await send(url, { method: call.method, ...encodeBody(call), redirect: "manual", signal });
    return judge(response, await readJson(response, call.bytesMax ?? limits.graphResponseBytesMax));
  } catch (error) {
    return { kind: "unavailable", reason: failureOf(error).code };
  }
}

/** Null when a segment would lead elsewhere: `..` is resolved before the request, however it is encoded. */
function urlOf({ url, version }: Graph, { path, query }: GraphCall, proof: string | null): string | null {
  if (path.length === 0 || path.some((segment) => segment === "" || segment === "." || segment === "..")) return null;
  const parameters = new URLSearchParams(query);
  if (proof !== null) parameters.set("appsecret_proof", proof);
  const search = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  return `${url}/${version}/${path.map(encodeURIComponent).join("/")}${search}`;
}

export function provenToken({ accessToken, appSecret }: { accessToken: AccessToken | string; appSecret?: string }): AccessToken {
  if (typeof accessToken !== "string") return accessToken;
  return provenBy(accessToken, appSecret === undefined ? [] : [appSecret]);
}

/** By the secrets of its app, the one that is to stay first. */
export function provenBy(token: string, appSecrets: readonly string[]): AccessToken {
  const [proof = null, ...otherProofs] = appSecrets.map((secret) => proofOf(token, secret));
  return otherProofs.length === 0 ? { token, proof } : { token, proof, otherProofs };
}

/** Meta takes the proof as a query parameter. It is no secret that could be used by itself; the token stays in the header. */
function proofOf(accessToken: string, appSecret: string): string {
  return createHmac("sha256", appSecret).update(accessToken).digest("hex");
}

function encodeBody({ body, accessToken, ...more }: GraphCall): {
  headers: Record<string, string>;
  body?: string | FormData | URLSearchParams;
} {
  const headers: Record<string, string> =
    accessToken === null ? {} : { authorization: `Bearer ${provenToken({ accessToken, ...more }).token}` };
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
