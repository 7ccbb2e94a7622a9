/** Interactive messages that can be sent: what the customer may tap. Meta's word for each is its `subtype`. */
import { Type, type Static, type TProperties } from "typebox";
import { limits } from "../limits.ts";
import { AnyJson, OneOf, Text } from "./json.ts";
import { Closed, Link, MediaRef } from "./outgoing-media.ts";

const TextHeader = Closed({ type: Type.Literal("text"), text: Text({ maxLength: limits.metaHeaderCharsMax }) });
const ImageHeader = Closed({ type: Type.Literal("image"), media: MediaRef });
const VideoHeader = Closed({ type: Type.Literal("video"), media: MediaRef });
const DocumentHeader = Closed({
  type: Type.Literal("document"),
  media: MediaRef,
  filename: Type.Optional(Text({ maxLength: limits.metaFilenameCharsMax })),
});
const AnyHeader = Type.Union([TextHeader, ImageHeader, VideoHeader, DocumentHeader]);

const Body = Text({ maxLength: limits.metaBodyCharsMax });
const Footer = Type.Optional(Text({ maxLength: limits.metaHeaderCharsMax }));
const ButtonTitle = Text({ maxLength: limits.metaButtonTitleCharsMax });
const SectionTitle = Type.Optional(
  Text({ maxLength: limits.metaRowTitleCharsMax, description: "Needed where there are several sections" }),
);
const CatalogId = Text();
const ProductRetailerId = Text();

const ReplyButton = Closed({ id: Text({ maxLength: limits.metaButtonIdCharsMax }), title: ButtonTitle });
const ReplyButtons = Closed({ buttons: Type.Array(ReplyButton, { minItems: 1, maxItems: limits.metaButtonsMax }) });
const LinkButton = Closed({ displayText: ButtonTitle, url: Link });
const Product = Closed({ catalogId: CatalogId, productRetailerId: ProductRetailerId });

const Row = Closed({
  id: Text({ maxLength: limits.metaRowIdCharsMax }),
  title: Text({ maxLength: limits.metaRowTitleCharsMax }),
  description: Type.Optional(Text({ maxLength: limits.metaRowDescriptionCharsMax })),
});
const Rows = Closed({ title: SectionTitle, rows: Type.Array(Row, { minItems: 1, maxItems: limits.metaListRowsMax }) });

export const ProductSection = Closed({
  title: SectionTitle,
  productRetailerIds: Type.Array(ProductRetailerId, { minItems: 1, maxItems: limits.metaProductsMax }),
});

const Flow = Closed({
  flowId: Type.Optional(Text({ description: "This or `flowName`" })),
  flowName: Type.Optional(Text()),
  flowCta: ButtonTitle,
  flowToken: Type.Optional(Text()),
  mode: Type.Optional(OneOf(["published", "draft"])),
  flowAction: Type.Optional(OneOf(["navigate", "data_exchange"])),
  flowActionPayload: Type.Optional(Closed({ screen: Type.Optional(Text()), data: Type.Optional(AnyJson) })),
});

const AddressField = Type.Optional(Text());
const AddressValues = Closed({
  name: AddressField,
  phoneNumber: AddressField,
  inPinCode: AddressField,
  houseNumber: AddressField,
  floorNumber: AddressField,
  towerNumber: AddressField,
  buildingName: AddressField,
  address: AddressField,
  landmarkArea: AddressField,
  city: AddressField,
  state: AddressField,
});
const Address = Closed({
  country: OneOf(["IN"], { description: "Meta asks for addresses in India only" }),
  values: Type.Optional(AddressValues),
  savedAddresses: Type.Optional(
    Type.Array(Closed({ id: Text(), value: AddressValues }), { minItems: 1, maxItems: limits.metaContactEntriesMax }),
  ),
  validationErrors: Type.Optional(AddressValues),
});

/** A picture or a film with a link or replies, or a product of the catalogue; all cards of one message are of one kind. */
const Card = Type.Union([
  Closed({
    type: Type.Literal("link"),
    header: Type.Union([ImageHeader, VideoHeader]),
    body: Type.Optional(Body),
    action: LinkButton,
  }),
  Closed({
    type: Type.Literal("replies"),
    header: Type.Union([ImageHeader, VideoHeader]),
    body: Type.Optional(Body),
    action: ReplyButtons,
  }),
  Closed({ type: Type.Literal("product"), action: Product }),
]);

function Interactive<const Subtype extends string, Properties extends TProperties>(subtype: Subtype, properties: Properties) {
  return Closed({ type: Type.Literal("interactive"), subtype: Type.Literal(subtype), ...properties });
}

export const OutgoingInteractive = Type.Union([
  Interactive("button", { header: Type.Optional(AnyHeader), body: Body, footer: Footer, action: ReplyButtons }),
  Interactive("list", {
    header: Type.Optional(TextHeader),
    body: Text({ maxLength: limits.metaListBodyCharsMax }),
    footer: Footer,
    action: Closed({
      button: ButtonTitle,
      sections: Type.Array(Rows, {
        minItems: 1,
        maxItems: limits.metaListSectionsMax,
        description: `With at most ${limits.metaListRowsMax} rows together`,
      }),
    }),
  }),
  Interactive("cta_url", { header: Type.Optional(AnyHeader), body: Body, footer: Footer, action: LinkButton }),
  Interactive("flow", { header: Type.Optional(AnyHeader), body: Body, footer: Footer, action: Flow }),
  Interactive("location_request_message", { body: Body, footer: Footer }),
  Interactive("address_message", { header: Type.Optional(TextHeader), body: Body, footer: Footer, action: Address }),
  Interactive("product", { body: Type.Optional(Body), footer: Footer, action: Product }),
  Interactive("product_list", {
    header: TextHeader,
    body: Body,
    footer: Footer,
    action: Closed({
      catalogId: CatalogId,
      sections: Type.Array(ProductSection, {
        minItems: 1,
        maxItems: limits.metaProductSectionsMax,
        description: `With at most ${limits.metaProductsMax} products together`,
      }),
    }),
  }),
  Interactive("catalog_message", {
    body: Type.Optional(Body),
    footer: Footer,
    action: Type.Optional(Closed({ thumbnailProductRetailerId: ProductRetailerId })),
  }),
  Interactive("carousel", {
    body: Body,
    action: Closed({ cards: Type.Array(Card, { minItems: limits.metaCardsMin, maxItems: limits.metaCardsMax }) }),
  }),
  Interactive("call_permission_request", { body: Type.Optional(Body), footer: Footer }),
  Interactive("voice_call", {
    header: Type.Optional(AnyHeader),
    body: Body,
    footer: Footer,
    action: Type.Optional(
      Closed({
        displayText: Type.Optional(ButtonTitle),
        ttlMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.metaCallTtlMinutesMax })),
        payload: Type.Optional(Text({ maxLength: limits.metaCallPayloadCharsMax })),
      }),
    ),
  }),
  Interactive("request_contact_info", { body: Body, footer: Footer }),
]);
export type OutgoingInteractive = Static<typeof OutgoingInteractive>;
