/** One request to Graph as its handlers see it. */
import type { IncomingMessage } from "node:http";
import { limits } from "../../limits.ts";
import { readRecord, type Wire } from "../../services/whatsapp/graph/wire.ts";

export type Call = {
  method: string;
  /** As it was asked for, whole. */
  url: string;
  /** Without version and query: `/2000/messages`. */
  path: string;
  /** What it concerns, and its edge: `["2000", "messages"]`. */
  segments: readonly string[];
  query: URLSearchParams;
  contentType: string;
  /** From the header, else from the query. */
  accessToken: string | null;
  bytes: Buffer;
  /** Null where the body is no JSON object. */
  body: Wire | null;
};

export async function readCall(request: IncomingMessage): Promise<Call> {
  const url = URL.parse(request.url ?? "/", `http://${request.headers.host ?? "sandbox"}`);
  const path = (url?.pathname ?? "/").replace(/^\/v\d{1,2}\.\d(?=\/)/, "");
  const contentType = request.headers["content-type"] ?? "";
  const isForm = contentType.startsWith("multipart/form-data");
  const bytes = await readBody(request, isForm ? limits.sandboxUploadBytesMax : limits.sandboxBodyBytesMax);
  const query = url?.searchParams ?? new URLSearchParams();
  return {
    method: request.method ?? "GET",
    url: url?.href ?? "",
    path,
    segments: path.split("/").filter((segment) => segment !== ""),
    query,
    contentType,
    accessToken: bearerOf(request) ?? query.get("access_token"),
    bytes,
    body: isForm ? null : parseBody(bytes, contentType),
  };
}

/** A message, in contrast to a read receipt. */
export function isSend({ method, segments, body }: Call): boolean {
  return method === "POST" && segments.length === 2 && segments[1] === "messages" && body?.["status"] === undefined;
}

function bearerOf({ headers }: IncomingMessage): string | null {
  return /^(?:Bearer|OAuth) (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? null;
}

/** JSON, or a form, which Graph takes as well. */
function parseBody(bytes: Buffer, contentType: string): Wire | null {
  if (contentType.startsWith("application/x-www-form-urlencoded")) return Object.fromEntries(new URLSearchParams(bytes.toString("utf8")));
  try {
    return readRecord(JSON.parse(bytes.toString("utf8")));
  } catch {
    return null;
  }
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const parts: AsyncIterable<Buffer> = request;
  for await (const part of parts) {
    bytes += part.length;
    // What is too long is read to its end all the same, and counts as no body at all.
    if (bytes <= bytesMax) chunks.push(part);
  }
  return bytes <= bytesMax ? Buffer.concat(chunks) : Buffer.alloc(0);
}
