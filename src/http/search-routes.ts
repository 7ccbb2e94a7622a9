/** Search over contacts and messages. */
import { Type } from "typebox";
import { TenantQuery } from "../contract/json.ts";
import { SearchQuery, SearchResult } from "../contract/search.ts";
import { search } from "../services/inbox/search.ts";
import { scopeOf } from "./inbox-request.ts";
import { problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerSearchRoutes(api: Api, deps: RouteDeps): void {
  api.get(
    "/search",
    {
      schema: {
        tags: ["inbox"],
        summary: "Find contacts and messages",
        description:
          "All words must be there, the last one may go on. Marks (niqqud, tashkeel, accents), the forms of alef and the like, and final letters do not " +
          "count. A part of a phone number finds contacts. What was written less than about a second ago may not be found yet.",
        querystring: Type.Object({ ...SearchQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: SearchResult },
      },
    },
    async (request) => search(deps.app, scopeOf(request, "read"), request.query),
  );
}
