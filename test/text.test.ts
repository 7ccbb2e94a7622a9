import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { cleanJson, cleanText, clipText, isDeeperThan, jsonText } from "../src/core/text.ts";

/** Strings that hold what PostgreSQL refuses, often. */
const dirtyText = fc.string({
  unit: fc.oneof(fc.constantFrom("\0", "\ud83d", "\ude42", "a", "א"), fc.string({ unit: "binary", maxLength: 3 })),
});

function nest(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

test("clean text is well-formed, has no U+0000, and keeps everything else", () => {
  fc.assert(
    fc.property(dirtyText, (text) => {
      const clean = cleanText(text);
      assert.ok(clean.isWellFormed());
      assert.ok(!clean.includes("\0"));
      assert.equal(cleanText(clean), clean);
      assert.equal(clean, text.toWellFormed().split("\0").join(""));
    }),
  );
  assert.equal(cleanText("a\0b\ud800c\u{1f642}"), "ab\ufffdc\u{1f642}");
});

test("clipped text is a prefix within the limit that splits no surrogate pair", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, charsMax) => {
      const clipped = clipText(text, charsMax);
      assert.ok(text.startsWith(clipped));
      assert.ok(clipped.length <= charsMax && clipped.length >= Math.min(text.length, charsMax - 1));
      assert.ok(clipped.isWellFormed());
    }),
  );
});

test("clean JSON equals the original when there is nothing to clean", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (json) => {
      fc.pre(!/__proto__|\\u/.test(json));
      const value: unknown = JSON.parse(json);
      assert.equal(JSON.stringify(cleanJson(value, 64)), JSON.stringify(value));
    }),
  );
});

test("clean JSON never bears a key __proto__, not even one that cleaning makes, and never a polluted prototype", () => {
  const value: unknown = JSON.parse('{"a":{"__proto__":{"polluted":1},"__pro\\u0000to__":{"polluted":1},"k\\u0000":"v\\udc00"},"n":1e400}');
  const clean = cleanJson(value, 64);
  assert.deepEqual(clean, { a: { k: "v\ufffd" }, n: null });
  assert.equal(Reflect.get(Object.assign({}, clean), "polluted"), undefined);
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("what is nested to the limit stays, what is deeper is cut", () => {
  assert.equal(isDeeperThan(nest(64), 64), false);
  assert.equal(isDeeperThan(nest(65), 64), true);
  assert.equal(isDeeperThan("scalar", 0), false);
  assert.deepEqual(cleanJson(nest(64), 64), nest(64));
  assert.equal(JSON.stringify(cleanJson([[1]], 1)), "[null]");
  assert.equal(jsonText([[[1, 2]], 3], 2), "[[null],3]");
});

test("nesting of 200,000 levels and 200,000 keys are cut or copied, never thrown at", () => {
  const deep: unknown = JSON.parse("[".repeat(200_000) + "]".repeat(200_000));
  assert.ok(isDeeperThan(deep, 64));
  assert.equal(jsonText(deep, 64), "[".repeat(64) + "null" + "]".repeat(64));
  const wide: unknown = JSON.parse(`{${Array.from({ length: 200_000 }, (_, key) => `"k${key}":0`).join(",")}}`);
  assert.equal(Object.keys(cleanJson(wide, 64) ?? {}).length, 200_000);
});

test("JSON as text has no raw U+0000 and no unpaired surrogate, and reads back as what it was", () => {
  fc.assert(
    fc.property(fc.oneof(dirtyText, fc.array(dirtyText), fc.dictionary(dirtyText, dirtyText)), (value) => {
      const text = jsonText(value, 64);
      assert.ok(text.isWellFormed() && !text.includes("\0"));
      assert.equal(text, JSON.stringify(value));
    }),
  );
  assert.equal(jsonText(undefined, 64), "null");
  assert.equal(jsonText(Number.POSITIVE_INFINITY, 64), "null");
});
