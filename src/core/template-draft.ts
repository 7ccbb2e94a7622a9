/**
 * Meta's rules for a template's text, said of each field before Meta is asked: its own refusals come one at a time, and those of its review
 * hours later. From "Create and manage templates" and "Template components", read 2026-10. What is not sure is left to Meta.
 */
import type { CreateTemplate, DraftRule, EditTemplate } from "../contract/template-drafts.ts";
import { limits } from "../limits.ts";
import { placeholdersOf, type TemplateFormat } from "./template.ts";

/** `field` as in the body of the request: `body`, `examples.name`, `buttons.0.text`. */
export type DraftFault = { field: string; rule: DraftRule; detail: string };
type Button = NonNullable<EditTemplate["buttons"]>[number];

export function checkNewTemplate(draft: CreateTemplate): DraftFault[] {
  const { name, language } = draft;
  const named: DraftFault[] = [];
  if (name === "") named.push(fault("name", "empty"));
  else if (name.length > limits.metaTemplateNameCharsMax) named.push(tooLong("name", limits.metaTemplateNameCharsMax));
  else if (!/^[a-z0-9_]+$/.test(name)) named.push(fault("name", "name"));
  if (!/^[a-z]{2,3}(?:_[A-Za-z]{2,4}){0,2}$/.test(language)) named.push(fault("language", "language"));
  return [...named, ...checkTemplateText(draft)];
}

export function checkTemplateText(draft: EditTemplate): DraftFault[] {
  const format = draft.parameterFormat ?? "positional";
  return [
    ...checkHeader(draft.header ?? null, format),
    ...checkBody(draft, format),
    ...checkFooter(draft),
    ...checkButtons(draft.buttons ?? []),
  ];
}

function checkHeader(header: { text: string; example?: string } | null, format: TemplateFormat): DraftFault[] {
  if (header === null) return [];
  const { text, example = "" } = header;
  const faults = [...checkText("header.text", text, limits.metaTemplateHeaderCharsMax), ...checkLine("header.text", text)];
  if (faults.length > 0) return faults;
  const places = checkPlaces("header.text", text, format);
  if (places.length > 0) return places;
  const names = placeholdersOf(text, format);
  if (names.length > 1) return [fault("header.text", "too_many_variables")];
  return names.length === 1 && example.trim() === "" ? [fault("header.example", "example")] : [];
}

function checkBody({ body, examples = [] }: EditTemplate, format: TemplateFormat): DraftFault[] {
  const faults = checkText("body", body, limits.metaTemplateBodyCharsMax);
  if (faults.length > 0) return faults;
  const places = checkPlaces("body", body, format);
  if (places.length > 0) return places;
  // Meta's refusals 2388299 and 2388293.
  if (/^\s*\{\{/.test(body) || body.trimEnd().endsWith("}}")) return [fault("body", "at_an_end")];
  if (/\}\}\s?\{\{/.test(body)) return [fault("body", "side_by_side")];
  const given = new Map(examples.map(({ name, text }) => [name, text.trim()]));
  return placeholdersOf(body, format)
    .filter((name) => (given.get(name) ?? "") === "")
    .map((name) => fault(`examples.${name}`, "example"));
}

function checkFooter({ footer = null }: EditTemplate): DraftFault[] {
  if (footer === null) return [];
  const faults = [...checkText("footer", footer, limits.metaTemplateFooterCharsMax), ...checkLine("footer", footer)];
  return faults.length === 0 && /[{}]{2}/.test(footer) ? [fault("footer", "no_variables")] : faults;
}

function checkButtons(buttons: readonly Button[]): DraftFault[] {
  const faults = buttons.flatMap((button, index) => checkButton(`buttons.${index}`, button));
  const seen = new Set<string>();
  for (const [index, { kind, text = "" }] of buttons.entries()) {
    if (kind !== "copy_code" && text !== "" && seen.has(text)) faults.push(fault(`buttons.${index}.text`, "same_button"));
    seen.add(text);
  }
  for (const kind of ["url", "phone_number", "copy_code"] as const) {
    const most = kind === "url" ? limits.metaTemplateUrlsMax : 1;
    const excess = buttons.flatMap((button, index) => (button.kind === kind ? [index] : []))[most];
    if (excess !== undefined) faults.push(fault(`buttons.${excess}`, "too_many_buttons"));
  }
  // Quick replies stand together: before the others, or after them.
  const turns = buttons.filter(({ kind }, index) => index > 0 && (kind === "quick_reply") !== (buttons[index - 1]?.kind === "quick_reply"));
  if (turns.length > 1) faults.push(fault("buttons", "grouped"));
  return faults;
}

function checkButton(field: string, { kind, text = "", url = "", phone = "", example = "" }: Button): DraftFault[] {
  if (kind === "copy_code") {
    if (example.trim() === "") return [fault(`${field}.example`, "example")];
    return lengthOf(example) > limits.metaTemplateCouponCharsMax ? [tooLong(`${field}.example`, limits.metaTemplateCouponCharsMax)] : [];
  }
  const faults = [...checkText(`${field}.text`, text, limits.metaTemplateButtonCharsMax), ...checkLine(`${field}.text`, text)];
  if (/[{}]{2}/.test(text)) faults.push(fault(`${field}.text`, "no_variables"));
  if (kind === "phone_number" && !isPhone(phone)) faults.push(fault(`${field}.phone`, "phone"));
  return kind === "url" ? [...faults, ...checkUrl(field, url, example)] : faults;
}

function checkUrl(field: string, url: string, example: string): DraftFault[] {
  const hasPlace = /[{}]/.test(url);
  if (hasPlace && !/^[^{}]+\{\{1\}\}$/.test(url)) return [fault(`${field}.url`, "url_variable")];
  if (!/^https?:\/\/\S+$/i.test(url) || !URL.canParse(url.replace("{{1}}", "1"))) return [fault(`${field}.url`, "url")];
  return hasPlace && example.trim() === "" ? [fault(`${field}.example`, "example")] : [];
}

function isPhone(phone: string): boolean {
  const digits = phone.replaceAll(/[\s()-]/g, "");
  return /^\+?\d{5,}$/.test(digits) && digits.replace("+", "").length <= limits.metaTemplatePhoneDigitsMax;
}

/** Braces in pairs; numbers from 1 without a gap, or names; nothing else between braces. */
function checkPlaces(field: string, text: string, format: TemplateFormat): DraftFault[] {
  const inside = Array.from(text.matchAll(/\{\{([^{}]*)\}\}/g), ([, name = ""]) => name);
  if (/[{}]{2}/.test(text.replaceAll(/\{\{[^{}]*\}\}/g, ""))) return [fault(field, "braces")];
  const wanted = format === "named" ? /^[a-z_][a-z0-9_]*$/ : /^[1-9]\d{0,2}$/;
  if (inside.some((name) => !wanted.test(name))) return [fault(field, "variable_name")];
  if (format === "named") return [];
  return placeholdersOf(text, format).every((name, index) => Number(name) === index + 1) ? [] : [fault(field, "order")];
}

function checkText(field: string, text: string, max: number): DraftFault[] {
  if (text.trim() === "") return [fault(field, "empty")];
  return lengthOf(text) > max ? [tooLong(field, max)] : [];
}

function checkLine(field: string, text: string): DraftFault[] {
  return /[\r\n\t]/.test(text) ? [fault(field, "line_break")] : [];
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function tooLong(field: string, max: number): DraftFault {
  return { field, rule: "too_long", detail: `at most ${max} characters` };
}

function fault(field: string, rule: Exclude<DraftRule, "too_long">): DraftFault {
  return { field, rule, detail: details[rule] };
}

const details: Readonly<Record<Exclude<DraftRule, "too_long">, string>> = {
  name: "lower-case letters, digits and underscores only",
  language: "a language as Meta writes it, such as he, ar or en_US",
  empty: "must not be empty",
  line_break: "must be one line",
  braces: "each {{ needs its }}",
  order: "numbers go up from {{1}} without a gap",
  variable_name: "between {{ and }} stands a number, or with named variables a word of lower-case letters, digits and underscores",
  at_an_end: "must neither begin nor end with a variable",
  side_by_side: "there must be words between two variables",
  too_many_variables: "at most one variable",
  no_variables: "no variables here",
  example: "Meta wants an example for this variable",
  url: "must be an address that begins with https:// or http://",
  url_variable: "a variable is {{1}}, at the very end",
  phone: "must be a phone number with its country code",
  too_many_buttons: "more buttons of this kind than Meta takes",
  same_button: "another button says the same",
  grouped: "quick replies stand together",
  locked: "Meta does not let this be changed",
  meta: "Meta refuses it",
};
