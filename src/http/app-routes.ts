/** Tenants' own Meta apps: which there are, and a new secret. Made by the operator (`tenant-routes.ts`). */
import { Type } from "typebox";
import { MetaApp, RotateAppSecret } from "../contract/connections.ts";
import { IdParams, ListOf, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { listApps, removeApp, rotateAppSecret } from "../services/tenants/apps.ts";
import { idOf } from "./authenticate.ts";
import { connectorOf, readerOf, toolsOf } from "./connection-routes.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerAppRoutes(api: Api, deps: RouteDeps): void {
  api.get(
    "/apps",
    {
      schema: {
        tags: ["connections"],
        summary: "List the tenant's own Meta apps",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ListOf(MetaApp) },
      },
    },
    async (request) => {
      const scope = readerOf(principalOf(request), request.query.tenantId);
      return { data: await listApps(deps.platform, scope, deps.connections?.open ?? null), next: null };
    },
  );

  api.post(
    "/apps/:id/secret",
    {
      schema: {
        tags: ["connections"],
        summary: "Rotate the secret of a tenant's own Meta app",
        description: "First with keepOld true, then change it at Meta, then again with keepOld false: no webhook is refused in between.",
        params: IdParams,
        querystring: TenantQuery,
        body: RotateAppSecret,
        response: { ...problemResponses, 200: Type.Object({ secrets: Type.Integer() }) },
      },
    },
    async (request) => {
      const { scope, actor } = connectorOf(principalOf(request), request.query.tenantId);
      const { seal, open } = toolsOf(deps);
      const wanted = { ...request.body, appId: idOf(request.params.id) };
      return rotateAppSecret(deps.platform, scope, wanted, { seal, open, nowMs: deps.nowMs(), actor });
    },
  );

  api.delete(
    "/apps/:id",
    {
      schema: {
        tags: ["connections"],
        summary: "Remove a tenant's own Meta app",
        description: "Refused while an account is connected by it. Webhooks to its path are answered 404 from then on.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent, 409: Problem },
      },
    },
    async (request, reply) => {
      const { scope, actor } = connectorOf(principalOf(request), request.query.tenantId);
      await removeApp(deps.platform, scope, idOf(request.params.id), { actor, nowMs: deps.nowMs() });
      return reply.code(204).send(null);
    },
  );
}
