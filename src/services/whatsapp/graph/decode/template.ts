/** One line of `GET /{WABA}/message_templates` in our own words. What Meta invents later is kept, and never a reason to drop the template. */
import {
  normaliseLanguage,
  type TemplateButton,
  type TemplateCard,
  type TemplateHeader,
  type TemplateShape,
} from "../../../../core/template.ts";
import type { TemplateChange } from "../../../../core/template-state.ts";
import { cleanJson, type JsonValue } from "../../../../core/text.ts";
import { limits } from "../../../../limits.ts";
import { readFlag, readList, readLooseId, readName, readRecord, readText, readWord, type Wire } from "../wire.ts";
import { readReason, readStatus } from "./template-change.ts";

export type ListedTemplate = { name: string; language: string; change: TemplateChange };

/** As Meta's pages name them (2026-10). An unknown one would make Graph refuse the whole request. */
export const templateFields =
  "id,name,language,status,category,previous_category,components,parameter_format,quality_score,rejected_reason";

/** Null without a name and a language, which are its key. */
export function decodeTemplate(line: unknown, atMs: number): ListedTemplate | null {
  const wire = readRecord(line);
  const name = readName(wire?.["name"]);
  const language = readWord(wire?.["language"]);
  if (wire === null || name === null || language === null) return null;
  const status = readStatus(readWord(wire["status"])) ?? "unknown";
  const waTemplateId = readLooseId(wire["id"]);
  const reason = readReason(wire["rejected_reason"]);
  return {
    name,
    language: normaliseLanguage(language),
    change: {
      atMs,
      told: {
        ...(waTemplateId === null ? {} : { waTemplateId }),
        status,
        ...(reason === null ? {} : { cause: { status, reason, pausedUntilMs: null } }),
        quality: readWord(readRecord(wire["quality_score"])?.["score"]) ?? readWord(wire["quality_score"]),
        category: { category: readWord(wire["category"]), previous: readWord(wire["previous_category"]) },
        shape: decodeShape(wire),
      },
    },
  };
}

function decodeShape(wire: Wire): TemplateShape {
  const parts = partsOf(wire["components"]);
  const isNamed = readWord(wire["parameter_format"])?.toUpperCase() === "NAMED";
  return { v: 1, format: isNamed ? "named" : "positional", ...parts };
}

type Parts = Omit<TemplateShape, "v" | "format">;

function partsOf(components: unknown): Parts {
  const parts: { -readonly [Key in keyof Parts]: Parts[Key] } = {
    header: null,
    body: null,
    footer: null,
    buttons: [],
    cards: [],
    offer: null,
    unrecognised: [],
  };
  const unrecognised: JsonValue[] = [];
  for (const component of readList(components)) {
    const wire = readRecord(component) ?? {};
    switch ((readWord(wire["type"]) ?? "").toUpperCase()) {
      case "HEADER":
        parts.header = decodeHeader(wire);
        break;
      case "BODY":
        parts.body = readText(wire["text"]);
        break;
      case "FOOTER":
        parts.footer = readText(wire["text"]);
        break;
      case "BUTTONS":
        parts.buttons = readList(wire["buttons"]).map(decodeButton);
        break;
      case "CAROUSEL":
        parts.cards = readList(wire["cards"]).map(decodeCard);
        break;
      case "LIMITED_TIME_OFFER":
        parts.offer = decodeOffer(readRecord(wire["limited_time_offer"]) ?? wire);
        break;
      default:
        unrecognised.push(cleanJson(component, limits.jsonDepthMax));
    }
  }
  return { ...parts, unrecognised };
}

function decodeHeader(wire: Wire): TemplateHeader {
  const format = readWord(wire["format"])?.toLowerCase() ?? "text";
  switch (format) {
    case "text":
      return { kind: "text", text: readText(wire["text"]) ?? "" };
    case "image":
    case "video":
    case "document":
    case "gif":
    case "location":
    case "product":
      return { kind: format };
    default:
      return { kind: "unrecognised", format };
  }
}

function decodeButton(button: unknown): TemplateButton {
  const wire = readRecord(button) ?? {};
  const text = readName(wire["text"]) ?? "";
  const type = readWord(wire["type"])?.toLowerCase() ?? "";
  switch (type) {
    case "url":
      return { kind: "url", text, url: readText(wire["url"]) ?? "" };
    case "phone_number":
      return { kind: "phone_number", text, phone: readName(wire["phone_number"]) ?? "" };
    case "quick_reply":
    case "copy_code":
    case "otp":
    case "flow":
    case "catalog":
    case "mpm":
    case "spm":
    case "voice_call":
    case "order_details":
    case "request_contact_info":
      return { kind: type, text };
    default:
      return { kind: "unrecognised", type, text };
  }
}

function decodeCard(card: unknown): TemplateCard {
  const { header, body, buttons } = partsOf(readRecord(card)?.["components"]);
  return { header, body, buttons };
}

function decodeOffer(wire: Wire): { text: string; expires: boolean } {
  return { text: readName(wire["text"]) ?? "", expires: readFlag(wire["has_expiration"]) === true };
}
