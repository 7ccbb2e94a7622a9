/** How a template looks to the customer with this filled in. Places without a value stay as they are. */
import type { TemplateButton as FilledButton, TemplateHeader as FilledHeader, TemplateParameter } from "../contract/outgoing-template.ts";
import { fillIn, placeholdersOf, type TemplateButton, type TemplateFormat, type TemplateHeader, type TemplateShape } from "./template.ts";
import type { TemplateFill } from "./template-check.ts";

export type RenderedHeader = { kind: string; text: string | null };
/** `value` is where the button leads or what it copies, as far as that is known. */
export type RenderedButton = { kind: string; text: string; value: string | null };
export type RenderedTemplate = {
  header: RenderedHeader | null;
  body: string | null;
  footer: string | null;
  buttons: RenderedButton[];
  cards: { header: RenderedHeader | null; body: string | null; buttons: RenderedButton[] }[];
};

export function renderTemplate(shape: TemplateShape, fill: TemplateFill): RenderedTemplate {
  const { format } = shape;
  return {
    header: renderHeader(shape.header, fill.header, format),
    body: renderText(shape.body, fill.body ?? [], format),
    footer: shape.footer,
    buttons: renderButtons(shape.buttons, fill.buttons ?? []),
    cards: shape.cards.map((card, index) => {
      const filled = fill.cards?.[index];
      return {
        header: renderHeader(card.header, filled?.header, format),
        body: renderText(card.body, filled?.body ?? [], format),
        buttons: renderButtons(card.buttons, filled?.buttons ?? []),
      };
    }),
  };
}

function renderHeader(header: TemplateHeader | null, filled: FilledHeader | undefined, format: TemplateFormat): RenderedHeader | null {
  if (header === null) return null;
  if (header.kind !== "text") return { kind: header.kind, text: null };
  const isText = filled?.type === "text" || filled?.type === "currency" || filled?.type === "date_time";
  return { kind: "text", text: renderText(header.text, isText ? [filled] : [], format) };
}

function renderText(text: string | null, given: readonly TemplateParameter[], format: TemplateFormat): string | null {
  if (text === null) return null;
  const places = placeholdersOf(text, format);
  return fillIn(text, (name) => {
    const parameter = format === "named" ? given.find((one) => one.name === name) : given[places.indexOf(name)];
    return parameter === undefined ? null : shownValue(parameter);
  });
}

/** Meta shows amounts and times in the customer's way where it can; what it falls back to is all that is known here. */
function shownValue(parameter: TemplateParameter): string {
  return parameter.type === "text" ? parameter.text : parameter.fallbackValue;
}

function renderButtons(buttons: readonly TemplateButton[], given: readonly FilledButton[]): RenderedButton[] {
  return buttons.map((button, index) => {
    const filled = given.find((one) => one.index === index);
    return { kind: button.kind, text: button.text, value: valueOf(button, filled) };
  });
}

function valueOf(button: TemplateButton, filled: FilledButton | undefined): string | null {
  if (button.kind === "url") return fillIn(button.url, () => (filled?.type === "url" ? filled.text : null));
  if (button.kind === "phone_number") return button.phone;
  if (button.kind === "copy_code") return filled?.type === "copy_code" ? filled.couponCode : null;
  if (button.kind === "otp") return filled?.type === "url" ? filled.text : null;
  return null;
}
