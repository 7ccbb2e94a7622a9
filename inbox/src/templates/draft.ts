/** A template that is being written: what the fields hold, and the body of the request that it becomes. */
import type { CreateTemplate, EditTemplate } from "../../../src/contract/template-drafts.ts";
import type { Template } from "../../../src/contract/templates.ts";
import type { FilledIn } from "../composer/template-fill.ts";

type Wanted = NonNullable<EditTemplate["buttons"]>[number];
export type DraftButton = { id: number; kind: Wanted["kind"]; text: string; url: string; phone: string; example: string };
export type Draft = {
  accountId: string;
  name: string;
  language: string;
  category: EditTemplate["category"];
  header: string;
  body: string;
  footer: string;
  buttons: readonly DraftButton[];
  /** By place, as the preview has them: `header.1`, `body.name`. */
  examples: FilledIn;
};

export const buttonKinds = ["quick_reply", "url", "phone_number", "copy_code"] as const satisfies readonly DraftButton["kind"][];

export function newDraft(accountId: string, language: string): Draft {
  const nothing = { name: "", header: "", body: "", footer: "", buttons: [], examples: {} };
  return { ...nothing, accountId, language, category: "UTILITY" };
}

export function newButton(id: number, kind: DraftButton["kind"]): DraftButton {
  return { id, kind, text: "", url: "", phone: "", example: "" };
}

/** What Meta's list does not tell, its examples, is to be written again. */
export function draftOf({ accountId, name, language, category, header, body, footer, buttons }: Template): Draft {
  return {
    accountId,
    name,
    language,
    category: category?.toUpperCase() === "MARKETING" ? "MARKETING" : "UTILITY",
    header: header?.text ?? "",
    body: body ?? "",
    footer: footer ?? "",
    buttons: buttons.map(({ kind, text, url = "", phone = "" }, id) => {
      const known = buttonKinds.find((one) => one === kind) ?? "quick_reply";
      return { ...newButton(id, known), text, url, phone };
    }),
    examples: {},
  };
}

/** An edit says every part anew, and these fields have no words for some. The server says the same (`templates/write.ts`). */
export function isEditable(template: Template): boolean {
  const { status, header, cards, offer, unrecognised, buttons, category, waTemplateId } = template;
  return (
    waTemplateId !== null &&
    (status === "approved" || status === "rejected" || status === "paused") &&
    (header === null || header.kind === "text") &&
    cards.length === 0 &&
    offer === null &&
    unrecognised.length === 0 &&
    category?.toUpperCase() !== "AUTHENTICATION" &&
    buttons.every(({ kind }) => buttonKinds.some((one) => one === kind))
  );
}

/** Variables by number, unless one of them has a name. */
function formatOf({ header, body }: Pick<Draft, "header" | "body">): "positional" | "named" {
  return /\{\{\s*[a-z_]/i.test(header + body) ? "named" : "positional";
}

/** Between double braces, each once. */
export function variablesOf(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(/\{\{\s*(\w+)\s*\}\}/g), ([, name = ""]) => name))];
}

/** The number that the next variable has. */
export function nextVariable(text: string): number {
  return Math.max(0, ...variablesOf(text).map((name) => (/^\d{1,3}$/.test(name) ? Number(name) : 0))) + 1;
}

export function bodyOf(draft: Draft): EditTemplate {
  const { category, header, body, footer, buttons, examples } = draft;
  const [place] = variablesOf(header);
  const example = place === undefined ? undefined : examples[`header.${place}`];
  return {
    category,
    parameterFormat: formatOf(draft),
    header: header.trim() === "" ? null : { text: header.trim(), ...(example === undefined ? {} : { example }) },
    body: body.trim(),
    examples: variablesOf(body).map((name) => ({ name, text: examples[`body.${name}`] ?? "" })),
    footer: footer.trim() === "" ? null : footer.trim(),
    buttons: buttons.map(wantedOf),
  };
}

export function newBodyOf(draft: Draft): CreateTemplate {
  const { accountId, name, language } = draft;
  return { accountId, name: name.trim(), language, ...bodyOf(draft) };
}

function wantedOf({ kind, text, url, phone, example }: DraftButton): Wanted {
  switch (kind) {
    case "quick_reply":
      return { kind, text: text.trim() };
    case "url":
      return { kind, text: text.trim(), url: url.trim(), ...(url.includes("{{") ? { example: example.trim() } : {}) };
    case "phone_number":
      return { kind, text: text.trim(), phone: phone.trim() };
    case "copy_code":
      return { kind, example: example.trim() };
    default:
      return kind satisfies never;
  }
}

/** For the preview: as if Meta had it already. */
export function previewOf(draft: Draft, copyCode: string): Template {
  const { name, language, category, header, body, footer, buttons, accountId } = draft;
  return {
    id: "",
    accountId,
    name,
    language,
    waTemplateId: null,
    status: "unknown",
    usable: false,
    sentence: null,
    reason: null,
    pausedUntil: null,
    quality: null,
    category,
    previousCategory: null,
    correctCategory: null,
    categoryChangesAt: null,
    parameterFormat: formatOf(draft),
    header: header === "" ? null : { kind: "text", text: header },
    body,
    footer: footer === "" ? null : footer,
    buttons: buttons.map(({ kind, text, url }) => ({ kind, text: kind === "copy_code" ? copyCode : text, url })),
    cards: [],
    offer: null,
    unrecognised: [],
    syncedAt: null,
    createdAt: "",
  };
}
