/** Who asks, and what is one's own: the active tenant, the password, the sessions. */
import type { FastifyRequest } from "fastify";
import { IdParams, ListOf, TenantQuery } from "../contract/json.ts";
import { ChangePassword, OwnSession, Session as SessionAnswer, SwitchTenant } from "../contract/people.ts";
import { Problem } from "../contract/problem.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { transaction } from "../db/transaction.ts";
import { openTenant, tenantsOf } from "../people/members.ts";
import type { People } from "../people/people.ts";
import { activateTenant, endOwnSession, listOwnSessions, type Session } from "../people/sessions.ts";
import { idOf, tenantOf } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { SessionCookie } from "./session.ts";
import { askerFrom } from "./sign-in-routes.ts";

export function registerSessionRoutes(api: Api, deps: RouteDeps, { people, cookie }: { people: People; cookie: SessionCookie }): void {
  const { auth } = people;

  api.get(
    "/session",
    {
      config: { oneConnection: "any" },
      schema: {
        tags: ["people"],
        summary: "Tell who asks, and what they may do",
        description: "For a person in the tenant named by ?tenantId=, else in the active one; for a key in its own.",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: SessionAnswer },
      },
    },
    async (request): Promise<SessionAnswer> => {
      const principal = principalOf(request);
      const wanted = request.query.tenantId === undefined ? principal.tenant : tenantOf(principal, request.query.tenantId);
      const session = principal.person?.session ?? null;
      const tenants = session === null ? [] : await tenantsOf(auth, session.person.id);
      return {
        person: session === null ? null : session.person,
        role: (wanted === null ? null : session?.roles.get(wanted.tenantId)) ?? null,
        tenant: wanted === null ? null : await openTenant(auth, wanted.tenantId),
        tenants: tenants.map(({ id, name, role }) => ({ id, name, role })),
        scopes: [...principal.scopes],
        isOperator: principal.isPlatform,
        isSandbox: people.isSandbox,
      };
    },
  );

  api.post(
    "/session/tenant",
    {
      schema: {
        tags: ["people"],
        summary: "Look at another of one's tenants from now on",
        body: SwitchTenant,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request);
      const tenantId = idOf(request.body.tenantId);
      const isReachable = session.roles.has(tenantId) || (session.isOperator && (await openTenant(auth, tenantId)) !== null);
      if (!isReachable) throw notFound();
      await transaction(auth, (tx) => activateTenant(tx, session.id, tenantId));
      people.sessions.forget();
      return reply.code(204).send(null);
    },
  );

  api.post(
    "/session/password",
    {
      schema: {
        tags: ["people"],
        summary: "Change one's password; all other sessions end",
        body: ChangePassword,
        response: { ...problemResponses, 204: NoContent, 429: Problem },
      },
    },
    async (request, reply) => {
      const token = await people.changePassword(sessionOf(request), request.body, askerFrom(request, cookie));
      return reply.header("set-cookie", cookie.set(token)).code(204).send(null);
    },
  );

  api.get(
    "/sessions",
    {
      schema: {
        tags: ["people"],
        summary: "List one's own sessions, last used first",
        response: { ...problemResponses, 200: ListOf(OwnSession) },
      },
    },
    async (request) => ({ data: await listOwnSessions(auth, sessionOf(request), deps.nowMs()), next: null }),
  );

  api.delete(
    "/sessions/:id",
    {
      schema: {
        tags: ["people"],
        summary: "End one of one's own sessions",
        params: IdParams,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const { actor } = principalOf(request);
      await endOwnSession(auth, { session: sessionOf(request), id: idOf(request.params.id) }, { actor, nowMs: deps.nowMs() });
      people.sessions.forget();
      return reply.code(204).send(null);
    },
  );
}

function sessionOf(request: FastifyRequest): Session {
  const { person } = principalOf(request);
  if (person === undefined) throw new Rejection("forbidden", 403, "Only a person has sessions: this is a key");
  return person.session;
}
