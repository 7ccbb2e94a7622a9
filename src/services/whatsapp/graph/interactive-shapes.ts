/** Interactive messages, ours beside Meta's. */
import { boxed, choice, json, list, media, number, record, text, type Shape, type Table } from "./shape.ts";

const header: Shape = choice(
  {
    text: record({ ours: { type: "text" }, constants: { type: "text" }, fields: { text: ["text", text] }, ignored: ["sub_text"] }),
    image: mediaHeader("image"),
    video: mediaHeader("video"),
    document: record({
      ours: { type: "document" },
      constants: { type: "document" },
      fields: { media: ["document", media("document")], filename: ["document.filename", text] },
    }),
  },
  { ours: ({ type }) => type, theirs: ({ type }) => type, key: "type" },
);

function mediaHeader(kind: "image" | "video"): Shape {
  return record({ ours: { type: kind }, constants: { type: kind }, fields: { media: [kind, media(kind)] } });
}

const replyButtons = list(record({ fields: { id: ["reply.id", text], title: ["reply.title", text] }, constants: { type: "reply" } }));
const cardButtons = list(
  record({ fields: { id: ["quick_reply.id", text], title: ["quick_reply.title", text] }, constants: { type: "quick_reply" } }),
);
const row = record({ fields: { id: ["id", text], title: ["title", text], description: ["description", text] } });
const product = record({ fields: { catalogId: ["catalog_id", text], productRetailerId: ["product_retailer_id", text] } });
const link = record({
  fields: { displayText: ["parameters.display_text", text], url: ["parameters.url", text] },
  constants: { name: "cta_url" },
});

export const productSections = list(
  record({ fields: { title: ["title", text], productRetailerIds: ["product_items", list(boxed("product_retailer_id", text))] } }),
);

const addressValues = record({
  fields: {
    name: ["name", text],
    phoneNumber: ["phone_number", text],
    inPinCode: ["in_pin_code", text],
    houseNumber: ["house_number", text],
    floorNumber: ["floor_number", text],
    towerNumber: ["tower_number", text],
    buildingName: ["building_name", text],
    address: ["address", text],
    landmarkArea: ["landmark_area", text],
    city: ["city", text],
    state: ["state", text],
  },
});

/** A card with replies bears Meta's word of a card with a link; only its action tells. */
const card = choice(
  {
    link: mediaCard("link", link),
    replies: mediaCard("replies", record({ fields: { buttons: ["buttons", cardButtons] } })),
    product: record({ ours: { type: "product" }, constants: { type: "product" }, fields: { action: ["action", product] } }),
  },
  {
    ours: ({ type }) => type,
    theirs: ({ type, action }) => (type === "product" ? "product" : isWithButtons(action) ? "replies" : "link"),
    key: "type",
  },
);

function mediaCard(type: "link" | "replies", action: Shape): Shape {
  const cardHeader = choice(
    { image: mediaHeader("image"), video: mediaHeader("video") },
    { ours: (value) => value["type"], theirs: (wire) => wire["type"], key: "type" },
  );
  const fields = { header: ["header", cardHeader], body: ["body.text", text], action: ["action", action] } as const;
  return record({ ours: { type }, constants: { type: "cta_url" }, fields });
}

function isWithButtons(action: unknown): boolean {
  return typeof action === "object" && action !== null && "buttons" in action;
}

/** By Meta's word, which is our `subtype`. */
const actions: Readonly<Record<string, Shape>> = {
  button: record({ fields: { buttons: ["buttons", replyButtons] } }),
  list: record({
    fields: {
      button: ["button", text],
      sections: ["sections", list(record({ fields: { title: ["title", text], rows: ["rows", list(row)] } }))],
    },
  }),
  cta_url: link,
  flow: record({
    fields: {
      flowId: ["parameters.flow_id", text],
      flowName: ["parameters.flow_name", text],
      flowCta: ["parameters.flow_cta", text],
      flowToken: ["parameters.flow_token", text],
      mode: ["parameters.mode", text],
      flowAction: ["parameters.flow_action", text],
      flowActionPayload: ["parameters.flow_action_payload", record({ fields: { screen: ["screen", text], data: ["data", json] } })],
    },
    constants: { name: "flow", "parameters.flow_message_version": "3" },
  }),
  address_message: record({
    fields: {
      country: ["parameters.country", text],
      values: ["parameters.values", addressValues],
      savedAddresses: ["parameters.saved_addresses", list(record({ fields: { id: ["id", text], value: ["value", addressValues] } }))],
      validationErrors: ["parameters.validation_errors", addressValues],
    },
    constants: { name: "address_message" },
  }),
  product,
  product_list: record({ fields: { catalogId: ["catalog_id", text], sections: ["sections", productSections] } }),
  carousel: record({ fields: { cards: ["cards", list(card, { position: "card_index" })] } }),
};

/** Actions that say nothing but their name, or little else; `ignored` is what clients add. */
const named: Readonly<Record<string, Table>> = {
  location_request_message: { fields: {}, constants: { "action.name": "send_location" }, ignored: ["action.parameters"] },
  call_permission_request: { fields: {}, constants: { "action.name": "call_permission_request" }, ignored: ["action.parameters"] },
  request_contact_info: { fields: {}, constants: { "action.name": "request_contact_info" } },
  catalog_message: {
    fields: {
      action: ["action.parameters", orNothing(record({ fields: { thumbnailProductRetailerId: ["thumbnail_product_retailer_id", text] } }))],
    },
    constants: { "action.name": "catalog_message" },
  },
  voice_call: {
    fields: {
      action: [
        "action.parameters",
        record({ fields: { displayText: ["display_text", text], ttlMinutes: ["ttl_minutes", number], payload: ["payload", text] } }),
      ],
    },
    constants: { "action.name": "voice_call" },
  },
};

/** An object without fields is none. */
function orNothing(shape: Shape): Shape {
  return {
    write: shape.write,
    read(wire, at, notes) {
      const value = shape.read(wire, at, notes);
      return typeof value === "object" && value !== null && Object.keys(value).length === 0 ? undefined : value;
    },
  };
}

function interactiveShape(subtype: string, { fields, constants = {}, ignored = [] }: Table): Shape {
  return record({
    ours: { type: "interactive", subtype },
    fields: { header: ["header", header], body: ["body.text", text], footer: ["footer.text", text], ...fields },
    constants: { type: subtype, ...constants },
    ignored,
  });
}

/** What stands under `interactive`. */
export const interactive: Shape = choice(
  Object.fromEntries<Shape>([
    ...Object.entries(actions).map(([subtype, action]): [string, Shape] => [
      subtype,
      interactiveShape(subtype, { fields: { action: ["action", action] } }),
    ]),
    ...Object.entries(named).map(([subtype, table]): [string, Shape] => [subtype, interactiveShape(subtype, table)]),
  ]),
  { ours: ({ subtype }) => subtype, theirs: ({ type }) => type, key: "type" },
);
