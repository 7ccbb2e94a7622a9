/**
 * Who asks. Three ways in: the operator's admin key, a tenant's API key, the sandbox's session cookie. Here alone requests get their
 * TenantScope (I9). Each route states what it needs; there is no default.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { scopes, type Scope } from "../contract/tenants.ts";
import { isUuid } from "../core/ids.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { tenantScope, type TenantScope } from "../core/scope.ts";
import type { KeyCache } from "./key-cache.ts";
import type { SessionStore } from "./session.ts";

export const sessionCookie = "kesher_session";

export type Principal = {
  /** The operator: all tenants. */
  isPlatform: boolean;
  /** The tenant that it belongs to. Null for the admin key. */
  tenant: TenantScope | null;
  scopes: ReadonlySet<string>;
  /** Asked again while a stream is open. */
  isStillValid: () => Promise<boolean>;
};

export type Authenticator = (request: FastifyRequest) => Promise<Principal>;

export type AuthenticatorOptions = { adminKey: string | null; keys: KeyCache; sessions: SessionStore | null };

/** Rejects with `unauthorized` who is not known, and with `forbidden` a cookie's write that another site may have caused. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const adminHash = options.adminKey === null ? null : sha256(options.adminKey);
  const all: ReadonlySet<string> = new Set(scopes);

  return async (request) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      const principal = key === undefined ? null : await byKey(key);
      if (principal === null) throw unauthorized();
      return principal;
    }
    const principal = byCookie(request);
    if (principal === null) throw unauthorized();
    refuseForeignWrite(request);
    return principal;
  };

  async function byKey(key: string): Promise<Principal | null> {
    if (adminHash !== null && timingSafeEqual(sha256(key), adminHash)) {
      return { isPlatform: true, tenant: null, scopes: all, isStillValid: () => Promise.resolve(true) };
    }
    const found = await options.keys.find(key);
    if (found === null) return null;
    const isStillValid = async (): Promise<boolean> => (await options.keys.find(key)) !== null;
    return { isPlatform: false, tenant: found.scope, scopes: found.scopes, isStillValid };
  }

  function byCookie(request: FastifyRequest): Principal | null {
    const { sessions } = options;
    const cookie = cookieOf(request.headers.cookie);
    const session = sessions === null || cookie === null ? null : sessions.find(cookie);
    if (sessions === null || cookie === null || session === null) return null;
    const { isPlatform, tenantId } = session;
    const isStillValid = (): Promise<boolean> => Promise.resolve(sessions.find(cookie) !== null);
    return { isPlatform, tenant: tenantScope(tenantId), scopes: all, isStillValid };
  }
}

export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw new Rejection("forbidden", 403, `This key lacks the scope ${scope}`);
}

export function requirePlatform(principal: Principal): void {
  if (!principal.isPlatform) throw new Rejection("forbidden", 403, "This needs the operator's admin key");
}

/** The tenant that the request speaks for. `tenantId` is the query's; another tenant's is as unknown as one that does not exist. */
export function tenantOf(principal: Principal, tenantId: string | undefined): TenantScope {
  const scope = tenantOrAll(principal, tenantId) ?? principal.tenant;
  if (scope === null) throw new Rejection("tenant_required", 400, "The admin key must name the tenant: ?tenantId=");
  return scope;
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

export function cookieOf(header: string | undefined): string | null {
  for (const part of (header ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === sessionCookie && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)) return value;
  }
  return null;
}

/** The browser sends a cookie by itself, so a write must show that it comes from our own page. */
function refuseForeignWrite(request: FastifyRequest): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const { "sec-fetch-site": site, origin, host } = request.headers;
  const isOwn = site === undefined ? origin !== undefined && hostOf(origin) === host : site === "same-origin";
  if (!isOwn) throw new Rejection("forbidden", 403, "This request does not come from our own page");
}

function hostOf(origin: string): string | null {
  return URL.parse(origin)?.host ?? null;
}

function unauthorized(): Rejection {
  return new Rejection("unauthorized", 401, "A valid key is needed: Authorization: Bearer <key>");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
