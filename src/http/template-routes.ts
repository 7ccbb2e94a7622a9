/** Templates: what there is, how one looks filled in, and a new look at what Meta has. */
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { PreviewTemplate, SyncedTemplates, SyncTemplates, Template, TemplateFilter, TemplatePreview } from "../contract/templates.ts";
import { Rejection } from "../core/rejection.ts";
import { getTemplate, listTemplates, previewTemplate } from "../services/whatsapp/templates/list.ts";
import { explainOutcome, type SyncOutcome } from "../services/whatsapp/templates/sync.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { accountIdOf, registerTemplateDraftRoutes } from "./template-draft-routes.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerTemplateRoutes(api: Api, deps: RouteDeps): void {
  const { app } = deps;
  registerTemplateDraftRoutes(api, deps);

  api.get(
    "/templates",
    {
      schema: {
        tags: ["templates"],
        summary: "List templates, by name and language",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties, ...TemplateFilter.properties }),
        response: { ...problemResponses, 200: ListOf(Template) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return listTemplates(app, tenantOf(principal, request.query.tenantId), request.query);
    },
  );

  api.get(
    "/templates/:id",
    {
      schema: {
        tags: ["templates"],
        summary: "Read a template",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Template },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return getTemplate(app, tenantOf(principal, request.query.tenantId), idOf(request.params.id));
    },
  );

  api.post(
    "/templates/:id/preview",
    {
      schema: {
        tags: ["templates"],
        summary: "Show a template filled in, and what is still missing",
        params: IdParams,
        querystring: TenantQuery,
        body: PreviewTemplate,
        response: { ...problemResponses, 200: TemplatePreview },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "read");
      return previewTemplate(app, tenantOf(principal, request.query.tenantId), idOf(request.params.id), request.body);
    },
  );

  api.post(
    "/templates/sync",
    {
      schema: {
        tags: ["templates"],
        summary: "Read an account's templates from Meta now",
        description:
          "It also happens by itself: when a number is connected, every few hours, and after webhooks that leave something open.",
        querystring: TenantQuery,
        body: SyncTemplates,
        response: { ...problemResponses, 200: SyncedTemplates, 409: Problem, 429: Problem },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "manage");
      const scope = tenantOf(principal, request.query.tenantId);
      const accountId = await accountIdOf(app, scope, request.body.accountId);
      if (deps.syncTemplates === null) throw new Rejection("unavailable", 503, "Templates cannot be read on this node.");
      return synced(accountId, await deps.syncTemplates(scope, accountId));
    },
  );
}

function synced(accountId: string, outcome: SyncOutcome): SyncedTemplates {
  switch (outcome.kind) {
    case "synced": {
      const { kind: _kind, ...counts } = outcome;
      return { accountId, ...counts };
    }
    case "limited":
      throw new Rejection("too_many", 429, explainOutcome(outcome));
    case "unavailable":
      throw new Rejection("unavailable", 503, explainOutcome(outcome));
    case "busy":
    case "no_token":
    case "refused":
      throw new Rejection("conflict", 409, explainOutcome(outcome));
    default:
      return outcome satisfies never;
  }
}
