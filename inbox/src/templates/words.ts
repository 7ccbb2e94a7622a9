/** Meta's words for templates, as people read them. */
import type { Template } from "../../../src/contract/templates.ts";
import type { TextKey } from "../texts/keys.ts";

export const categories = ["marketing", "utility", "authentication"] as const;
const qualities = ["green", "yellow", "red", "unknown"] as const;

/** Null for a word of Meta's that is new. */
export function categoryKey(word: string | null): TextKey | null {
  const known = categories.find((one) => one === word?.toLowerCase());
  return known === undefined ? null : `template_category_${known}`;
}

export function qualityKey(word: string | null): TextKey | null {
  const known = qualities.find((one) => one === word?.toLowerCase());
  return known === undefined ? null : `template_quality_${known}`;
}

export function toneOf({ status, usable }: Pick<Template, "status" | "usable">): "accent" | "amber" | "danger" | "plain" {
  switch (status) {
    case "approved":
      return usable ? "accent" : "plain";
    case "pending":
    case "in_appeal":
    case "flagged":
    case "paused":
    case "locked":
      return "amber";
    case "rejected":
    case "disabled":
    case "limit_exceeded":
      return "danger";
    case "unknown":
    case "archived":
    case "pending_deletion":
    case "deleted":
      return "plain";
    default:
      return status satisfies never;
  }
}

/** `he`, `en_US` → the language's name in the reader's; as it is where it is none. */
export function languageName(tag: string, locale: string): string {
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(tag.replaceAll("_", "-")) ?? tag;
  } catch {
    return tag;
  }
}
