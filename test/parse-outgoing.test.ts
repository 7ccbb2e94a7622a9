import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../src/limits.ts";
import { parseOutgoing, type OutgoingError } from "../src/services/whatsapp/graph/parse-outgoing.ts";

type Body = Record<string, unknown>;
const whatsapp = { messaging_product: "whatsapp", to: "+972501234567" };
const contentOf = (body: Body): unknown => {
  const parsed = parseOutgoing({ ...whatsapp, ...body });
  assert.ok(parsed.kind === "message", JSON.stringify(parsed));
  return parsed.content;
};
const errorOf = (body: unknown): OutgoingError => {
  const parsed = parseOutgoing(body);
  assert.ok(parsed.kind === "invalid", JSON.stringify(parsed));
  return parsed.error;
};
const refused = (body: Body): [number, string, string] => {
  const { code, field, details } = errorOf({ ...whatsapp, ...body });
  return [code, field, details];
};
const interactive = (more: Body): Body => ({ type: "interactive", interactive: { body: { text: "b" }, ...more } });

test("whatsapp-api-js: contacts come as a text, an index as a number, recipient beside to", () => {
  const contacts = JSON.stringify([{ name: { formatted_name: "A B", first_name: "A" }, phones: [{ phone: "+1555" }] }]);
  const body = { messaging_product: "whatsapp", recipient_type: "individual", to: "972501234567", type: "contacts", contacts };
  assert.deepEqual(parseOutgoing({ ...body, recipient: "US.123", context: { message_id: "wamid.Q" }, biz_opaque_callback_data: "mine" }), {
    kind: "message",
    to: { phone: "972501234567", userId: "US.123" },
    content: { type: "contacts", contacts: [{ name: { formattedName: "A B", firstName: "A" }, phones: [{ phone: "+1555" }] }] },
    replyTo: "wamid.Q",
    callback: "mine",
  });
  const template = {
    language: { policy: "deterministic", code: "en_US" },
    name: "offer",
    components: [
      { type: "header", parameters: [{ type: "location", location: { longitude: 34.8, latitude: 32.1, name: "n", address: "a" } }] },
      { type: "body", parameters: [{ type: "currency", currency: { amount_1000: 1000, code: "EUR", fallback_value: "1 €" } }] },
      { type: "button", sub_type: "copy_code", parameters: [{ type: "coupon_code", coupon_code: "SAVE" }], index: 0 },
      {
        type: "button",
        sub_type: "mpm",
        index: 1,
        parameters: [
          {
            type: "action",
            action: { thumbnail_product_retailer_id: "p1", sections: [{ title: "S", product_items: [{ product_retailer_id: "p1" }] }] },
          },
        ],
      },
      {
        type: "carousel",
        cards: [{ components: [{ type: "header", parameters: [{ type: "image", image: { link: "https://a.example" } }] }], card_index: 0 }],
      },
      {
        type: "limited_time_offer",
        parameters: [{ type: "limited_time_offer", limited_time_offer: { expiration_time_ms: 1800000000000 } }],
      },
      {
        type: "tap_target_configuration",
        parameters: [{ type: "tap_target_configuration", tap_target_configuration: { title: "t", url: "https://t.example" } }],
      },
    ],
  };
  assert.deepEqual(contentOf({ type: "template", template }), {
    type: "template",
    name: "offer",
    language: "en_US",
    header: { type: "location", latitude: 32.1, longitude: 34.8, name: "n", address: "a" },
    body: [{ type: "currency", amount1000: 1000, code: "EUR", fallbackValue: "1 €" }],
    buttons: [
      { type: "copy_code", index: 0, couponCode: "SAVE" },
      { type: "mpm", index: 1, thumbnailProductRetailerId: "p1", sections: [{ title: "S", productRetailerIds: ["p1"] }] },
    ],
    cards: [{ header: { type: "image", media: { link: "https://a.example" } } }],
    limitedTimeOffer: { expiresAtMs: 1_800_000_000_000 },
    tapTarget: { title: "t", url: "https://t.example" },
  });
  assert.deepEqual(contentOf(interactive({ type: "catalog_message", action: { name: "catalog_message" } })), {
    type: "interactive",
    subtype: "catalog_message",
    body: "b",
  });
});

test("@kapso/whatsapp-cloud-api: words, numbers and parameters as it posts them", () => {
  assert.deepEqual(
    contentOf(
      interactive({ type: "location_request_message", action: { name: "send_location", parameters: { request_message: "where" } } }),
    ),
    { type: "interactive", subtype: "location_request_message", body: "b" },
  );
  assert.deepEqual(contentOf({ type: "reaction", reaction: { message_id: "wamid.1" } }), {
    type: "reaction",
    waMessageId: "wamid.1",
    emoji: "",
  });
  const components = [
    { type: "body", parameters: [{ type: "text", text: "Ada", parameter_name: "n" }] },
    { type: "button", sub_type: "phone_number", index: 0 },
    { type: "button", sub_type: "flow", index: "1" },
    { type: "button", sub_type: "url", index: 2, parameters: [{ type: "text", text: 77 }] },
  ];
  assert.deepEqual(contentOf({ type: "template", template: { name: "t", language: { code: "he" }, components } }), {
    type: "template",
    name: "t",
    language: "he",
    body: [{ type: "text", name: "n", text: "Ada" }],
    buttons: [
      { type: "flow", index: 1 },
      { type: "url", index: 2, text: "77" },
    ],
  });
  assert.deepEqual(contentOf(interactive({ type: "catalog_message", action: { name: "catalog_message", parameters: {} } })), {
    type: "interactive",
    subtype: "catalog_message",
    body: "b",
  });
});

test("@great-detail/whatsapp: empty lists, a named policy and a namespace say nothing", () => {
  const contacts = [{ addresses: [], emails: [], urls: [], name: { formatted_name: "A" } }];
  assert.deepEqual(contentOf({ recipient_type: "individual", type: "contacts", contacts }), {
    type: "contacts",
    contacts: [{ name: { formattedName: "A" } }],
  });
  const template = { name: "t", namespace: "n", language: { policy: "deterministic", code: "he" }, components: [] };
  assert.deepEqual(contentOf({ type: "template", template }), { type: "template", name: "t", language: "he" });
});

test("A text needs no type and no kind of receiver; numbers may be texts and texts numbers; words may be capitals", () => {
  assert.deepEqual(contentOf({ text: { body: "b" }, preview_url: "true" }), { type: "text", body: "b", previewUrl: true });
  assert.deepEqual(contentOf({ text: { body: 12, preview_url: "false" } }), { type: "text", body: "12", previewUrl: false });
  assert.deepEqual(contentOf({ type: "LOCATION", location: { latitude: "1.5", longitude: 2 } }), {
    type: "location",
    latitude: 1.5,
    longitude: 2,
  });
  const components = [
    { type: "BODY", parameters: [{ type: "TEXT", text: "x" }] },
    { type: "BUTTON", sub_type: "QUICK_REPLY", index: "0", parameters: [{ type: "PAYLOAD", payload: "p" }] },
  ];
  assert.deepEqual(contentOf({ type: "template", template: { name: "t", language: { code: "he" }, components } }), {
    type: "template",
    name: "t",
    language: "he",
    body: [{ type: "text", text: "x" }],
    buttons: [{ type: "quick_reply", index: 0, payload: "p" }],
  });
  assert.deepEqual(
    contentOf(
      interactive({ type: "button", footer: { text: "" }, action: { buttons: [{ type: "reply", reply: { id: 1, title: "Yes" } }] } }),
    ),
    {
      type: "interactive",
      subtype: "button",
      body: "b",
      action: { buttons: [{ id: "1", title: "Yes" }] },
    },
  );
});

test("A receiver is a phone in any writing, a user id, or a group", () => {
  const to = (more: Body): unknown => {
    const parsed = parseOutgoing({ messaging_product: "whatsapp", text: { body: "b" }, ...more });
    return parsed.kind === "message" ? parsed.to : parsed;
  };
  const phone = { phone: "972501234567", userId: null };
  for (const writing of ["+972501234567", "972501234567", 972501234567, "+972 (50) 123-4567"]) assert.deepEqual(to({ to: writing }), phone);
  assert.deepEqual(to({ recipient: "US.80214467730951" }), { phone: null, userId: "US.80214467730951" });
  assert.deepEqual(to({ recipient_type: "group", to: "g1@g.us" }), { groupId: "g1@g.us" });
  const { code, details } = errorOf({ messaging_product: "whatsapp", to: "US.80214467730951", text: { body: "b" } });
  assert.deepEqual([code, details.endsWith("a user id belongs into recipient")], [131_009, true]);
});

test("A file is Meta's by its digits, ours by the form of its id, or a link", () => {
  const image = (image: Body): unknown => contentOf({ type: "image", image });
  const ours = "018f0000-0000-7000-8000-000000000001";
  assert.deepEqual(image({ id: "611" }), { type: "image", media: { waMediaId: "611" } });
  assert.deepEqual(image({ id: 611 }), { type: "image", media: { waMediaId: "611" } });
  assert.deepEqual(image({ id: ours.toUpperCase(), caption: "" }), { type: "image", media: { mediaId: ours } });
  assert.deepEqual(image({ link: "https://a.example/i" }), { type: "image", media: { link: "https://a.example/i" } });
  assert.deepEqual(refused({ type: "image", image: {} }), [131_008, "image", "Parameter image is missing"]);
  assert.equal(refused({ type: "image", image: { id: "1", link: "https://a.example" } })[0], 131_009);
});

test("A read receipt names a message, with or without the sign that somebody writes", () => {
  const read = { messaging_product: "whatsapp", status: "read", message_id: "wamid.A" };
  assert.deepEqual(parseOutgoing(read), { kind: "read", waMessageId: "wamid.A", typing: false });
  assert.deepEqual(parseOutgoing({ ...read, typing_indicator: { type: "text" } }), { kind: "read", waMessageId: "wamid.A", typing: true });
  assert.equal(errorOf({ ...read, message_id: undefined }).message, "(#100) The parameter message_id is required.");
  assert.equal(errorOf({ ...read, status: "delivered" }).code, 100);
  assert.equal(errorOf({ ...read, typing_indicator: { type: "audio" } }).field, "typing_indicator['type']");
  assert.match(errorOf({ ...read, to: "1" }).details, /Unexpected key "to"/);
});

test("Errors are Meta's: the code, the words, and the parameter by Meta's own name", () => {
  assert.deepEqual(errorOf({ to: "1", text: { body: "b" } }), {
    code: 100,
    field: "messaging_product",
    message: "(#100) The parameter messaging_product is required.",
    details: "Parameter messaging_product is missing",
  });
  assert.equal(errorOf({ messaging_product: "whatsapp", text: { body: "b" } }).message, "(#100) The parameter to is required.");
  assert.match(
    errorOf({ ...whatsapp, type: "poll", poll: {} }).message,
    /^\(#100\) Param type must be one of \{TEXT, .*\} - got "poll"\.$/,
  );
  assert.deepEqual(refused({ type: "template" }), [131_008, "template", "Parameter 'template' is mandatory for type 'template'"]);
  assert.equal(errorOf({ ...whatsapp, text: {} }).message, "(#131008) Required parameter is missing");
  assert.deepEqual(refused({ text: {} }), [131_008, "text['body']", "Parameter text['body'] is missing"]);
  assert.deepEqual(errorOf({ ...whatsapp, text: { body: "x".repeat(4_097) } }), {
    code: 100,
    field: "text['body']",
    message: "(#100) Param text['body'] must be at most 4096 characters long.",
    details: "Param text['body'] must be at most 4096 characters long.",
  });
  assert.deepEqual(refused({ text: { body: "b", foo: 1 } }), [100, "text", 'Unexpected key "foo" on param "text".']);
  assert.deepEqual(refused({ text: { body: "b" }, ttl: 30 }), [100, "ttl", 'Unexpected key "ttl" on param "messages".']);
  assert.deepEqual(refused({ text: { body: "b" }, image: { id: "1" } })[0], 100);
  assert.deepEqual(refused({ text: [] }), [131_009, "text", "Param text must be an object"]);
  assert.deepEqual(errorOf([]).details, "the body must be a JSON object");
});

test("A fault deep inside is told by the path that the client wrote", () => {
  const buttons = (count: number, id = (index: number): string => `b${index}`): Body =>
    interactive({
      type: "button",
      action: { buttons: Array.from({ length: count }, (_, index) => ({ type: "reply", reply: { id: id(index), title: `T${index}` } })) },
    });
  assert.deepEqual(refused(buttons(4)), [
    131_009,
    "interactive['action']['buttons'][3]",
    "Param interactive['action']['buttons'][3] at most 3 buttons, 4 were given",
  ]);
  assert.deepEqual(refused(buttons(2, () => "same")), [
    131_009,
    "interactive['action']['buttons'][1]['reply']['id']",
    "Param interactive['action']['buttons'][1]['reply']['id'] is the same as interactive['action']['buttons'][0]['reply']['id']",
  ]);
  assert.deepEqual(
    refused(interactive({ type: "button", action: { buttons: [{ type: "url", reply: { id: "1", title: "T" } }] } }))[1],
    "interactive['action']['buttons'][0]['type']",
  );
  assert.deepEqual(
    refused(
      interactive({
        type: "cta_url",
        action: { name: "cta_url", parameters: { display_text: "Go", url: "https://a.example", colour: 1 } },
      }),
    ),
    [100, "interactive['action']['parameters']", `Unexpected key "colour" on param "interactive['action']['parameters']".`],
  );
  assert.deepEqual(
    refused(interactive({ type: "product", header: { type: "text", text: "h" }, action: { catalog_id: "c", product_retailer_id: "p" } })),
    [100, "interactive", 'Unexpected key "header" on param "interactive".'],
  );
  assert.deepEqual(refused(interactive({ type: "poll" }))[1], "interactive['type']");
  const template = (components: unknown): [number, string, string] =>
    refused({ type: "template", template: { name: "t", language: { code: "he" }, components } });
  assert.equal(template([{ type: "body", parameters: [{ type: "text" }] }])[1], "template['components'][0]['parameters'][0]['text']");
  assert.equal(template([{ type: "footer" }])[1], "template['components'][0]['type']");
  assert.equal(
    template([{ type: "button", sub_type: "quick_reply", index: "12", parameters: [{ type: "payload", payload: "p" }] }])[1],
    "template['components'][0]['index']",
  );
  assert.equal(template([{ type: "button", sub_type: "quick_reply", index: "0" }])[0], 131_008);
  assert.equal(refused({ type: "template", template: { name: "t" } })[1], "template['language']['code']");
});

test("A caller's own value may have 512 characters", () => {
  const body = { ...whatsapp, text: { body: "b" } };
  const most = "x".repeat(limits.metaCallbackCharsMax);
  const parsed = parseOutgoing({ ...body, biz_opaque_callback_data: most });
  assert.equal(parsed.kind === "message" && parsed.callback, most);
  assert.equal(errorOf({ ...body, biz_opaque_callback_data: `${most}x` }).field, "biz_opaque_callback_data");
});

test("Whatever is posted, the answer is one of three, and a fault names a field and says something", () => {
  const word = fc.constantFrom("text", "template", "interactive", "contacts", "image", "button", "list", "carousel", "body", "url");
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    word,
    fc.array(fc.dictionary(fc.constantFrom("type", "parameters", "cards", "components", "sub_type"), fc.oneof(word, fc.jsonValue()))),
  );
  const body = fc.dictionary(
    fc.constantFrom("type", "to", "text", "image", "template", "interactive", "contacts", "context", "status", "recipient_type"),
    value,
  );
  fc.assert(
    fc.property(
      body,
      fc.dictionary(fc.constantFrom("type", "action", "components", "body", "name", "language", "header"), value),
      (posted, inner) => {
        for (const type of ["template", "interactive", "text"]) {
          const parsed = parseOutgoing({ ...whatsapp, ...posted, type, [type]: inner });
          if (parsed.kind === "invalid") assert.ok(parsed.error.details !== "" && /^\(#\d+\) /.test(parsed.error.message));
        }
        parseOutgoing(posted);
      },
    ),
    { numRuns: 500 },
  );
});
