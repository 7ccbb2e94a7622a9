/** A contact's data: exported, erased; and how long a tenant keeps what. */
import { Type } from "typebox";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { ChangeRetention, EraseContact, PrivacyJob, Retention } from "../contract/privacy.ts";
import { Problem } from "../contract/problem.ts";
import { contentDisposition } from "../core/file-name.ts";
import { invalidRequest, Rejection } from "../core/rejection.ts";
import type { ExportStore } from "../services/privacy/export-store.ts";
import { fetchExport } from "../services/privacy/fetch-export.ts";
import { askFor, getJob, listJobs } from "../services/privacy/jobs.ts";
import { changeRetention, getRetention } from "../services/privacy/retention-settings.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const File = Type.Unsafe<unknown>({ type: "string", format: "binary", description: "A ZIP" });
const asked = { ...problemResponses, 200: PrivacyJob, 202: PrivacyJob, 409: Problem, 429: Problem };

/** `store` null: where exports are written is not known to this node, and none can be fetched. */
export function registerPrivacyRoutes(api: Api, deps: RouteDeps, store: ExportStore | null): void {
  const { app } = deps;

  api.post(
    "/contacts/:id/export",
    {
      schema: {
        tags: ["privacy"],
        summary: "Export all that is known of a contact",
        description: "Scope `admin`. In the background; 200 when such a job waits or runs already.",
        params: IdParams,
        querystring: TenantQuery,
        response: asked,
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const wanted = { kind: "export" as const, contactId: idOf(request.params.id) };
      const { job, isNew } = await askFor(app, scope, wanted, { actor: principal.actor, nowMs: deps.nowMs() });
      deps.hub.publish([scope.tenantId]);
      return reply.code(isNew ? 202 : 200).send(job);
    },
  );

  api.post(
    "/contacts/:id/erase",
    {
      schema: {
        tags: ["privacy"],
        summary: "Erase a contact: all messages, files and records, in every place",
        description:
          "Scope `admin`, and the contact's id once more in `confirm`. There is no way back. In the background; 200 when such a job waits or runs already. " +
          "Updates dated before it that come again are left out for 35 days; what is dated after it makes a new contact.",
        params: IdParams,
        querystring: TenantQuery,
        body: EraseContact,
        response: asked,
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      const contactId = idOf(request.params.id);
      if (request.body.confirm.toLowerCase() !== contactId) throw invalidRequest("confirm must repeat the contact's id");
      const { job, isNew } = await askFor(app, scope, { kind: "erasure", contactId }, { actor: principal.actor, nowMs: deps.nowMs() });
      deps.hub.publish([scope.tenantId]);
      return reply.code(isNew ? 202 : 200).send(job);
    },
  );

  api.get(
    "/privacy/jobs",
    {
      schema: {
        tags: ["privacy"],
        summary: "List exports and erasures, newest first",
        querystring: Type.Object({ ...ListQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ListOf(PrivacyJob) },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "admin");
      return listJobs(app, tenantOf(principal, request.query.tenantId), request.query);
    },
  );

  api.get(
    "/privacy/jobs/:id",
    {
      schema: {
        tags: ["privacy"],
        summary: "Read how far an export or an erasure is",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: PrivacyJob },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "admin");
      return getJob(app, tenantOf(principal, request.query.tenantId), idOf(request.params.id));
    },
  );

  api.get(
    "/privacy/jobs/:id/file",
    {
      schema: {
        tags: ["privacy"],
        summary: "Fetch an export",
        description: "For 7 days. 409 while it is not written, or no longer there.",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: File, 409: Problem },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      if (store === null) throw new Rejection("unavailable", 503, "Exports cannot be read on this node");
      const id = idOf(request.params.id);
      const { bytes, stream } = await fetchExport({ app, store }, scope, id, { actor: principal.actor, nowMs: deps.nowMs() });
      void reply.headers({
        "content-type": "application/zip",
        "content-length": bytes,
        "content-disposition": contentDisposition("attachment", `export-${id}.zip`),
        "x-content-type-options": "nosniff",
      });
      return reply.send(stream());
    },
  );

  api.get(
    "/privacy/retention",
    {
      schema: {
        tags: ["privacy"],
        summary: "Read how long what is kept",
        querystring: TenantQuery,
        response: { ...problemResponses, 200: Retention },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      requireScope(principal, "manage");
      return getRetention(app, tenantOf(principal, request.query.tenantId));
    },
  );

  api.patch(
    "/privacy/retention",
    {
      schema: {
        tags: ["privacy"],
        summary: "Change how long what is kept",
        description:
          "Scope `admin`. In days; null: as long as the platform does. What is too old is gone within hours, and does not come back.",
        querystring: TenantQuery,
        body: ChangeRetention,
        response: { ...problemResponses, 200: Retention },
      },
    },
    async (request) => {
      const principal = principalOf(request);
      const scope = tenantOf(principal, request.query.tenantId);
      requireScope(principal, "admin");
      return changeRetention(app, scope, request.body, { actor: principal.actor, nowMs: deps.nowMs() });
    },
  );
}
