/** What a message template is: its parts in our own shape, and the places in them that a message fills in. */
import { templateStatuses, type TemplateStatus } from "../contract/templates.ts";
import type { JsonValue } from "./text.ts";

export type TemplateFormat = "positional" | "named";

/** Media of a header is given with each message; `unrecognised` is a format that Meta made after this was written. */
export type TemplateHeader =
  | { kind: "text"; text: string }
  | { kind: "image" | "video" | "document" | "gif" | "location" | "product" }
  | { kind: "unrecognised"; format: string };

export type TemplateButton =
  | { kind: "quick_reply"; text: string }
  | { kind: "url"; text: string; url: string }
  | { kind: "phone_number"; text: string; phone: string }
  | {
      kind: "copy_code" | "otp" | "flow" | "catalog" | "mpm" | "spm" | "voice_call" | "order_details" | "request_contact_info";
      text: string;
    }
  | { kind: "unrecognised"; type: string; text: string };

export type TemplateCard = { header: TemplateHeader | null; body: string | null; buttons: readonly TemplateButton[] };

/** How `whatsapp_templates.components` is stored. */
export type TemplateShape = {
  v: 1;
  format: TemplateFormat;
  header: TemplateHeader | null;
  body: string | null;
  footer: string | null;
  buttons: readonly TemplateButton[];
  cards: readonly TemplateCard[];
  /** A limited-time offer; with `expires` each message tells when. */
  offer: { text: string; expires: boolean } | null;
  /** Parts that Meta made after this was written, as they came. With one of them nobody can say what a message needs. */
  unrecognised: readonly JsonValue[];
};

/** `url` is a button's address. */
const placeholder = /\{\{\s*(\w+)\s*\}\}/g;

/** Names or numbers between double braces, each once, numbers in their order and names as they come. */
export function placeholdersOf(text: string, format: TemplateFormat): string[] {
  const found = new Set(Array.from(text.matchAll(placeholder), (match) => match[1] ?? ""));
  if (format === "named") return [...found];
  return [...found].filter((name) => /^\d{1,3}$/.test(name)).toSorted((a, b) => Number(a) - Number(b));
}

/** The text with what `valueOf` knows in place; what it does not know (null) stays as it is. */
export function fillIn(text: string, valueOf: (name: string) => string | null): string {
  return text.replaceAll(placeholder, (whole, name: string) => valueOf(name) ?? whole);
}

/** `en-US`, `EN_us` and `en_US` are one language: `en_US`. What looks otherwise (`zh_Hant_HK`) keeps its other parts. */
export function normaliseLanguage(language: string): string {
  const [first = "", ...others] = language.trim().split(/[-_]/);
  return [first.toLowerCase(), ...others.map((part) => (part.length === 2 ? part.toUpperCase() : part))].join("_");
}

/** A word that Meta uses and this program does not know is `unknown`. */
export function templateStatusOf(word: string): TemplateStatus {
  return templateStatuses.find((known) => known === word) ?? "unknown";
}

/** Those that are offered. A flagged one may still be sent; it is about to be paused. */
export const offeredStatuses = ["approved", "flagged"] as const satisfies readonly TemplateStatus[];

/** Whether Meta may take a message of it. `unknown` and `locked` (closed for edits) are not ours to judge. */
export function maySend(status: TemplateStatus): boolean {
  switch (status) {
    case "unknown":
    case "approved":
    case "flagged":
    case "locked":
      return true;
    case "pending":
    case "limit_exceeded":
    case "rejected":
    case "in_appeal":
    case "paused":
    case "archived":
    case "disabled":
    case "pending_deletion":
    case "deleted":
      return false;
    default:
      return status satisfies never;
  }
}
