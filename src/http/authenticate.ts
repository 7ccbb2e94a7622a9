/**
 * Who asks. Three ways in: the operator's admin key, a tenant's API key, a person's session cookie. Here alone requests get their
 * TenantScope (I9). Each route states what it needs; there is no default.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { scopes, type Scope } from "../contract/tenants.ts";
import type { Actor } from "../core/actor.ts";
import { isUuid } from "../core/ids.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { tenantScope, type TenantScope } from "../core/scope.ts";
import { scopesOfRole, type Role } from "../contract/people.ts";
import { actorOf } from "../people/people.ts";
import type { SessionCache } from "../people/session-cache.ts";
import type { Session } from "../people/sessions.ts";
import type { KeyCache } from "./key-cache.ts";
import type { SessionCookie } from "./session.ts";

export type Principal = {
  /** The operator: all tenants. */
  isPlatform: boolean;
  /** The tenant that it belongs to; of a person the one named by ?tenantId=, else the active one. Null for the admin key. */
  tenant: TenantScope | null;
  /** Null for keys. `role` is the person's in `tenant`; null for an operator who is no member. */
  person?: { session: Session; role: Role | null };
  scopes: ReadonlySet<string>;
  /** The one connection that a key is bound to; null: all of the tenant's. */
  connectionId: string | null;
  /** Of a key; others have the rate of their kind (`rate-limits.ts`). */
  requestsPerMinute?: number;
  /** For the audit log. */
  actor: Actor;
  /** Asked again while a stream is open. */
  isStillValid: () => Promise<boolean>;
};

export type Authenticator = (request: FastifyRequest) => Promise<Principal>;

export type AuthenticatorOptions = {
  adminKey: string | null;
  keys: KeyCache;
  people: { sessions: SessionCache; cookie: SessionCookie } | null;
};

/** Rejects with `unauthorized` who is not known, and with `forbidden` a cookie's write that another site may have caused. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const adminHash = options.adminKey === null ? null : sha256(options.adminKey);
  const all: ReadonlySet<string> = new Set(scopes);

  return async (request) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      const principal = key === undefined ? null : await byKey(key, request);
      if (principal === null) throw unauthorized();
      return principal;
    }
    const principal = await byCookie(request);
    if (principal === null) throw unauthorized();
    requireOwnPage(request);
    return principal;
  };

  async function byKey(key: string, request: FastifyRequest): Promise<Principal | null> {
    if (adminHash !== null && timingSafeEqual(sha256(key), adminHash)) {
      const actor: Actor = { kind: "operator", id: null, name: "Admin key", ip: request.ip, requestId: request.id };
      return { isPlatform: true, tenant: null, scopes: all, connectionId: null, actor, isStillValid: () => Promise.resolve(true) };
    }
    const found = await options.keys.find(key);
    if (found === null) return null;
    const isStillValid = async (): Promise<boolean> => (await options.keys.find(key)) !== null;
    const actor: Actor = { kind: "api_key", id: found.id, name: found.name, ip: request.ip, requestId: request.id };
    const { scope: tenant, scopes: own, connectionId, requestsPerMinute } = found;
    return { isPlatform: false, tenant, scopes: own, connectionId, requestsPerMinute, actor, isStillValid };
  }

  async function byCookie(request: FastifyRequest): Promise<Principal | null> {
    if (options.people === null) return null;
    const { sessions, cookie } = options.people;
    const token = cookie.read(request.headers.cookie);
    const session = token === null ? null : await sessions.find(token);
    if (token === null || session === null) return null;
    const tenantId = wantedTenant(request, session) ?? session.activeTenantId;
    const role = (tenantId === null ? null : session.roles.get(tenantId)) ?? null;
    const isStillValid = async (): Promise<boolean> => {
      const now = await sessions.find(token);
      if (now === null || now.isOperator !== session.isOperator) return false;
      return tenantId === null || ((now.roles.get(tenantId) ?? null) === role && (role !== null || now.isOperator));
    };
    return {
      isPlatform: session.isOperator,
      tenant: tenantId === null ? null : tenantScope(tenantId),
      person: { session, role },
      scopes: session.isOperator ? all : new Set(role === null ? [] : scopesOfRole[role]),
      connectionId: null,
      actor: actorOf(session.person, { ip: request.ip, requestId: request.id }),
      isStillValid,
    };
  }
}

/** Null where the request names none that the person belongs to: what it names is then as unknown as one that does not exist. */
function wantedTenant(request: FastifyRequest, session: Session): string | null {
  const { query } = request;
  const given = typeof query === "object" && query !== null && "tenantId" in query ? query.tenantId : undefined;
  const wanted = typeof given === "string" ? given.toLowerCase() : null;
  return wanted !== null && session.roles.has(wanted) ? wanted : null;
}

export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw new Rejection("forbidden", 403, `This key or role lacks the scope ${scope}`);
}

export function requirePlatform(principal: Principal): void {
  if (!principal.isPlatform) throw new Rejection("forbidden", 403, "This needs the operator's admin key");
}

/** An owner of the tenant, or the operator: what is for ever, or about who decides. */
export function isOwner(principal: Principal): boolean {
  return principal.isPlatform || principal.person?.role === "owner";
}

/** The tenant that the request speaks for. `tenantId` is the query's; another tenant's is as unknown as one that does not exist. */
export function tenantOf(principal: Principal, tenantId: string | undefined): TenantScope {
  const scope = tenantOrAll(principal, tenantId) ?? principal.tenant;
  if (scope !== null) return scope;
  if (!principal.isPlatform) throw new Rejection("forbidden", 403, "You belong to no tenant any more");
  throw new Rejection("tenant_required", 400, "The operator must name the tenant: ?tenantId=");
}

/** Like `tenantOf`, but null for the operator who names no tenant: all of them. */
export function tenantOrAll(principal: Principal, tenantId: string | undefined): TenantScope | null {
  if (tenantId === undefined) return principal.isPlatform ? null : principal.tenant;
  const wanted = tenantId.toLowerCase();
  if (!principal.isPlatform && wanted !== principal.tenant?.tenantId) throw notFound();
  return tenantScope(wanted);
}

/** An id from a path. What is not an id at all is answered like one that does not exist. */
export function idOf(text: string): string {
  const id = text.toLowerCase();
  if (!isUuid(id)) throw notFound();
  return id;
}

/**
 * The browser sends a cookie by itself, so a request that comes with one must show that it comes from our own page: every write, and every read
 * by a script or an element of another page.
 */
export function requireOwnPage(request: FastifyRequest): void {
  const { "sec-fetch-site": site, "sec-fetch-mode": mode, origin, host } = request.headers;
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead && (site === undefined || site === "none" || mode === "navigate")) return;
  const isOwn = site === undefined ? origin !== undefined && hostOf(origin) === host : site === "same-origin";
  if (!isOwn) throw new Rejection("forbidden", 403, "This request does not come from our own page");
}

function hostOf(origin: string): string | null {
  return URL.parse(origin)?.host ?? null;
}

function unauthorized(): Rejection {
  return new Rejection("unauthorized", 401, "A session or a valid key is needed: Authorization: Bearer <key>");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
