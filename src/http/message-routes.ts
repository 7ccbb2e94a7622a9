/** Sending in our own shape, and what people can do about what was sent. */
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { createHash } from "node:crypto";
import { IdParams, ListOf, Nullable, TenantQuery } from "../contract/json.ts";
import { ChangeSending, MarkRead, QueuedMessage, SendHeaders, SendMessage, Sending, WaitingSend } from "../contract/sends.ts";
import { tenantTransaction } from "../db/transaction.ts";
import { cancelMessage, markMessageFailed } from "../services/whatsapp/outbox/actions.ts";
import { resendMessage } from "../services/whatsapp/outbox/resend.ts";
import { sendMessage } from "../services/whatsapp/outbox/send-message.ts";
import { changeSending, readSending } from "../services/whatsapp/outbox/sending.ts";
import { listWaiting } from "../services/whatsapp/outbox/waiting.ts";
import { markRead } from "../services/whatsapp/read-receipts.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { FastifyRequest } from "fastify";
import { Problem } from "../contract/problem.ts";
import type { Scope } from "../contract/tenants.ts";
import type { TenantScope } from "../core/scope.ts";

export function registerMessageRoutes(api: Api, deps: RouteDeps): void {
  const { app, nowMs, wakeSends, hasher } = deps;
  const tools = { app, nowMs, wakeSends, hasher };
  const byOf = (request: FastifyRequest) => ({ actor: principalOf(request).actor, nowMs: nowMs() });

  api.post(
    "/messages",
    {
      config: { oneConnection: "handler" },
      // The body is checked by the service, which names every field that is wrong; this schema is for the reader.
      validatorCompiler: (part) => (part.httpPart === "body" ? () => true : TypeBoxValidatorCompiler(part)),
      schema: {
        tags: ["messages"],
        summary: "Send a message: inside the 24-hour window anything, outside of it a template",
        querystring: TenantQuery,
        headers: SendHeaders,
        body: SendMessage,
        response: { ...problemResponses, 201: QueuedMessage, 409: Problem },
      },
    },
    async (request, reply) => {
      const idempotencyKey = request.headers["idempotency-key"] ?? null;
      const { connectionId: onlyConnectionId } = principalOf(request);
      const call = { origin: originOf(request), idempotencyKey, onlyConnectionId };
      const queued = await sendMessage(tools, scopeOf(request, "send"), request.body, call);
      return reply.code(201).send(queued);
    },
  );

  api.post("/messages/:id/cancel", { config: ofMessage, schema: act("Cancel a message that still waits") }, async (request, reply) => {
    const scope = scopeOf(request, "send");
    await tenantTransaction(app, scope, (tx) => cancelMessage(tx, scope, idOf(request.params.id), byOf(request)));
    wakeSends();
    return reply.code(204).send(null);
  });
  api.post(
    "/messages/:id/mark-failed",
    { config: ofMessage, schema: act("Settle a message whose outcome is unknown: it counts as failed") },
    async (request, reply) => {
      const scope = scopeOf(request, "send");
      await tenantTransaction(app, scope, (tx) => markMessageFailed(tx, scope, idOf(request.params.id), byOf(request)));
      return reply.code(204).send(null);
    },
  );
  api.post(
    "/messages/:id/resend",
    {
      config: ofMessage,
      schema: {
        ...act("Send a failed, cancelled or unknown message anew, as a new message that names this one"),
        headers: SendHeaders,
        response: { ...problemResponses, 201: QueuedMessage, 409: Problem },
      },
    },
    async (request, reply) => {
      const id = idOf(request.params.id);
      const key = request.headers["idempotency-key"];
      const keyed = key === undefined ? null : { key, requestSha256: createHash("sha256").update(`resend ${id}`).digest() };
      const { actor } = principalOf(request);
      return reply.code(201).send(await resendMessage(tools, scopeOf(request, "send"), id, { origin: originOf(request), keyed, actor }));
    },
  );
  api.post(
    "/messages/:id/read",
    {
      config: ofMessage,
      schema: { ...act("Tell the customer that this message, and those before it, were read"), body: Nullable(MarkRead) },
    },
    async (request, reply) => {
      const typing = request.body?.typing ?? false;
      await markRead(deps.reads, scopeOf(request, "send"), idOf(request.params.id), { typing });
      return reply.code(204).send(null);
    },
  );

  api.get(
    "/conversations/:id/waiting",
    {
      config: { oneConnection: "conversation" },
      schema: {
        tags: ["messages"],
        summary: "List what a conversation still has to send: at a time, or when the customer writes",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ListOf(WaitingSend) },
      },
    },
    async (request) => listWaiting(app, scopeOf(request, "read"), idOf(request.params.id)),
  );

  const sending = { params: IdParams, querystring: TenantQuery, response: { ...problemResponses, 200: Sending } };
  api.get(
    "/connections/:id/sending",
    {
      config: { oneConnection: "connection" },
      schema: { tags: ["connections"], summary: "Whether a number sends, how fast, and what waits", ...sending },
    },
    async (request) => readSending(app, scopeOf(request, "read"), idOf(request.params.id)),
  );
  api.patch(
    "/connections/:id/sending",
    {
      config: { oneConnection: "connection" },
      schema: { tags: ["connections"], summary: "Pause or resume a number, or change its pace", body: ChangeSending, ...sending },
    },
    async (request) =>
      changeSending({ ...tools, actor: principalOf(request).actor }, scopeOf(request, "manage"), idOf(request.params.id), request.body),
  );
}

const ofMessage = { oneConnection: "message" } as const;

function act(summary: string) {
  return {
    tags: ["messages"],
    summary,
    params: IdParams,
    querystring: TenantQuery,
    response: { ...problemResponses, 204: NoContent, 409: Problem },
  };
}

/** People write in the inbox, programs through the API. */
function originOf(request: FastifyRequest): "api" | "inbox" {
  return principalOf(request).actor.kind === "person" ? "inbox" : "api";
}

function scopeOf(request: FastifyRequest<{ Querystring: { tenantId?: string } }>, scope: Scope): TenantScope {
  const principal = principalOf(request);
  requireScope(principal, scope);
  return tenantOf(principal, request.query.tenantId);
}
