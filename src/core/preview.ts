/**
 * One line that stands for a message in a list. Symbols instead of words, so that it needs no translation; what people wrote
 * is shown as it is, and the reader isolates its direction. `content` is what `services/whatsapp/graph/content.ts` describes;
 * it comes from storage, so nothing about its shape is taken for granted.
 */
import { limits } from "../limits.ts";
import { clipText } from "./text.ts";

/** Of interactive messages that we send, and whose words alone would not tell what they are. */
const interactiveSymbols: ReadonlyMap<string, string> = new Map([
  ["product", "🛒"],
  ["product_list", "🛒"],
  ["catalog_message", "🛒"],
  ["flow", "📋"],
  ["voice_call", "📞"],
  ["call_permission_request", "📞"],
  ["location_request_message", "📍"],
  ["address_message", "📍"],
  ["request_contact_info", "👤"],
]);

const symbols: ReadonlyMap<string, string> = new Map([
  ["image", "📷"],
  ["video", "🎬"],
  ["audio", "🎵"],
  ["document", "📄"],
  ["sticker", "🏷️"],
  ["location", "📍"],
  ["contacts", "👤"],
  ["order", "🛒"],
  ["call", "📞"],
  ["call_status", "📞"],
  ["call_permission_reply", "📞"],
  ["template", "📝"],
  ["flow_reply", "📋"],
  ["system", "ℹ️"],
  ["revoked", "🚫"],
  ["unsupported", "❔"],
  ["unrecognised", "❔"],
]);

/** At most `limits.previewCharsMax` UTF-16 units; empty when the content says nothing. */
export function previewText(type: string, content: unknown): string {
  const fields = isRecord(content) ? content : {};
  const kind = typeof fields["kind"] === "string" ? fields["kind"] : type;
  const symbol = symbolOf(kind, fields);
  const words = kind === "revoked" ? "" : wordsOf(fields);
  return clipText([symbol, words].filter((part) => part !== "").join(" "), limits.previewCharsMax);
}

function symbolOf(kind: string, fields: Readonly<Record<string, unknown>>): string {
  if (kind === "audio" && fields["voice"] === true) return "🎤";
  const { subtype } = fields;
  return (kind === "interactive" && typeof subtype === "string" ? interactiveSymbols.get(subtype) : symbols.get(kind)) ?? "";
}

/** The first of these fields that says something; which one, depends on the kind. */
function wordsOf(fields: Readonly<Record<string, unknown>>): string {
  const shared: unknown = Array.isArray(fields["contacts"]) ? fields["contacts"][0] : null;
  const candidates = [
    fields["body"],
    isRecord(fields["header"]) ? fields["header"]["text"] : null,
    fields["caption"],
    fields["filename"],
    fields["title"],
    fields["text"],
    fields["name"],
    fields["address"],
    fields["emoji"],
    isRecord(shared) ? shared["name"] : null,
  ];
  for (const candidate of candidates) {
    if (typeof candidate !== "string") continue;
    // Enough for the preview even if every second unit is white space.
    const line = clipText(candidate, limits.previewCharsMax * 2)
      .replaceAll(/\s+/g, " ")
      .trim();
    if (line !== "") return line;
  }
  return "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
