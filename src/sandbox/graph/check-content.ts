/** Whether a message's content is one that Meta takes, roughly as strict as Meta: PLATFORM's lengths, counts and types. */
import { readRecord, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { MediaStore } from "../media.ts";
import { GraphRefusal, refuseParameter } from "./answer.ts";
import { checkInteractive } from "./check-interactive.ts";
import { checkText, invalid, missing, needList, needNumber, needRecord, needText, needUrl } from "./check.ts";
import { isMediaKind, mayBe, type MediaKind } from "./media-types.ts";

/** Templates are checked where the account is known: `check-template.ts`. Throws a GraphRefusal. */
export function checkContent(type: string, content: Wire, media: MediaStore): void {
  if (isMediaKind(type)) return checkMedia(type, content, media);
  switch (type) {
    case "text":
      needText(content["body"], "text['body']", 4_096);
      return;
    case "location":
      needNumber(content["latitude"], "location['latitude']", [-90, 90]);
      needNumber(content["longitude"], "location['longitude']", [-180, 180]);
      checkText(content["name"], "location['name']", 1_000);
      checkText(content["address"], "location['address']", 1_000);
      return;
    case "reaction":
      needText(content["message_id"], "reaction['message_id']", 512);
      if (typeof content["emoji"] !== "string") throw missing("reaction['emoji']");
      if (content["emoji"].length > 40 || /[\p{L}\p{Nd}]/u.test(content["emoji"].replaceAll(/[0-9](?=\ufe0f?\u20e3)/gu, ""))) {
        throw invalid("reaction['emoji'] must be a single emoji");
      }
      return;
    case "interactive":
      return checkInteractive(content, (kind, value) => checkMedia(kind, value, media));
    case "template":
      return;
    default:
      throw refuseParameter(`Param type must be one of {${contentTypes.join(", ")}} - got "${type}".`);
  }
}

const contentTypes = [
  "audio",
  "contacts",
  "document",
  "image",
  "interactive",
  "location",
  "reaction",
  "sticker",
  "template",
  "text",
  "video",
];

/** The only content that is a list. */
export function checkContacts(value: unknown): void {
  for (const [at, item] of needList(value, "contacts", [1, 257]).entries()) {
    const contact = needRecord(item, `contacts[${at}]`);
    const name = needRecord(contact["name"], `contacts[${at}]['name']`);
    needText(name["formatted_name"], `contacts[${at}]['name']['formatted_name']`, 1_000);
    for (const list of ["phones", "emails", "urls", "addresses"]) {
      if (contact[list] !== undefined) needList(contact[list], `contacts[${at}]['${list}']`, [0, 100]);
    }
  }
}

/** By an id that is known and of this type, or by a link; the sandbox never follows links. */
export function checkMedia(kind: MediaKind, value: unknown, media: MediaStore): void {
  const content = readRecord(value);
  if (content === null) throw missing(kind);
  const { id, link, caption, filename } = content;
  if ((id === undefined) === (link === undefined)) throw refuseParameter(`Param ${kind} must have either id or link.`);
  if (link !== undefined) needUrl(link, `${kind}['link']`);
  else {
    const file = typeof id === "string" ? media.get(id) : undefined;
    if (file === undefined) throw refuseParameter(`Param ${kind}['id'] is not a valid whatsapp business account media attachment ID`);
    if (!mayBe(kind, file.mimeType)) throw new GraphRefusal(131_053, `Media of type ${file.mimeType} cannot be sent as ${kind}`);
  }
  if (caption !== undefined && (kind === "audio" || kind === "sticker"))
    throw refuseParameter(`Unexpected key "caption" on param "${kind}".`);
  if (caption !== undefined && caption !== "") checkText(caption, `${kind}['caption']`, 1_024);
  checkText(filename, `${kind}['filename']`, 240);
}
