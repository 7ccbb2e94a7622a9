/** A message made of an approved template: the name, the language, and what is filled in. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, Text } from "./json.ts";
import { ProductSection } from "./outgoing-interactive.ts";
import { Closed, MediaRef } from "./outgoing-media.ts";

/** `name` where the template's parameters are named; else their order counts. Either all are named or none. */
const ParameterName = Type.Optional(Text({ description: "Of a named parameter" }));

const TextParameter = Closed({
  type: Type.Literal("text"),
  name: ParameterName,
  text: Text({ maxLength: limits.metaTemplateTextCharsMax }),
});
const CurrencyParameter = Closed({
  type: Type.Literal("currency"),
  name: ParameterName,
  code: Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
  amount1000: Type.Integer({ description: "The amount, times 1,000" }),
  fallbackValue: Text(),
});
const DateTimeParameter = Closed({ type: Type.Literal("date_time"), name: ParameterName, fallbackValue: Text() });

const HeaderText = Closed({ type: Type.Literal("text"), name: ParameterName, text: Text({ maxLength: limits.metaHeaderCharsMax }) });
const Filename = Type.Optional(Text({ maxLength: limits.metaFilenameCharsMax }));

export const TemplateHeader = Type.Union([
  HeaderText,
  CurrencyParameter,
  DateTimeParameter,
  Closed({ type: Type.Literal("image"), media: MediaRef }),
  Closed({ type: Type.Literal("video"), media: MediaRef }),
  Closed({ type: Type.Literal("document"), media: MediaRef, filename: Filename }),
  Closed({
    type: Type.Literal("location"),
    latitude: Type.Number({ minimum: -90, maximum: 90 }),
    longitude: Type.Number({ minimum: -180, maximum: 180 }),
    name: Type.Optional(Text({ maxLength: limits.metaPlaceCharsMax })),
    address: Type.Optional(Text({ maxLength: limits.metaPlaceCharsMax })),
  }),
  Closed({ type: Type.Literal("product"), catalogId: Text(), productRetailerId: Text() }),
]);
export type TemplateHeader = Static<typeof TemplateHeader>;

export const TemplateParameter = Type.Union([TextParameter, CurrencyParameter, DateTimeParameter]);
export type TemplateParameter = Static<typeof TemplateParameter>;

/** The button's place in the template, from 0; buttons without anything to fill in are left out. */
const index = Type.Integer({ minimum: 0, maximum: limits.metaTemplateButtonsMax - 1 });
const Payload = Text({ maxLength: limits.metaTemplatePayloadCharsMax });

export const TemplateButton = Type.Union([
  Closed({ type: Type.Literal("quick_reply"), index, payload: Payload }),
  Closed({
    type: Type.Literal("url"),
    index,
    text: Text({ maxLength: limits.metaLinkCharsMax, description: "The address's variable end" }),
  }),
  Closed({ type: Type.Literal("copy_code"), index, couponCode: Text({ maxLength: limits.metaCouponCharsMax }) }),
  Closed({ type: Type.Literal("flow"), index, flowToken: Type.Optional(Text()), flowActionData: Type.Optional(AnyJson) }),
  Closed({ type: Type.Literal("catalog"), index, thumbnailProductRetailerId: Type.Optional(Text()) }),
  Closed({
    type: Type.Literal("mpm"),
    index,
    thumbnailProductRetailerId: Text(),
    sections: Type.Array(ProductSection, { minItems: 1, maxItems: limits.metaProductSectionsMax }),
  }),
  Closed({
    type: Type.Literal("voice_call"),
    index,
    ttlMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.metaCallTtlMinutesMax })),
    payload: Type.Optional(Payload),
  }),
]);
export type TemplateButton = Static<typeof TemplateButton>;

const filled = {
  header: Type.Optional(TemplateHeader),
  body: Type.Optional(Type.Array(TemplateParameter, { minItems: 1, maxItems: limits.metaTemplateParametersMax })),
  buttons: Type.Optional(Type.Array(TemplateButton, { minItems: 1, maxItems: limits.metaTemplateButtonsMax })),
};

export const OutgoingTemplate = Closed({
  type: Type.Literal("template"),
  name: Text(),
  language: Type.String({ pattern: "^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}$", description: "Meta's code, e.g. en_US" }),
  ...filled,
  /** Of a carousel template, in their order. */
  cards: Type.Optional(Type.Array(Closed(filled), { minItems: 1, maxItems: limits.metaCardsMax })),
  limitedTimeOffer: Type.Optional(
    Closed({ expiresAtMs: Type.Integer({ minimum: 0, maximum: 8.64e15, description: "Milliseconds since 1970" }) }),
  ),
  tapTarget: Type.Optional(Closed({ url: Text({ maxLength: limits.metaLinkCharsMax }), title: Text() })),
});
export type OutgoingTemplate = Static<typeof OutgoingTemplate>;
