import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { limits } from "../src/limits.ts";
import { decodeUpdate, previewOf, updateText } from "../src/services/whatsapp/graph/decode.ts";
import { locateUpdates, parseBody } from "../src/services/whatsapp/graph/locate.ts";
import type { LocatedUpdate, MessageUpdate, Update } from "../src/services/whatsapp/graph/updates.ts";

const corpus = path.join(import.meta.dirname, "../corpus");
const foreignCorpus = path.join(import.meta.dirname, "../../shared/corpus");
const files = readdirSync(corpus).toSorted();
const bodies = files.filter((file) => !file.endsWith(".expected.json"));
const expectationOf = (file: string): string => file.replace(/\.(?:json|body)$/, ".expected.json");

type Row = Pick<LocatedUpdate, "index" | "lane" | "source" | "standby" | "wabaId" | "phoneNumberId"> & { update: Update };

/** As the worker does it: an unreadable body is one update of source `body`, whose element is the preview. */
function decodeBody(bytes: Uint8Array): Row[] {
  const parsed = parseBody(bytes);
  return locateUpdates(parsed.ok ? parsed.body : previewOf(bytes)).map((located) => {
    const { index, lane, source, standby, wabaId, phoneNumberId } = located;
    const update: Update = parsed.ok ? decodeUpdate(located) : { kind: "bad", reason: "unreadable", detail: parsed.detail };
    return { index, lane, source, standby, wabaId, phoneNumberId, update };
  });
}

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)).get(key) : undefined;
const listAt = (value: unknown, key: string): unknown[] => {
  const list = at(value, key);
  return Array.isArray(list) ? list : [];
};

/** DESIGN section 2, counted the slow way and apart from the code under test. */
function countUpdates(body: unknown): number {
  const changes = listAt(body, "entry").flatMap((entry) => listAt(entry, "changes"));
  return Math.max(
    1,
    changes.map(countInChange).reduce((sum, count) => sum + count, 0),
  );
}

function countInChange(change: unknown): number {
  const [named, value] = [at(change, "field"), at(change, "value")];
  const field = typeof named === "string" ? named.replaceAll("\0", "") : "";
  const countIn = (holder: unknown, isStandby: boolean): number => {
    const lists = ["messages", "statuses", "message_echoes", "calls", "user_preferences"].map((name) => listAt(holder, name));
    const others = lists.flat().length;
    const isLike = others > 0 || at(holder, "metadata") !== undefined || at(holder, "messaging_product") !== undefined;
    const countsErrors = isStandby || field === "messages" || (field === "" && isLike);
    return others + (countsErrors ? listAt(holder, "errors").length : 0);
  };
  return Math.max(1, countIn(value, field === "standby") + countIn(at(value, "standby"), true));
}

/** Everything that would hurt in PostgreSQL or in a reader of ours. */
function assertStorable(value: unknown, depth = 0): void {
  assert.ok(depth <= limits.jsonDepthMax + 8, "too deep");
  if (typeof value === "string") assert.ok(value.isWellFormed() && !value.includes("\0"), "unclean text");
  else if (typeof value === "number") assert.ok(Number.isFinite(value), "a number that JSON cannot hold");
  else if (typeof value === "object" && value !== null) {
    assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype, "a foreign prototype");
    for (const [key, item] of Object.entries(value)) {
      assert.ok(key.isWellFormed() && !key.includes("\0") && key !== "__proto__", "unclean key");
      assertStorable(item, depth + 1);
    }
  } else assert.ok(value === null || typeof value === "boolean", `not JSON: ${typeof value}`);
}

function assertWellDecoded(body: unknown): void {
  const located = locateUpdates(body);
  assert.equal(located.length, countUpdates(body));
  for (const [ordinal, each] of located.entries()) {
    assert.equal(each.index, ordinal);
    const { element, contacts, ...place } = each;
    assert.ok(Array.isArray(contacts));
    assertStorable(place);
    const update = decodeUpdate(each);
    assertStorable(update);
    assert.deepEqual(decodeUpdate(each), update);
    const isPeopled = update.kind === "message" ? update.from : update.kind === "call" || update.kind === "preference" ? update.peer : null;
    if (isPeopled !== null) assert.ok(isPeopled.phone !== null || isPeopled.userId !== null, "a peer without an id");
    if (update.kind === "bad") assert.doesNotMatch(update.detail, /decoder failed/);
    if (element === null || typeof element !== "object") assert.ok(update.kind === "bad" || update.kind === "account");
    const text = updateText(each);
    assert.ok(text.isWellFormed() && !text.includes("\0"));
    assert.doesNotThrow(() => JSON.parse(text));
  }
}

test("every golden body decodes to exactly what its expectation says", async (t) => {
  for (const file of bodies) {
    await t.test(file, () => {
      const expected: unknown = JSON.parse(readFileSync(path.join(corpus, expectationOf(file)), "utf8"));
      // By way of JSON, since that is how it is stored: -0 becomes 0, and a field that is undefined would vanish.
      const rows = decodeBody(readFileSync(path.join(corpus, file)));
      assert.deepEqual(JSON.parse(JSON.stringify(rows)), expected);
    });
  }
});

test("the corpus is complete: a kebab-case body for each expectation, the reverse, and no wamid in two bodies", () => {
  const expectations = files.filter((file) => file.endsWith(".expected.json"));
  assert.deepEqual(bodies.map(expectationOf).toSorted(), expectations);
  assert.ok(bodies.length >= 60);
  const owners = new Map<string, string>();
  for (const file of bodies) {
    assert.match(file, /^[a-z0-9]+(?:-[a-z0-9]+)*\.(?:json|body)$/);
    const bytes = readFileSync(path.join(corpus, file));
    for (const { update } of decodeBody(bytes)) {
      if (update.kind !== "message" && update.kind !== "echo" && update.kind !== "status") continue;
      assert.equal(owners.get(update.waMessageId) ?? file, file, update.waMessageId);
      owners.set(update.waMessageId, file);
    }
    assertWellDecoded(parsedOrNull(bytes));
  }
});

function parsedOrNull(bytes: Uint8Array): unknown {
  const parsed = parseBody(bytes);
  return parsed.ok ? parsed.body : null;
}

/** What may stand anywhere in a hostile body. */
const oddities: readonly unknown[] = JSON.parse(`[
  null, true, false, 0, -1, 1.5, 1e308, 1e400, 90071992547409931, 15550000001, 1795300000, 1795300000123,
  "", " ", "\\u0000", "\\ud800", "a\\u0000b\\udc00", "1795300000", "15550000001", "US.1", "US.ENT.2", "unsupported", "edit", "system", "calls", "standby",
  "${"x".repeat(600)}", [], {}, [[]], [null], [1, "a", {}], {"id": 1}, {"type": "edit", "edit": {}}, {"__proto__": {"id": "wamid.PROTO"}, "a\\u0000": 1},
  ${"[".repeat(300)}${"]".repeat(300)}
]`);

type Spot = { holder: object; key: string };

/** Every place in a body, containers first; only for corpus bodies, whose nesting is small. */
function spotsOf(value: unknown): Spot[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [{ holder: value, key }, ...spotsOf(item)]);
}

/** Undefined deletes; of a list without leaving a hole, since JSON has none. */
function replace({ holder, key }: Spot, value: unknown): void {
  if (value !== undefined) Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

const parsedCorpus = bodies.map((file) => parsedOrNull(readFileSync(path.join(corpus, file)))).filter((body) => body !== null);
const mutation = fc.record({ at: fc.nat(), with: fc.integer({ min: -1, max: oddities.length - 1 }) });

test("a golden body with anything replaced or deleted still decodes: no throw, one update for each element, nothing unstorable", () => {
  const bodyAndMutations = fc.tuple(fc.constantFrom(...parsedCorpus), fc.array(mutation, { minLength: 1, maxLength: 6 }));
  fc.assert(
    fc.property(bodyAndMutations, ([original, mutations]) => {
      const body = structuredClone(original);
      for (const each of mutations) {
        const spots = spotsOf(body);
        const spot = spots[each.at % Math.max(1, spots.length)];
        if (spot === undefined) break;
        replace(spot, each.with === -1 ? undefined : structuredClone(oddities[each.with]));
      }
      assertWellDecoded(body);
      assert.equal(Object.keys(Object.prototype).length, 0);
    }),
    { numRuns: 3_000 },
  );
});

test("each field of each golden body can be replaced by each oddity alone", () => {
  let tried = 0;
  for (const original of parsedCorpus) {
    for (const spot of spotsOf(original)) {
      const kept: unknown = Reflect.get(spot.holder, spot.key);
      if (spot.key === "__proto__") continue;
      for (let step = tried % 7; step < oddities.length; step += 7) {
        Reflect.set(spot.holder, spot.key, oddities[step]);
        assertWellDecoded(original);
      }
      Reflect.set(spot.holder, spot.key, kept);
      tried++;
    }
  }
  assert.ok(tried > 2_000);
});

test("any bytes and any JSON are parsed or refused, located and decoded without a throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const parsed = parseBody(bytes);
      if (!parsed.ok) assert.match(parsed.detail, /^the body is (?:empty|not JSON(?: at position \d+)?)$/);
      assertStorable(previewOf(bytes));
      assertWellDecoded(parsedOrNull(bytes));
    }),
  );
  fc.assert(fc.property(fc.json({ maxDepth: 6 }), (json) => assertWellDecoded(parsedOrNull(Buffer.from(json)))));
});

const inbound = (message: string): LocatedUpdate[] =>
  locateUpdates(JSON.parse(`{"entry":[{"id":"1","changes":[{"field":"messages","value":{"messages":[${message}]}}]}]}`));

/** A good text message whose fields may be overridden; decoded. */
function decodeOne(fields: { [key: string]: unknown }): Update {
  const message = { id: "wamid.1", timestamp: "1795300000", from: "15550000001", type: "text", text: { body: "a" }, ...fields };
  const [located] = inbound(JSON.stringify(message));
  assert.ok(located !== undefined);
  return decodeUpdate(located);
}

function decodeGood(fields: { [key: string]: unknown }): MessageUpdate {
  const update = decodeOne(fields);
  assert.ok(update.kind === "message", JSON.stringify(update));
  return update;
}

test("nesting of 200,000 levels anywhere is cut, and the neighbours live", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const deepEdit = '{"type":"edit","edit":{"original_message_id":"x","message":'.repeat(50_000) + "{}" + "}}".repeat(50_000);
  const head = '"id":"wamid.1","timestamp":"1795300000","from":"15550000001"';
  const messages = [
    `{${head},"type":"deep","deep":${deep}}`,
    `{${head},"type":"text","text":{"body":"alive"}}`,
    deep,
    `{${head},${deepEdit.slice(1)}`,
  ];
  const json = `{"entry":[{"id":"1","changes":[{"field":"messages","value":{"contacts":${deep},"messages":[${messages.join(",")}],"statuses":[${deep}]}},{"field":"x","value":${deep}},${deep}]}]}`;
  const body = parsedOrNull(Buffer.from(json));
  assertWellDecoded(body);
  const kinds = locateUpdates(body).map((located) => decodeUpdate(located).kind);
  assert.deepEqual(kinds, ["message", "message", "bad", "message", "bad", "account", "account"]);
  assertWellDecoded(parsedOrNull(Buffer.from(deep)));
});

test("ids, phones, user ids, names and words are taken to their limit and not beyond", () => {
  assert.equal(decodeGood({ id: "w".repeat(limits.waIdCharsMax) }).waMessageId.length, limits.waIdCharsMax);
  assert.equal(decodeOne({ id: "w".repeat(limits.waIdCharsMax + 1) }).kind, "bad");
  assert.equal(decodeGood({ from: "1".repeat(limits.phoneDigitsMax) }).from.phone?.length, limits.phoneDigitsMax);
  assert.equal(decodeOne({ from: "1".repeat(limits.phoneDigitsMax + 1) }).kind, "bad");
  assert.equal(decodeGood({ from: `US.${"1".repeat(limits.userIdCharsMax - 3)}` }).from.userId?.length, limits.userIdCharsMax);
  assert.equal(decodeOne({ from: `US.${"1".repeat(limits.userIdCharsMax - 2)}` }).kind, "bad");
  assert.equal(decodeGood({ type: "t".repeat(limits.wordCharsMax + 9) }).content["originalType"], "t".repeat(limits.wordCharsMax));
});

test("only 9, 10 or 13 digits are a time", () => {
  const times = { "123456789": 123_456_789_000, "1795300000": 1_795_300_000_000, "1795300000123": 1_795_300_000_123 };
  for (const [timestamp, atMs] of Object.entries(times)) {
    assert.equal(decodeGood({ timestamp }).atMs, atMs);
    assert.equal(decodeGood({ timestamp: Number(timestamp) }).atMs, atMs);
  }
  for (const timestamp of [
    "",
    "12345678",
    "17953000001",
    "179530000012",
    "17953000001234",
    "+795300000",
    " 795300000",
    "1.79530000",
    "١٧٩٥٣٠٠٠٠٠",
    -179530000,
    {},
  ]) {
    assert.equal(decodeOne({ timestamp }).kind, "bad", JSON.stringify(timestamp));
  }
});

test("a preview is the first 2 kB, clean, and ends with a whole character", () => {
  const preview = previewOf(Buffer.from(`\0${"א".repeat(5_000)}`));
  assert.equal(preview, "א".repeat((limits.parkedPreviewBytesMax - 2) / 2));
  assert.equal(previewOf(Buffer.from([0x61, 0xff, 0xd7])), "a\ufffd\ufffd");
});

test("an update's text is its element's compact JSON, and the same for the same bytes", () => {
  const [located] = inbound('{ "id" : "a\\u0000\\ud800", "n": 1e400, "__proto__": {"x": 1} }');
  assert.ok(located !== undefined);
  assert.equal(updateText(located), '{"id":"a\\u0000\\ud800","n":null,"__proto__":{"x":1}}');
});

test("bodies that others recorded decode as well", (t) => {
  if (!existsSync(foreignCorpus)) return t.diagnostic("no corpus of others beside this clone: nothing to check");
  const found = globSync("**/*.json", { cwd: foreignCorpus });
  for (const file of found) assertWellDecoded(parsedOrNull(readFileSync(path.join(foreignCorpus, file))));
  t.diagnostic(`${found.length} bodies of others`);
});
