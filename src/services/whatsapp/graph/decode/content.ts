/** What a message says, type by type. A known type in a shape that cannot be read is `unrecognised`, never lost: its payload is kept. */
import { safeFileName } from "../../../../core/file-name.ts";
import { cleanJson } from "../../../../core/text.ts";
import { limits } from "../../../../limits.ts";
import type { MediaContent, MessageContent, OrderContent, SharedContact, SystemContent, UnrecognisedContent } from "../content.ts";
import { addExtras } from "./extras.ts";
import { readInteractive } from "./interactive.ts";
import type { Role } from "../updates.ts";
import { readFlag, readId, readList, readNumber, readPhone, readRecord, readText, readUserId, readWord, type Wire } from "../wire.ts";

export type Decoded = { type: string; role: Role; content: MessageContent; targetWaMessageId: string | null };

export function decodeContent(message: Wire): Decoded {
  const word = readWord(message["type"]);
  const role = (word === null ? undefined : roles.get(word)) ?? "message";
  const content = word === "edit" ? readEdit(message) : readPlain(word, message);
  const targetWaMessageId = readTarget(role, message);
  const isMisshapen = content === null || ((role === "reaction" || role === "edit" || role === "revoke") && targetWaMessageId === null);
  if (!isMisshapen) {
    return {
      type: content.kind === "unsupported" ? "unsupported" : (word ?? ""),
      role,
      content: addExtras(content, message),
      targetWaMessageId,
    };
  }
  // What points nowhere is listed, so that somebody sees it, but like what it was meant to be it counts nothing and opens nothing.
  return {
    type: "unrecognised",
    role: role === "message" ? "message" : "system",
    content: addExtras(unrecognised(word, message), message),
    targetWaMessageId: role === "message" ? targetWaMessageId : null,
  };
}

const roles = new Map<string, Role>([
  ["reaction", "reaction"],
  ["edit", "edit"],
  ["revoke", "revoke"],
  ["system", "system"],
]);

function readTarget(role: Role, message: Wire): string | null {
  switch (role) {
    case "reaction":
      return readId(readRecord(message["reaction"])?.["message_id"]);
    case "edit":
    case "revoke":
      return readId(readRecord(message[role])?.["original_message_id"]);
    case "message":
    case "system":
    case "call":
      return readId(readRecord(message["context"])?.["id"]);
    default:
      return role satisfies never;
  }
}

/** The new version is read like a message, but may not be an edit again: that would nest without a bound. */
function readEdit(message: Wire): MessageContent | null {
  const edit = readRecord(message["edit"]);
  if (edit === null) return null;
  const version = readRecord(edit["message"]) ?? {};
  const word = readWord(version["type"]);
  const content = readPlain(word, version) ?? unrecognised(word, version);
  return { v: 1, kind: "edit", message: addExtras(content, version) };
}

function unrecognised(word: string | null, message: Wire): UnrecognisedContent {
  const key = message["type"];
  const payload = typeof key === "string" && Object.hasOwn(message, key) ? cleanJson(message[key], limits.jsonDepthMax) : null;
  return { v: 1, kind: "unrecognised", originalType: word, payload };
}

/** Null for an unknown type, and for a known one in another shape. */
function readPlain(word: string | null, message: Wire): MessageContent | null {
  switch (word) {
    case "text":
      return readTextContent(readRecord(message["text"]));
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker":
      return readMedia(word, readRecord(message[word]), message);
    case "location":
      return readLocation(readRecord(message["location"]));
    case "contacts":
      return Array.isArray(message["contacts"])
        ? { v: 1, kind: "contacts", contacts: readList(message["contacts"]).map(readSharedContact) }
        : null;
    case "interactive":
      return readInteractive(readRecord(message["interactive"]));
    case "button":
      return readButton(readRecord(message["button"]));
    case "reaction":
      // Without an emoji, or with an empty one, the reaction was taken back.
      return { v: 1, kind: "reaction", emoji: readText(readRecord(message["reaction"])?.["emoji"]) || null };
    case "order":
      return readOrder(readRecord(message["order"]));
    case "system":
      return readSystem(readRecord(message["system"]));
    case "revoke":
      return { v: 1, kind: "revoke" };
    case "unsupported":
    case "unknown":
      return { v: 1, kind: "unsupported", unsupportedType: readWord(readRecord(message["unsupported"])?.["type"]), errors: [] };
    case null:
    default:
      return null;
  }
}

function readTextContent(wire: Wire | null): MessageContent | null {
  const body = readText(wire?.["body"]);
  return body === null ? null : { v: 1, kind: "text", body };
}

function readMedia(kind: MediaContent["kind"], wire: Wire | null, message: Wire): MediaContent | null {
  if (wire === null) return null;
  const mediaId = readText(wire["id"]) || null;
  const url = readText(wire["url"]);
  // Without either there is nothing to fetch; that is Meta's failure if it says so (131052), and else no media message.
  if (mediaId === null && url === null && readList(message["errors"]).length === 0) return null;
  const content: MediaContent = { v: 1, kind, mediaId, mimeType: readText(wire["mime_type"]), sha256: readText(wire["sha256"]) };
  const caption = readText(wire["caption"]);
  if (caption !== null) content.caption = caption;
  // As it may be shown: `invoice<turn>fdp.exe` must not look like a PDF.
  const filename = safeFileName(readText(wire["filename"]));
  if (filename !== null) content.filename = filename;
  const voice = readFlag(wire["voice"]);
  if (voice !== null) content.voice = voice;
  const animated = readFlag(wire["animated"]);
  if (animated !== null) content.animated = animated;
  if (url !== null) content.url = url;
  return content;
}

function readLocation(wire: Wire | null): MessageContent | null {
  const latitude = readNumber(wire?.["latitude"]);
  const longitude = readNumber(wire?.["longitude"]);
  if (wire === null || latitude === null || longitude === null) return null;
  const [name, address, url] = [readText(wire["name"]), readText(wire["address"]), readText(wire["url"])];
  return { v: 1, kind: "location", latitude, longitude, name, address, url };
}

function readSharedContact(value: unknown): SharedContact {
  const wire = readRecord(value) ?? {};
  const name = readRecord(wire["name"]);
  const parts = [readText(name?.["first_name"]), readText(name?.["last_name"])].filter((part) => part !== null);
  const vcard = readText(wire["vcard"]);
  const contact: SharedContact = {
    name: readText(name?.["formatted_name"]) || parts.join(" ") || null,
    phones: readList(wire["phones"]).map((item) => {
      const phone = readRecord(item) ?? {};
      return { phone: readText(phone["phone"]), waId: readPhone(phone["wa_id"]), type: readWord(phone["type"]) };
    }),
    emails: readList(wire["emails"]).flatMap((item) => readText(readRecord(item)?.["email"]) ?? []),
    org: readText(readRecord(wire["org"])?.["company"]),
    origin: readWord(wire["origin"]),
  };
  return vcard === null ? contact : { ...contact, vcard };
}

function readButton(wire: Wire | null): MessageContent | null {
  const text = readText(wire?.["text"]);
  const payload = readText(wire?.["payload"]);
  return text === null && payload === null ? null : { v: 1, kind: "button", text, payload };
}

function readOrder(wire: Wire | null): OrderContent | null {
  if (wire === null) return null;
  const items = readList(wire["product_items"]).map((item) => {
    const product = readRecord(item) ?? {};
    return {
      productRetailerId: readText(product["product_retailer_id"]),
      quantity: readNumber(product["quantity"]),
      itemPrice: readNumber(product["item_price"]),
      currency: readWord(product["currency"]),
    };
  });
  return { v: 1, kind: "order", catalogId: readText(wire["catalog_id"]), text: readText(wire["text"]), items };
}

function readSystem(wire: Wire | null): SystemContent | null {
  if (wire === null) return null;
  const content: SystemContent = { v: 1, kind: "system", subtype: readWord(wire["type"]), body: readText(wire["body"]) };
  const waId = readPhone(wire["wa_id"]) ?? readPhone(wire["new_wa_id"]);
  if (waId !== null) content.waId = waId;
  const userId = readUserId(wire["user_id"]);
  if (userId !== null) content.userId = userId;
  const parentUserId = readUserId(wire["parent_user_id"]);
  if (parentUserId !== null) content.parentUserId = parentUserId;
  const previousUserId = readUserId(wire["previous_user_id"]);
  if (previousUserId !== null) content.previousUserId = previousUserId;
  const customer = readPhone(wire["customer"]);
  if (customer !== null) content.customer = customer;
  return content;
}
