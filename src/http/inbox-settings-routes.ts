/** What a tenant's people share: labels and canned replies. Everybody uses them; whoever may manage changes them. */
import { Type } from "typebox";
import { CannedReply, ChangeCannedReply, ChangeLabel, CreateCannedReply, CreateLabel, Label } from "../contract/inbox.ts";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { changeCannedReply, createCannedReply, deleteCannedReply, listCannedReplies } from "../services/inbox/canned-replies.ts";
import { changeLabel, createLabel, deleteLabel, listLabels } from "../services/inbox/labels.ts";
import { idOf } from "./authenticate.ts";
import { byOf, changed, scopeOf } from "./inbox-request.ts";
import { NoContent, problemResponses, type Api, type RouteDeps } from "./route.ts";

const tags = ["inbox"];
const ofAny = { oneConnection: "any" } as const;

export function registerInboxSettingsRoutes(api: Api, deps: RouteDeps): void {
  registerLabels(api, deps);
  registerCannedReplies(api, deps);
}

function registerLabels(api: Api, deps: RouteDeps): void {
  const { app } = deps;

  api.get(
    "/labels",
    {
      config: ofAny,
      schema: { tags, summary: "List the labels", querystring: TenantQuery, response: { ...problemResponses, 200: ListOf(Label) } },
    },
    async (request) => listLabels(app, scopeOf(request, "read")),
  );
  api.post(
    "/labels",
    {
      schema: {
        tags,
        summary: "Make a label",
        querystring: TenantQuery,
        body: CreateLabel,
        response: { ...problemResponses, 201: Label, 409: Problem },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, "manage");
      const label = await createLabel(app, scope, request.body, byOf(request, deps));
      changed(deps, scope);
      return reply.code(201).send(label);
    },
  );
  api.patch(
    "/labels/:id",
    {
      schema: {
        tags,
        summary: "Change a label",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangeLabel,
        response: { ...problemResponses, 200: Label, 409: Problem },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "manage");
      const label = await changeLabel(app, scope, { id: idOf(request.params.id), wanted: request.body }, byOf(request, deps));
      changed(deps, scope);
      return label;
    },
  );
  api.delete("/labels/:id", { schema: gone("Delete a label, and take it off all conversations") }, async (request, reply) => {
    const scope = scopeOf(request, "manage");
    await deleteLabel(app, scope, idOf(request.params.id), byOf(request, deps));
    changed(deps, scope);
    return reply.code(204).send(null);
  });
}

function registerCannedReplies(api: Api, deps: RouteDeps): void {
  const { app } = deps;

  api.get(
    "/canned-replies",
    {
      config: ofAny,
      schema: {
        tags,
        summary: "List the canned replies, by shortcut",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(CannedReply) },
      },
    },
    async (request) => listCannedReplies(app, scopeOf(request, "read"), request.query),
  );
  api.post(
    "/canned-replies",
    {
      schema: {
        tags,
        summary: "Make a canned reply",
        querystring: TenantQuery,
        body: CreateCannedReply,
        response: { ...problemResponses, 201: CannedReply, 409: Problem },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, "manage");
      const made = await createCannedReply(app, scope, request.body, byOf(request, deps));
      changed(deps, scope);
      return reply.code(201).send(made);
    },
  );
  api.patch(
    "/canned-replies/:id",
    {
      schema: {
        tags,
        summary: "Change a canned reply",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangeCannedReply,
        response: { ...problemResponses, 200: CannedReply, 409: Problem },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "manage");
      const wanted = { id: idOf(request.params.id), wanted: request.body };
      const after = await changeCannedReply(app, scope, wanted, byOf(request, deps));
      changed(deps, scope);
      return after;
    },
  );
  api.delete("/canned-replies/:id", { schema: gone("Delete a canned reply") }, async (request, reply) => {
    const scope = scopeOf(request, "manage");
    await deleteCannedReply(app, scope, idOf(request.params.id), byOf(request, deps));
    changed(deps, scope);
    return reply.code(204).send(null);
  });
}

function gone(summary: string) {
  return { tags, summary, params: IdParams, querystring: TenantQuery, response: { ...problemResponses, 204: NoContent } };
}
