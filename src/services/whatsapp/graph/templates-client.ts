/** `GET /{WABA}/message_templates`, page by page. */
import { limits } from "../../../limits.ts";
import type { GraphError } from "./answer.ts";
import { callGraph, type AccessToken, type Graph, type GraphAnswer } from "./call.ts";
import { decodeTemplate, templateFields, type ListedTemplate } from "./decode/template.ts";
import { readList, readRecord, readText } from "./wire.ts";

export type TemplatePage =
  /** `after` asks for the next page; null at the end. `unusable`: lines without a name or a language. */
  | { kind: "page"; templates: ListedTemplate[]; unusable: number; after: string | null }
  | { kind: "refused"; error: GraphError }
  | { kind: "unavailable"; reason: string };

export type PageRequest = { wabaId: string; accessToken: AccessToken | string; after: string | null; timeoutMs: number };

/** `nowMs`: since when the page is known to hold. Meta's own link to the next page is not followed: it may lead anywhere, with our token. */
export async function listTemplates(graph: Graph, request: PageRequest, nowMs: number): Promise<TemplatePage> {
  const { wabaId, accessToken, after, timeoutMs } = request;
  const answer = await callGraph(graph, {
    method: "GET",
    path: [wabaId, "message_templates"],
    query: { fields: templateFields, limit: String(limits.templatesPerPageMax), ...(after === null ? {} : { after }) },
    accessToken,
    timeoutMs,
    bytesMax: limits.templatePageBytesMax,
  });
  if (answer.kind !== "answered") return answer;
  const { data, paging } = answer.value;
  if (!Array.isArray(data)) return { kind: "unavailable", reason: "no_list" };
  const next = readRecord(paging)?.["next"] === undefined ? null : readText(readRecord(readRecord(paging)?.["cursors"])?.["after"]);
  if (next === null && readRecord(paging)?.["next"] !== undefined) return { kind: "unavailable", reason: "no_cursor" };
  const lines = readList(data).map((line) => decodeTemplate(line, nowMs));
  const templates = lines.filter((line) => line !== null);
  return { kind: "page", templates, unusable: lines.length - templates.length, after: next };
}

export type TemplateWrite = { token: AccessToken; timeoutMs: number; fields: { readonly [key: string]: unknown } };

/** The answer has Meta's id, its status, and the category that Meta takes it to be. */
export function postTemplate(graph: Graph, wabaId: string, { token, timeoutMs, fields }: TemplateWrite): Promise<GraphAnswer> {
  return callGraph(graph, { method: "POST", path: [wabaId, "message_templates"], body: fields, accessToken: token, timeoutMs });
}

export function postTemplateEdit(graph: Graph, waTemplateId: string, { token, timeoutMs, fields }: TemplateWrite): Promise<GraphAnswer> {
  return callGraph(graph, { method: "POST", path: [waTemplateId], body: fields, accessToken: token, timeoutMs });
}

/** Of this language only. Its name may not be given again for 30 days. */
export function deleteTemplate(
  graph: Graph,
  { wabaId, name, waTemplateId }: { wabaId: string; name: string; waTemplateId: string },
  { token, timeoutMs }: Pick<TemplateWrite, "token" | "timeoutMs">,
): Promise<GraphAnswer> {
  const query = { name, hsm_id: waTemplateId };
  return callGraph(graph, { method: "DELETE", path: [wabaId, "message_templates"], query, accessToken: token, timeoutMs });
}
