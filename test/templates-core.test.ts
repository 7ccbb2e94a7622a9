import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TemplateButton as FilledButton, TemplateParameter } from "../src/contract/outgoing-template.ts";
import { templateStatuses } from "../src/contract/templates.ts";
import { checkTemplateFill, type TemplateFill } from "../src/core/template-check.ts";
import { renderTemplate } from "../src/core/template-render.ts";
import { templateSentence } from "../src/core/template-sentences.ts";
import { advance, factsOf, type TemplateChange, type TemplateState } from "../src/core/template-state.ts";
import {
  maySend,
  normaliseLanguage,
  offeredStatuses,
  placeholdersOf,
  type TemplateButton,
  type TemplateShape,
} from "../src/core/template.ts";
import { decodeTemplate } from "../src/services/whatsapp/graph/decode/template.ts";

function shape(parts: Partial<TemplateShape> = {}): TemplateShape {
  return {
    v: 1,
    format: "positional",
    header: null,
    body: null,
    footer: null,
    buttons: [],
    cards: [],
    offer: null,
    unrecognised: [],
    ...parts,
  };
}

const text = (value: string, name?: string): TemplateParameter =>
  name === undefined ? { type: "text", text: value } : { type: "text", name, text: value };

const faultsOf = (parts: Partial<TemplateShape>, fill: TemplateFill): string[] =>
  checkTemplateFill(shape(parts), fill).map(({ field, detail }) => `${field}: ${detail}`);

test("Places are found once each, numbers in their order, names as they come", () => {
  assert.deepEqual(placeholdersOf("{{2}} and {{1}}, {{ 2 }}, {{name}}, {1}, {{}}, {{1000}}", "positional"), ["1", "2"]);
  assert.deepEqual(placeholdersOf("{{b}} {{a}} {{b}} {{a_1}}", "named"), ["b", "a", "a_1"]);
});

test("A language is one, however it is written", () => {
  for (const written of ["en_US", "en-US", "EN-us", " en_us "]) assert.equal(normaliseLanguage(written), "en_US");
  assert.equal(normaliseLanguage("he"), "he");
  assert.equal(normaliseLanguage("zh-Hant-HK"), "zh_Hant_HK");
});

test("What is offered may be sent, and every status but a good one has a sentence in three languages", () => {
  for (const status of offeredStatuses) assert.equal(maySend(status), true);
  assert.deepEqual(
    templateStatuses.filter((status) => maySend(status)),
    ["unknown", "approved", "flagged", "locked"],
  );
  for (const status of templateStatuses) {
    const sentence = templateSentence(status);
    assert.equal(sentence === null, status === "approved");
    if (sentence === null) continue;
    assert.match(sentence.he, /^[^\u0600-\u06ff]*[\u0590-\u05ff][^\u0600-\u06ff]*\.$/);
    assert.match(sentence.en, /^[\x20-\x7e]+\.$/);
    assert.match(sentence.ar, /^[^\u0590-\u05ff]*[\u0600-\u06ff][^\u0590-\u05ff]*\.$/);
  }
});

test("Positional parameters must be as many as the template has places, and have no names", () => {
  const body = "Hi {{1}}, {{2}} and {{1}}";
  assert.deepEqual(faultsOf({ body }, { body: [text("a"), text("b")] }), []);
  assert.deepEqual(faultsOf({ body }, { body: [text("a")] }), ["body.1: missing: the value of {{2}}"]);
  assert.deepEqual(faultsOf({ body }, {}), ["body.0: missing: the value of {{1}}", "body.1: missing: the value of {{2}}"]);
  assert.deepEqual(faultsOf({ body }, { body: [text("a"), text("b"), text("c")] }), ["body.2: one too many: the template has 2 here"]);
  assert.deepEqual(faultsOf({ body }, { body: [text("a", "x"), text("b")] }), ["body.0.name: this template's parameters have no names"]);
  assert.deepEqual(faultsOf({}, { body: [text("a")] }), ["body.0: one too many: the template has 0 here"]);
});

test("Named parameters must have the template's names, each once, in any order", () => {
  const named = { format: "named" as const, body: "Hi {{first}} {{last}}" };
  assert.deepEqual(faultsOf(named, { body: [text("b", "last"), text("a", "first")] }), []);
  assert.deepEqual(faultsOf(named, { body: [text("a", "first")] }), ["body: missing: the value of {{last}}"]);
  assert.deepEqual(faultsOf(named, { body: [text("a"), text("b", "last"), text("c", "last"), text("d", "middle")] }), [
    "body.0.name: missing: this template's parameters have names",
    "body.2.name: is given twice",
    "body.3.name: is not in the template",
    "body: missing: the value of {{first}}",
  ]);
});

test("Values that Meta refuses with 132018 are named before it does", () => {
  for (const bad of ["a\nb", "a\rb", "a\tb", "a     b", "   "]) {
    assert.deepEqual(faultsOf({ body: "{{1}}" }, { body: [text(bad)] }), [
      "body.0.text: must have no line break, no tab and no more than 4 spaces in a row",
    ]);
  }
  const others: TemplateParameter[] = [
    { type: "currency", code: "ILS", amount1000: 1_000, fallbackValue: "₪1" },
    { type: "date_time", fallbackValue: "today" },
  ];
  assert.deepEqual(faultsOf({ body: "{{1}} {{2}} {{3}}" }, { body: [text("a    b"), ...others] }), []);
});

test("A header is filled in as the template has it", () => {
  const media = { link: "https://example.com/a" };
  assert.deepEqual(faultsOf({ header: null }, { header: { type: "image", media } }), ["header: this template has no header"]);
  assert.deepEqual(faultsOf({ header: { kind: "text", text: "Fixed" } }, {}), []);
  assert.deepEqual(faultsOf({ header: { kind: "text", text: "Fixed" } }, { header: { type: "text", text: "a" } }), [
    "header: nothing is to be filled in here",
  ]);
  const variable = { header: { kind: "text", text: "For {{1}}" } } as const;
  assert.deepEqual(faultsOf(variable, { header: { type: "text", text: "a" } }), []);
  assert.deepEqual(faultsOf(variable, { header: { type: "text", text: "a\n" } }), [
    "header.text: must have no line break, no tab and no more than 4 spaces in a row",
  ]);
  assert.deepEqual(faultsOf(variable, {}), ["header: missing: the value of {{1}}"]);
  assert.deepEqual(faultsOf(variable, { header: { type: "video", media } }), ["header.type: must be text, as in the template"]);
  for (const kind of ["image", "video", "document"] as const) {
    assert.deepEqual(faultsOf({ header: { kind } }, { header: { type: kind, media } }), []);
    assert.deepEqual(faultsOf({ header: { kind } }, {}), [`header: missing: the header is of the type ${kind}`]);
    assert.deepEqual(faultsOf({ header: { kind } }, { header: { type: "text", text: "a" } }), [
      `header.type: must be ${kind}, as in the template`,
    ]);
  }
  assert.deepEqual(faultsOf({ header: { kind: "location" } }, { header: { type: "location", latitude: 1, longitude: 2 } }), []);
  assert.deepEqual(faultsOf({ header: { kind: "product" } }, { header: { type: "product", catalogId: "1", productRetailerId: "2" } }), []);
  // Meta will judge what this version does not know.
  assert.deepEqual(faultsOf({ header: { kind: "gif" } }, {}), []);
  assert.deepEqual(faultsOf({ header: { kind: "unrecognised", format: "hologram" } }, {}), []);
});

test("Buttons are filled in at their place, by their kind, and those that need it must be", () => {
  const buttons: TemplateButton[] = [
    { kind: "quick_reply", text: "Yes" },
    { kind: "url", text: "Fixed", url: "https://example.com" },
    { kind: "url", text: "Track", url: "https://example.com/{{1}}" },
    { kind: "copy_code", text: "Copy" },
    { kind: "phone_number", text: "Call", phone: "+1" },
    { kind: "flow", text: "Book" },
    { kind: "unrecognised", type: "hologram", text: "?" },
  ];
  const good: FilledButton[] = [
    { type: "quick_reply", index: 0, payload: "y" },
    { type: "url", index: 2, text: "7" },
    { type: "copy_code", index: 3, couponCode: "SALE" },
    { type: "flow", index: 5 },
    { type: "catalog", index: 6 },
  ];
  assert.deepEqual(faultsOf({ buttons }, { buttons: good }), []);
  assert.deepEqual(faultsOf({ buttons }, { buttons: good.slice(1, 3) }), []);
  assert.deepEqual(faultsOf({ buttons }, {}), [
    "buttons: missing: the end of the address of the button 2",
    "buttons: missing: the coupon code of the button 3",
  ]);
  assert.deepEqual(
    faultsOf(
      { buttons },
      {
        buttons: [
          ...good.slice(1, 3),
          { type: "url", index: 0, text: "x" },
          { type: "url", index: 1, text: "x" },
          { type: "flow", index: 9 },
        ],
      },
    ),
    [
      "buttons.2.type: must be quick_reply, as in the template",
      "buttons.3: nothing is to be filled in here: the address is fixed",
      "buttons.4.index: the template has 7 buttons",
    ],
  );
  assert.deepEqual(faultsOf({ buttons }, { buttons: [...good.slice(1, 3), { type: "url", index: 2, text: "8" }] }), [
    "buttons.2.index: is given twice",
  ]);
  assert.deepEqual(faultsOf({ buttons: [{ kind: "otp", text: "Copy" }] }, { buttons: [{ type: "url", index: 0, text: "123456" }] }), []);
  assert.deepEqual(faultsOf({ buttons: [{ kind: "otp", text: "Copy" }] }, {}), ["buttons: missing: the code of the button 0"]);
  assert.deepEqual(faultsOf({ buttons: [{ kind: "mpm", text: "See" }] }, {}), ["buttons: missing: the products of the button 0"]);
  for (const kind of ["catalog", "spm", "voice_call", "order_details", "request_contact_info"] as const) {
    assert.deepEqual(faultsOf({ buttons: [{ kind, text: "x" }] }, {}), []);
  }
});

test("Cards are as many as the template has, each checked by itself; an offer that ends says when", () => {
  const card = { header: { kind: "image" as const }, body: "{{1}}", buttons: [] };
  const filled = { header: { type: "image" as const, media: { waMediaId: "1" } }, body: [text("a")] };
  assert.deepEqual(faultsOf({ cards: [card, card] }, { cards: [filled, filled] }), []);
  assert.deepEqual(faultsOf({ cards: [card, card] }, { cards: [filled] }), ["cards: must be 2, as in the template"]);
  assert.deepEqual(faultsOf({ cards: [card, card] }, {}), ["cards: must be 2, as in the template"]);
  assert.deepEqual(faultsOf({ cards: [card, card] }, { cards: [filled, {}] }), [
    "cards.1.header: missing: the header is of the type image",
    "cards.1.body.0: missing: the value of {{1}}",
  ]);
  assert.deepEqual(faultsOf({ cards: [{ header: null, body: "Fixed", buttons: [] }] }, {}), []);
  assert.deepEqual(faultsOf({}, { cards: [filled] }), ["cards: must be 0, as in the template"]);
  const titled = { header: { kind: "text" as const, text: "{{1}}" }, body: null, buttons: [] };
  assert.deepEqual(faultsOf({ cards: [titled] }, { cards: [{}] }), ["cards.0.header: missing: the value of {{1}}"]);
  const offer = { text: "Ends soon", expires: true };
  assert.deepEqual(faultsOf({ offer }, {}), ["limitedTimeOffer: missing: when the offer ends"]);
  assert.deepEqual(faultsOf({ offer }, { limitedTimeOffer: { expiresAtMs: 1 } }), []);
  assert.deepEqual(faultsOf({ offer: { ...offer, expires: false } }, {}), []);
  assert.deepEqual(faultsOf({}, { limitedTimeOffer: { expiresAtMs: 1 } }), ["limitedTimeOffer: this template has no limited-time offer"]);
});

test("A template is shown with its values in place, and with its places where values are missing", () => {
  const whole = shape({
    header: { kind: "text", text: "Order {{1}}" },
    body: "Hi {{1}}, you pay {{2}} on {{3}}. {{1}}!",
    footer: "Bye",
    buttons: [
      { kind: "url", text: "Track", url: "https://example.com/{{1}}" },
      { kind: "copy_code", text: "Copy" },
      { kind: "phone_number", text: "Call", phone: "+1" },
      { kind: "otp", text: "Code" },
      { kind: "quick_reply", text: "Yes" },
    ],
    cards: [{ header: { kind: "image" }, body: "{{1}}", buttons: [] }],
  });
  const filled = renderTemplate(whole, {
    header: { type: "text", text: "7" },
    body: [
      text("Ada"),
      { type: "currency", code: "ILS", amount1000: 5_000, fallbackValue: "₪5" },
      { type: "date_time", fallbackValue: "Monday" },
    ],
    buttons: [
      { type: "url", index: 0, text: "7?a=$1" },
      { type: "copy_code", index: 1, couponCode: "SALE" },
      { type: "url", index: 3, text: "123" },
    ],
    cards: [{ body: [text("x")] }],
  });
  assert.deepEqual(filled, {
    header: { kind: "text", text: "Order 7" },
    body: "Hi Ada, you pay ₪5 on Monday. Ada!",
    footer: "Bye",
    buttons: [
      { kind: "url", text: "Track", value: "https://example.com/7?a=$1" },
      { kind: "copy_code", text: "Copy", value: "SALE" },
      { kind: "phone_number", text: "Call", value: "+1" },
      { kind: "otp", text: "Code", value: "123" },
      { kind: "quick_reply", text: "Yes", value: null },
    ],
    cards: [{ header: { kind: "image", text: null }, body: "x", buttons: [] }],
  });
  const empty = renderTemplate(whole, { body: [text("Ada")] });
  assert.equal(empty.header?.text, "Order {{1}}");
  assert.equal(empty.body, "Hi Ada, you pay {{2}} on {{3}}. Ada!");
  assert.deepEqual(
    empty.buttons.map(({ value }) => value),
    ["https://example.com/{{1}}", null, "+1", null, null],
  );
  const named = shape({ format: "named", body: "{{a}} {{b}}" });
  assert.equal(renderTemplate(named, { body: [text("2", "b")] }).body, "{{a}} 2");
});

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const pieces = (names: readonly string[]) =>
  fc.array(fc.oneof(word, ...names.map((name) => fc.constant(`{{${name}}}`))), { maxLength: 8 }).map((parts) => parts.join(" "));

test("A template filled in with what the check accepts has no place left open", () => {
  const parts = fc.record({
    format: fc.constantFrom("positional" as const, "named" as const),
    header: fc.option(pieces(["1"])),
    body: pieces(["1", "2", "3"]),
    url: fc.option(fc.constantFrom("https://example.com", "https://example.com/{{1}}")),
    values: fc.array(word, { maxLength: 4 }),
    headerValue: fc.option(word),
    urlValue: fc.option(word),
    dropsNames: fc.boolean(),
  });
  let accepted = 0;
  fc.assert(
    fc.property(parts, ({ format, header, body, url, values, headerValue, urlValue, dropsNames }) => {
      const wanted = placeholdersOf(body, format);
      const named = (index: number, value: string, names: readonly string[]): TemplateParameter =>
        format === "named" && !dropsNames ? text(value, names[index] ?? "1") : text(value);
      const template = shape({
        format,
        body,
        header: header === null ? null : { kind: "text", text: header },
        buttons: url === null ? [] : [{ kind: "url", text: "x", url }],
      });
      const fill: TemplateFill = {
        body: values.slice(0, Math.max(wanted.length, values.length - 1)).map((value, index) => named(index, value, wanted)),
        ...(headerValue === null ? {} : { header: named(0, headerValue, ["1"]) }),
        ...(urlValue === null ? {} : { buttons: [{ type: "url", index: 0, text: urlValue }] }),
      };
      if (checkTemplateFill(template, fill).length > 0) return;
      accepted += 1;
      const rendered = renderTemplate(template, fill);
      assert.doesNotMatch(`${rendered.header?.text} ${rendered.body} ${rendered.buttons[0]?.value}`, /\{\{/);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(accepted > 100, `only ${accepted} were accepted`);
});

const change: fc.Arbitrary<TemplateChange> = fc.record({
  atMs: fc.integer({ min: 1, max: 4 }),
  told: fc.record(
    {
      status: fc.constantFrom(...templateStatuses),
      cause: fc.record({
        status: fc.constantFrom("paused" as const, "rejected" as const),
        reason: fc.option(word),
        pausedUntilMs: fc.constant(null),
      }),
      quality: fc.option(fc.constantFrom("GREEN", "RED")),
      category: fc.record({ category: fc.constantFrom("UTILITY", "MARKETING"), previous: fc.constant(null) }),
      correction: fc.option(fc.record({ category: fc.constant("MARKETING"), fromMs: fc.option(fc.integer({ min: 0, max: 2 })) })),
      shape: fc.constantFrom("a", "b").map((body) => shape({ body })),
      edit: fc.record({ header: fc.option(word), body: fc.option(word), footer: fc.option(word) }),
      waTemplateId: fc.constantFrom("1", "2"),
    },
    { requiredKeys: [] },
  ),
});

test("What is known of a template depends on what was told and not on the order, also after a stay in the database", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (changes, random) => {
      const shuffled = changes
        .map((one) => ({ one, key: random.next().value ?? 0 }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ one }) => one);
      const straight: unknown = JSON.parse(JSON.stringify(changes.reduce(advance, {})));
      const other = [...shuffled, ...changes].reduce<TemplateState>((state, one) => advance(JSON.parse(JSON.stringify(state)), one), {});
      assert.deepEqual(other, straight);
    }),
  );
});

test("A pause's reason lasts while it is paused, an edit until a newer list, and a correction until it is done", () => {
  const paused = advance({}, { atMs: 1, told: { status: "paused", cause: { status: "paused", reason: "low", pausedUntilMs: 9 } } });
  const listed = advance(paused, {
    atMs: 2,
    told: { status: "paused", shape: shape({ header: { kind: "image" }, body: "a", footer: "f" }) },
  });
  assert.deepEqual([factsOf(listed).reason, factsOf(listed).pausedUntilMs], ["low", 9]);
  const back = advance(listed, { atMs: 3, told: { status: "approved" } });
  assert.deepEqual([factsOf(back).reason, factsOf(back).pausedUntilMs], [null, null]);
  assert.equal(advance(back, { atMs: 2, told: { status: "disabled" } }), back);

  const edited = advance(back, { atMs: 4, told: { edit: { header: null, body: "b", footer: null } } });
  assert.deepEqual(factsOf(edited).shape, shape({ header: { kind: "image" }, body: "b" }));
  const retitled = advance(back, { atMs: 4, told: { edit: { header: "t", body: null, footer: null } } });
  assert.deepEqual(factsOf(retitled).shape, shape({ header: { kind: "text", text: "t" }, body: "a" }));
  const untitled = advance(advance({}, { atMs: 1, told: { shape: shape({ header: { kind: "text", text: "t" } }) } }), {
    atMs: 2,
    told: { edit: { header: null, body: null, footer: null } },
  });
  assert.equal(factsOf(untitled).shape?.header, null);
  const newer = advance(edited, { atMs: 5, told: { shape: shape({ body: "c" }) } });
  assert.equal(factsOf(newer).shape?.body, "c");
  assert.equal(factsOf(advance({}, { atMs: 1, told: { edit: { header: "h", body: "b", footer: null } } })).shape, null);

  const noticed = advance(
    {},
    { atMs: 1, told: { correction: { category: "MARKETING", fromMs: 5 }, category: { category: "UTILITY", previous: null } } },
  );
  assert.deepEqual([factsOf(noticed).correctCategory, factsOf(noticed).categoryChangesAtMs], ["MARKETING", 5]);
  const done = advance(noticed, { atMs: 2, told: { category: { category: "MARKETING", previous: "UTILITY" } } });
  assert.deepEqual([factsOf(done).correctCategory, factsOf(done).previousCategory], [null, "UTILITY"]);
});

test("A line of Meta's list is read with every part, and parts that are new are kept", () => {
  const line = {
    id: "594425479261596",
    name: "order_ok",
    language: "en-US",
    status: "APPROVED",
    category: "UTILITY",
    previous_category: "MARKETING",
    parameter_format: "NAMED",
    quality_score: { score: "GREEN", date: 1 },
    rejected_reason: "NONE",
    components: [
      { type: "HEADER", format: "IMAGE", example: { header_handle: ["x"] } },
      { type: "BODY", text: "Hi {{first}}" },
      { type: "FOOTER", text: "Bye" },
      {
        type: "BUTTONS",
        buttons: [
          { type: "QUICK_REPLY", text: "Yes" },
          { type: "URL", text: "Go", url: "https://example.com/{{1}}" },
          { type: "PHONE_NUMBER", text: "Call", phone_number: "+1" },
          { type: "OTP", text: "Copy", otp_type: "COPY_CODE" },
          { type: "HOLOGRAM", text: "?" },
          7,
        ],
      },
      {
        type: "CAROUSEL",
        cards: [
          {
            components: [
              { type: "header", format: "video" },
              { type: "body", text: "x" },
            ],
          },
        ],
      },
      { type: "LIMITED_TIME_OFFER", limited_time_offer: { text: "Soon", has_expiration: true } },
      { type: "HOLOGRAM", depth: 3 },
    ],
  };
  const read = decodeTemplate(line, 5);
  assert.deepEqual(read, {
    name: "order_ok",
    language: "en_US",
    change: {
      atMs: 5,
      told: {
        waTemplateId: "594425479261596",
        status: "approved",
        quality: "GREEN",
        category: { category: "UTILITY", previous: "MARKETING" },
        shape: {
          v: 1,
          format: "named",
          header: { kind: "image" },
          body: "Hi {{first}}",
          footer: "Bye",
          buttons: [
            { kind: "quick_reply", text: "Yes" },
            { kind: "url", text: "Go", url: "https://example.com/{{1}}" },
            { kind: "phone_number", text: "Call", phone: "+1" },
            { kind: "otp", text: "Copy" },
            { kind: "unrecognised", type: "hologram", text: "?" },
            { kind: "unrecognised", type: "", text: "" },
          ],
          cards: [{ header: { kind: "video" }, body: "x", buttons: [] }],
          offer: { text: "Soon", expires: true },
          unrecognised: [{ type: "HOLOGRAM", depth: 3 }],
        },
      },
    },
  });
  assert.equal(decodeTemplate({ ...line, name: undefined }, 5), null);
  assert.equal(decodeTemplate("x", 5), null);
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (components, other) => {
      decodeTemplate({ name: "a", language: "b", components, quality_score: other, status: other }, 1);
      decodeTemplate(
        {
          name: "a",
          language: "b",
          components: [
            { type: "BUTTONS", buttons: components },
            { type: "CAROUSEL", cards: other },
          ],
        },
        1,
      );
    }),
  );
});
