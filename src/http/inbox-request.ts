/** What the routes of the inbox ask of a request, and whom they tell. */
import type { FastifyRequest } from "fastify";
import type { Scope } from "../contract/tenants.ts";
import type { TenantScope } from "../core/scope.ts";
import type { By } from "../services/audit/append.ts";
import { requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, type RouteDeps } from "./route.ts";

type Asked = FastifyRequest<{ Querystring: { tenantId?: string } }>;

/** The tenant comes first: another's is as unknown as one that does not exist. */
export function scopeOf(request: Asked, needed: Scope): TenantScope {
  const principal = principalOf(request);
  const scope = tenantOf(principal, request.query.tenantId);
  requireScope(principal, needed);
  return scope;
}

export function byOf(request: FastifyRequest, { nowMs }: RouteDeps): By {
  return { actor: principalOf(request).actor, nowMs: nowMs() };
}

/** Those who look at the same see it at once. */
export function changed({ hub }: RouteDeps, { tenantId }: TenantScope): void {
  hub.publish([tenantId]);
}
