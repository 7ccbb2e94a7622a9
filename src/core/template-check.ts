/** Whether what a message fills in fits its template. Each fault names the field of the message; no fault, and Meta takes the parameters. */
import type {
  OutgoingTemplate,
  TemplateButton as FilledButton,
  TemplateHeader as FilledHeader,
  TemplateParameter,
} from "../contract/outgoing-template.ts";
import type { ShapeFault } from "./shape-faults.ts";
import { placeholdersOf, type TemplateButton, type TemplateFormat, type TemplateHeader, type TemplateShape } from "./template.ts";

/** What is filled in: the message without the template's name. */
export type TemplateFill = Pick<OutgoingTemplate, "header" | "body" | "buttons" | "cards" | "limitedTimeOffer">;
type Filled = Pick<TemplateFill, "header" | "body" | "buttons">;
type Part = { header: TemplateHeader | null; body: string | null; buttons: readonly TemplateButton[] };

/** Fields are told within the message's content, as in `body.2` or `cards.0.buttons.1`. */
export function checkTemplateFill(shape: TemplateShape, fill: TemplateFill): ShapeFault[] {
  return [...checkPart("", shape, fill, shape.format), ...checkCards(shape, fill), ...checkOffer(shape, fill)];
}

function checkPart(path: string, part: Part, fill: Filled, format: TemplateFormat): ShapeFault[] {
  return [
    ...checkHeader(`${path}header`, part.header, fill.header, format),
    ...checkTexts(`${path}body`, part.body ?? "", fill.body ?? [], format),
    ...checkButtons(`${path}buttons`, part.buttons, fill.buttons ?? []),
  ];
}

function checkHeader(field: string, header: TemplateHeader | null, filled: FilledHeader | undefined, format: TemplateFormat): ShapeFault[] {
  // Meta's newer kinds (a GIF among them) are not in our messages; it will judge itself.
  if (header?.kind === "unrecognised" || header?.kind === "gif") return [];
  if (header === null) return filled === undefined ? [] : [wrong(field, "this template has no header")];
  if (header.kind === "text") return checkTextHeader(field, header.text, filled, format);
  if (filled === undefined) return [missing(field, `the header is of the type ${header.kind}`)];
  return filled.type === header.kind ? [] : [wrong(`${field}.type`, `must be ${header.kind}, as in the template`)];
}

function checkTextHeader(field: string, text: string, filled: FilledHeader | undefined, format: TemplateFormat): ShapeFault[] {
  if (filled !== undefined && !isText(filled)) return [wrong(`${field}.type`, "must be text, as in the template")];
  if (filled !== undefined && placeholdersOf(text, format).length === 0) return [wrong(field, "nothing is to be filled in here")];
  // A header has one place at most, so it is no list in our messages.
  const faults = checkTexts(field, text, filled === undefined ? [] : [filled], format);
  const first = `${field}.0`;
  return faults.map((fault) => (fault.field.startsWith(first) ? { ...fault, field: field + fault.field.slice(first.length) } : fault));
}

function isText(header: FilledHeader): header is TemplateParameter {
  return header.type === "text" || header.type === "currency" || header.type === "date_time";
}

function checkTexts(field: string, text: string, given: readonly TemplateParameter[], format: TemplateFormat): ShapeFault[] {
  const wanted = placeholdersOf(text, format);
  const faults = format === "named" ? checkNames(field, wanted, given) : checkCount(field, wanted, given);
  for (const [index, parameter] of given.entries()) {
    if (parameter.type === "text" && !isPlain(parameter.text)) {
      faults.push(wrong(`${field}.${index}.text`, "must have no line break, no tab and no more than 4 spaces in a row"));
    }
  }
  return faults;
}

function checkCount(field: string, wanted: readonly string[], given: readonly TemplateParameter[]): ShapeFault[] {
  const faults: ShapeFault[] = [];
  for (let index = given.length; index < wanted.length; index++) {
    faults.push(missing(`${field}.${index}`, `the value of {{${wanted[index] ?? ""}}}`));
  }
  for (let index = wanted.length; index < given.length; index++) {
    faults.push(wrong(`${field}.${index}`, `one too many: the template has ${wanted.length} here`));
  }
  for (const [index, { name }] of given.entries()) {
    if (name !== undefined) faults.push(wrong(`${field}.${index}.name`, "this template's parameters have no names"));
  }
  return faults;
}

function checkNames(field: string, wanted: readonly string[], given: readonly TemplateParameter[]): ShapeFault[] {
  const faults: ShapeFault[] = [];
  const seen = new Set<string>();
  for (const [index, { name }] of given.entries()) {
    if (name === undefined) faults.push(missing(`${field}.${index}.name`, "this template's parameters have names"));
    else if (!wanted.includes(name)) faults.push(wrong(`${field}.${index}.name`, "is not in the template"));
    else if (seen.has(name)) faults.push(wrong(`${field}.${index}.name`, "is given twice"));
    if (name !== undefined) seen.add(name);
  }
  for (const name of wanted) if (!seen.has(name)) faults.push(missing(field, `the value of {{${name}}}`));
  return faults;
}

/** Meta's error 132018 otherwise. Blanks alone are no value either. */
function isPlain(text: string): boolean {
  return text.trim() !== "" && !/[\n\r\t]| {5}/.test(text);
}

function checkButtons(field: string, buttons: readonly TemplateButton[], given: readonly FilledButton[]): ShapeFault[] {
  const faults: ShapeFault[] = [];
  const filled = new Set<number>();
  for (const [at, one] of given.entries()) {
    const button = buttons[one.index];
    if (button === undefined) faults.push(wrong(`${field}.${at}.index`, `the template has ${buttons.length} buttons`));
    else faults.push(...checkButton(`${field}.${at}`, button, one));
    if (filled.has(one.index)) faults.push(wrong(`${field}.${at}.index`, "is given twice"));
    filled.add(one.index);
  }
  for (const [index, button] of buttons.entries()) {
    const need = filled.has(index) ? null : needOf(button);
    if (need !== null) faults.push(missing(field, `${need} of the button ${index}`));
  }
  return faults;
}

function checkButton(field: string, button: TemplateButton, filled: FilledButton): ShapeFault[] {
  if (button.kind === "unrecognised") return [];
  // One-time passwords travel as the end of an address.
  const type = button.kind === "otp" ? "url" : button.kind;
  if (filled.type !== type) return [wrong(`${field}.type`, `must be ${type}, as in the template`)];
  const isFixed = button.kind === "url" && placeholdersOf(button.url, "positional").length === 0;
  return isFixed ? [wrong(field, "nothing is to be filled in here: the address is fixed")] : [];
}

/** What a message must say of this button; null when it may leave it out. */
function needOf(button: TemplateButton): string | null {
  switch (button.kind) {
    case "url":
      return placeholdersOf(button.url, "positional").length > 0 ? "the end of the address" : null;
    case "otp":
      return "the code";
    case "copy_code":
      return "the coupon code";
    case "mpm":
      return "the products";
    case "quick_reply":
    case "phone_number":
    case "flow":
    case "catalog":
    case "spm":
    case "voice_call":
    case "order_details":
    case "request_contact_info":
    case "unrecognised":
      return null;
    default:
      return button satisfies never;
  }
}

function checkCards(shape: TemplateShape, fill: TemplateFill): ShapeFault[] {
  const given = fill.cards ?? [];
  if (given.length === 0 && shape.cards.every((card) => checkPart("", card, {}, shape.format).length === 0)) return [];
  if (given.length !== shape.cards.length) return [wrong("cards", `must be ${shape.cards.length}, as in the template`)];
  return shape.cards.flatMap((card, index) => checkPart(`cards.${index}.`, card, given[index] ?? {}, shape.format));
}

function checkOffer({ offer }: TemplateShape, { limitedTimeOffer }: TemplateFill): ShapeFault[] {
  const field = "limitedTimeOffer";
  if (limitedTimeOffer === undefined) return offer?.expires === true ? [missing(field, "when the offer ends")] : [];
  return offer === null ? [wrong(field, "this template has no limited-time offer")] : [];
}

function missing(field: string, what: string): ShapeFault {
  return { field, detail: `missing: ${what}`, rule: "missing" };
}

function wrong(field: string, detail: string): ShapeFault {
  return { field, detail, rule: "value" };
}
