/** What a template needs, and the message that it becomes. */
import type { OutgoingTemplate, TemplateButton, TemplateHeader } from "../../../src/contract/outgoing-template.ts";
import type { Template } from "../../../src/contract/templates.ts";

/** A place to fill in: `body.1`, `header.name`, `button.0`. */
export type Place = {
  key: string;
  part: "header" | "body" | "button" | "media";
  name: string;
  index: number;
  buttonKind?: "url" | "copy_code";
  buttonText?: string;
};
export type FilledIn = Readonly<Record<string, string>>;

const placeholder = /\{\{\s*(\w+)\s*\}\}/g;
const mediaKinds = ["image", "video", "document"] as const;

export function placesOf(template: Template): Place[] {
  const { header, body, buttons } = template;
  const inText = (part: "header" | "body", text: string | null | undefined): Place[] =>
    [...new Set(Array.from((text ?? "").matchAll(placeholder), (found) => found[1] ?? ""))]
      .toSorted((a, b) => (template.parameterFormat === "named" ? 0 : Number(a) - Number(b)))
      .map((name, index) => ({ key: `${part}.${name}`, part, name, index }));
  const inButtons = buttons.flatMap((button, index): Place[] => {
    const isUrl = button.kind === "url" && button.url !== undefined && /\{\{\s*\w+\s*\}\}/.test(button.url);
    if (!isUrl && button.kind !== "copy_code") return [];
    return [
      {
        key: `button.${index}`,
        part: "button",
        name: button.text,
        index,
        buttonKind: isUrl ? "url" : "copy_code",
        buttonText: button.text,
      },
    ];
  });
  const media: Place[] = mediaKinds.some((kind) => kind === header?.kind)
    ? [{ key: "media", part: "media", name: header?.kind ?? "", index: 0 }]
    : [];
  return [...media, ...inText("header", header?.kind === "text" ? header.text : null), ...inText("body", body), ...inButtons];
}

/** Kinds that this picker has no fields for. */
export function canFill(template: Template): boolean {
  const { header, cards, offer } = template;
  const isKnownHeader = header === null || header.kind === "text" || mediaKinds.some((kind) => kind === header.kind);
  const needsMore = template.buttons.some(({ kind }) => ["mpm", "spm", "order_details"].includes(kind));
  return isKnownHeader && cards.length === 0 && offer?.expires !== true && !needsMore;
}

/** `mediaId` is the uploaded file of a header. */
export function messageOf(template: Template, filled: FilledIn, mediaId: string | null): OutgoingTemplate {
  const places = placesOf(template);
  const isNamed = template.parameterFormat === "named";
  const parameter = ({ key, name }: Place) => ({ type: "text" as const, ...(isNamed ? { name } : {}), text: filled[key] ?? "" });
  const [headerPlace] = places.filter(({ part }) => part === "header");
  const body = places.filter(({ part }) => part === "body").map(parameter);
  const buttons = places.flatMap(({ key, index, buttonKind }): TemplateButton[] => {
    const value = filled[key] ?? "";
    if (buttonKind === "url") return [{ type: "url", index, text: value }];
    return buttonKind === "copy_code" ? [{ type: "copy_code", index, couponCode: value }] : [];
  });
  const header = headerPlace === undefined ? mediaHeader(template, mediaId) : parameter(headerPlace);
  return {
    type: "template",
    name: template.name,
    language: template.language,
    ...(header === null ? {} : { header }),
    ...(body.length === 0 ? {} : { body }),
    ...(buttons.length === 0 ? {} : { buttons }),
  };
}

function mediaHeader({ header }: Template, mediaId: string | null): TemplateHeader | null {
  const kind = mediaKinds.find((one) => one === header?.kind);
  return kind === undefined || mediaId === null ? null : { type: kind, media: { mediaId } };
}

/** As the customer will read it; what is still empty stays as it is. */
export function filledText(text: string, part: "header" | "body", filled: FilledIn): string {
  return text.replaceAll(placeholder, (whole, name: string) => filled[`${part}.${name}`] || whole);
}
