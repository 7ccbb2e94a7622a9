import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Check } from "typebox/value";
import { OutgoingContent } from "../src/contract/outgoing.ts";
import { assertOutgoing, checkOutgoing } from "../src/core/outgoing-rules.ts";
import { Rejection } from "../src/core/rejection.ts";
import { shapeFaults } from "../src/core/shape-faults.ts";
import { limits } from "../src/limits.ts";
import { anyContent } from "./support/any-content.ts";

type Fields = Record<string, unknown>;
const faultsOf = (content: unknown): string[] => checkOutgoing(content).map(({ field, detail }) => `${field}: ${detail}`);
const fieldsOf = (content: unknown): string[] => checkOutgoing(content).map(({ field }) => field);
const link = { link: "https://a.example/x" };
const x = (length: number): string => "x".repeat(length);
const many = <Item>(length: number, item: (index: number) => Item): Item[] => Array.from({ length }, (_, index) => item(index));

const interactive = (subtype: string, more: Fields): Fields => ({ type: "interactive", subtype, body: "b", ...more });
const buttons = (count: number, more: Fields = {}): Fields =>
  interactive("button", { action: { buttons: many(count, (index) => ({ id: `b${index}`, title: `T${index}`, ...more })) } });
const rows = (count: number, from = 0): Fields[] => many(count, (index) => ({ id: `r${from + index}`, title: "T" }));
const list = (sections: Fields[], more: Fields = {}): Fields => interactive("list", { action: { button: "Pick", sections }, ...more });
const products = (...counts: number[]): Fields =>
  interactive("product_list", {
    header: { type: "text", text: "h" },
    action: {
      catalogId: "c",
      sections: counts.map((count) => ({ title: "S", productRetailerIds: many(count, (index) => `p${index}`) })),
    },
  });
const card = (): Fields => ({ type: "link", header: { type: "image", media: link }, action: { displayText: "Go", url: link.link } });
const carousel = (cards: Fields[]): Fields => interactive("carousel", { action: { cards } });
const contact = { name: { formattedName: "A B" } };
const template = (more: Fields): Fields => ({ type: "template", name: "t", language: "he", ...more });

/** Each makes a content with as much of something as the number says. */
const edges: [keyof typeof limits, string, (count: number) => Fields][] = [
  ["metaTextCharsMax", "content.body", (n) => ({ type: "text", body: x(n) })],
  ["metaCaptionCharsMax", "content.caption", (n) => ({ type: "image", media: link, caption: x(n) })],
  ["metaFilenameCharsMax", "content.filename", (n) => ({ type: "document", media: link, filename: x(n) })],
  ["metaLinkCharsMax", "content.media.link", (n) => ({ type: "video", media: { link: `https://a.example/${x(n - 18)}` } })],
  ["metaPlaceCharsMax", "content.address", (n) => ({ type: "location", latitude: 1, longitude: 1, address: x(n) })],
  ["metaContactsMax", "content.contacts.257", (n) => ({ type: "contacts", contacts: many(n, () => contact) })],
  [
    "metaContactEntriesMax",
    "content.contacts.0.phones.50",
    (n) => ({ type: "contacts", contacts: [{ ...contact, phones: many(n, () => ({})) }] }),
  ],
  ["metaEmojiCharsMax", "content.emoji", (n) => ({ type: "reaction", waMessageId: "w", emoji: x(n) })],
  ["metaBodyCharsMax", "content.body", (n) => ({ ...buttons(1), body: x(n) })],
  ["metaListBodyCharsMax", "content.body", (n) => ({ ...list([{ rows: rows(1) }]), body: x(n) })],
  ["metaHeaderCharsMax", "content.footer", (n) => ({ ...buttons(1), footer: x(n) })],
  ["metaButtonsMax", "content.action.buttons.3", (n) => buttons(n)],
  ["metaButtonTitleCharsMax", "content.action.buttons.0.title", (n) => buttons(1, { title: x(n) })],
  ["metaButtonIdCharsMax", "content.action.buttons.0.id", (n) => buttons(1, { id: x(n) })],
  ["metaListSectionsMax", "content.action.sections.10", (n) => list(many(n, (index) => ({ title: "S", rows: rows(1, index) })))],
  ["metaListRowsMax", "content.action.sections.0.rows.10", (n) => list([{ rows: rows(n) }])],
  ["metaRowIdCharsMax", "content.action.sections.0.rows.0.id", (n) => list([{ rows: [{ id: x(n), title: "T" }] }])],
  ["metaRowTitleCharsMax", "content.action.sections.0.rows.0.title", (n) => list([{ rows: [{ id: "1", title: x(n) }] }])],
  [
    "metaRowDescriptionCharsMax",
    "content.action.sections.0.rows.0.description",
    (n) => list([{ rows: [{ id: "1", title: "T", description: x(n) }] }]),
  ],
  ["metaProductSectionsMax", "content.action.sections.10", (n) => products(...many(n, () => 1))],
  ["metaProductsMax", "content.action.sections.1.productRetailerIds.25", (n) => products(5, n - 5)],
  ["metaCardsMax", "content.action.cards.10", (n) => carousel(many(n, card))],
  ["metaCallTtlMinutesMax", "content.action.ttlMinutes", (n) => interactive("voice_call", { action: { ttlMinutes: n } })],
  ["metaCallPayloadCharsMax", "content.action.payload", (n) => interactive("voice_call", { action: { payload: x(n) } })],
  [
    "metaTemplateButtonsMax",
    "content.buttons.10",
    (n) => template({ buttons: many(n, (index) => ({ type: "url", index: Math.min(index, 9), text: "t" })) }),
  ],
  ["metaTemplateTextCharsMax", "content.body.0.text", (n) => template({ body: [{ type: "text", text: x(n) }] })],
  ["metaTemplateParametersMax", "content.body.200", (n) => template({ body: many(n, () => ({ type: "text", text: "t" })) })],
  [
    "metaTemplatePayloadCharsMax",
    "content.buttons.0.payload",
    (n) => template({ buttons: [{ type: "quick_reply", index: 0, payload: x(n) }] }),
  ],
  ["metaCouponCharsMax", "content.buttons.0.couponCode", (n) => template({ buttons: [{ type: "copy_code", index: 0, couponCode: x(n) }] })],
];

test("Each text, list and number is taken at Meta's limit, and one more is refused by its field, with the limit", () => {
  for (const [limit, field, content] of edges) {
    const most = limits[limit];
    assert.deepEqual(faultsOf(content(most)), [], limit);
    const [first] = checkOutgoing(content(most + 1));
    assert.equal(first?.field, field, limit);
    assert.match(first.detail, new RegExp(`at most ${most} `), limit);
  }
  assert.deepEqual(faultsOf(carousel(many(limits.metaCardsMin, card))), []);
  assert.deepEqual(faultsOf(carousel(many(limits.metaCardsMin - 1, card))), ["content.action.cards: at least 2 cards, 1 were given"]);
});

test("A fault says the field, what was given and what the limit is", () => {
  assert.deepEqual(faultsOf(buttons(4)), ["content.action.buttons.3: at most 3 buttons, 4 were given"]);
  assert.deepEqual(faultsOf({ type: "text", body: x(4_097) }), ["content.body: is 4097 characters long, at most 4096 are taken"]);
  assert.deepEqual(faultsOf({ type: "text", body: 7 }), ["content.body: must be a text, not a number"]);
  assert.deepEqual(faultsOf({ type: "text", text: "b" }), ["content.body: is missing", "content.text: is not known here"]);
  assert.deepEqual(faultsOf({ type: "location", latitude: 91, longitude: 0 }), ["content.latitude: is 91, at most 90 is taken"]);
  assert.deepEqual(faultsOf(null), ["content: must be an object, not null"]);
  assert.deepEqual(faultsOf({}), ["content.type: is missing"]);
  assert.match(faultsOf({ type: "poll" })[0] ?? "", /^content\.type: must be one of text, image, .*interactive, not poll$/);
  assert.match(
    faultsOf({ type: "interactive", subtype: "poll" })[0] ?? "",
    /^content\.subtype: must be one of button, list, .*, not poll$/,
  );
  assert.deepEqual(faultsOf({ type: "interactive" }), ["content.subtype: is missing"]);
});

test("A text of emoji is counted in characters, not in their halves", () => {
  assert.deepEqual(faultsOf(buttons(1, { title: "😀".repeat(20) })), []);
  assert.deepEqual(fieldsOf(buttons(1, { title: "😀".repeat(21) })), ["content.action.buttons.0.title"]);
});

test("A file is named in exactly one way, and a link is https", () => {
  const image = (media: unknown): unknown => ({ type: "image", media });
  const oneOf = "content.media: must have exactly one of mediaId, link, waMediaId";
  assert.deepEqual(faultsOf(image({})), [oneOf]);
  assert.deepEqual(faultsOf(image({ ...link, waMediaId: "1" })), [oneOf]);
  assert.deepEqual(faultsOf(image({ mediaId: "611" })), ["content.media.mediaId: is not an id of ours (a UUID)"]);
  assert.deepEqual(faultsOf(image({ link: "http://a.example" })), ["content.media.link: does not fit: An https address"]);
  assert.deepEqual(faultsOf(image({ waMediaId: "611" })), []);
});

test("What Meta says of the whole message is checked too, field by field", () => {
  const cases: [Fields, string[]][] = [
    [{ type: "text", body: " \n " }, ["content.body"]],
    [
      interactive("button", {
        action: {
          buttons: [
            { id: "a", title: "A" },
            { id: "a", title: "A" },
          ],
        },
      }),
      ["content.action.buttons.1.id", "content.action.buttons.1.title"],
    ],
    [buttons(1, { id: " a" }), ["content.action.buttons.0.id"]],
    [{ ...buttons(1), header: { type: "text", text: " " } }, ["content.header.text"]],
    [list([{ rows: rows(1) }, { title: "S", rows: rows(1, 1) }]), ["content.action.sections.0.title"]],
    [
      list([
        { title: "S", rows: rows(6) },
        { title: "T", rows: rows(5, 6) },
      ]),
      ["content.action.sections.1.rows.4"],
    ],
    [
      list([
        { title: "S", rows: rows(1) },
        { title: "T", rows: rows(1) },
      ]),
      ["content.action.sections.1.rows.0.id"],
    ],
    [
      list([{ rows: rows(1) }], { header: { type: "image", media: link } }),
      ["content.header.type", "content.header.text", "content.header.media"],
    ],
    [{ ...products(1), header: undefined }, ["content.header"]],
    [
      interactive("product", { header: { type: "text", text: "h" }, action: { catalogId: "c", productRetailerId: "p" } }),
      ["content.header"],
    ],
    [interactive("address_message", { action: { country: "US" } }), ["content.action.country"]],
    [interactive("flow", { action: { flowCta: "Go" } }), ["content.action.flowId"]],
    [interactive("flow", { action: { flowCta: "Go", flowId: "1", flowName: "n" } }), ["content.action.flowId"]],
    [
      interactive("flow", { action: { flowCta: "Go", flowId: "1", flowAction: "data_exchange", flowActionPayload: {} } }),
      ["content.action.flowActionPayload"],
    ],
    [carousel([card(), { type: "product", action: { catalogId: "c", productRetailerId: "p" } }]), ["content.action.cards.1.type"]],
    [
      template({
        body: [
          { type: "text", name: "n", text: "t" },
          { type: "text", text: "t" },
        ],
      }),
      ["content.body.1.name"],
    ],
    [template({ body: many(2, () => ({ type: "text", name: "n", text: "t" })) }), ["content.body.1.name"]],
    [template({ buttons: many(2, () => ({ type: "url", index: 0, text: "t" })) }), ["content.buttons.1.index"]],
    [
      template({
        cards: [
          {
            body: [
              { type: "text", text: "t" },
              { type: "text", name: "n", text: "t" },
            ],
          },
        ],
      }),
      ["content.cards.0.body.1.name"],
    ],
    [template({ header: { type: "text", text: x(61) } }), ["content.header.text"]],
  ];
  for (const [content, fields] of cases) assert.deepEqual(fieldsOf(content), fields, JSON.stringify(content));
});

test("What the database could not keep is refused: U+0000, half a pair, JSON too deep", () => {
  assert.deepEqual(fieldsOf({ type: "text", body: "a\0b" }), ["content.body"]);
  assert.deepEqual(fieldsOf({ type: "text", body: "a\ud800" }), ["content.body"]);
  const flow = (data: unknown): Fields => interactive("flow", { action: { flowCta: "Go", flowId: "1", flowActionPayload: { data } } });
  let deep: unknown = 1;
  for (let depth = 0; depth <= limits.jsonDepthMax; depth++) deep = [deep];
  assert.deepEqual(fieldsOf(flow(deep)), ["content.action.flowActionPayload.data"]);
  assert.deepEqual(fieldsOf(flow({ a: "b\0" })), ["content.action.flowActionPayload.data"]);
  assert.deepEqual(fieldsOf(flow({ a: [1, null, "שלום"] })), []);
  assert.deepEqual(fieldsOf(flow(JSON.parse('{"__proto__":1}'))), ["content.action.flowActionPayload.data"]);
});

test("Of a content with any number of faults the first ones are told, and reading it takes no time", () => {
  const worst: unknown = { type: "contacts", contacts: many(257, () => Object.fromEntries(many(200, (index) => [`k${index}`, 1]))) };
  assert.equal(checkOutgoing(worst).length, limits.contentFaultsMax);
});

test("A refused content is a 400 that names its fields, and a good one passes", () => {
  assert.doesNotThrow(() => assertOutgoing({ type: "text", body: "b" }));
  assert.throws(
    () => assertOutgoing({ type: "text", body: "", previewUrl: 1 }),
    (error) =>
      error instanceof Rejection &&
      error.status === 400 &&
      error.detail === "content.body: may not be empty; content.previewUrl: must be true or false, not a number",
  );
});

test("The check takes exactly what the schema that outsiders see takes, for contents changed at random", () => {
  const junk = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      "",
      "x",
      0,
      -1,
      1.5,
      true,
      [],
      {},
      "https://a.example",
      x(2_049),
      many(400, () => 1),
    ),
    fc.constantFrom("text", "image", "interactive", "button", "quick_reply", "template"),
  );
  let [taken, refused] = [0, 0];
  fc.assert(
    fc.property(anyContent, fc.nat(), junk, fc.constantFrom("set", "remove", "add"), (content, place, value, how) => {
      const changed: unknown = structuredClone(content);
      change(changed, place, value, how);
      const isTaken = shapeFaults(OutgoingContent, changed, "content").length === 0;
      // TypeBox does not look for halves of pairs and counts clusters: the generator makes neither.
      assert.equal(isTaken, Check(OutgoingContent, changed), JSON.stringify(changed));
      if (isTaken) taken++;
      else refused++;
    }),
    { numRuns: 3_000 },
  );
  assert.ok(taken > 100 && refused > 100, `${taken} taken, ${refused} refused`);
});

/** At one of its places, counted through. */
function change(content: unknown, place: number, value: unknown, how: string): void {
  const places: [Fields, string][] = [];
  const walk = (holder: unknown): void => {
    if (typeof holder !== "object" || holder === null) return;
    for (const [key, item] of Object.entries(holder)) {
      places.push([holder as Fields, key]);
      walk(item);
    }
  };
  walk(content);
  const found = places[place % places.length];
  if (found === undefined) return;
  const [holder, key] = found;
  if (how === "set") holder[key] = value;
  else if (Array.isArray(holder)) holder.push(value);
  else if (how === "remove") delete holder[key];
  else holder["stranger"] = value;
}
