/** Accounts and connections: connecting, how a number is, a new token, disconnecting. */
import { Type } from "typebox";
import {
  Account,
  CompleteSignup,
  Connection,
  ConnectionStatus,
  ContinueSetup,
  CreateConnection,
  CreatedConnection,
  Disconnected,
  EmbeddedSignup,
  ReplaceToken,
} from "../contract/connections.ts";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { Rejection } from "../core/rejection.ts";
import { listAccounts } from "../services/whatsapp/connections/accounts.ts";
import { connectByToken, type Connector } from "../services/whatsapp/connections/connect.ts";
import { disconnectNumber } from "../services/whatsapp/connections/disconnect.ts";
import { beginSignup, completeSignup } from "../services/whatsapp/connections/signup.ts";
import { continueSetUp, probeNow, readStatus } from "../services/whatsapp/connections/status.ts";
import { replaceToken } from "../services/whatsapp/connections/token.ts";
import type { ConnectionTools } from "../services/whatsapp/connections/tools.ts";
import { getConnection, listConnections, putConnection } from "../services/whatsapp/connections/connections.ts";
import { idOf, requireScope, tenantOf, type Principal } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const TenantListQuery = Type.Object({ ...ListQuery.properties, ...TenantQuery.properties });
const refusals = { ...problemResponses, 409: Problem, 422: Problem };

export function registerConnectionRoutes(api: Api, deps: RouteDeps): void {
  registerConnecting(api, deps);
  registerReading(api, deps);
  registerChanging(api, deps);
}

function registerConnecting(api: Api, deps: RouteDeps): void {
  api.post(
    "/connections",
    {
      schema: {
        tags: ["connections"],
        summary: "Connect a number, with its account, by ids and an access token",
        description:
          "Whoever names a WABA receives what was parked for it, so a tenant's token must prove that it opens the account and the number; the " +
          "operator is believed, and what Graph says is only reported. The same again for the same tenant answers 200 with the same id and " +
          "takes the new token. Then the app is subscribed and the number registered: `steps` says what was done and what is missing.",
        body: CreateConnection,
        querystring: TenantQuery,
        response: { ...refusals, 200: CreatedConnection, 201: CreatedConnection },
      },
    },
    async (request, reply) => {
      const by = connectorOf(principalOf(request), request.body.tenantId ?? request.query.tenantId);
      const { tenantId: _tenantId, ...wanted } = request.body;
      const { isNew, ...created } = await connect(deps, by, wanted);
      published(deps, by);
      return reply.code(isNew ? 201 : 200).send(created);
    },
  );

  api.get(
    "/connections/embedded-signup",
    {
      schema: {
        tags: ["connections"],
        summary: "What a browser needs to open Meta's dialogue for connecting a number",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: EmbeddedSignup },
      },
    },
    async (request) => beginSignup(toolsOf(deps), connectorOf(principalOf(request), request.query.tenantId)),
  );

  api.post(
    "/connections/embedded-signup",
    {
      schema: {
        tags: ["connections"],
        summary: "Connect the number that was chosen in Meta's dialogue",
        description:
          "Within 30 seconds of the code. The ids come from the browser, so the token that the code becomes must open them. A failure before the " +
          "connection is there answers 422 and needs a new dialogue; one after it stands in `steps`, and POST /connections/{id}/setup goes on. Where " +
          "the browser heard no ids from the dialogue and the code opens several numbers, 422 holds a `choice`.",
        body: CompleteSignup,
        querystring: TenantQuery,
        response: { ...refusals, 200: CreatedConnection, 201: CreatedConnection },
      },
    },
    async (request, reply) => {
      const by = connectorOf(principalOf(request), request.body.tenantId ?? request.query.tenantId);
      const { tenantId: _tenantId, ...wanted } = request.body;
      const { isNew, ...created } = await completeSignup(toolsOf(deps), by, wanted);
      published(deps, by);
      return reply.code(isNew ? 201 : 200).send(created);
    },
  );
}

function registerReading(api: Api, deps: RouteDeps): void {
  api.get(
    "/accounts",
    {
      schema: {
        tags: ["connections"],
        summary: "List accounts",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Account) },
      },
    },
    async (request) => listAccounts(deps.app, readerOf(principalOf(request), request.query.tenantId), request.query),
  );

  api.get(
    "/connections",
    {
      config: { oneConnection: "handler" },
      schema: {
        tags: ["connections"],
        summary: "List connections, each with the gravest of what is wrong with it",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Connection) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = readerOf(principal, request.query.tenantId);
      if (principal.connectionId === null) return listConnections(deps.app, scope, request.query);
      return { data: [await getConnection(deps.app, scope, principal.connectionId)], next: null };
    },
  );

  api.get(
    "/connections/:id",
    {
      config: { oneConnection: "connection" },
      schema: {
        tags: ["connections"],
        summary: "Read a connection",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Connection },
      },
    },
    async (request) => getConnection(deps.app, readerOf(principalOf(request), request.query.tenantId), idOf(request.params.id)),
  );

  api.get(
    "/connections/:id/status",
    {
      config: { oneConnection: "connection" },
      schema: {
        tags: ["connections"],
        summary: "How a connection is: every check, and every step of its set-up, with a sentence and what to do",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ConnectionStatus },
      },
    },
    async (request) => readStatus(deps.app, readerOf(principalOf(request), request.query.tenantId), idOf(request.params.id)),
  );
}

function registerChanging(api: Api, deps: RouteDeps): void {
  api.post(
    "/connections/:id/probe",
    {
      config: { oneConnection: "connection" },
      schema: {
        tags: ["connections"],
        summary: "Look at a connection now",
        description: "It also happens by itself, every half hour, after news from Meta, and after errors.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ConnectionStatus, 409: Problem },
      },
    },
    async (request) => {
      const { scope } = connectorOf(principalOf(request), request.query.tenantId);
      return probeNow(toolsOf(deps), scope, idOf(request.params.id));
    },
  );

  api.post(
    "/connections/:id/setup",
    {
      schema: {
        tags: ["connections"],
        summary: "Go on with what is missing at Meta, or do steps again",
        params: IdParams,
        querystring: TenantQuery,
        body: ContinueSetup,
        response: { ...problemResponses, 200: ConnectionStatus, 409: Problem },
      },
    },
    async (request) => {
      const by = connectorOf(principalOf(request), request.query.tenantId);
      return continueSetUp(toolsOf(deps), by, { ...request.body, connectionId: idOf(request.params.id) });
    },
  );

  api.post(
    "/connections/:id/token",
    {
      schema: {
        tags: ["connections"],
        summary: "Give a connection a new access token, or connect it again",
        description: "Meta is asked first: the token so far stays in use until the new one has proven that it opens this number.",
        params: IdParams,
        querystring: TenantQuery,
        body: ReplaceToken,
        response: { ...refusals, 200: ConnectionStatus },
      },
    },
    async (request) => {
      const by = connectorOf(principalOf(request), request.query.tenantId);
      const connectionId = idOf(request.params.id);
      await replaceToken(toolsOf(deps), by, { connectionId, accessToken: request.body.accessToken });
      deps.wakeSends();
      return readStatus(deps.app, by.scope, connectionId);
    },
  );

  api.post(
    "/connections/:id/disconnect",
    {
      schema: {
        tags: ["connections"],
        summary: "Disconnect a number: nothing is sent from it any more, and its token is gone; what still comes in is kept",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Disconnected },
      },
    },
    async (request) => {
      const by = connectorOf(principalOf(request), request.query.tenantId);
      const disconnected = await disconnectNumber(toolsOf(deps), by, idOf(request.params.id));
      // What waits fails at once, rather than with the next look.
      deps.wakeSends();
      return disconnected;
    },
  );
}

/** A tenant connects its own numbers, the operator any tenant's. */
export function connectorOf(principal: Principal, tenantId: string | undefined): Connector {
  requireScope(principal, "manage");
  return { scope: tenantOf(principal, tenantId), actor: principal.actor, isOperator: principal.isPlatform };
}

export function readerOf(principal: Principal, tenantId: string | undefined): Connector["scope"] {
  requireScope(principal, "read");
  return tenantOf(principal, tenantId);
}

export function toolsOf({ connections }: RouteDeps): ConnectionTools {
  if (connections === null) throw new Rejection("unavailable", 503, "Meta is not asked on this node.");
  return connections;
}

/** Where nothing asks Meta, the operator's word is enough. */
async function connect(
  deps: RouteDeps,
  by: Connector,
  wanted: Omit<CreateConnection, "tenantId">,
): Promise<CreatedConnection & { isNew: boolean }> {
  if (deps.connections !== null || !by.isOperator) return connectByToken(toolsOf(deps), by, wanted);
  const { scope, actor } = by;
  const put = await putConnection(deps.platform, { ...wanted, tenantId: scope.tenantId }, { seal: deps.seal, nowMs: deps.nowMs(), actor });
  return { ...put, verification: { checked: false, ok: null, detail: null, facts: null }, steps: [] };
}

/** Webhooks that were parked for the account are applied now. */
function published(deps: RouteDeps, { scope }: Connector): void {
  deps.hub.publish([scope.tenantId]);
  deps.wakeWorkers();
}
