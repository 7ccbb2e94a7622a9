/** Files of messages: taken in, and served so that nothing in them can run in a browser (RELIABILITY 3.4). */
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { IdParams, TenantQuery } from "../contract/json.ts";
import { Media, UploadedMedia, UploadQuery } from "../contract/media.ts";
import { Problem } from "../contract/problem.ts";
import { readByteRange } from "../core/byte-range.ts";
import { contentDisposition } from "../core/file-name.ts";
import { servedAs } from "../core/media-type.ts";
import { limits } from "../limits.ts";
import type { MediaStore } from "../services/media-store.ts";
import { getMedia, openMedia, type OpenedMedia } from "../services/whatsapp/media/media.ts";
import { fetchMediaAgain } from "../services/whatsapp/media/again.ts";
import { storeUpload } from "../services/whatsapp/media/send.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { registerForms, withForm } from "./form.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const File = Type.Unsafe<unknown>({ type: "string", format: "binary", description: "The bytes" });

export async function registerMediaRoutes(api: Api, deps: RouteDeps, store: MediaStore): Promise<void> {
  registerReading(api, deps, store);
  await api.register(async (scoped) => {
    await registerForms(scoped);
    registerUpload(scoped, deps, store);
  });
}

function registerReading(api: Api, deps: RouteDeps, store: MediaStore): void {
  api.get(
    "/media/:id",
    {
      config: ofMedia,
      schema: {
        tags: ["media"],
        summary: "Read a file",
        description: "The bytes; `Range` for a part of them. 409 while the file is not here: see its info.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: File, 206: File, 409: Problem, 416: Type.Null({ description: "No such part" }) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      const scope = tenantOf(principal, request.query.tenantId);
      const opened = await openMedia({ app: deps.app, store }, scope, idOf(request.params.id));
      return sendFile(reply, opened, request.headers.range);
    },
  );

  api.get(
    "/media/:id/info",
    {
      config: ofMedia,
      schema: {
        tags: ["media"],
        summary: "Read what is known of a file, and whether it is here",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Media },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return getMedia(deps.app, tenantOf(principal, request.query.tenantId), idOf(request.params.id));
    },
  );

  api.post(
    "/media/:id/fetch",
    {
      config: ofMedia,
      schema: {
        tags: ["media"],
        summary: "Fetch a file from Meta that could not be fetched before",
        description: "In the background. 409 when the file is here, or when the 7 days are over for which Meta keeps one.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 202: Media, 409: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "manage");
      const media = await fetchMediaAgain(deps.app, scope, idOf(request.params.id), {
        actor: principal.actor,
        nowMs: deps.nowMs(),
      });
      deps.hub.publish([scope.tenantId]);
      return reply.code(202).send(media);
    },
  );
}

function registerUpload(api: Api, deps: RouteDeps, store: MediaStore): void {
  api.post(
    "/media",
    {
      config: { oneConnection: "filter" },
      schema: {
        tags: ["media"],
        summary: "Upload a file to send",
        description: "`multipart/form-data` with a field `file`. The file is checked against what WhatsApp takes, by its bytes.",
        consumes: ["multipart/form-data"],
        querystring: UploadQuery,
        response: { ...problemResponses, 201: UploadedMedia, 413: Problem, 415: Problem, 429: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "send");
      const connectionId = request.query.connectionId?.toLowerCase() ?? null;
      const uploaded = await withForm(request, { store, scope }, ({ file, fileName, mimeType }) =>
        storeUpload({ app: deps.app, store, nowMs: deps.nowMs }, scope, { file, fileName, declaredMimeType: mimeType, connectionId }),
      );
      const { id, mimeType, bytes, sha256, fileName } = uploaded;
      return reply.code(201).send({ id, mimeType, bytes, sha256, fileName });
    },
  );
}

const ofMedia = { oneConnection: "media" } as const;

async function sendFile(reply: FastifyReply, { row, bytes, open }: OpenedMedia, rangeHeader: string | undefined): Promise<FastifyReply> {
  const { contentType, disposition } = servedAs(row.mimeType);
  void reply.headers({
    "content-type": contentType,
    "content-disposition": contentDisposition(disposition, row.fileName),
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "accept-ranges": "bytes",
  });
  const range = readByteRange(rangeHeader, bytes, limits.mediaPartBytesMax);
  switch (range.kind) {
    case "unsatisfiable":
      return reply.code(416).header("content-range", `bytes */${bytes}`).send();
    case "part":
      void reply.code(206).headers({
        "content-range": `bytes ${range.first}-${range.last}/${bytes}`,
        "content-length": range.last - range.first + 1,
      });
      return reply.send(await open(range));
    case "all":
      return reply.header("content-length", bytes).send(await open());
    default:
      return range satisfies never;
  }
}
