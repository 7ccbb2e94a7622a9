import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUuid, nilId, uuidV7, uuidV7Floor } from "../src/core/ids.ts";
import { newId } from "../src/db/new-id.ts";

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const randomness = fc.uint8Array({ minLength: 10, maxLength: 10 });

test("An id is a uuid of version 7 and variant 10, and holds its millisecond in the first 48 bits", () => {
  fc.assert(
    fc.property(times, randomness, (atMs, random) => {
      const id = uuidV7(atMs, random);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.ok(isUuid(id));
      assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), atMs);
    }),
  );
});

test("Ids are ordered as their times are, and a millisecond's floor lies between the ids before it and its own", () => {
  fc.assert(
    fc.property(times, times, randomness, randomness, (a, b, one, other) => {
      fc.pre(a < b);
      assert.ok(uuidV7(a, one) < uuidV7(b, other));
      assert.ok(uuidV7(a, one) < uuidV7Floor(b));
      assert.ok(uuidV7Floor(b) < uuidV7(b, other));
    }),
  );
});

test("Every one of the 74 random bits reaches the id", () => {
  const none = uuidV7(0, new Uint8Array(10));
  const all = uuidV7(0, new Uint8Array(10).fill(0xff));
  const bits = (id: string): bigint => BigInt(`0x${id.replaceAll("-", "")}`);
  const differing = (bits(none) ^ bits(all)).toString(2).replaceAll("0", "").length;
  assert.equal(differing, 74);
  assert.notEqual(uuidV7(0, new Uint8Array([...new Uint8Array(10), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 10), none);
});

test("Ten thousand ids of one millisecond are distinct and of that time or a few milliseconds later", () => {
  const nowMs = 1_770_000_000_000;
  const made = new Set(Array.from({ length: 10_000 }, () => newId(nowMs)));
  assert.equal(made.size, 10_000);
  for (const id of made) assert.ok(id > uuidV7Floor(nowMs) && id < uuidV7Floor(nowMs + 4), id);
});

test("What is no uuid in PostgreSQL's own form is not taken for one", () => {
  assert.ok(isUuid(nilId));
  const id = newId(0);
  for (const text of ["", id.toUpperCase(), `{${id}}`, id.replaceAll("-", ""), `${id}0`, ` ${id}`, `${id}\n`, "g".repeat(36)]) {
    assert.ok(!isUuid(text) || text === id, JSON.stringify(text));
  }
});

test("Ids made one after the other are in that order, also within a millisecond and when the clock steps back a little", () => {
  const ids = [...Array.from({ length: 10_000 }, () => newId(1_795_000_000_000)), newId(1_794_999_999_990), newId(1_795_000_000_001)];
  assert.deepEqual(ids, ids.toSorted());
  assert.equal(new Set(ids).size, ids.length);
});
