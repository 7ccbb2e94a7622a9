/** What a template needs, and the message that it becomes. */
import type { OutgoingTemplate, TemplateButton, TemplateHeader } from "../../../src/contract/outgoing-template.ts";
import type { Template } from "../../../src/contract/templates.ts";
import type { TextKey } from "../texts/keys.ts";

/** A place to fill in: `body.1`, `header.name`, `button.0`; of a carousel `card.2.body.1`. */
export type Place = {
  key: string;
  part: "header" | "body" | "button" | "media" | "location" | "offer";
  /** Of a carousel, from 0. */
  card: number | null;
  name: string;
  index: number;
  buttonKind?: "url" | "copy_code";
  isOptional?: boolean;
};
export type FilledIn = Readonly<Record<string, string>>;
/** By the place's key: uploaded files. */
export type MediaIds = Readonly<Record<string, string>>;
type Part = Pick<Template, "header" | "body" | "buttons">;
type Message = Pick<OutgoingTemplate, "header" | "body" | "buttons">;

const placeholder = /\{\{\s*(\w+)\s*\}\}/g;
const mediaKinds = ["image", "video", "document"] as const;
const locationNames = ["latitude", "longitude", "name", "address"] as const;
const noFields: ReadonlySet<string> = new Set(["mpm", "spm", "order_details", "otp"]);

export function placesOf(template: Template): Place[] {
  const offer: Place[] = template.offer?.expires === true ? [{ key: "offer", part: "offer", card: null, name: "", index: 0 }] : [];
  return [...placesIn(template, null, template), ...template.cards.flatMap((card, at) => placesIn(template, at, card)), ...offer];
}

function placesIn({ parameterFormat }: Template, card: number | null, { header, body, buttons }: Part): Place[] {
  const path = pathOf(card);
  const inText = (part: "header" | "body", text: string | null | undefined): Place[] =>
    [...new Set(Array.from((text ?? "").matchAll(placeholder), (found) => found[1] ?? ""))]
      .toSorted((a, b) => (parameterFormat === "named" ? 0 : Number(a) - Number(b)))
      .map((name, index) => ({ key: `${path}${part}.${name}`, part, card, name, index }));
  const inButtons = buttons.flatMap((button, index): Place[] => {
    const isUrl = button.kind === "url" && button.url !== undefined && /\{\{\s*\w+\s*\}\}/.test(button.url);
    if (!isUrl && button.kind !== "copy_code") return [];
    return [{ key: `${path}button.${index}`, part: "button", card, name: button.text, index, buttonKind: isUrl ? "url" : "copy_code" }];
  });
  const media: Place[] = mediaKinds.some((kind) => kind === header?.kind)
    ? [{ key: `${path}media`, part: "media", card, name: header?.kind ?? "", index: 0 }]
    : [];
  const location = header?.kind === "location" ? locationNames : [];
  return [
    ...media,
    ...location.map((name, index): Place => ({
      key: `${path}location.${name}`,
      part: "location",
      card,
      name,
      index,
      isOptional: index > 1,
    })),
    ...inText("header", header?.kind === "text" ? header.text : null),
    ...inText("body", body),
    ...inButtons,
  ];
}

/** Why this picker has no fields for it; null where it has. */
export function whyNotFillable(template: Template): TextKey | null {
  const parts: Part[] = [template, ...template.cards];
  const known = new Set<string>(["text", "location", ...mediaKinds]);
  if (template.unrecognised.length > 0) return "template_why_unknown";
  if (parts.some(({ header }) => header !== null && !known.has(header.kind))) return "template_why_header";
  if (parts.some(({ buttons }) => buttons.some(({ kind }) => noFields.has(kind)))) return "template_why_products";
  return null;
}

/** What is wrong with what was written there; null when nothing is. Meta's own rules (`core/template-check.ts`). */
export function faultOf(place: Place, value: string, nowMs: number): TextKey | null {
  const isEmpty = value.trim() === "";
  if (isEmpty) return place.isOptional === true ? null : "template_missing";
  if (place.part === "offer") return Date.parse(value) > nowMs ? null : "send_at_past";
  if (place.part === "location" && place.index < 2) {
    const bound = place.name === "latitude" ? 90 : 180;
    return Math.abs(Number(value)) <= bound ? null : "template_not_number";
  }
  if (place.buttonKind === "copy_code" && value.trim().length > couponCharsMax) return "template_code_long";
  return / {5}|\t/.test(value) ? "template_spaces" : null;
}

const couponCharsMax = 20;

export function messageOf(template: Template, filled: FilledIn, mediaIds: MediaIds): OutgoingTemplate {
  const { name, language, cards } = template;
  const isNamed = template.parameterFormat === "named";
  const places = placesOf(template);
  const of = (card: number | null) =>
    partOf(
      places.filter((place) => place.card === card),
      { isNamed, filled, mediaIds },
    );
  const filledCards = cards.map((_, at) => of(at));
  const offer = filled["offer"];
  return {
    type: "template",
    name,
    language,
    ...of(null),
    ...(filledCards.some((card) => Object.keys(card).length > 0) ? { cards: filledCards } : {}),
    ...(offer === undefined || offer === "" ? {} : { limitedTimeOffer: { expiresAtMs: Date.parse(offer) } }),
  };
}

function partOf(places: readonly Place[], given: { isNamed: boolean; filled: FilledIn; mediaIds: MediaIds }): Message {
  const { isNamed, filled, mediaIds } = given;
  const valueOf = (place: Place): string => (filled[place.key] ?? "").trim();
  const parameter = (place: Place) => ({ type: "text" as const, ...(isNamed ? { name: place.name } : {}), text: valueOf(place) });
  const body = places.filter(({ part }) => part === "body").map(parameter);
  const buttons = places.flatMap((place): TemplateButton[] => {
    const { index, buttonKind } = place;
    if (buttonKind === "url") return [{ type: "url", index, text: valueOf(place) }];
    return buttonKind === "copy_code" ? [{ type: "copy_code", index, couponCode: valueOf(place) }] : [];
  });
  const header = headerOf(places, { parameter, valueOf, mediaIds });
  return {
    ...(header === null ? {} : { header }),
    ...(body.length === 0 ? {} : { body }),
    ...(buttons.length === 0 ? {} : { buttons }),
  };
}

function headerOf(
  places: readonly Place[],
  by: { parameter: (place: Place) => TemplateHeader; valueOf: (place: Place) => string; mediaIds: MediaIds },
): TemplateHeader | null {
  const text = places.find(({ part }) => part === "header");
  if (text !== undefined) return by.parameter(text);
  const media = places.find(({ part }) => part === "media");
  const kind = mediaKinds.find((one) => one === media?.name);
  const mediaId = media === undefined ? undefined : by.mediaIds[media.key];
  if (kind !== undefined && mediaId !== undefined) return { type: kind, media: { mediaId } };
  const values = new Map(places.filter(({ part }) => part === "location").map((place) => [place.name, by.valueOf(place)]));
  const [latitude, longitude] = [values.get("latitude"), values.get("longitude")];
  if (latitude === undefined || longitude === undefined) return null;
  const words = ["name", "address"].flatMap((name) => {
    const value = values.get(name) ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  return { type: "location", latitude: Number(latitude), longitude: Number(longitude), ...Object.fromEntries(words) };
}

/** As the customer will read it; what is still empty stays as it is. */
export function filledText(text: string, part: "header" | "body", filled: FilledIn): string {
  return text.replaceAll(placeholder, (whole, name: string) => filled[`${part}.${name}`] || whole);
}

/** What is filled in on one card, under the keys of a template without cards. */
export function filledOnCard(filled: FilledIn, card: number): FilledIn {
  const path = pathOf(card);
  return Object.fromEntries(
    Object.entries(filled).flatMap(([key, value]) => (key.startsWith(path) ? [[key.slice(path.length), value]] : [])),
  );
}

function pathOf(card: number | null): string {
  return card === null ? "" : `card.${card}.`;
}
