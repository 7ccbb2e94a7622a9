/**
 * A body in Meta's own shape, as an unmodified client posts it to `/{phone_number_id}/messages`, in our words; or the fault in Meta's:
 * code, message and `error_data.details` that name the parameter (developer pages and recorded answers as of October 2026). What Meta
 * takes and we could not carry is refused by its key, never dropped.
 */
import type { OutgoingContent } from "../../../contract/outgoing.ts";
import { checkOutgoing, type OutgoingFault } from "../../../core/outgoing-rules.ts";
import { limits } from "../../../limits.ts";
import { contentShapes } from "./content-shapes.ts";
import type { Address } from "./encode.ts";
import { text, unpacked, wordOf, type Notes, type ParamFault, type Place } from "./shape.ts";
import { readId, readPhone, readRecord, readUserId, type Wire } from "./wire.ts";

export type OutgoingError = { code: 100 | 131_008 | 131_009; field: string; message: string; details: string };
export type ParsedOutgoing =
  | { kind: "message"; to: Address | { groupId: string }; content: OutgoingContent; replyTo: string | null; callback: string | null }
  | { kind: "read"; waMessageId: string; typing: boolean }
  | { kind: "invalid"; error: OutgoingError };

export function parseOutgoing(body: unknown): ParsedOutgoing {
  const wire = readRecord(body);
  if (wire === null) return invalid("", "the body must be a JSON object");
  const product = wordOf(wire["messaging_product"]);
  if (product === null) return required("messaging_product");
  if (product !== "whatsapp") return notOneOf("messaging_product", ["whatsapp"], product);
  return wire["status"] === undefined || wire["status"] === null ? parseMessage(wire) : parseRead(wire);
}

const readKeys = ["messaging_product", "status", "message_id", "typing_indicator", "access_token"];

function parseRead(wire: Wire): ParsedOutgoing {
  const stranger = Object.keys(wire).find((key) => !readKeys.includes(key));
  if (stranger !== undefined) return unexpected(stranger, "messages");
  const status = wordOf(wire["status"]);
  if (status !== "read") return notOneOf("status", ["read"], status ?? "");
  const waMessageId = readId(wire["message_id"]);
  if (waMessageId === null) return required("message_id");
  const typing = readRecord(unpacked(wire["typing_indicator"]));
  if (typing !== null && wordOf(typing["type"]) !== "text") {
    return notOneOf("typing_indicator['type']", ["text"], wordOf(typing["type"]) ?? "");
  }
  return { kind: "read", waMessageId, typing: typing !== null };
}

/** `preview_url` stood here before it stood in `text`; `access_token` is Graph's other way to authenticate. */
const messageKeys = [
  "messaging_product",
  "recipient_type",
  "to",
  "recipient",
  "context",
  "biz_opaque_callback_data",
  "type",
  "preview_url",
  "access_token",
];

function parseMessage(wire: Wire): ParsedOutgoing {
  const word = wire["type"] === undefined || wire["type"] === null ? "text" : (wordOf(wire["type"]) ?? "");
  const type = typeNamed(word);
  if (type === null) return notOneOf("type", Object.keys(contentShapes), word);
  const stranger = Object.keys(wire).find((key) => !messageKeys.includes(key) && key !== type && wire[key] !== null);
  if (stranger !== undefined) return unexpected(stranger, "messages");
  const to = parseAddress(wire);
  if ("kind" in to) return to;
  const context = parseContext(wire["context"]);
  if (typeof context === "object" && context !== null) return context;
  const callback = text.read(wire["biz_opaque_callback_data"], place("biz_opaque_callback_data"), blankNotes()) ?? null;
  if (callback !== null && (typeof callback !== "string" || callback.length > limits.metaCallbackCharsMax)) {
    return tooLong("biz_opaque_callback_data", limits.metaCallbackCharsMax);
  }
  const content = parseContent(type, wire);
  return "kind" in content ? content : { kind: "message", to, content: content.content, replyTo: context, callback };
}

type TypeWord = keyof typeof contentShapes;

function typeNamed(word: string): TypeWord | null {
  // The look-up leaves no other word.
  return Object.hasOwn(contentShapes, word) ? (word as TypeWord) : null;
}

/** A phone in any writing, with or without a plus; a user id only as `recipient`, as at Meta. */
function parseAddress(wire: Wire): Address | { groupId: string } | Invalid {
  const kind = wire["recipient_type"] === undefined || wire["recipient_type"] === null ? "individual" : wordOf(wire["recipient_type"]);
  if (kind !== "individual" && kind !== "group") return notOneOf("recipient_type", ["individual", "group"], kind ?? "");
  const to = wire["to"] === "" ? null : (wire["to"] ?? null);
  if (kind === "group") {
    const groupId = readId(to);
    return groupId === null ? required("to") : { groupId };
  }
  const recipient = wire["recipient"] === "" ? null : (wire["recipient"] ?? null);
  if (to === null && recipient === null) return required("to");
  const phone = to === null ? null : readPhone(typeof to === "string" ? to.replaceAll(/[().]/g, "") : to);
  if (to !== null && phone === null) {
    const hint = readUserId(to) === null ? "" : "; a user id belongs into recipient";
    return wrongValue("to", `must be a phone number in international form, such as +15550102030${hint}`);
  }
  const userId = recipient === null ? null : readUserId(recipient);
  if (recipient !== null && userId === null) return wrongValue("recipient", "must be a business-scoped user id");
  return { phone, userId };
}

function parseContext(value: unknown): string | null | Invalid {
  if (value === undefined || value === null) return null;
  const context = readRecord(unpacked(value));
  if (context === null) return wrongValue("context", "must be an object");
  const stranger = Object.keys(context).find((key) => key !== "message_id");
  if (stranger !== undefined) return unexpected(stranger, "context");
  const waMessageId = readId(context["message_id"]);
  if (waMessageId !== null) return waMessageId;
  return Object.keys(context).length === 0 ? null : wrongValue("context['message_id']", "must be the id of a message");
}

function parseContent(type: TypeWord, wire: Wire): { content: OutgoingContent } | Invalid {
  const given = wire[type];
  if (given === undefined || given === null) {
    const details = `Parameter '${type}' is mandatory for type '${type}'`;
    return refused({ code: 131_008, field: type, message: "(#131008) Required parameter is missing", details });
  }
  const notes = blankNotes();
  const at: Place = { field: "content", param: type };
  notes.params.set(at.field, at.param);
  const found = contentShapes[type].read(given, at, notes);
  const [first] = notes.faults;
  if (first !== undefined) return ofParam(first);
  const content = withOldPreview(type, readRecord(found) ?? {}, wire["preview_url"]);
  const [fault] = checkOutgoing(content);
  // Without faults it is what the schema describes.
  return fault === undefined ? { content: content as OutgoingContent } : ofField(fault, notes);
}

function withOldPreview(type: TypeWord, content: Wire, previewUrl: unknown): Wire {
  if (type !== "text" || content["previewUrl"] !== undefined || previewUrl === undefined || previewUrl === null) return content;
  return { ...content, previewUrl: previewUrl === true || previewUrl === "true" };
}

type Invalid = Extract<ParsedOutgoing, { kind: "invalid" }>;

function ofParam({ param, rule, detail }: ParamFault): Invalid {
  switch (rule) {
    case "missing":
      return missing(param);
    case "unknown":
      return refused({ code: 100, field: param, message: "(#100) Invalid parameter", details: detail });
    case "value":
      return wrongValue(param, detail);
    default:
      return rule satisfies never;
  }
}

/** The check speaks of our fields; Meta's client knows them by Meta's names. */
function ofField({ field, detail, rule }: OutgoingFault, notes: Notes): Invalid {
  const param = paramOf(field, notes);
  switch (rule) {
    case "missing":
      return missing(param);
    case "unknown":
      return unexpected(field.slice(field.lastIndexOf(".") + 1), paramOf(field.slice(0, field.lastIndexOf(".")), notes));
    case "length": {
      const most = /at most (\d+)/.exec(detail)?.[1];
      return most === undefined ? required(param) : tooLong(param, Number(most));
    }
    case "value":
      return wrongValue(
        param,
        detail.replaceAll(/\bcontent(?:\.\w+)+/g, (own) => paramOf(own, notes)),
      );
    default:
      return rule satisfies never;
  }
}

/** Meta's name of the nearest field that was read, and below it ours. */
function paramOf(field: string, { params }: Notes): string {
  const known = params.get(field);
  if (known !== undefined || !field.includes(".")) return known ?? field;
  const dot = field.lastIndexOf(".");
  const last = field.slice(dot + 1);
  return `${paramOf(field.slice(0, dot), { params, faults: [] })}[${/^\d+$/.test(last) ? last : `'${last}'`}]`;
}

function missing(param: string): Invalid {
  const details = `Parameter ${param} is missing`;
  return refused({ code: 131_008, field: param, message: "(#131008) Required parameter is missing", details });
}

function required(param: string): Invalid {
  return refused({
    code: 100,
    field: param,
    message: `(#100) The parameter ${param} is required.`,
    details: `Parameter ${param} is missing`,
  });
}

function unexpected(key: string, param: string): Invalid {
  const details = `Unexpected key "${key.slice(0, limits.wordCharsMax)}" on param "${param}".`;
  return refused({ code: 100, field: param === "messages" ? key : param, message: "(#100) Invalid parameter", details });
}

function notOneOf(param: string, words: readonly string[], given: string): Invalid {
  const details = `Param ${param} must be one of {${words.join(", ").toUpperCase()}} - got "${given.slice(0, limits.wordCharsMax)}".`;
  return refused({ code: 100, field: param, message: `(#100) ${details}`, details });
}

function tooLong(param: string, charsMax: number): Invalid {
  const details = `Param ${param} must be at most ${charsMax} characters long.`;
  return refused({ code: 100, field: param, message: `(#100) ${details}`, details });
}

function wrongValue(param: string, detail: string): Invalid {
  return refused({ code: 131_009, field: param, message: "(#131009) Parameter value is not valid", details: `Param ${param} ${detail}` });
}

function invalid(field: string, details: string): Invalid {
  return refused({ code: 100, field, message: "(#100) Invalid parameter", details });
}

function refused(error: OutgoingError): Invalid {
  return { kind: "invalid", error };
}

function place(param: string): Place {
  return { field: param, param };
}

function blankNotes(): Notes {
  return { faults: [], params: new Map() };
}
