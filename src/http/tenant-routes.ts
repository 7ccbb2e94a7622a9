/** Tenants, their API keys and their own Meta apps. */
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import {
  ApiKey,
  ChangeTenant,
  CreateApiKey,
  CreateApp,
  CreatedApiKey,
  CreatedApp,
  CreatedTenant,
  CreateTenant,
  Tenant,
} from "../contract/tenants.ts";
import { notFound } from "../core/rejection.ts";
import { createApiKey, listApiKeys, revokeApiKey } from "../services/tenants/api-keys.ts";
import { putApp } from "../services/tenants/apps.ts";
import { closeTenant } from "../services/tenants/close-tenant.ts";
import { changeTenant, createTenant, getTenant, listTenants } from "../services/tenants/tenants.ts";
import { idOf, requirePlatform, requireScope, tenantOf, type Principal } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerTenantRoutes(api: Api, deps: RouteDeps): void {
  api.post(
    "/tenants",
    {
      schema: {
        tags: ["set-up"],
        summary: "Create a tenant",
        description: "Admin key. The same slug again answers 200 with the same id, and no secret.",
        body: CreateTenant,
        response: { ...problemResponses, 200: CreatedTenant, 201: CreatedTenant },
      },
    },
    async (request, reply) => {
      requirePlatform(principalOf(request));
      const { id, apiKey } = await createTenant(deps.platform, request.body, deps.nowMs());
      return apiKey === null ? reply.code(200).send({ id }) : reply.code(201).send({ id, apiKey });
    },
  );

  api.get(
    "/tenants",
    {
      schema: {
        tags: ["set-up"],
        summary: "List tenants",
        description: "The admin key sees all, a tenant's key its own.",
        querystring: ListQuery,
        response: { ...problemResponses, 200: ListOf(Tenant) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      if (principal.isPlatform) return listTenants(deps.platform, request.query);
      const { tenantId } = tenantOf(principal, undefined);
      return { data: [await getTenant(deps.platform, tenantId)], next: null };
    },
  );

  api.get(
    "/tenants/:id",
    { schema: { tags: ["set-up"], summary: "Read a tenant", params: IdParams, response: { ...problemResponses, 200: Tenant } } },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return getTenant(deps.platform, reachableTenant(principal, request.params.id));
    },
  );

  api.patch(
    "/tenants/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Change a tenant's settings",
        params: IdParams,
        body: ChangeTenant,
        response: { ...problemResponses, 200: Tenant },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const id = reachableTenant(principal, request.params.id);
      requireScope(principal, "manage");
      return changeTenant(deps.platform, id, request.body);
    },
  );

  api.delete(
    "/tenants/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Close a tenant: its keys stop, its numbers are disconnected, what it still had to send is cancelled",
        description: "Admin key. Its data stays until it is erased. Webhooks that still come for it are parked.",
        params: IdParams,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const id = reachableTenant(principal, request.params.id);
      requirePlatform(principal);
      await closeTenant(deps, id);
      deps.forgetKeys();
      return reply.code(204).send(null);
    },
  );

  api.post(
    "/api-keys",
    {
      schema: {
        tags: ["set-up"],
        summary: "Create an API key",
        description: "Scope `admin`. The secret is shown once. A key never gives scopes that it does not have.",
        querystring: TenantQuery,
        body: CreateApiKey,
        response: { ...problemResponses, 201: CreatedApiKey, 409: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const maker = { scopes: principal.scopes, nowMs: deps.nowMs() };
      return reply.code(201).send(await createApiKey(deps.app, scope, request.body, maker));
    },
  );

  api.get(
    "/api-keys",
    {
      schema: {
        tags: ["set-up"],
        summary: "List API keys",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(ApiKey) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      return listApiKeys(deps.app, scope, request.query);
    },
  );

  api.delete(
    "/api-keys/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Revoke an API key",
        description: "Works at once; open streams of the key end within seconds.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      await revokeApiKey(deps.app, scope, idOf(request.params.id));
      deps.forgetKeys();
      return reply.code(204).send(null);
    },
  );

  api.post(
    "/apps",
    {
      schema: {
        tags: ["set-up"],
        summary: "Give a tenant its own Meta app",
        description: "Admin key. The same app again keeps its key and takes the new secrets (200).",
        body: CreateApp,
        response: { ...problemResponses, 200: CreatedApp, 201: CreatedApp },
      },
    },
    async (request, reply) => {
      requirePlatform(principalOf(request));
      const body = { ...request.body, tenantId: request.body.tenantId.toLowerCase() };
      const { isNew, ...app } = await putApp(deps.platform, body, { seal: deps.seal, nowMs: deps.nowMs() });
      return reply.code(isNew ? 201 : 200).send(app);
    },
  );
}

function reachableTenant(principal: Principal, text: string): string {
  const id = idOf(text);
  if (!principal.isPlatform && principal.tenant?.tenantId !== id) throw notFound();
  return id;
}
