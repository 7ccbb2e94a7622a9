/**
 * Media at Meta: where a file lies, its bytes, and uploads. The bearer goes to Graph, and to the hosts that Meta serves media from, and
 * nowhere else: neither to another host that an answer names, nor along a redirect (RELIABILITY 3.3).
 */
import { limits } from "../../../limits.ts";
import { failureOf, readGraphError, readJson, type GraphError } from "./answer.ts";
import { callGraph, provenToken, type AccessToken, type Graph, type GraphAnswer } from "./call.ts";
import { readId, readText } from "./wire.ts";

/** Meta's, as of 2026-11. Besides: Graph's own origin as it is configured, which in the sandbox serves the files, too. */
const mediaHosts: ReadonlySet<string> = new Set(["lookaside.fbsbx.com"]);

export function isMediaUrl(text: string, graphUrl: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  // A `blob:` address has the origin of the one inside it.
  if (url.origin === URL.parse(graphUrl)?.origin) return /^https?:$/.test(url.protocol);
  return url.protocol === "https:" && url.port === "" && mediaHosts.has(url.hostname);
}

export type FoundMedia =
  | { kind: "found"; url: string; mimeType: string | null; sha256: string | null }
  | { kind: "refused"; error: GraphError }
  | { kind: "unavailable"; reason: string };

/** Asks for the address of a file; it works for 5 minutes. */
export async function findMedia(
  graph: Graph,
  wanted: { waMediaId: string; phoneNumberId: string; accessToken: AccessToken | string },
): Promise<FoundMedia> {
  const answer = await callGraph(graph, {
    method: "GET",
    path: [wanted.waMediaId],
    query: { phone_number_id: wanted.phoneNumberId },
    accessToken: wanted.accessToken,
    timeoutMs: limits.graphTimeoutMs,
  });
  if (answer.kind !== "answered") return answer;
  const url = readText(answer.value["url"]);
  if (url === null) return { kind: "unavailable", reason: "no_url" };
  return { kind: "found", url, mimeType: readText(answer.value["mime_type"]), sha256: readText(answer.value["sha256"]) };
}

export type Download =
  /** The bytes come while they are read; reading throws when they are cut. */
  | { kind: "bytes"; bytes: AsyncIterable<Uint8Array>; contentType: string | null }
  /** The address works no longer: Meta gives a new one. */
  | { kind: "gone" }
  | { kind: "refused"; error: GraphError }
  | { kind: "host_not_allowed" }
  | { kind: "unavailable"; reason: string };

/** `signal` bounds it from the request to the last byte. */
export async function downloadMedia(
  graph: Graph,
  wanted: { url: string; accessToken: AccessToken | string; signal: AbortSignal },
): Promise<Download> {
  if (!isMediaUrl(wanted.url, graph.url)) return { kind: "host_not_allowed" };
  const { fetch: request = fetch } = graph;
  try {
    const response = await request(wanted.url, {
      // Meta answers clients without a name with an error page.
      headers: { authorization: `Bearer ${provenToken(wanted).token}`, "user-agent": "kesher" },
      redirect: "manual",
      signal: wanted.signal,
    });
    if (response.ok && response.body !== null) {
      return { kind: "bytes", bytes: response.body, contentType: response.headers.get("content-type") };
    }
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      return { kind: "gone" };
    }
    const error = readGraphError(response.status, await readJson(response));
    return error === null ? { kind: "unavailable", reason: `status_${response.status}` } : { kind: "refused", error };
  } catch (error) {
    return { kind: "unavailable", reason: failureOf(error).code };
  }
}

/** Graph's answer with Meta's id of the file, which lives for 30 days. */
export async function uploadMedia(
  graph: Graph,
  wanted: { phoneNumberId: string; accessToken: AccessToken | string; file: Blob; mimeType: string; fileName: string },
): Promise<Exclude<GraphAnswer, { kind: "answered" }> | { kind: "uploaded"; waMediaId: string }> {
  const body = new FormData();
  body.set("messaging_product", "whatsapp");
  body.set("type", wanted.mimeType);
  body.set("file", wanted.file, wanted.fileName);
  const answer = await callGraph(graph, {
    method: "POST",
    path: [wanted.phoneNumberId, "media"],
    body,
    accessToken: wanted.accessToken,
    timeoutMs: limits.mediaUploadMsMax,
  });
  if (answer.kind !== "answered") return answer;
  const waMediaId = readId(answer.value["id"]);
  return waMediaId === null ? { kind: "unavailable", reason: "no_id" } : { kind: "uploaded", waMediaId };
}
