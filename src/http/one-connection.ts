/**
 * Keys that are bound to one connection. Denied by default: such a key reaches a route only if the route says how what it names is told to be of
 * that connection. Whatever belongs to another one is answered like what does not exist.
 */
import type { FastifyRequest } from "fastify";
import { isUuid } from "../core/ids.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { Db } from "../db/pool.ts";
import { statement } from "../db/statement.ts";
import { tenantTransaction } from "../db/transaction.ts";
import { tenantOf, type Authenticator, type Principal } from "./authenticate.ts";

/**
 * `connection`, `conversation`, `message`, `media`: what the path's `id` names. `filter`: the list obeys `?connectionId=`, which is set to the key's
 * own. `handler`: the route itself asks `mayTouch`. `any`: nothing of any connection is in the answer.
 */
export type OneConnection = "connection" | "conversation" | "message" | "media" | "filter" | "handler" | "any";

declare module "fastify" {
  interface FastifyContextConfig {
    oneConnection?: OneConnection;
  }
}

const ofConversation = statement(
  "one_connection.conversation",
  `select connection_id as "connectionId" from whatsapp_conversations where tenant_id = $1 and id = $2`,
  { connectionId: "uuid" },
);
const ofMessage = statement(
  "one_connection.message",
  `select connection_id as "connectionId" from whatsapp_messages where tenant_id = $1 and id = $2`,
  { connectionId: "uuid" },
);
const ofMedia = statement(
  "one_connection.media",
  `select connection_id as "connectionId" from whatsapp_media where tenant_id = $1 and id = $2`,
  { connectionId: "uuid?" },
);

/** Around whoever authenticates: every route that knows its caller passes here. */
export function keepToConnection(authenticate: Authenticator, app: Db): Authenticator {
  return async (request) => {
    const principal = await authenticate(request);
    if (principal.connectionId !== null) await guard(app, principal, request, principal.connectionId);
    return principal;
  };
}

/** Whether something of this connection is for the caller. Null: of none, which is for callers who may see all. */
export function mayTouch(principal: Principal, connectionId: string | null): boolean {
  return principal.connectionId === null || principal.connectionId === connectionId;
}

async function guard(app: Db, principal: Principal, request: FastifyRequest, connectionId: string): Promise<void> {
  const { oneConnection } = request.routeOptions.config;
  switch (oneConnection) {
    case undefined:
      throw new Rejection(
        "forbidden",
        403,
        "This key is for one connection only, and this route is about more than one. Use a key without connectionId.",
      );
    case "any":
    case "handler":
      return;
    case "filter":
      return filter(request, connectionId);
    case "connection":
    case "conversation":
    case "message":
    case "media": {
      const id = idIn(request.params);
      const found = oneConnection === "connection" ? id : await connectionOf(app, tenantOf(principal, undefined), oneConnection, id);
      if (found !== connectionId) throw notFound();
      return;
    }
    default:
      return oneConnection satisfies never;
  }
}

/** Before the query is validated: whatever else it says about a connection is judged there. */
function filter({ query }: FastifyRequest, connectionId: string): void {
  if (typeof query !== "object" || query === null) throw new Error("A route without a query cannot be filtered");
  const asked = "connectionId" in query ? query.connectionId : undefined;
  if (asked !== undefined && (typeof asked !== "string" || asked.toLowerCase() !== connectionId)) throw notFound();
  Object.assign(query, { connectionId });
}

async function connectionOf(app: Db, scope: TenantScope, kind: "conversation" | "message" | "media", id: string): Promise<string | null> {
  if (!isUuid(id)) return null;
  const wanted = { conversation: ofConversation, message: ofMessage, media: ofMedia }[kind];
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query<{ connectionId: string | null }>(wanted, [scope.tenantId, id]));
  return row?.connectionId ?? null;
}

function idIn(params: unknown): string {
  return typeof params === "object" && params !== null && "id" in params && typeof params.id === "string" ? params.id.toLowerCase() : "";
}
