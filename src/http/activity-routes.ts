/** Activity as a list, and as a stream of server-sent events. */
import { Type } from "typebox";
import { ActivityEvent, ActivityQuery, StreamHeaders, StreamQuery } from "../contract/activity.ts";
import { ListOf, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import type { Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import { limits } from "../limits.ts";
import { activityHead, listActivity } from "../services/activity/list.ts";
import { ofConnection } from "../services/activity/of-connection.ts";
import { streamQuota } from "../services/tenants/quotas.ts";
import { requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { Streams } from "./stream.ts";

export function registerActivityRoutes(api: Api, deps: RouteDeps, streams: Streams): void {
  api.get(
    "/activity",
    {
      config: { oneConnection: "handler" },
      schema: {
        tags: ["activity"],
        summary: "List activity, oldest first",
        description: "A poller goes on with `after=` its last seq; `next` is that seq when there may be more already.",
        querystring: Type.Object({ ...ActivityQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(ActivityEvent) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      const limit = request.query.limit ?? limits.listLimitDefault;
      const [scope, after] = [tenantOf(principal, request.query.tenantId), Number(request.query.after ?? 0)];
      if (principal.connectionId !== null) return listOfConnection(deps, scope, { after, limit, connectionId: principal.connectionId });
      const data = await listActivity(deps.app, scope, after, limit);
      const last = data.at(-1);
      return { data, next: last === undefined || data.length < limit ? null : String(last.seq) };
    },
  );

  api.get(
    "/activity/stream",
    {
      exposeHeadRoute: false,
      config: { oneConnection: "handler" },
      schema: {
        tags: ["activity"],
        summary: "Follow activity",
        description:
          "Server-sent events: `id` is the seq, `event` the type, `data` the event as in the list. Goes on after `Last-Event-ID` or `?after=`; " +
          "without either it begins now. A comment comes every 15 seconds.",
        produces: ["text/event-stream"],
        querystring: Type.Object({ ...StreamQuery.properties, ...TenantQuery.properties }),
        headers: StreamHeaders,
        response: {
          ...problemResponses,
          200: { description: "A stream", content: { "text/event-stream": { schema: Type.String() } } },
          429: Problem,
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      const scope = tenantOf(principal, request.query.tenantId);
      const quota = await streamQuota(deps.app, scope, deps.nowMs());
      const refusal = streams.refusal(scope.tenantId, quota);
      if (refusal !== null) throw refusal;
      const cursor = request.headers["last-event-id"] ?? request.query.after;
      const afterSeq = cursor === undefined ? await activityHead(deps.app, scope) : Number(cursor);
      // Between the look and the head others may have come.
      const lateRefusal: Rejection | null = streams.refusal(scope.tenantId, quota);
      if (lateRefusal !== null) throw lateRefusal;
      const spent = await streams.reserve(scope.tenantId, quota);
      if (spent !== null) throw spent;
      reply.hijack();
      const filter = principal.connectionId === null ? null : ofConnection(deps.app, scope, principal.connectionId);
      streams.open({ request: request.raw, response: reply.raw, scope, afterSeq, filter, isStillValid: principal.isStillValid });
    },
  );
}

/** One read of the whole activity at most: `next` leads over what was left out, so that nothing is looked at twice. */
async function listOfConnection(
  { app }: RouteDeps,
  scope: TenantScope,
  { after, limit, connectionId }: { after: number; limit: number; connectionId: string },
): Promise<{ data: ActivityEvent[]; next: string | null }> {
  const read = await listActivity(app, scope, after, limits.activityPageMax);
  const own = await ofConnection(app, scope, connectionId)(read);
  const data = own.slice(0, limit);
  const last = own.length > limit ? data.at(-1) : read.length === limits.activityPageMax ? read.at(-1) : undefined;
  return { data, next: last === undefined ? null : String(last.seq) };
}
