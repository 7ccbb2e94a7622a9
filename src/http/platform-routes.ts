/** For the platform's operator: how it goes, and who uses how much. */
import { ListOf, ListQuery } from "../contract/json.ts";
import { PlatformState, TenantUsage } from "../contract/platform.ts";
import { listUsage, readPlatformState } from "../services/tenants/platform-state.ts";
import { requirePlatform } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerPlatformRoutes(api: Api, deps: RouteDeps): void {
  api.get(
    "/platform/state",
    {
      schema: {
        tags: ["operations"],
        summary: "Tell how the platform is: what is wrong, and the numbers behind it",
        description: "The operator's alone. Counts stop at 10,000, so that looking is never a load of its own.",
        response: { ...problemResponses, 200: PlatformState },
      },
    },
    async (request) => {
      requirePlatform(principalOf(request));
      return readPlatformState(deps.platform, { nowMs: deps.nowMs(), version: deps.version });
    },
  );

  api.get(
    "/platform/usage",
    {
      schema: {
        tags: ["operations"],
        summary: "List what each tenant has had today of what it may have",
        description: "The operator's alone. Quotas are set with PATCH /tenants/{id}.",
        querystring: ListQuery,
        response: { ...problemResponses, 200: ListOf(TenantUsage) },
      },
    },
    async (request) => {
      requirePlatform(principalOf(request));
      return listUsage(deps.platform, request.query, deps.nowMs());
    },
  );
}
