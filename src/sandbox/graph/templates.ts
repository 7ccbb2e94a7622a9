/** `GET|POST|DELETE /{waba}/message_templates` and `GET|POST /{template}`. */
import { readList, readRecord, readText, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { Template } from "../templates.ts";
import type { World } from "../world.ts";
import { GraphRefusal, json, refuseObject, refuseParameter, type Reply } from "./answer.ts";
import type { Call } from "./call.ts";
import { needOneOf, needText } from "./check.ts";
import { fieldsOf, pick } from "./fields.ts";
import { pageOf } from "./paging.ts";

const categories = ["AUTHENTICATION", "MARKETING", "UTILITY"];
const usualFields = ["name", "parameter_format", "components", "language", "status", "category", "id"];

export function answerTemplates(world: World, call: Call, wabaId: string): Reply | null {
  switch (call.method) {
    case "GET":
      return list(world, call, wabaId);
    case "POST":
      return create(world, call.body, wabaId);
    case "DELETE":
      return remove(world, call.query, wabaId);
    default:
      return null;
  }
}

export function answerTemplate(world: World, call: Call, template: Template): Reply | null {
  if (call.method === "GET") return json(pick(wireOf(template), fieldsOf(call.query) ?? usualFields));
  if (call.method !== "POST") return null;
  if (call.segments[1] === "unpause") {
    if (template.status !== "PAUSED") throw refuseParameter("The template is not paused.");
    world.templates.change(template.id, { status: "APPROVED" });
    return json({ success: true });
  }
  const category = call.body?.["category"];
  const components = call.body?.["components"];
  if (category === undefined && components === undefined) throw refuseParameter("The parameter components is required.");
  if (template.status === "PENDING") throw refuseParameter("A template that is in review cannot be edited.");
  world.templates.edit(template, {
    ...(category === undefined ? {} : { category: needOneOf(category, "category", categories) }),
    ...(components === undefined ? {} : { components: readComponents(components) }),
  });
  return json({ success: true, id: template.id, name: template.name, category: template.category });
}

function list(world: World, call: Call, wabaId: string): Reply {
  const { query } = call;
  const [name, content] = [query.get("name") ?? query.get("name_or_content"), query.get("content")];
  const isWanted = (template: Template): boolean =>
    (name === null || template.name.includes(name)) &&
    (content === null || JSON.stringify(template.components).includes(content)) &&
    ["status", "language", "category", "quality_score"].every((filter) => isOneOf(template, filter, query.get(filter)));
  const fields = fieldsOf(query) ?? usualFields;
  const found = world.templates.list(wabaId).filter(isWanted);
  return json(pageOf(call, found, (template) => pick(wireOf(template), fields)));
}

function isOneOf(template: Template, filter: string, wanted: string | null): boolean {
  if (wanted === null || wanted === "") return true;
  const words = wanted
    .replaceAll(/["'[\]\s]/g, "")
    .toUpperCase()
    .split(",");
  const is = { status: template.status, language: template.language, category: template.category, quality_score: template.quality };
  return words.includes(String(Reflect.get(is, filter)).toUpperCase());
}

function create(world: World, body: Wire | null, wabaId: string): Reply {
  const name = needText(body?.["name"], "name", 512);
  if (!/^[a-z0-9_]+$/.test(name)) throw refuseParameter("Param name may hold lower-case letters, digits and underscores only.");
  const language = needText(body?.["language"], "language", 20);
  const category = needOneOf(body?.["category"], "category", categories);
  if (world.templates.find(wabaId, name, language) !== undefined) {
    throw new GraphRefusal(100, "There is already content in this language for this template.", { subcode: 2_388_024 });
  }
  const parameterFormat = readText(body?.["parameter_format"])?.toUpperCase() === "NAMED" ? "NAMED" : "POSITIONAL";
  const template = world.templates.submit({
    wabaId,
    name,
    language,
    category,
    parameterFormat,
    components: readComponents(body?.["components"]),
  });
  return json({ id: template.id, status: template.status, category: template.category });
}

function readComponents(value: unknown): Wire[] {
  const components = readList(value)
    .map(readRecord)
    .filter((component) => component !== null);
  const upper = components.map((component) => ({ ...component, type: String(component["type"]).toUpperCase() }));
  const body = upper.find(({ type }) => type === "BODY");
  if (body === undefined) throw refuseParameter("A template needs a component of type BODY.");
  return upper;
}

/** By `hsm_id` one, by `hsm_ids` several, by `name` all of its languages. */
function remove(world: World, query: URLSearchParams, wabaId: string): Reply {
  const ids = [query.get("hsm_id"), ...(query.get("hsm_ids")?.match(/\d+/g) ?? [])].filter((id) => id !== null);
  const name = query.get("name");
  if (ids.length === 0 && name === null) throw refuseParameter("The parameter name is required.");
  const templates = world.templates.list(wabaId).filter((one) => (ids.length > 0 ? ids.includes(one.id) : one.name === name));
  if (templates.length === 0) throw refuseObject(ids[0] ?? name ?? "");
  for (const template of templates) world.templates.remove(template);
  return json({ success: true });
}

function wireOf(template: Template): Wire {
  return {
    id: template.id,
    name: template.name,
    language: template.language,
    status: template.status,
    category: template.category,
    parameter_format: template.parameterFormat,
    components: template.components,
    quality_score: { score: template.quality },
    rejected_reason: template.rejectedReason,
  };
}
