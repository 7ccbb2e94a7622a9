/**
 * Meta's side of `POST /vNN.N/{phone_number_id}/messages`: token, body, window and scripted faults. What it accepts goes into the
 * ledger, which is the truth that tests compare with.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { limits } from "../limits.ts";

export type Accepted = {
  waMessageId: string;
  phoneNumberId: string;
  /** Digits of a phone, or a user id. */
  to: string;
  callback: string | null;
  body: { readonly [key: string]: unknown };
  atMs: number;
};

/** What happens to one request instead of the usual; they are used up in the order of scripting. */
export type Fault =
  /** An answer without a Graph error in it. */
  | { kind: "status"; status: number }
  | { kind: "error"; code: number; status?: number }
  /** No answer ever; after: the message is accepted all the same. */
  | { kind: "timeout"; accepts: boolean }
  /** The connection is reset; after: the message is accepted all the same. */
  | { kind: "reset"; accepts: boolean }
  /** Accepted, and answered with this instead. */
  | { kind: "answer"; status: number; body: string };

export type GraphApi = {
  accessToken: string;
  phoneNumberId: string;
  takeFault(): Fault | undefined;
  /** Whether this customer has written to the number in the last 24 hours. */
  isWindowOpen(to: string): boolean;
  /** Enters the message into the ledger. */
  accept(message: Omit<Accepted, "waMessageId" | "atMs">): Accepted;
};

export async function answerGraph(api: GraphApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = URL.parse(request.url ?? "/", "http://sandbox")?.pathname ?? "/";
  const [, phoneNumberId] = /^\/v\d{2}\.\d\/([^/]+)\/messages$/.exec(path) ?? [];
  const bytes = await readBody(request);
  const fault = api.takeFault();
  if (fault?.kind === "status") return answer(response, fault.status, "<html><body>Sorry, something went wrong.</body></html>");
  if (fault?.kind === "error")
    return answerError(response, { code: fault.code, status: fault.status ?? 400, message: `(#${fault.code}) Scripted` });
  if (fault !== undefined && "accepts" in fault && !fault.accepts) return fail(fault, response);
  if (request.method !== "POST" || phoneNumberId === undefined) {
    return answerError(response, { code: 100, status: 404, message: "(#100) Unknown path" });
  }
  if (request.headers.authorization !== `Bearer ${api.accessToken}`) {
    return answerError(response, { code: 190, status: 401, message: "Invalid OAuth access token - Cannot parse access token" });
  }
  if (phoneNumberId !== api.phoneNumberId) {
    return answerError(response, { code: 100, status: 400, message: `(#100) Object with ID '${phoneNumberId}' does not exist` });
  }
  const message = readMessage(bytes);
  if (message === null) return answerError(response, { code: 100, status: 400, message: "(#100) Invalid parameter" });
  if (message.isFreeform && !api.isWindowOpen(message.to)) {
    const details = "Message failed to send because more than 24 hours have passed since the customer last replied to this number.";
    return answerError(response, { code: 131_047, status: 400, message: "(#131047) Re-engagement message", details });
  }
  const accepted = api.accept({ phoneNumberId, to: message.to, callback: message.callback, body: message.body });
  if (fault?.kind === "answer") return answer(response, fault.status, fault.body);
  if (fault !== undefined) return fail(fault, response);
  const contact = message.isPhone ? { input: message.input, wa_id: message.to } : { input: message.input, user_id: message.to };
  const body = { messaging_product: "whatsapp", contacts: [contact], messages: [{ id: accepted.waMessageId, message_status: "accepted" }] };
  answer(response, 200, JSON.stringify(body));
}

/** A time-out: nothing more happens until the caller gives up or the sandbox stops. */
function fail(fault: Fault, response: ServerResponse): void {
  if (fault.kind === "reset") response.socket?.resetAndDestroy();
}

type Message = {
  body: { readonly [key: string]: unknown };
  input: string;
  to: string;
  isPhone: boolean;
  isFreeform: boolean;
  callback: string | null;
};

function readMessage(bytes: Buffer): Message | null {
  const body = parse(bytes);
  const type = body?.["type"] ?? "text";
  if (body === null || body["messaging_product"] !== "whatsapp" || typeof type !== "string") return null;
  if (typeof body[type] !== "object" || body[type] === null) return null;
  const to = body["to"];
  const recipient = body["recipient"];
  const callback = body["biz_opaque_callback_data"];
  if (callback !== undefined && (typeof callback !== "string" || callback.length > 512)) return null;
  const rest = { body, isFreeform: type !== "template", callback: callback ?? null };
  if (typeof to === "string") {
    const digits = to.replaceAll(/[+\s-]/g, "");
    return /^\d{5,20}$/.test(digits) ? { ...rest, input: to, to: digits, isPhone: true } : null;
  }
  return typeof recipient === "string" && recipient !== "" ? { ...rest, input: recipient, to: recipient, isPhone: false } : null;
}

function parse(bytes: Buffer): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null;
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const parts: AsyncIterable<Buffer> = request;
  for await (const part of parts) {
    bytes += part.length;
    // What is beyond is read and dropped; the body is then not valid.
    if (bytes <= limits.sandboxBodyBytesMax) chunks.push(part);
  }
  return Buffer.concat(chunks);
}

function answerError(response: ServerResponse, error: { code: number; status: number; message: string; details?: string }): void {
  const { code, status, message, details } = error;
  const data = details === undefined ? {} : { error_data: { messaging_product: "whatsapp", details } };
  answer(response, status, JSON.stringify({ error: { message, type: "OAuthException", code, ...data, fbtrace_id: `sandbox-${code}` } }));
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": body.startsWith("{") ? "application/json; charset=UTF-8" : "text/html" }).end(body);
}
