/**
 * `POST /vNN.N/{phone_number_id}/messages` in Meta's own shape: an unmodified Cloud API client works when its base address points here and
 * its token is one of our keys. The message goes the way of all others; the answer waits for Graph's, and is in Meta's words throughout.
 */
import { createHash } from "node:crypto";
import { Type } from "typebox";
import { AnyJson } from "../contract/json.ts";
import type { TenantScope } from "../core/scope.ts";
import { tenantTransaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import type { GraphError } from "../services/whatsapp/graph/answer.ts";
import { parseOutgoing, type ParsedOutgoing } from "../services/whatsapp/graph/parse-outgoing.ts";
import type { Keyed } from "../services/whatsapp/outbox/idempotency.ts";
import { readOutcome, type Outcome } from "../services/whatsapp/outbox/outcome-of.ts";
import { findConnection, type SendingConnection } from "../services/whatsapp/outbox/recipients.ts";
import { sendWish } from "../services/whatsapp/outbox/send-groups.ts";
import { tellRead } from "../services/whatsapp/read-receipts.ts";
import { requireScope, tenantOf, type Authenticator } from "./authenticate.ts";
import { answerInMetasWords, sendMetaError, unknownObject, type MetaError } from "./graph-shape.ts";
import { mayTouch } from "./one-connection.ts";
import { principalOf, type Api, type RouteDeps } from "./route.ts";
import type { FastifyReply, FastifyRequest } from "fastify";

/** With a version as at Meta, or without one: Graph takes both, and some clients leave it out. */
export function graphPaths(id: string): { path: string; hide: boolean }[] {
  return [
    { path: `/:version(^v\\d{1,3}\\.\\d{1,2}$)/:${id}`, hide: false },
    { path: `/:${id}(^\\d{1,32}$)`, hide: true },
  ];
}

export function registerGraphRoutes(api: Api, deps: RouteDeps, authenticate: Authenticator): void {
  for (const { path, hide } of graphPaths("phoneNumberId")) registerMessages(api, deps, { authenticate, path, hide });
}

type Where = { authenticate: Authenticator; path: string; hide: boolean };

function registerMessages(api: Api, deps: RouteDeps, { authenticate, path, hide }: Where): void {
  api.post(
    `${path}/messages`,
    {
      errorHandler: (error, request, reply) => void answerInMetasWords(error, request, reply),
      onRequest: async (request) => {
        request.principal = await authenticate(request);
      },
      config: { oneConnection: "handler" },
      schema: {
        hide,
        tags: ["messages"],
        summary: "Send a message in Meta's own shape; Meta's own answers and errors",
        params: Type.Object({ version: Type.Optional(Type.String()), phoneNumberId: Type.String() }),
        querystring: Type.Object({ tenantId: Type.Optional(Type.String({ format: "uuid" })) }),
        response: { 200: AnyJson, 400: AnyJson, 401: AnyJson, 503: AnyJson },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      requireScope(principal, "send");
      const scope = tenantOf(principal, request.query.tenantId);
      const { phoneNumberId } = request.params;
      const number = await tenantTransaction(deps.app, scope, (tx) => findConnection(tx, scope, { phoneNumberId }));
      if (number === null || !mayTouch(principal, number.connectionId)) return sendMetaError(reply, unknownObject(phoneNumberId));
      const parsed = parseOutgoing(request.body);
      switch (parsed.kind) {
        case "invalid":
          return sendMetaError(reply, {
            status: 400,
            code: parsed.error.code,
            message: parsed.error.message,
            details: parsed.error.details,
          });
        case "read":
          return answerRead(deps, scope, number, { read: parsed, reply });
        case "message":
          return answerMessage(deps, scope, number, { message: parsed, keyed: keyedBy(request), only: principal.connectionId, reply });
        default:
          return parsed satisfies never;
      }
    },
  );
}

/** Meta knows no such header; whoever sends it is safe from a lost answer. Keys of the two shapes do not meet. */
function keyedBy({ headers, body }: FastifyRequest): Keyed | null {
  const key = headers["idempotency-key"];
  if (typeof key !== "string" || key === "" || key.length > limits.idempotencyKeyCharsMax) return null;
  return {
    key: `graph ${key}`,
    requestSha256: createHash("sha256")
      .update(JSON.stringify(body) ?? "")
      .digest(),
  };
}

async function answerRead(
  deps: RouteDeps,
  scope: TenantScope,
  { connectionId, phoneNumberId }: SendingConnection,
  { read, reply }: { read: Extract<ParsedOutgoing, { kind: "read" }>; reply: FastifyReply },
): Promise<FastifyReply> {
  const answer = await tellRead(deps.reads, scope, { connectionId, phoneNumberId, waMessageId: read.waMessageId, typing: read.typing });
  if (answer === null) return sendMetaError(reply, notConnected);
  if (answer.kind === "refused") return sendMetaError(reply, verbatim(answer.error));
  if (answer.kind === "unavailable") return sendMetaError(reply, unavailable);
  return reply.send({ success: true });
}

async function answerMessage(
  deps: RouteDeps,
  scope: TenantScope,
  { connectionId }: SendingConnection,
  call: { message: Extract<ParsedOutgoing, { kind: "message" }>; keyed: Keyed | null; only: string | null; reply: FastifyReply },
): Promise<FastifyReply> {
  const { message, keyed, only, reply } = call;
  const { to, content, replyTo, callback } = message;
  const { app, nowMs, wakeSends, hasher } = deps;
  const wish = {
    origin: "api" as const,
    connectionId,
    to: "groupId" in to ? to : to.phone !== null ? { waId: to.phone } : { userId: to.userId ?? "" },
    content,
    replyTo: replyTo === null ? null : { waMessageId: replyTo },
    sendAtMs: null,
    whenTheyWrite: null,
    callback,
    resendOf: null,
    onlyConnectionId: only,
  };
  const { id } = await sendWish({ app, nowMs, wakeSends, hasher }, scope, { readAt: () => wish, keyed });
  // It is queued: an error now would make the caller send it once more. What cannot be read is not known yet.
  const look = (): Promise<Outcome | null> => readOutcome(app, scope, id).catch(() => null);
  const { found, refusal } = await deps.answers.wait(id, deps.answerMsMax, look);
  if (found?.kind === "failed") return sendMetaError(reply, refusal === null ? asMeta(found) : verbatim(refusal));
  const contact =
    "groupId" in to
      ? { input: to.groupId, wa_id: to.groupId }
      : to.phone === null
        ? { input: to.userId, user_id: to.userId }
        : { input: to.phone, wa_id: to.phone };
  // Still under way, or nobody knows: our own id, under which the message and its statuses are found.
  const waMessageId = found?.kind === "accepted" ? found.waMessageId : id;
  return reply.send({ messaging_product: "whatsapp", contacts: [contact], messages: [{ id: waMessageId, message_status: "accepted" }] });
}

const notConnected: MetaError = { status: 401, code: 190, message: "The number has no access token at Kesher" };
const unavailable: MetaError = { status: 503, code: 2, message: "(#2) Service temporarily unavailable", isTransient: true };

function verbatim({ httpStatus, code, title, details, subcode, fbtraceId }: GraphError): MetaError {
  return { status: httpStatus >= 400 ? httpStatus : 400, code, message: title ?? `(#${code})`, details, subcode, fbtraceId };
}

/** From the message's row: this node did not hear Graph itself. */
function asMeta({ code, title, details }: Extract<Outcome, { kind: "failed" }>): MetaError {
  return { status: 400, code: code ?? 1, message: title ?? "(#1) An unknown error occurred", details };
}
