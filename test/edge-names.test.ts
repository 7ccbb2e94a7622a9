/** Names that strangers and colleagues chose: one rule, wherever they come in (RELIABILITY 3.4, 3.5). */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { Type } from "typebox";
import { Name, nameMark } from "../src/contract/json.ts";
import { contentDisposition, safeFileName } from "../src/core/file-name.ts";
import { cleanName } from "../src/core/text.ts";
import { compileValidator } from "../src/http/validate.ts";
import { decodeUpdate } from "../src/services/whatsapp/graph/decode.ts";
import { locateUpdates } from "../src/services/whatsapp/graph/locate.ts";
import { startApi } from "./support/api.ts";

const api = await startApi({ after });
const { id: tenantId, key } = await api.tenant();

/** None of these may be in anything that is shown as a name. */
const unseen = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{M}{7}|[\u{e0000}-\u{e007f}]/u;

const names: readonly (readonly [given: string, shown: string])[] = [
  ["Dana", "Dana"],
  ["  דנה \n כהן\t", "דנה כהן"],
  ["שָׁל֣וֹם", "שָׁל֣וֹם".normalize("NFC")],
  ["مُحَمَّد", "مُحَمَّد".normalize("NFC")],
  ["علی\u200cرضا", "علی\u200cرضا"],
  ["👨\u200d👩\u200d👧 ❤️", "👨\u200d👩\u200d👧 ❤️"],
  ["Ad\u200dmin", "Admin"],
  ["Admin\u200b", "Admin"],
  ["\u202eadmin", "admin"],
  ["a\u2066b\u2069c", "abc"],
  ["invoice\u202efdp.exe", "invoicefdp.exe"],
  ["a\u0000b\u0007c\u009fd", "abcd"],
  ["x\u2028y\u2029z", "x y z"],
  ["\u200d\u200c\u200b", ""],
  ["\u3164\u115f\u1160\uffa0", ""],
  ["\ufeff \u00a0\u2003", ""],
  ["\u{e0041}\u{e007f}x", "x"],
  [`Z${"\u0301".repeat(5_000)}lgo`, `Ź${"\u0301".repeat(6)}lgo`],
  ["\ud83d", "\ufffd"],
];

test("a name is shown in one line, without what cannot be seen or turns its neighbours, and keeps what its language needs", () => {
  for (const [given, shown] of names) assert.equal(cleanName(given), shown, JSON.stringify(given));
  const nasty = fc.string({
    unit: fc.oneof(
      fc.constantFrom("\u202e", "\u200d", "\u200b", "\u0301", " ", "\n", "a", "א", "👩"),
      fc.string({ unit: "binary", maxLength: 2 }),
    ),
    maxLength: 60,
  });
  fc.assert(
    fc.property(nasty, (text) => {
      const shown = cleanName(text);
      assert.doesNotMatch(shown, unseen);
      assert.equal(cleanName(shown), shown);
      assert.equal(shown, shown.trim());
    }),
  );
});

test("a file's name shows its true ending, on the screen and in the header, however it was dressed up", () => {
  for (const [given, shown] of [
    ["invoice\u202efdp.exe", "invoicefdp.exe"],
    ["invoice\u2067fdp.exe\u2069", "invoicefdp.exe"],
    ["photo.jpg\u200b.exe\u200f", "photo.jpg.exe"],
    ["a\u0000.pdf\r\nSet-Cookie: x=1", "a.pdfSet-Cookie x=1"],
    [`x${"\u0301".repeat(500)}.pdf`, `x${"\u0301".repeat(6)}.pdf`],
  ] as const) {
    assert.equal(safeFileName(given), shown);
    const header = contentDisposition("attachment", given);
    assert.match(header, /^attachment; filename="[ -~]*"; filename\*=UTF-8''[A-Za-z0-9%._~-]*$/);
    assert.doesNotMatch(decodeURIComponent(header.split("''")[1] ?? ""), unseen);
  }
  const began = performance.now();
  assert.equal(safeFileName(`${" ".repeat(3_000_000)}x${" .".repeat(1_000_000)}`), "x");
  assert.equal(cleanName(`${"\u200d".repeat(1_000_000)}x${"\u200c".repeat(1_000_000)} ${"\u0301".repeat(1_000_000)}`).length, 8);
  // A pause of the machine is no fault; with work that grows by the square it would be hours.
  assert.ok(performance.now() - began < 30_000);
});

test("what a customer is called, and what a file is called that a customer sends, is clean from the first step on", () => {
  const body = {
    object: "whatsapp_business_account",
    entry: [
      {
        id: "1",
        changes: [
          {
            field: "messages",
            value: {
              messaging_product: "whatsapp",
              metadata: { display_phone_number: "1", phone_number_id: "2" },
              contacts: [{ wa_id: "972501234567", profile: { name: "\u202eDana\u200b \u0000\nCohen", username: "\u2066dana\u2069" } }],
              messages: [
                {
                  id: "wamid.1",
                  from: "972501234567",
                  timestamp: "1700000000",
                  type: "document",
                  document: {
                    id: "3",
                    mime_type: "application/pdf",
                    sha256: "x",
                    filename: "invoice\u202efdp.exe",
                    caption: "as \u202eis",
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
  const [located] = locateUpdates(body);
  assert.ok(located !== undefined);
  const update = decodeUpdate(located);
  assert.ok(update.kind === "message");
  assert.partialDeepStrictEqual(update, {
    from: { profileName: "Dana Cohen", username: "dana" },
    content: { filename: "invoicefdp.exe", caption: "as \u202eis" },
  });
});

test("what people call things is taken as it may be shown, and a name of nothing is none", async () => {
  const post = (path: string, body: unknown) => api.call("POST", path, { key, body });
  const made = await post("/api/v1/api-keys", { name: "\u202e Bot\u200b\n2 ", scopes: ["read"] });
  assert.deepEqual([made.status, made.json.name], [201, "Bot 2"]);
  assert.equal((await post("/api/v1/api-keys", { name: "\u200b\u202e", scopes: ["read"] })).status, 400);
  const endpoint = await post("/api/v1/endpoints", { name: "a\u2066b", url: "https://example.com/", form: "events" });
  assert.deepEqual([endpoint.status, endpoint.json.name], [201, "ab"]);
  const changed = await api.call("PATCH", `/api/v1/tenants/${tenantId}`, { key, body: { name: "Caf\u0065\u0301\u202e" } });
  assert.deepEqual([changed.status, changed.json.name], [200, "Café"]);
});

test("names in lists, in objects of objects and in alternatives are cleaned, and nothing else is", () => {
  const schema = Type.Object({
    name: Name(),
    text: Type.String(),
    more: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Name()), other: Type.String() }))),
    either: Type.Optional(Type.Union([Type.Object({ label: Name() }), Type.Null()])),
  });
  const validate = compileValidator({ schema, method: "POST", url: "/", httpPart: "body" });
  const dirty = "\u202ex\u200b";
  const given = { name: dirty, text: dirty, more: [{ name: dirty, other: dirty }, { other: dirty }], either: { label: dirty } };
  assert.deepEqual(validate(given), {
    value: { name: "x", text: dirty, more: [{ name: "x", other: dirty }, { other: dirty }], either: { label: "x" } },
  });
  assert.equal(given.name, dirty);
  for (const value of [null, 1, [], "x", { name: 1, text: "x" }, { text: "x" }])
    assert.ok(!("value" in Object(validate(value))), JSON.stringify(value));
});

type Schema = {
  [nameMark]?: boolean;
  type?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown;
  pattern?: string;
  format?: string;
};

/** Fields that are called a name and are none that is shown: what Meta's shape asks for, word for word, or of letters, digits and underscores alone. */
const meant: ReadonlySet<string> = new Set([
  "POST /api/v1/templates/{id}/preview: parameters.tapTarget.title",
  "POST /api/v1/templates: name",
  "POST /api/v1/templates: examples.[].name",
  "PUT /api/v1/templates/{id}: examples.[].name",
]);

test("every field of the API that is called a name is taken so, those of routes to come too", async () => {
  const { json } = await api.call("GET", "/openapi.json");
  const bodies = Object.entries(
    json.paths as Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>,
  ).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      Object.values(requestBody?.content ?? {}).map(({ schema }) => ({ where: `${method.toUpperCase()} ${path}`, schema })),
    ),
  );
  assert.ok(bodies.length >= 10);
  const faults = bodies.flatMap(({ where, schema }) => nameless(schema).map((field) => `${where}: ${field}`));
  assert.deepEqual(
    faults.filter((fault) => !meant.has(fault)),
    [],
  );
});

/** Fields that are called a name but are not marked as one. Content of messages is the customer's to see, and goes as it is. */
function nameless(schema: Schema, path = ""): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, member]) => {
    const field = `${path}${key}`;
    if (key === "content") return [];
    const isText = [member.type].flat().includes("string") && member.enum === undefined && member.format === undefined;
    const isName = /^(?:name|label|title|subject|.*Name)$/.test(key);
    return [...(isText && isName && member[nameMark] !== true ? [field] : []), ...nameless(member, `${field}.`)];
  });
  return [...own, ...(schema.items === undefined ? [] : nameless(schema.items, `${path}[].`))];
}
