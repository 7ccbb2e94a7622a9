/** Accounts and connections. */
import { Type } from "typebox";
import { Account, Connection, CreateConnection, CreatedConnection } from "../contract/connections.ts";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { listAccounts } from "../services/whatsapp/accounts.ts";
import { getConnection, listConnections, putConnection } from "../services/whatsapp/connections.ts";
import { idOf, requirePlatform, requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const TenantListQuery = Type.Object({ ...ListQuery.properties, ...TenantQuery.properties });

export function registerConnectionRoutes(api: Api, deps: RouteDeps): void {
  api.post(
    "/connections",
    {
      schema: {
        tags: ["set-up"],
        summary: "Connect a number, with its account",
        description:
          "Admin key: whoever names a WABA receives what was parked for it. The same again for the same tenant answers 200 with the same id " +
          "and takes the new token. What Graph says of the token is reported, not required.",
        body: CreateConnection,
        response: { ...problemResponses, 200: CreatedConnection, 201: CreatedConnection, 409: Problem },
      },
    },
    async (request, reply) => {
      requirePlatform(principalOf(request));
      const body = { ...request.body, tenantId: request.body.tenantId.toLowerCase() };
      const tools = { seal: deps.seal, verify: deps.verifyConnection, nowMs: deps.nowMs() };
      const { id, isNew, verification } = await putConnection(deps.platform, body, tools);
      deps.hub.publish([body.tenantId]);
      deps.wakeWorkers();
      return reply.code(isNew ? 201 : 200).send({ id, verification });
    },
  );

  api.get(
    "/accounts",
    {
      schema: {
        tags: ["set-up"],
        summary: "List accounts",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Account) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return listAccounts(deps.app, tenantOf(principal, request.query.tenantId), request.query);
    },
  );

  api.get(
    "/connections",
    {
      schema: {
        tags: ["set-up"],
        summary: "List connections",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Connection) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return listConnections(deps.app, tenantOf(principal, request.query.tenantId), request.query);
    },
  );

  api.get(
    "/connections/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Read a connection",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Connection },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return getConnection(deps.app, tenantOf(principal, request.query.tenantId), idOf(request.params.id));
    },
  );
}
