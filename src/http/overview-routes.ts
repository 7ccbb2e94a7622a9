/** The overview. */
import { Type } from "typebox";
import { TenantQuery } from "../contract/json.ts";
import { Overview, OverviewQuery } from "../contract/overview.ts";
import { readOverview } from "../services/inbox/overview.ts";
import { scopeOf } from "./inbox-request.ts";
import { problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerOverviewRoutes(api: Api, deps: RouteDeps): void {
  api.get(
    "/overview",
    {
      config: { oneConnection: "filter" },
      schema: {
        tags: ["inbox"],
        summary: "Look back on a time: messages, what became of them, how fast they were answered",
        description: "Counted behind what happens, usually within a second: `countedUntil` says how far. By the tenant's clock.",
        querystring: Type.Object({ ...OverviewQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: Overview },
      },
    },
    async (request) => readOverview(deps.app, scopeOf(request, "read"), request.query),
  );
}
