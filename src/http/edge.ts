/**
 * The first to see a request: its shape as HTTP, before any route and before the webhook. Node's parser refuses most of what could be read
 * in two ways (two lengths, length and chunks, folded lines); what it lets pass is refused here. What is refused ends its connection, since
 * nobody can tell where its body ends (RELIABILITY 3.9).
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { limits } from "../limits.ts";
import type { ProblemCode } from "../contract/problem.ts";
import { setSecurityHeaders, type SecurityHeaders } from "./headers.ts";

export type Refused = { status: number; code: ProblemCode; detail: string };

/** For `createServer` of node:http. */
export const serverOptions: ServerOptions = {
  connectionsCheckingInterval: limits.httpConnectionsCheckMs,
  requestTimeout: limits.httpRequestMsMax,
  headersTimeout: limits.httpHeadersMsMax,
  keepAliveTimeout: limits.httpKeepAliveMs,
  maxHeaderSize: limits.httpHeaderBytesMax,
  insecureHTTPParser: false,
  // Judged here, so that the answer is like all others.
  requireHostHeader: false,
  // A peer that is gone without a word is noticed by TCP.
  keepAlive: true,
  keepAliveInitialDelay: limits.keepAliveDelayMs,
};

export type ServerBounds = { connectionsMax: number; silenceMsMax: number };
const usual: ServerBounds = { connectionsMax: limits.httpConnectionsMax, silenceMsMax: limits.httpSilenceMsMax };

/** What node has no option for. `bounds` differ in tests only. */
export function boundServer(server: Server, headers: SecurityHeaders, { connectionsMax, silenceMsMax }: ServerBounds = usual): void {
  // The parser drops what is above, silently: one more than is allowed is read, so that it can be refused.
  server.maxHeadersCount = limits.httpHeadersMax + 1;
  server.maxRequestsPerSocket = 0;
  server.maxConnections = connectionsMax;
  // Whoever neither sends nor takes anything. Streams say something every 15 s.
  server.setTimeout(silenceMsMax);
  // Connections that wait for a next request make room for who has one now.
  server.on("drop", () => server.closeIdleConnections());
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    setSecurityHeaders(response, headers);
    refuse(response, { status: 417, code: "invalid_request", detail: "No expectation but 100-continue is met" });
  });
}

/** Why this request is not taken, by its head alone; null: it is. */
export function judgeHead(request: IncomingMessage): Refused | null {
  const { rawHeaders, headers, url = "" } = request;
  if (rawHeaders.length > 2 * limits.httpHeadersMax) {
    return { status: 431, code: "too_large", detail: `More than ${limits.httpHeadersMax} headers` };
  }
  if (url.length > limits.httpUrlBytesMax) {
    return { status: 414, code: "too_large", detail: `The address is longer than ${limits.httpUrlBytesMax} bytes` };
  }
  // Whole addresses are for proxies, and would name a second host.
  if (!url.startsWith("/")) return malformed("The address must begin with a slash");
  const hosts = countHosts(rawHeaders);
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== "1.0")) return malformed("One Host header is needed");
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") return malformed("No transfer coding but chunked is taken");
  return null;
}

function malformed(detail: string): Refused {
  return { status: 400, code: "invalid_request", detail };
}

/** Node keeps the first of several, where a proxy in front may have gone by the last. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/** Ends the connection: what is left of the body must not be taken for a request. */
export function refuse(response: ServerResponse, refused: Refused): void {
  const text = textOf(refused);
  response.writeHead(refused.status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    connection: "close",
  });
  response.end(text);
}

/** What the parser could not read, and requests that did not come to their end in time. There is no response object then. */
export function answerUnreadable(error: Error & { code?: string }, socket: Socket, headers: SecurityHeaders): void {
  if (error.code === "ECONNRESET" || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const refused = unreadable(error.code);
  const text = textOf(refused);
  const lines = [
    `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status] ?? ""}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(text)}`,
    "cache-control: no-store",
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`, () => socket.destroy());
}

function unreadable(code: string | undefined): Refused {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return { status: 408, code: "invalid_request", detail: "The request took too long" };
  if (code === "HPE_HEADER_OVERFLOW") {
    return { status: 431, code: "too_large", detail: `Headers of more than ${limits.httpHeaderBytesMax} bytes` };
  }
  return malformed("This is not HTTP as it can be read");
}

/** Text of ours in the middle of another answer would be taken for a part of it. Node keeps the answer under way in this field, and looks at it for the same reason. */
function isAnswering(socket: Socket): boolean {
  const message: unknown = Reflect.get(socket, "_httpMessage");
  return typeof message === "object" && message !== null && "headersSent" in message && message.headersSent === true;
}

function textOf({ status, code, detail }: Refused): string {
  return JSON.stringify({ type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code });
}
