/** Tenants, their API keys and their own Meta apps. */
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import {
  ApiKey,
  ChangeApiKey,
  ChangeTenant,
  CreateApiKey,
  CreateApp,
  CreatedApiKey,
  CreatedApp,
  CreatedTenant,
  CreateTenant,
  Tenant,
  Usage,
} from "../contract/tenants.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { changeApiKey, createApiKey, listApiKeys, revokeApiKey } from "../services/tenants/api-keys.ts";
import { putApp } from "../services/tenants/apps.ts";
import { closeTenant } from "../services/tenants/close-tenant.ts";
import { changeQuotas, readUsage } from "../services/tenants/quotas.ts";
import { changeTenant, createTenant, getTenant, listTenants } from "../services/tenants/tenants.ts";
import { idOf, isOwner, requirePlatform, requireScope, tenantOf, type Principal } from "./authenticate.ts";
import { registerPlatformRoutes } from "./platform-routes.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerTenantRoutes(api: Api, deps: RouteDeps): void {
  registerPlatformRoutes(api, deps);
  api.post(
    "/tenants",
    {
      schema: {
        tags: ["set-up"],
        summary: "Create a tenant",
        description:
          "Admin key. The same slug again answers 200 with the same id, and no secret. With `ownerEmail` the answer has a link for that person.",
        body: CreateTenant,
        response: { ...problemResponses, 200: CreatedTenant, 201: CreatedTenant },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      requirePlatform(principal);
      const { id, apiKey } = await createTenant(deps.platform, request.body, deps.nowMs(), principal.actor);
      if (apiKey === null) return reply.code(200).send({ id });
      const { ownerEmail: email } = request.body;
      if (email === undefined || deps.inviteOwner === null) return reply.code(201).send({ id, apiKey });
      const ownerLink = await deps.inviteOwner(request, { tenantId: id, email, actor: principal.actor });
      return reply.code(201).send({ id, apiKey, ownerLink });
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
      const { quotas, ...wanted } = request.body;
      if (quotas !== undefined) requirePlatform(principal);
      const by = { actor: principal.actor, nowMs: deps.nowMs() };
      // Quotas alone change nothing of the tenant's own.
      const isOwn = quotas === undefined || Object.keys(wanted).length > 0;
      const changed = isOwn ? await changeTenant(deps.platform, id, wanted, by) : await getTenant(deps.platform, id);
      if (quotas !== undefined) await changeQuotas(deps.platform, id, quotas, by);
      return changed;
    },
  );

  api.delete(
    "/tenants/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Close a tenant: its keys stop, its numbers are disconnected, what it still had to send is cancelled",
        description: "Admin key, or an owner. Its data stays until it is erased. Webhooks that still come for it are parked.",
        params: IdParams,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const id = reachableTenant(principal, request.params.id);
      if (!isOwner(principal)) throw new Rejection("forbidden", 403, "Only an owner or the operator closes a tenant");
      await closeTenant(deps, id, principal.actor);
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
      const maker = { scopes: principal.scopes, actor: principal.actor, nowMs: deps.nowMs() };
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
        description: "Works at once, on other nodes within two seconds; open streams of the key end within seconds.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      await revokeApiKey(deps.app, scope, idOf(request.params.id), { actor: principal.actor, nowMs: deps.nowMs() });
      deps.forgetKeys();
      return reply.code(204).send(null);
    },
  );

  api.patch(
    "/api-keys/:id",
    {
      schema: {
        tags: ["set-up"],
        summary: "Change an API key's name or rate",
        description: "Scope `admin`. What it may do is fixed: make another key for that.",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangeApiKey,
        response: { ...problemResponses, 200: ApiKey },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const by = { wanted: request.body, actor: principal.actor, nowMs: deps.nowMs() };
      const changed = await changeApiKey(deps.app, scope, idOf(request.params.id), by);
      deps.forgetKeys();
      return changed;
    },
  );

  api.get(
    "/usage",
    {
      schema: {
        tags: ["set-up"],
        summary: "Read what a tenant has had today of what it may have",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Usage },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "read");
      return readUsage(deps.app, scope, { openStreams: await deps.openStreams(scope.tenantId), nowMs: deps.nowMs() });
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
      const principal = principalOf(request);
      requirePlatform(principal);
      const body = { ...request.body, tenantId: request.body.tenantId.toLowerCase() };
      const { isNew, ...app } = await putApp(deps.platform, body, { seal: deps.seal, nowMs: deps.nowMs(), actor: principal.actor });
      return reply.code(isNew ? 201 : 200).send(app);
    },
  );
}

function reachableTenant(principal: Principal, text: string): string {
  const id = idOf(text);
  if (!principal.isPlatform && principal.tenant?.tenantId !== id) throw notFound();
  return id;
}
