/** Activity as a list, and as a stream of server-sent events. */
import { Type } from "typebox";
import { ActivityEvent, ActivityQuery, StreamHeaders, StreamQuery } from "../contract/activity.ts";
import { ListOf, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import type { Rejection } from "../core/rejection.ts";
import { limits } from "../limits.ts";
import { activityHead, listActivity } from "../services/activity/list.ts";
import { requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { Streams } from "./stream.ts";

export function registerActivityRoutes(api: Api, deps: RouteDeps, streams: Streams): void {
  api.get(
    "/activity",
    {
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
      const data = await listActivity(deps.app, tenantOf(principal, request.query.tenantId), Number(request.query.after ?? 0), limit);
      const last = data.at(-1);
      return { data, next: last === undefined || data.length < limit ? null : String(last.seq) };
    },
  );

  api.get(
    "/activity/stream",
    {
      exposeHeadRoute: false,
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
      const refusal = streams.refusal(scope.tenantId);
      if (refusal !== null) throw refusal;
      const cursor = request.headers["last-event-id"] ?? request.query.after;
      const afterSeq = cursor === undefined ? await activityHead(deps.app, scope) : Number(cursor);
      // Between the look and the head others may have come.
      const lateRefusal: Rejection | null = streams.refusal(scope.tenantId);
      if (lateRefusal !== null) throw lateRefusal;
      reply.hijack();
      streams.open({ request: request.raw, response: reply.raw, scope, afterSeq, isStillValid: principal.isStillValid });
    },
  );
}
