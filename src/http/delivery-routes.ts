/** What came from Meta and what became of it: deliveries, parked updates, replays, counts. */
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Delivery, DeliveryDetail, DeliveryQuery, ParkedUpdate, Replayed, ReplayRange, Stats } from "../contract/webhooks.ts";
import { getDelivery, listDeliveries } from "../webhooks/deliveries.ts";
import { getParked, listParked, type Reach } from "../webhooks/parked.ts";
import { replayDelivery, replayDeliveryRange, replayParked, replayParkedRange } from "../webhooks/replay.ts";
import { readStats } from "../webhooks/stats.ts";
import { idOf, requirePlatform, requireScope, tenantOrAll } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { FastifyRequest } from "fastify";

export function registerDeliveryRoutes(api: Api, deps: RouteDeps): void {
  const reachOf = (request: FastifyRequest, query: { tenantId?: string }, scope: "read" | "manage"): Reach => {
    const principal = principalOf(request);
    const tenant = tenantOrAll(principal, query.tenantId);
    requireScope(principal, scope);
    return { app: deps.app, platform: deps.platform, scope: tenant };
  };
  const byOf = (request: FastifyRequest) => ({ actor: principalOf(request).actor, nowMs: deps.nowMs() });
  const replayed = { ...problemResponses, 202: Replayed };

  api.get(
    "/parked",
    {
      schema: {
        tags: ["operations"],
        summary: "List parked updates",
        description: "A tenant's key sees its own, the admin key all, or those of ?tenantId=.",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(ParkedUpdate) },
      },
    },
    async (request) => listParked(reachOf(request, request.query, "read"), request.query),
  );
  api.get(
    "/parked/:id",
    {
      schema: {
        tags: ["operations"],
        summary: "Read a parked update",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ParkedUpdate },
      },
    },
    async (request) => getParked(reachOf(request, request.query, "read"), idOf(request.params.id)),
  );
  api.post(
    "/parked/:id/replay",
    {
      schema: {
        tags: ["operations"],
        summary: "Try a parked update again",
        params: IdParams,
        querystring: TenantQuery,
        response: replayed,
      },
    },
    async (request, reply) => {
      const answer = await replayParked(reachOf(request, request.query, "manage"), idOf(request.params.id), byOf(request));
      deps.wakeWorkers();
      return reply.code(202).send(answer);
    },
  );
  api.post(
    "/parked/replay",
    {
      schema: {
        tags: ["operations"],
        summary: "Try all parked updates of a time again",
        querystring: TenantQuery,
        body: ReplayRange,
        response: replayed,
      },
    },
    async (request, reply) => {
      const answer = await replayParkedRange(reachOf(request, request.query, "manage"), request.body, byOf(request));
      deps.wakeWorkers();
      return reply.code(202).send(answer);
    },
  );

  api.get(
    "/stats",
    {
      schema: {
        tags: ["operations"],
        summary: "Count what came and what became of it",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Stats },
      },
    },
    async (request) => readStats(reachOf(request, request.query, "read")),
  );

  api.get(
    "/deliveries",
    {
      schema: {
        tags: ["operations"],
        summary: "List deliveries",
        description: "Admin key.",
        querystring: DeliveryQuery,
        response: { ...problemResponses, 200: ListOf(Delivery) },
      },
    },
    async (request) => {
      requirePlatform(principalOf(request));
      return listDeliveries(deps.platform, request.query);
    },
  );
  api.get(
    "/deliveries/:id",
    {
      schema: {
        tags: ["operations"],
        summary: "Read a delivery with its raw body",
        description: "Admin key.",
        params: IdParams,
        response: { ...problemResponses, 200: DeliveryDetail },
      },
    },
    async (request) => {
      requirePlatform(principalOf(request));
      return getDelivery(deps.platform, idOf(request.params.id));
    },
  );
  api.post(
    "/deliveries/:id/replay",
    {
      schema: { tags: ["operations"], summary: "Apply a delivery again", description: "Admin key.", params: IdParams, response: replayed },
    },
    async (request, reply) => {
      requirePlatform(principalOf(request));
      const answer = await replayDelivery(deps.platform, idOf(request.params.id), byOf(request));
      deps.wakeWorkers();
      return reply.code(202).send(answer);
    },
  );
  api.post(
    "/deliveries/replay",
    {
      schema: {
        tags: ["operations"],
        summary: "Apply all deliveries of a time again",
        description: "Admin key.",
        body: ReplayRange,
        response: replayed,
      },
    },
    async (request, reply) => {
      requirePlatform(principalOf(request));
      const answer = await replayDeliveryRange(deps.platform, request.body, byOf(request));
      deps.wakeWorkers();
      return reply.code(202).send(answer);
    },
  );
}
