/**
 * Serves the built inbox: for every path that is nobody else's. The files are read once, with their compressed forms, and hold nothing secret; who
 * may see what is the API's business. The policy allows nothing from elsewhere, no inline script or style, and no HTML from strings.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";
import { notFound } from "../core/rejection.ts";
import type { Api } from "./route.ts";

export type InboxFilesOptions = {
  /** Where the built client lies, once it is built. */
  folder: Promise<string>;
  onFailed: (error: unknown) => void;
};

type Encoding = "br" | "gzip" | "identity";
type File = { type: string; etag: string; isImmutable: boolean; bodies: ReadonlyMap<Encoding, Buffer> };
type Files = ReadonlyMap<string, File>;

const types: ReadonlyMap<string, string> = new Map([
  ["html", "text/html; charset=utf-8"],
  ["js", "text/javascript; charset=utf-8"],
  ["css", "text/css; charset=utf-8"],
  ["svg", "image/svg+xml"],
  ["json", "application/json"],
  ["webmanifest", "application/manifest+json"],
  ["woff2", "font/woff2"],
  ["png", "image/png"],
]);

const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // Meta's dialogue for connecting a number is a window that we open, and it speaks to its opener; whoever opens us is cut off all the same.
  "cross-origin-opener-policy": "same-origin-allow-popups",
  "cross-origin-resource-policy": "same-origin",
  // Voice messages; the browser still asks the person.
  "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(self), payment=(), usb=()",
};

/** Paths of the program that are no pages, also where nothing answers them. `/sandbox` is a page, what is below it is not. */
const isReserved = /^\/(?:sandbox\/|(?:api|webhook|docs|auth|assets|v\d+\.\d+|metrics|livez|readyz|openapi\.json)(?:\/|$))/;

export function registerInboxFiles(fastify: Api, options: InboxFilesOptions): void {
  let state: { kind: "building" } | { kind: "failed" } | { kind: "ready"; files: Files } = { kind: "building" };
  void (async () => {
    try {
      state = { kind: "ready", files: await readFiles(await options.folder) };
    } catch (error) {
      state = { kind: "failed" };
      options.onFailed(error);
    }
  })();

  fastify.get<{ Params: { "*": string } }>("/*", { schema: { hide: true } }, (request, reply) => {
    const path = `/${request.params["*"]}`;
    if (state.kind === "ready") return send(request, reply, fileFor(state.files, path));
    if (isReserved.test(path)) throw notFound();
    reply.code(503).headers(headers).header("cache-control", "no-store").header("retry-after", "1").type("text/html; charset=utf-8");
    return reply.send(state.kind === "building" ? buildingPage : failedPage);
  });
}

/** Each page of the client has its own path, and all of them are one file. */
function fileFor(files: Files, path: string): File {
  const file = files.get(path) ?? (isReserved.test(path) ? undefined : files.get("/index.html"));
  if (file === undefined) throw notFound();
  return file;
}

function send(request: FastifyRequest, reply: FastifyReply, file: File): FastifyReply {
  reply.headers(headers).header("vary", "accept-encoding").header("etag", file.etag).type(file.type);
  reply.header("cache-control", file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (request.headers["if-none-match"] === file.etag) return reply.code(304).send();
  const encoding = encodingFor(acceptedBy(request), file);
  if (encoding !== "identity") reply.header("content-encoding", encoding);
  return reply.send(file.bodies.get(encoding));
}

function acceptedBy({ headers: given }: FastifyRequest): string {
  const accepted = given["accept-encoding"];
  return typeof accepted === "string" ? accepted : "";
}

function encodingFor(accepted: string, file: File): Encoding {
  const words = new Set(accepted.split(",").map((word) => word.trim().split(";", 1)[0]));
  return (["br", "gzip"] as const).find((encoding) => words.has(encoding) && file.bodies.has(encoding)) ?? "identity";
}

async function readFiles(folder: string): Promise<Files> {
  const names = await readdir(folder, { recursive: true });
  const files = await Promise.all(
    names.map(async (name) => {
      const type = types.get(/\.([a-z0-9]+)$/.exec(name)?.[1] ?? "");
      if (type === undefined) return null;
      return [`/${name.replaceAll("\\", "/")}`, await readOne(join(folder, name), name, type)] as const;
    }),
  );
  return new Map(files.filter((file) => file !== null));
}

async function readOne(path: string, name: string, type: string): Promise<File> {
  const [plain, brotli, gzip] = await Promise.all([readFile(path), readIfThere(`${path}.br`), readIfThere(`${path}.gz`)]);
  const bodies = new Map<Encoding, Buffer>([["identity", plain]]);
  if (brotli !== null) bodies.set("br", brotli);
  if (gzip !== null) bodies.set("gzip", gzip);
  const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return { type, etag, isImmutable: /^assets[/\\]/.test(name), bodies };
}

async function readIfThere(path: string): Promise<Buffer | null> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

const buildingPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>Kesher</title>
<p dir="rtl" lang="he">תיבת ההודעות נבנית, בפעם הראשונה בלבד. עוד רגע…</p><p>The inbox is being built, this once. One moment …</p>
<p dir="rtl" lang="ar">يجري إعداد صندوق الرسائل لأول مرة فقط. لحظة من فضلك…</p></html>
`;
const failedPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Kesher</title>
<p dir="rtl" lang="he">לא ניתן היה לבנות את תיבת ההודעות. הסיבה כתובה ביומן התוכנית. ה-API פועל.</p>
<p>The inbox could not be built. The program's log says why. The API works.</p></html>
`;
