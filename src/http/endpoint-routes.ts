/** Endpoints: where a tenant has its own updates sent to, what became of each, and sending it again. */
import { Type } from "typebox";
import type { FastifyRequest } from "fastify";
import {
  ChangeEndpoint,
  CreateEndpoint,
  Endpoint,
  EndpointDelivery,
  EndpointDeliveryParams,
  EndpointDeliveryQuery,
  EndpointPing,
  EndpointWithSecret,
} from "../contract/endpoints.ts";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { Replayed, ReplayRange } from "../contract/webhooks.ts";
import { Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import { listEndpointDeliveries, replayEndpoint, replayEndpointDelivery } from "../webhooks/forward-deliveries.ts";
import { changeEndpoint, createEndpoint, deleteEndpoint, getEndpoint, listEndpoints, rotateSecret } from "../webhooks/forward-endpoints.ts";
import { pingEndpoint } from "../webhooks/forward-ping.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const tags = ["endpoints"];

export function registerEndpointRoutes(api: Api, deps: RouteDeps): void {
  const rules = deps.forwarding?.rules ?? { allowsLoopback: false };
  const byOf = (request: FastifyRequest) => ({ actor: principalOf(request).actor, nowMs: deps.nowMs() });
  const toolsOf = (request: FastifyRequest) => ({ seal: deps.seal, rules, ...byOf(request) });
  const changed = (scope: TenantScope): void => deps.hub.publish([scope.tenantId]);

  api.post(
    "/endpoints",
    {
      schema: {
        tags,
        summary: "Register an endpoint",
        description:
          "It gets everything that is committed after it. `meta`: Meta's own webhook with this tenant's items, signed with `X-Hub-Signature-256`. `events`: " +
          "the activity, by the Standard Webhooks convention. At least once: `webhook-id` is the same each time. The secret is shown once.",
        querystring: TenantQuery,
        body: CreateEndpoint,
        response: { ...problemResponses, 201: EndpointWithSecret, 409: Problem },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query, "manage");
      const made = await createEndpoint(deps.app, scope, request.body, toolsOf(request));
      changed(scope);
      return reply.code(201).send(made);
    },
  );

  api.get(
    "/endpoints",
    {
      schema: {
        tags,
        summary: "List endpoints",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(Endpoint) },
      },
    },
    async (request) => listEndpoints(deps.app, scopeOf(request, request.query, "read"), request.query),
  );

  api.get(
    "/endpoints/:id",
    {
      schema: {
        tags,
        summary: "Read an endpoint",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Endpoint },
      },
    },
    async (request) => getEndpoint(deps.app, scopeOf(request, request.query, "read"), idOf(request.params.id)),
  );

  api.patch(
    "/endpoints/:id",
    {
      schema: {
        tags,
        summary: "Change or pause an endpoint",
        description: "A filter counts for what happens from now on. A paused endpoint keeps its place and goes on from there.",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangeEndpoint,
        response: { ...problemResponses, 200: Endpoint },
      },
    },
    async (request) => {
      const scope = scopeOf(request, request.query, "manage");
      const after = await changeEndpoint(deps.app, scope, idOf(request.params.id), { wanted: request.body, tools: toolsOf(request) });
      changed(scope);
      return after;
    },
  );

  api.delete(
    "/endpoints/:id",
    {
      schema: {
        tags,
        summary: "Delete an endpoint, with what waits for it",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query, "manage");
      await deleteEndpoint(deps.app, scope, idOf(request.params.id), byOf(request));
      changed(scope);
      return reply.code(204).send(null);
    },
  );

  api.post(
    "/endpoints/:id/rotate-secret",
    {
      schema: {
        tags,
        summary: "Give an endpoint a new secret",
        description:
          "Shown once. Of the form `events` the old one signs beside it for 24 hours; of `meta` only the new one signs from now on.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: EndpointWithSecret },
      },
    },
    async (request) => {
      const scope = scopeOf(request, request.query, "manage");
      const rotated = await rotateSecret(deps.app, scope, idOf(request.params.id), toolsOf(request));
      changed(scope);
      return rotated;
    },
  );

  api.post(
    "/endpoints/:id/resume",
    {
      schema: {
        tags,
        summary: "Let a paused endpoint go on",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Endpoint },
      },
    },
    async (request) => {
      const scope = scopeOf(request, request.query, "manage");
      const after = await changeEndpoint(deps.app, scope, idOf(request.params.id), {
        wanted: { state: "active" },
        tools: toolsOf(request),
      });
      changed(scope);
      return after;
    },
  );

  api.post(
    "/endpoints/:id/test",
    {
      schema: {
        tags,
        summary: "Send a signed ping and tell what came back",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: EndpointPing },
      },
    },
    async (request) => {
      const scope = scopeOf(request, request.query, "manage");
      const endpoint = await getEndpoint(deps.app, scope, idOf(request.params.id));
      if (deps.forwarding === null) throw new Rejection("unavailable", 503, "This node sends nothing to endpoints");
      return pingEndpoint({ ...deps.forwarding, nowMs: deps.nowMs }, scope, endpoint);
    },
  );

  api.get(
    "/endpoints/:id/deliveries",
    {
      schema: {
        tags,
        summary: "List what an endpoint was sent, is to be sent, and could not be sent",
        params: IdParams,
        querystring: Type.Object({ ...EndpointDeliveryQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(EndpointDelivery) },
      },
    },
    async (request) => {
      const scope = scopeOf(request, request.query, "read");
      return listEndpointDeliveries(deps.app, scope, idOf(request.params.id), request.query);
    },
  );

  api.post(
    "/endpoints/:id/replay",
    {
      schema: {
        tags,
        summary: "Send again what happened in a time",
        description: "Whatever the endpoint's filter lets through, delivered before or not, under the same ids.",
        params: IdParams,
        querystring: TenantQuery,
        body: ReplayRange,
        response: { ...problemResponses, 202: Replayed },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query, "manage");
      const wanted = { endpointId: idOf(request.params.id), range: request.body };
      return reply.code(202).send(await replayEndpoint(deps.app, scope, wanted, byOf(request)));
    },
  );

  api.post(
    "/endpoints/:id/deliveries/:deliveryId/replay",
    {
      schema: {
        tags,
        summary: "Send one delivery again",
        params: EndpointDeliveryParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 202: Replayed },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, request.query, "manage");
      const wanted = { endpointId: idOf(request.params.id), deliveryId: idOf(request.params.deliveryId) };
      return reply.code(202).send(await replayEndpointDelivery(deps.app, scope, wanted, byOf(request)));
    },
  );
}

/** The tenant comes first: another's is as unknown as one that does not exist. */
function scopeOf(request: FastifyRequest, query: { tenantId?: string }, needed: "read" | "manage"): TenantScope {
  const principal = principalOf(request);
  const scope = tenantOf(principal, query.tenantId);
  requireScope(principal, needed);
  return scope;
}
