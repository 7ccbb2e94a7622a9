/** The audit log. */
import { Type } from "typebox";
import { AuditEvent, AuditFilter, AuditVerdict, VerifyAudit } from "../contract/audit.ts";
import { ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import type { TenantScope } from "../core/scope.ts";
import { listAudit } from "../services/audit/list.ts";
import { verifyAudit } from "../services/audit/seal.ts";
import { requireScope, tenantOrAll } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { FastifyRequest } from "fastify";

export function registerAuditRoutes(api: Api, deps: RouteDeps): void {
  api.get(
    "/audit",
    {
      schema: {
        tags: ["audit"],
        summary: "List who did what, newest first",
        description: "Scope `admin`. The operator sees all tenants' deeds and those that concern none, or with ?tenantId= one tenant's.",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties, ...AuditFilter.properties }),
        response: { ...problemResponses, 200: ListOf(AuditEvent) },
      },
    },
    async (request) => listAudit(deps, reachOf(request, request.query), request.query),
  );
  api.get(
    "/audit/verify",
    {
      schema: {
        tags: ["audit"],
        summary: "Tell whether the audit log is what it was",
        description:
          "Scope `admin`. The log is sealed every few minutes, each seal over the one before it. Keep `head` elsewhere: as long as the seal of " +
          "that number has that hash, nothing before it was changed. The operator without ?tenantId= verifies what concerns no tenant.",
        querystring: Type.Object({ ...VerifyAudit.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: AuditVerdict },
      },
    },
    async (request) => verifyAudit(deps, reachOf(request, request.query), Number(request.query.after ?? "0")),
  );
}

/** Null: everything. */
function reachOf(request: FastifyRequest, query: { tenantId?: string }): TenantScope | null {
  const principal = principalOf(request);
  const scope = tenantOrAll(principal, query.tenantId);
  requireScope(principal, "admin");
  return scope;
}
