/**
 * Media in Meta's own shape, so that an unmodified client's uploads and downloads work: upload, address, bytes and deletion, each with one of our
 * keys as its token. An id from here is good in `/messages` beside it; and an id that a forwarded webhook names leads to the customer's file.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { AnyJson } from "../contract/json.ts";
import type { TenantScope } from "../core/scope.ts";
import { tenantTransaction } from "../db/transaction.ts";
import type { MediaStore } from "../services/media-store.ts";
import { mediaByWaId, removeMedia, type MediaRow } from "../services/whatsapp/media/media.ts";
import { storeUpload } from "../services/whatsapp/media/send.ts";
import { findConnection } from "../services/whatsapp/outbox/recipients.ts";
import { requireScope, tenantOf, type Authenticator, type Principal } from "./authenticate.ts";
import type { Scope } from "../contract/tenants.ts";
import { registerForms, withForm } from "./form.ts";
import { graphPaths } from "./graph-routes.ts";
import { answerInMetasWords, sendMetaError, unknownObject, type MetaError } from "./graph-shape.ts";
import { mayTouch } from "./one-connection.ts";
import { principalOf, type Api, type RouteDeps } from "./route.ts";

export type GraphMediaOptions = {
  authenticate: Authenticator;
  store: MediaStore;
  /** How callers reach this program; null: by what they call it. */
  publicUrl: string | null;
};

const answers = { 200: AnyJson, 400: AnyJson, 401: AnyJson, 403: AnyJson, 503: AnyJson };
const Query = Type.Object({ tenantId: Type.Optional(Type.String({ format: "uuid" })), phone_number_id: Type.Optional(Type.String()) });

export async function registerGraphMediaRoutes(fastify: Api, deps: RouteDeps, options: GraphMediaOptions): Promise<void> {
  const { store, publicUrl } = options;
  await fastify.register(async (scoped) => {
    const api: Api = scoped;
    api.setErrorHandler(answerInMetasWords);
    api.addHook("onRequest", async (request, reply) => {
      reply.header("cache-control", "no-store");
      request.principal = await options.authenticate(request);
    });
    await registerForms(api);

    for (const where of graphPaths("phoneNumberId")) registerUpload(api, deps, { store, ...where });
    for (const where of graphPaths("mediaId")) registerFile(api, deps, { store, publicUrl, ...where });
  });
}

type Where = { store: MediaStore; path: string; hide: boolean };

function registerUpload(api: Api, deps: RouteDeps, { store, path, hide }: Where): void {
  api.post(
    `${path}/media`,
    {
      config: ofHandler,
      schema: {
        hide,
        tags: ["media"],
        summary: "Upload a file in Meta's own shape",
        consumes: ["multipart/form-data"],
        params: Type.Object({ version: Type.Optional(Type.String()), phoneNumberId: Type.String() }),
        querystring: Query,
        response: answers,
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query.tenantId, "send");
      const principal = principalOf(request);
      const { phoneNumberId } = request.params;
      const number = await tenantTransaction(deps.app, scope, (tx) => findConnection(tx, scope, { phoneNumberId }));
      if (number === null || !mayTouch(principal, number.connectionId)) return sendMetaError(reply, unknownObject(phoneNumberId));
      const { waMediaId } = await withForm(request, { store, scope }, ({ file, fileName, mimeType, fields }) => {
        const declaredMimeType = fields.get("type") ?? mimeType;
        const upload = { file, fileName, declaredMimeType, connectionId: number.connectionId };
        return storeUpload({ app: deps.app, store, nowMs: deps.nowMs }, scope, upload);
      });
      return reply.send({ id: waMediaId });
    },
  );
}

function registerFile(api: Api, deps: RouteDeps, { store, publicUrl, path, hide }: Where & { publicUrl: string | null }): void {
  const params = Type.Object({ version: Type.Optional(Type.String()), mediaId: Type.String() });
  api.get(
    path,
    {
      config: ofHandler,
      schema: { hide, tags: ["media"], summary: "Where a file lies, in Meta's own shape", params, querystring: Query, response: answers },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query.tenantId, "read");
      const { mediaId } = request.params;
      const row = await tenantTransaction(deps.app, scope, (tx) => mediaByWaId(tx, scope, mediaId));
      const isTheirs = row !== null && mayTouch(principalOf(request), row.connectionId);
      if (!isTheirs) return sendMetaError(reply, unknownObject(mediaId));
      if (row.state !== "stored") return sendMetaError(reply, notThere(row, mediaId));
      const origin = publicUrl ?? `${request.protocol}://${request.host}`;
      return reply.send({
        messaging_product: "whatsapp",
        url: `${origin}/api/v1/media/${row.id}`,
        mime_type: row.mimeType ?? row.declaredMimeType ?? "application/octet-stream",
        sha256: row.sha256,
        file_size: row.bytes,
        id: mediaId,
      });
    },
  );

  api.delete(
    path,
    {
      config: ofHandler,
      schema: {
        hide,
        tags: ["media"],
        summary: "Delete an uploaded file, in Meta's own shape",
        params,
        querystring: Query,
        response: answers,
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query.tenantId, "send");
      return deleteMedia(reply, { deps, store, scope, principal: principalOf(request) }, request.params.mediaId);
    },
  );
}

const ofHandler = { oneConnection: "handler" } as const;

function scopeOf(request: FastifyRequest, tenantId: string | undefined, needed: Scope): TenantScope {
  const principal = principalOf(request);
  requireScope(principal, needed);
  return tenantOf(principal, tenantId);
}

/** What customers sent is part of their messages, and is not deleted so. */
async function deleteMedia(
  reply: FastifyReply,
  { deps, store, scope, principal }: { deps: RouteDeps; store: MediaStore; scope: TenantScope; principal: Principal },
  mediaId: string,
): Promise<FastifyReply> {
  const row = await tenantTransaction(deps.app, scope, (tx) => mediaByWaId(tx, scope, mediaId));
  if (row === null || row.direction !== "outbound" || !mayTouch(principal, row.connectionId))
    return sendMetaError(reply, unknownObject(mediaId));
  await removeMedia({ app: deps.app, store }, scope, [row.id]);
  return reply.send({ success: true });
}

function notThere(row: MediaRow | null, mediaId: string): MetaError {
  if (row?.state !== "pending") return unknownObject(mediaId);
  return {
    status: 503,
    code: 2,
    message: "(#2) Service temporarily unavailable",
    details: "The file is still being fetched",
    isTransient: true,
  };
}
