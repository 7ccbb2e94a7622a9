/** Templates that are written, changed and deleted by us. */
import { IdParams, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { CreateTemplate, EditTemplate } from "../contract/template-drafts.ts";
import { Template } from "../contract/templates.ts";
import { invalidRequest, notFound, Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import { listAccounts } from "../services/whatsapp/connections/accounts.ts";
import { createTemplate, deleteTemplate, editTemplate, type Writer, type WriteTools } from "../services/whatsapp/templates/write.ts";
import { idOf, requireScope, tenantOf, type Principal } from "./authenticate.ts";
import { NoContent, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

export function registerTemplateDraftRoutes(api: Api, deps: RouteDeps): void {
  api.post(
    "/templates",
    {
      schema: {
        tags: ["templates"],
        summary: "Submit a new template to Meta's review",
        description:
          "Scope `manage`. Every field that breaks one of Meta's rules is named at once (400, `errors[].rule`); what Meta itself refuses is told " +
          "at its field (422). The template is `pending` until Meta's webhook tells otherwise.",
        querystring: TenantQuery,
        body: CreateTemplate,
        response: { ...problemResponses, 201: Template, 409: Problem, 422: Problem },
      },
    },
    async (request, reply) => {
      const by = writerOf(principalOf(request), request.query.tenantId);
      const accountId = await accountIdOf(deps.app, by.scope, request.body.accountId);
      return reply.code(201).send(await createTemplate(toolsOf(deps), by, { ...request.body, accountId }));
    },
  );

  api.put(
    "/templates/:id",
    {
      schema: {
        tags: ["templates"],
        summary: "Change a template, which goes to review again",
        description:
          "Scope `manage`. All parts are said anew. Meta takes an approved, rejected or paused one: an approved one once in a day and ten times " +
          "in 30 days, and never into another category.",
        params: IdParams,
        querystring: TenantQuery,
        body: EditTemplate,
        response: { ...problemResponses, 200: Template, 409: Problem, 422: Problem },
      },
    },
    async (request) => {
      const by = writerOf(principalOf(request), request.query.tenantId);
      return editTemplate(toolsOf(deps), by, idOf(request.params.id), request.body);
    },
  );

  api.delete(
    "/templates/:id",
    {
      schema: {
        tags: ["templates"],
        summary: "Delete a template in its language",
        description: "Scope `manage`. Meta lets nobody give an approved one's name again for 30 days.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent, 409: Problem, 422: Problem },
      },
    },
    async (request, reply) => {
      const by = writerOf(principalOf(request), request.query.tenantId);
      await deleteTemplate(toolsOf(deps), by, idOf(request.params.id));
      return reply.code(204).send(null);
    },
  );
}

/** The one that is named, else the only one there is. */
export async function accountIdOf(app: RouteDeps["app"], scope: TenantScope, named: string | undefined): Promise<string> {
  if (named !== undefined) return idOf(named);
  const { data } = await listAccounts(app, scope, { limit: 2 });
  if (data.length > 1) throw invalidRequest("accountId: this tenant has several accounts, name one");
  if (data[0] === undefined) throw notFound();
  return data[0].id;
}

function writerOf(principal: Principal, tenantId: string | undefined): Writer {
  const scope = tenantOf(principal, tenantId);
  requireScope(principal, "manage");
  return { scope, actor: principal.actor };
}

function toolsOf({ connections }: RouteDeps): WriteTools {
  if (connections === null) throw new Rejection("unavailable", 503, "Meta cannot be asked on this node.");
  return connections;
}
