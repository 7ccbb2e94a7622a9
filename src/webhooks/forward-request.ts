/**
 * What is sent: body, headers, signature. `meta` is Meta's own webhook (`X-Hub-Signature-256` over the body), so that a bot written for Meta
 * works unchanged; `events` follows the Standard Webhooks convention: `v1,` + base64 of HMAC-SHA256 over `id.timestamp.body`,
 * one for each secret while it is being changed. https://github.com/standard-webhooks/standard-webhooks (read 2026-11).
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { uuidV7 } from "../core/ids.ts";
import { sign } from "../core/signature.ts";
import type { EndpointForm } from "../contract/endpoints.ts";
import { asMetaWrites } from "../services/whatsapp/graph/meta-json.ts";

export type SignedRequest = { headers: Record<string, string>; body: Buffer };

const eventSecretPrefix = "whsec_";

export function newSecret(form: EndpointForm): string {
  return form === "meta" ? randomBytes(16).toString("hex") : eventSecretPrefix + randomBytes(32).toString("base64");
}

/** The newest secret comes first; of Meta's form it is the only one that signs. */
export function signRequest(
  form: EndpointForm,
  id: string,
  text: string,
  { secrets, nowMs }: { secrets: readonly string[]; nowMs: number },
): SignedRequest {
  const body = Buffer.from(form === "meta" ? asMetaWrites(text) : text, "utf8");
  const timestamp = String(Math.floor(nowMs / 1_000));
  const headers = { "content-type": "application/json", "user-agent": "Kesher", "webhook-id": id, "webhook-timestamp": timestamp };
  const [newest] = secrets;
  if (newest === undefined) throw new Error("An endpoint has no secret");
  if (form === "meta") return { headers: { ...headers, "x-hub-signature-256": sign(body, newest) }, body };
  const signatures = secrets.map((secret) => `v1,${signEvent(secret, `${id}.${timestamp}.`, body)}`);
  return { headers: { ...headers, "webhook-signature": signatures.join(" ") }, body };
}

function signEvent(secret: string, prefix: string, body: Buffer): string {
  const key = Buffer.from(secret.slice(eventSecretPrefix.length), "base64");
  return createHmac("sha256", key).update(prefix).update(body).digest("base64");
}

export type LoggedEvent = {
  seq: number;
  type: string;
  conversationId: string | null;
  messageId: string | null;
  data: unknown;
  createdAtMs: number;
};

/** `data` is the event as the API lists it, with the event's own `data` inside. */
export function eventText(event: LoggedEvent): string {
  const { createdAtMs, type, ...rest } = event;
  const timestamp = new Date(createdAtMs).toISOString();
  return JSON.stringify({ type, timestamp, data: { ...rest, type, createdAt: timestamp } });
}

/** To see whether an endpoint answers and verifies. An entry list without entries is Meta's shape that says nothing. */
export function pingText(form: EndpointForm, endpointId: string, nowMs: number): string {
  return form === "meta"
    ? JSON.stringify({ object: "whatsapp_business_account", entry: [] })
    : JSON.stringify({ type: "endpoint.ping", timestamp: new Date(nowMs).toISOString(), data: { endpointId } });
}

/** The same for the same place in the log, and in the order of time: what is laid out again after it was cleared away keeps its id. */
export function deliveryId(endpointId: string, logSeq: number, createdAtMs: number): string {
  return uuidV7(createdAtMs, createHash("sha256").update(`${endpointId} ${logSeq}`).digest());
}
