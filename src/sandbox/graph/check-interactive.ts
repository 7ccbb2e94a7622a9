/** Interactive messages: what each kind must have, and how long it may be. */
import type { Wire } from "../../services/whatsapp/graph/wire.ts";
import { refuseParameter } from "./answer.ts";
import { checkText, invalid, missing, needList, needOneOf, needRecord, needText, needUrl } from "./check.ts";
import type { MediaKind } from "./media-types.ts";

type CheckMedia = (kind: MediaKind, value: unknown) => void;

const kinds: Readonly<Record<string, (action: Wire, checkMedia: CheckMedia) => void>> = {
  button: checkButtons,
  list: checkSections,
  cta_url: (action) => {
    const { display_text: text, url } = parametersOf(action);
    needText(text, "interactive['action']['parameters']['display_text']", 20);
    needUrl(url, "interactive['action']['parameters']['url']");
  },
  flow: (action) => {
    const parameters = parametersOf(action);
    needText(parameters["flow_message_version"], "interactive['action']['parameters']['flow_message_version']", 10);
    needText(parameters["flow_cta"], "interactive['action']['parameters']['flow_cta']", 30);
    if (parameters["flow_id"] === undefined && parameters["flow_name"] === undefined) throw missing("flow_id");
  },
  product: (action) => {
    needText(action["catalog_id"], "interactive['action']['catalog_id']", 256);
    needText(action["product_retailer_id"], "interactive['action']['product_retailer_id']", 256);
  },
  product_list: (action) => {
    needText(action["catalog_id"], "interactive['action']['catalog_id']", 256);
    needList(action["sections"], "interactive['action']['sections']", [1, 10]);
  },
  catalog_message: () => undefined,
  carousel: (action, checkMedia) => {
    for (const [at, value] of needList(action["cards"], "interactive['action']['cards']", [2, 10]).entries()) {
      const name = `interactive['action']['cards'][${at}]`;
      const card = needRecord(value, name);
      checkHeader(needRecord(card["header"], `${name}['header']`), checkMedia);
      needRecord(card["action"], `${name}['action']`);
    }
  },
  location_request_message: () => undefined,
  address_message: (action) => needOneOf(parametersOf(action)["country"], "interactive['action']['parameters']['country']", ["IN"]),
  call_permission_request: () => undefined,
  voice_call: () => undefined,
  request_contact_info: () => undefined,
};

/** These speak for themselves, or have their texts elsewhere. */
const withoutBody: ReadonlySet<string> = new Set(["product", "call_permission_request", "voice_call"]);

export function checkInteractive(content: Wire, checkMedia: CheckMedia): void {
  const type = needOneOf(content["type"], "interactive['type']", Object.keys(kinds));
  const bodyMax = type === "list" ? 4_096 : 1_024;
  if (!withoutBody.has(type)) needText(needRecord(content["body"], "interactive['body']")["text"], "interactive['body']['text']", bodyMax);
  if (content["footer"] !== undefined) {
    needText(needRecord(content["footer"], "interactive['footer']")["text"], "interactive['footer']['text']", 60);
  }
  if (content["header"] !== undefined) checkHeader(needRecord(content["header"], "interactive['header']"), checkMedia);
  kinds[type]?.(needRecord(content["action"], "interactive['action']"), checkMedia);
}

function checkHeader(header: Wire, checkMedia: CheckMedia): void {
  const type = needOneOf(header["type"], "interactive['header']['type']", ["text", "image", "video", "document"]);
  if (type === "text") needText(header["text"], "interactive['header']['text']", 60);
  else if (type === "image" || type === "video" || type === "document") checkMedia(type, header[type]);
}

function checkButtons(action: Wire): void {
  const seen = { ids: new Set<string>(), titles: new Set<string>() };
  for (const [at, value] of needList(action["buttons"], "interactive['action']['buttons']", [1, 3]).entries()) {
    const name = `interactive['action']['buttons'][${at}]`;
    const button = needRecord(value, name);
    if (button["type"] !== "reply")
      throw refuseParameter(`Param ${name}['type'] must be one of {reply} - got "${String(button["type"])}".`);
    const reply = needRecord(button["reply"], `${name}['reply']`);
    addOnce(seen.ids, needText(reply["id"], `${name}['reply']['id']`, 256), "id");
    addOnce(seen.titles, needShort(reply["title"], "Button title", 20), "title");
  }
}

function checkSections(action: Wire): void {
  needShort(action["button"], "List button", 20);
  const sections = needList(action["sections"], "interactive['action']['sections']", [1, 10]);
  const ids = new Set<string>();
  for (const [at, value] of sections.entries()) {
    const name = `interactive['action']['sections'][${at}]`;
    const section = needRecord(value, name);
    if (sections.length > 1) needText(section["title"], `${name}['title']`, 24);
    for (const [rowAt, rowValue] of needList(section["rows"], `${name}['rows']`, [1, 10]).entries()) {
      const row = needRecord(rowValue, `${name}['rows'][${rowAt}]`);
      addOnce(ids, needText(row["id"], `${name}['rows'][${rowAt}]['id']`, 200), "row id");
      needShort(row["title"], "Row title", 24);
      checkText(row["description"], `${name}['rows'][${rowAt}]['description']`, 72);
    }
  }
  if (ids.size > 10) throw invalid(`Total row count exceed max allowed count: 10`);
}

function needShort(value: unknown, name: string, max: number): string {
  if (typeof value !== "string" || value.length < 1 || value.length > max) {
    throw invalid(`${name} length invalid. Min length: 1, Max length: ${max}`);
  }
  return value;
}

function addOnce(seen: Set<string>, value: string, name: string): void {
  if (seen.has(value)) throw invalid(`Duplicated ${name}: ${value}`);
  seen.add(value);
}

function parametersOf(action: Wire): Wire {
  return needRecord(action["parameters"], "interactive['action']['parameters']");
}
