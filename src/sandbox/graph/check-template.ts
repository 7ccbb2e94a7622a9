/** Whether a template message fits its template: existence, state, and every parameter. */
import { readList, readRecord, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { MediaStore } from "../media.ts";
import type { Template, Templates } from "../templates.ts";
import { GraphRefusal } from "./answer.ts";
import { checkMedia } from "./check-content.ts";
import { needRecord, needText } from "./check.ts";

/** The template that is meant. Throws a GraphRefusal: 132001, 132015, 132016, 132000, 132012, 132005. */
export function checkTemplateMessage(world: { templates: Templates; media: MediaStore }, wabaId: string, content: Wire): Template {
  const name = needText(content["name"], "template['name']", 512);
  const language = needText(needRecord(content["language"], "template['language']")["code"], "template['language']['code']", 20);
  const template = world.templates.find(wabaId, name, language);
  if (template === undefined || ["PENDING", "REJECTED", "IN_APPEAL", "ARCHIVED"].includes(template.status)) {
    throw new GraphRefusal(132_001, `template name (${name}) does not exist in ${language}`);
  }
  if (template.status === "PAUSED") throw new GraphRefusal(132_015);
  if (template.status === "DISABLED") throw new GraphRefusal(132_016);
  const given = readList(content["components"]).map((value, at) => needRecord(value, `template['components'][${at}]`));
  const partOf = (type: string): readonly unknown[] =>
    readList(given.find((component) => lower(component["type"]) === type)?.["parameters"]);
  checkHeader(template, partOf("header"), world.media);
  checkBody(template, partOf("body"));
  checkButtons(template, given);
  return template;
}

function checkHeader(template: Template, parameters: readonly unknown[], media: MediaStore): void {
  const header = componentOf(template, "HEADER");
  const format = lower(header?.["format"]);
  if (header === undefined || format === "text") return checkCount("header", placeholdersOf(header?.["text"]), parameters);
  const [first] = parameters.map(readRecord);
  if (first?.["type"] !== format || parameters.length !== 1) {
    const got = typeof first?.["type"] === "string" ? first["type"].toUpperCase() : "UNKNOWN";
    throw new GraphRefusal(132_012, `header: Format mismatch, expected ${format.toUpperCase()}, received ${got}`);
  }
  if (format === "image" || format === "video" || format === "document") checkMedia(format, first[format], media);
}

function checkBody(template: Template, parameters: readonly unknown[]): void {
  const text = componentOf(template, "BODY")?.["text"];
  const names = placeholdersOf(text);
  checkCount("body", names, parameters);
  let length = typeof text === "string" ? text.length : 0;
  for (const value of parameters) {
    const parameter = readRecord(value) ?? {};
    if (!["text", "currency", "date_time"].includes(lower(parameter["type"]))) {
      throw new GraphRefusal(132_012, `body: Format mismatch, expected TEXT, received ${String(parameter["type"]).toUpperCase()}`);
    }
    if (parameter["type"] !== "text") continue;
    const words = parameter["text"];
    if (typeof words !== "string" || words === "") throw new GraphRefusal(131_008, "body: Parameter text is missing or empty");
    if (/[\n\t]| {5}/.test(words))
      throw new GraphRefusal(132_018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces");
    length += words.length;
    if (template.parameterFormat !== "NAMED") continue;
    const name = parameter["parameter_name"];
    if (typeof name !== "string" || !names.includes(name)) {
      throw new GraphRefusal(132_012, `body: Parameter name ${String(name)} is not one of the template's: ${names.join(", ")}`);
    }
  }
  if (length > 1_024) throw new GraphRefusal(132_005, "The translated text of the body is longer than 1024 characters");
}

/** A URL with a placeholder needs its parameter; quick replies may carry a payload. */
function checkButtons(template: Template, given: readonly Wire[]): void {
  const buttons = readList(componentOf(template, "BUTTONS")?.["buttons"]).map((button) => readRecord(button) ?? {});
  const sent = given.filter((component) => lower(component["type"]) === "button");
  for (const component of sent) {
    const button = buttons[Number(component["index"])];
    if (button === undefined) throw new GraphRefusal(131_008, `buttons: there is no button at index ${String(component["index"])}`);
    const wanted = subTypes[lower(component["sub_type"])];
    if (wanted === undefined || lower(button["type"]) !== wanted) {
      throw new GraphRefusal(132_012, `buttons: Button at index ${String(component["index"])} is of type ${String(button["type"])}`);
    }
  }
  for (const [at, button] of buttons.entries()) {
    const isOpen = lower(button["type"]) === "url" ? placeholdersOf(button["url"]).length > 0 : lower(button["type"]) === "copy_code";
    const component = sent.find((one) => Number(one["index"]) === at);
    if (isOpen && readList(component?.["parameters"]).length !== 1) {
      throw new GraphRefusal(131_008, `buttons: Button at index ${at} of type ${String(button["type"])} requires a parameter`);
    }
  }
}

const subTypes: Readonly<Record<string, string>> = {
  quick_reply: "quick_reply",
  url: "url",
  copy_code: "copy_code",
  flow: "flow",
  catalog: "catalog",
  mpm: "mpm",
  voice_call: "voice_call",
};

function checkCount(part: string, names: readonly string[], parameters: readonly unknown[]): void {
  if (names.length === parameters.length) return;
  const details = `${part}: number of localizable_params (${parameters.length}) does not match the expected number of params (${names.length})`;
  throw new GraphRefusal(132_000, details);
}

/** `{{1}}` or `{{name}}`, each once. */
function placeholdersOf(text: unknown): string[] {
  if (typeof text !== "string") return [];
  return [...new Set(Array.from(text.matchAll(/\{\{\s*(\w+)\s*\}\}/g), ([, name = ""]) => name))];
}

function componentOf(template: Template, type: string): Wire | undefined {
  return template.components.find((component) => component["type"] === type);
}

function lower(value: unknown): string {
  return typeof value === "string" ? value.toLowerCase() : "";
}
