import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OutgoingContent } from "../src/contract/outgoing.ts";
import { previewText } from "../src/core/preview.ts";
import { isFreeform, outgoingOf, roleOf, storedContent, targetOf, typeOf } from "../src/core/outgoing.ts";
import { encodeMessage, mediaAtMeta, mediaIn } from "../src/services/whatsapp/graph/encode.ts";
import { parseOutgoing } from "../src/services/whatsapp/graph/parse-outgoing.ts";
import type { MediaOf } from "../src/services/whatsapp/graph/shape.ts";
import { contentByKind } from "./support/any-content.ts";

/** A file that was uploaded here bears its own id, so that the way back finds it. */
const media: MediaOf = (ref) => ("mediaId" in ref ? { id: ref.mediaId } : mediaAtMeta(ref));
const to = { phone: "972501234567", userId: null };
const encode = (content: OutgoingContent): { [key: string]: unknown } =>
  encodeMessage({ to, content, replyTo: null, callback: "our-id", media });
/** As it is on the wire. */
const sent = (content: OutgoingContent): Record<string, unknown> => JSON.parse(JSON.stringify(encode(content)));

test("The kinds are those that Meta has: ten plain types, and thirteen interactive ones", () => {
  const plain = "text image video audio document sticker location contacts reaction template";
  const interactive = "button list cta_url flow location_request_message address_message product product_list catalog_message carousel";
  const calls = "call_permission_request voice_call request_contact_info";
  const subtypes = `${interactive} ${calls}`.split(" ").map((subtype) => `interactive.${subtype}`);
  assert.deepEqual([...contentByKind.keys()], [...plain.split(" "), ...subtypes]);
});

for (const [kind, contents] of contentByKind) {
  test(`${kind}: what Meta's shape says of any content reads as that content again`, () => {
    fc.assert(
      fc.property(contents, (content) => {
        const parsed = parseOutgoing(sent(content));
        assert.deepEqual(parsed, { kind: "message", to, content, replyTo: null, callback: "our-id" });
      }),
      { numRuns: 150 },
    );
  });

  test(`${kind}: what is stored of any content gives that content back, also out of the database's JSON`, () => {
    fc.assert(
      fc.property(contents, (content) => {
        const stored = storedContent(content, { body: "as the customer reads it" });
        assert.deepEqual(outgoingOf(JSON.parse(JSON.stringify(stored))), content);
        assert.equal(stored.v, 1);
        assert.equal(stored.kind, typeOf(content));
      }),
      { numRuns: 100 },
    );
  });
}

test("What is stored or came in otherwise is nothing that can be sent", () => {
  for (const stored of [null, {}, "text", { v: 1, kind: "order", items: [] }, { v: 1, kind: "text" }, { v: 1, kind: "image", media: {} }]) {
    assert.equal(outgoingOf(stored), null);
  }
  assert.deepEqual(outgoingOf({ v: 1, kind: "text", body: "שלום" }), { type: "text", body: "שלום" });
});

test("The bodies are Meta's, letter by letter", () => {
  const link = { link: "https://a.example/x" };
  const bodies: [OutgoingContent, unknown][] = [
    [
      { type: "text", body: "b", previewUrl: true },
      { body: "b", preview_url: true },
    ],
    [
      { type: "image", media: { waMediaId: "611" }, caption: "c" },
      { id: "611", caption: "c" },
    ],
    [
      { type: "audio", media: { waMediaId: "613" }, voice: true },
      { id: "613", voice: true },
    ],
    [
      { type: "document", media: link, filename: "a.pdf", caption: "c" },
      { ...link, filename: "a.pdf", caption: "c" },
    ],
    [
      { type: "location", latitude: 52.5, longitude: 13.4, name: "n", address: "a" },
      { latitude: "52.5", longitude: "13.4", name: "n", address: "a" },
    ],
    [
      { type: "contacts", contacts: [{ name: { formattedName: "A B" }, phones: [{ phone: "+1555", waId: "1555" }] }] },
      [{ name: { formatted_name: "A B" }, phones: [{ phone: "+1555", wa_id: "1555" }] }],
    ],
    [
      { type: "reaction", waMessageId: "wamid.A1", emoji: "👍" },
      { message_id: "wamid.A1", emoji: "👍" },
    ],
    [
      { type: "reaction", waMessageId: "wamid.A1", emoji: "" },
      { message_id: "wamid.A1", emoji: "" },
    ],
    [
      {
        type: "template",
        name: "order_ok",
        language: "en_US",
        body: [{ type: "text", name: "n", text: "Ada" }],
        buttons: [{ type: "quick_reply", index: 0, payload: "X" }],
      },
      {
        name: "order_ok",
        language: { code: "en_US" },
        components: [
          { type: "body", parameters: [{ type: "text", parameter_name: "n", text: "Ada" }] },
          { type: "button", sub_type: "quick_reply", index: "0", parameters: [{ type: "payload", payload: "X" }] },
        ],
      },
    ],
    [
      { type: "interactive", subtype: "button", body: "b", action: { buttons: [{ id: "y", title: "Yes" }] } },
      { type: "button", body: { text: "b" }, action: { buttons: [{ type: "reply", reply: { id: "y", title: "Yes" } }] } },
    ],
    [
      {
        type: "interactive",
        subtype: "list",
        body: "b",
        action: { button: "Pick", sections: [{ title: "S", rows: [{ id: "1", title: "A", description: "d" }] }] },
      },
      {
        type: "list",
        body: { text: "b" },
        action: { button: "Pick", sections: [{ title: "S", rows: [{ id: "1", title: "A", description: "d" }] }] },
      },
    ],
    [
      { type: "interactive", subtype: "cta_url", body: "b", action: { displayText: "Open", url: "https://a.example" } },
      { type: "cta_url", body: { text: "b" }, action: { name: "cta_url", parameters: { display_text: "Open", url: "https://a.example" } } },
    ],
    [
      {
        type: "interactive",
        subtype: "flow",
        body: "b",
        action: { flowId: "9", flowCta: "Book", flowToken: "t", flowAction: "navigate" },
      },
      {
        type: "flow",
        body: { text: "b" },
        action: {
          name: "flow",
          parameters: { flow_message_version: "3", flow_id: "9", flow_cta: "Book", flow_token: "t", flow_action: "navigate" },
        },
      },
    ],
    [
      { type: "interactive", subtype: "location_request_message", body: "b" },
      { type: "location_request_message", body: { text: "b" }, action: { name: "send_location" } },
    ],
    [
      { type: "interactive", subtype: "address_message", body: "b", action: { country: "IN" } },
      { type: "address_message", body: { text: "b" }, action: { name: "address_message", parameters: { country: "IN" } } },
    ],
    [
      {
        type: "interactive",
        subtype: "carousel",
        body: "b",
        action: {
          cards: [
            { type: "link", header: { type: "image", media: link }, action: { displayText: "Go", url: "https://b.example" } },
            { type: "link", header: { type: "video", media: link }, body: "t", action: { displayText: "Go", url: "https://b.example" } },
          ],
        },
      },
      {
        type: "carousel",
        body: { text: "b" },
        action: {
          cards: [
            {
              card_index: 0,
              type: "cta_url",
              header: { type: "image", image: link },
              action: { name: "cta_url", parameters: { display_text: "Go", url: "https://b.example" } },
            },
            {
              card_index: 1,
              type: "cta_url",
              header: { type: "video", video: link },
              body: { text: "t" },
              action: { name: "cta_url", parameters: { display_text: "Go", url: "https://b.example" } },
            },
          ],
        },
      },
    ],
    [
      {
        type: "interactive",
        subtype: "product_list",
        header: { type: "text", text: "h" },
        body: "b",
        action: { catalogId: "7", sections: [{ title: "S", productRetailerIds: ["p1", "p2"] }] },
      },
      {
        type: "product_list",
        header: { type: "text", text: "h" },
        body: { text: "b" },
        action: {
          catalog_id: "7",
          sections: [{ title: "S", product_items: [{ product_retailer_id: "p1" }, { product_retailer_id: "p2" }] }],
        },
      },
    ],
  ];
  for (const [content, body] of bodies) assert.deepEqual(sent(content)[content.type], body);
});

/** Meta's names of fields (developer pages as of October 2026), since a name that is wrong on both ways would come back all right. */
const metaNames = new Set(
  `id link caption filename voice body preview_url latitude longitude name address message_id emoji
   formatted_name first_name last_name middle_name prefix suffix phones phone wa_id type emails email urls url addresses street city state
   zip country country_code org company department title birthday
   language code components parameters parameter_name text currency amount_1000 fallback_value date_time image video document location
   product catalog_id product_retailer_id sub_type index payload coupon_code action flow_token flow_action_data
   thumbnail_product_retailer_id sections product_items ttl_minutes cards card_index limited_time_offer expiration_time_ms
   tap_target_configuration
   header footer buttons button reply quick_reply rows description display_text flow_id flow_name flow_cta flow_message_version mode
   flow_action flow_action_payload screen data values saved_addresses value validation_errors phone_number in_pin_code house_number
   floor_number tower_number building_name landmark_area`.split(/\s+/),
);

test("No field is written under a name that Meta does not have, and each of its names is written", () => {
  const written = new Set<string>();
  const walk = (wire: unknown): void => {
    if (typeof wire !== "object" || wire === null) return;
    for (const [key, value] of Object.entries(wire)) {
      if (!Array.isArray(wire)) written.add(key);
      // What is below these is the caller's own.
      if (key !== "data" && key !== "flow_action_data") walk(value);
    }
  };
  for (const contents of contentByKind.values()) {
    for (const content of fc.sample(contents, { numRuns: 300, seed: 1 })) walk(sent(content)[content.type]);
  }
  assert.deepEqual(written.symmetricDifference(metaNames), new Set());
});

test("A phone bears its plus, a user id stands in recipient, a group in to; an answer names its message", () => {
  const content = { type: "text", body: "b" } as const;
  const whole = encodeMessage({ to, content, replyTo: "wamid.Q", callback: "id", media });
  assert.deepEqual(whole, {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    to: "+972501234567",
    context: { message_id: "wamid.Q" },
    type: "text",
    text: { body: "b" },
    biz_opaque_callback_data: "id",
  });
  const user = encodeMessage({ to: { phone: null, userId: "US.1" }, content, replyTo: null, callback: "id", media });
  assert.deepEqual([user["recipient"], user["to"], user["context"]], ["US.1", undefined, undefined]);
  const group = encodeMessage({ to: { groupId: "g1" }, content, replyTo: null, callback: "id", media });
  assert.deepEqual([group["recipient_type"], group["to"]], ["group", "g1"]);
  assert.throws(() => encodeMessage({ to: { phone: null, userId: null }, content, replyTo: null, callback: "id", media }));
});

test("The files of a content are all found, wherever they stand, and one that Meta does not have is never sent", () => {
  const [a, b] = [{ mediaId: "018f0000-0000-7000-8000-000000000001" }, { link: "https://a.example/b" }];
  const content: OutgoingContent = {
    type: "template",
    name: "t",
    language: "he",
    header: { type: "document", media: a, filename: "f.pdf" },
    cards: [{ header: { type: "video", media: b } }],
  };
  assert.deepEqual(mediaIn(content), [
    { ref: a, kind: "document" },
    { ref: b, kind: "video" },
  ]);
  assert.deepEqual(mediaIn({ type: "text", body: "b" }), []);
  assert.throws(() => encodeMessage({ to, content, replyTo: null, callback: "id", media: mediaAtMeta }));
});

test("Only a template may go outside the window, and only a reaction is no message of its own", () => {
  const template: OutgoingContent = { type: "template", name: "t", language: "he" };
  const reaction: OutgoingContent = { type: "reaction", waMessageId: "wamid.1", emoji: "👍" };
  assert.deepEqual([isFreeform(template), isFreeform(reaction), isFreeform({ type: "text", body: "b" })], [false, true, true]);
  assert.deepEqual([roleOf(template), roleOf(reaction)], ["message", "reaction"]);
  assert.deepEqual([targetOf(template), targetOf(reaction)], [null, "wamid.1"]);
});

test("What was sent shows itself in one line, as what came in does", () => {
  const shown: [OutgoingContent, string][] = [
    [{ type: "text", body: "שלום\nלך" }, "שלום לך"],
    [{ type: "image", media: { waMediaId: "1" }, caption: "cat" }, "📷 cat"],
    [{ type: "audio", media: { waMediaId: "1" }, voice: true }, "🎤"],
    [{ type: "document", media: { waMediaId: "1" }, filename: "a.pdf" }, "📄 a.pdf"],
    [{ type: "location", latitude: 1, longitude: 2, address: "Ring 1" }, "📍 Ring 1"],
    [{ type: "contacts", contacts: [{ name: { formattedName: "Dana" } }] }, "👤 Dana"],
    [{ type: "reaction", waMessageId: "w", emoji: "👍" }, "👍"],
    [{ type: "template", name: "order_ok", language: "he" }, "📝 order_ok"],
    [{ type: "interactive", subtype: "button", body: "Sure?", action: { buttons: [{ id: "y", title: "Yes" }] } }, "Sure?"],
    [{ type: "interactive", subtype: "voice_call", body: "Call us" }, "📞 Call us"],
    [{ type: "interactive", subtype: "product", action: { catalogId: "c", productRetailerId: "p" } }, "🛒"],
    [{ type: "interactive", subtype: "location_request_message", body: "Where?" }, "📍 Where?"],
  ];
  for (const [content, line] of shown) assert.equal(previewText(typeOf(content), storedContent(content)), line);
  const template: OutgoingContent = { type: "template", name: "order_ok", language: "he", body: [{ type: "text", text: "Ada" }] };
  assert.equal(previewText("template", storedContent(template, { body: "Thank you, Ada" })), "📝 Thank you, Ada");
});
