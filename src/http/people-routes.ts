/** The people of a tenant: list, invite, change, remove. */
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { ChangePerson, CreatedInvitation, CreateInvitation, Invitation, Person, ResetLink } from "../contract/people.ts";
import { Problem } from "../contract/problem.ts";
import { tenantScope } from "../core/scope.ts";
import { time } from "../db/statement.ts";
import { invite, listInvitations, revokeInvitation } from "../people/invitations.ts";
import { issueResetLink } from "../people/links.ts";
import { changeRole, listPeople, removePerson, type By } from "../people/members.ts";
import type { People } from "../people/people.ts";
import { idOf, isOwner, requireScope, tenantOf, type Principal } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type InviteOwner, type RouteDeps } from "./route.ts";

export type PeopleDeps = { people: People; publicUrl: string | null };

const TenantListQuery = Type.Object({ ...ListQuery.properties, ...TenantQuery.properties });

export function registerPeopleRoutes(api: Api, deps: RouteDeps, { people, publicUrl }: PeopleDeps): void {
  const { auth } = people;
  const by = (principal: Principal): By => ({ actor: principal.actor, isOwner: isOwner(principal), nowMs: deps.nowMs() });
  /** What was changed works at once on this node, and open streams hear of it. */
  const spread = (tenantId: string): void => {
    people.sessions.forget();
    deps.hub.publish([tenantId]);
  };

  api.get(
    "/people",
    {
      schema: {
        tags: ["people"],
        summary: "List the people of the tenant, who joined last first",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Person) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "read");
      return listPeople(auth, scope, request.query);
    },
  );

  api.patch(
    "/people/:id",
    {
      schema: {
        tags: ["people"],
        summary: "Change a person's role",
        description: "Scope `admin`; about owners only an owner decides, and the last one stays. The person signs in again.",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangePerson,
        response: { ...problemResponses, 200: Person, 409: Problem },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const person = await changeRole(auth, scope, { personId: idOf(request.params.id), role: request.body.role }, by(principal));
      spread(scope.tenantId);
      return person;
    },
  );

  api.delete(
    "/people/:id",
    {
      schema: {
        tags: ["people"],
        summary: "Remove a person from the tenant",
        description: "Scope `admin`, or oneself. Their sessions in this tenant end; who belongs nowhere else is forgotten.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent, 409: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      const id = idOf(request.params.id);
      if (principal.person?.session.person.id !== id) requireScope(principal, "admin");
      await removePerson(auth, scope, id, by(principal));
      spread(scope.tenantId);
      return reply.code(204).send(null);
    },
  );

  api.post(
    "/people/:id/reset-link",
    {
      schema: {
        tags: ["people"],
        summary: "Make a link by which a person chooses a new password",
        description:
          "Scope `admin`. Works once, for a day. Not for an owner (unless by one), nor for who also belongs elsewhere: whoever has the link " +
          "becomes that person. There the platform's operator helps.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 201: ResetLink },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const maker = { ...by(principal), isOperator: principal.isPlatform };
      const { token, expiresAtMs } = await issueResetLink(auth, scope, idOf(request.params.id), maker);
      return reply.code(201).send({ link: linkOf(request, token), expiresAt: time(expiresAtMs) });
    },
  );

  api.post(
    "/invitations",
    {
      schema: {
        tags: ["people"],
        summary: "Invite somebody",
        description: "Scope `admin`; owners are invited by owners. Answers a link that works once, for a week: pass it on yourself.",
        querystring: TenantQuery,
        body: CreateInvitation,
        response: { ...problemResponses, 201: CreatedInvitation, 409: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const { invitation, token } = await invite(auth, scope, request.body, by(principal));
      return reply.code(201).send({ ...invitation, link: linkOf(request, token) });
    },
  );

  api.get(
    "/invitations",
    {
      schema: {
        tags: ["people"],
        summary: "List open invitations, newest first",
        querystring: TenantListQuery,
        response: { ...problemResponses, 200: ListOf(Invitation) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      return listInvitations(auth, scope, request.query, deps.nowMs());
    },
  );

  api.delete(
    "/invitations/:id",
    {
      schema: {
        tags: ["people"],
        summary: "Revoke an invitation",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      await revokeInvitation(auth, scope, idOf(request.params.id), { actor: principal.actor, nowMs: deps.nowMs() });
      return reply.code(204).send(null);
    },
  );

  function linkOf(request: FastifyRequest, token: string): string {
    return linkFor(request, publicUrl, token);
  }
}

export function createInviteOwner({ people, publicUrl }: PeopleDeps, nowMs: () => number): InviteOwner {
  return async (request, { tenantId, email, actor }) => {
    const by = { actor, isOwner: true, nowMs: nowMs() };
    const { token } = await invite(people.auth, tenantScope(tenantId), { email, role: "owner" }, by);
    return linkFor(request, publicUrl, token);
  };
}

/** Behind `#`, so that it is in no server's log. The asker reads it, so the asker's own name for this program will do. */
function linkFor(request: FastifyRequest, publicUrl: string | null, token: string): string {
  return `${publicUrl ?? `${request.protocol}://${request.host}`}/sign-in#${token}`;
}
