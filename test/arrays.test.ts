import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { bigints, bools, byteas, ints, texts, times, uuids } from "../src/db/arrays.ts";
import { withDatabase } from "./support/database.ts";

const database = await withDatabase({ after });
const client = await database.session("owner");

/** Any text that PostgreSQL holds: all but U+0000 and unpaired surrogates. */
const text = fc.string({ unit: "binary", maxLength: 40 }).map((value) => value.replaceAll("\0", "").toWellFormed());
const list = <T>(element: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> => fc.array(fc.option(element, { freq: 5 }), { maxLength: 30 });

test("Arrays of text come out of the database as they went in, empty ones, empty texts and nulls too", async () => {
  await property(
    list(text),
    (values) => read("text", texts(values)),
    (values) => values,
  );
});

test("Arrays of uuids, whole numbers and truths come out as they went in, at the edges of their ranges too", async () => {
  await property(
    list(fc.uuid()),
    (values) => read("uuid", uuids(values)),
    (values) => values,
  );
  const int = fc.oneof(fc.integer(), fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 0));
  await property(
    list(int),
    (values) => read("int4", ints(values)),
    (values) => values,
  );
  const big = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 2 ** 32, -(2 ** 32)));
  await property(
    list(big),
    (values) => read("int8", bigints(values)),
    (values) => values.map((value) => (value === null ? null : String(value))),
  );
  await property(
    list(fc.boolean()),
    (values) => read("bool", bools(values)),
    (values) => values,
  );
});

test("Arrays of times come out to the millisecond, before 1970 and before PostgreSQL's epoch of 2000 too", async () => {
  const time = fc.oneof(fc.integer({ min: -8e12, max: 8e12 }), fc.constantFrom(0, 946_684_800_000, 946_684_799_999, -1));
  await property(
    list(time),
    (values) => read("timestamptz", times(values), "(extract(epoch from x) * 1000)::bigint"),
    (values) => values.map((value) => (value === null ? null : String(value))),
  );
});

test("Arrays of bytes come out as they went in", async () => {
  const bytes = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  await property(
    bytes,
    (values) => read("bytea", byteas(values)),
    (values) => values.map((value) => Buffer.from(value)),
  );
});

test("A batch of a hundred thousand elements is one parameter", async () => {
  const values = Array.from({ length: 100_000 }, (_, index) => `שלום ${index}`);
  const { rows } = await client.query<{ count: string; last: string }>("select count(*), max(x) as last from unnest($1::text[]) x", [
    texts(values),
  ]);
  assert.deepEqual(rows, [{ count: "100000", last: values.toSorted().at(-1) }]);
});

test("U+0000, which PostgreSQL cannot hold, is refused by it as a fault of the data, and an unpaired surrogate is written as U+FFFD", async () => {
  await assert.rejects(read("text", texts(["a\0b"])), (error) => error instanceof pg.DatabaseError && error.code === "22021");
  assert.deepEqual(await read("text", texts(["a\ud800b"])), ["a\ufffdb"]);
});

async function read(type: string, array: Buffer, expression = "x"): Promise<unknown[]> {
  const { rows } = await client.query<{ value: unknown }>(
    `select ${expression} as value from unnest($1::${type}[]) with ordinality u (x, i) order by i`,
    [array],
  );
  return rows.map(({ value }) => value);
}

async function property<T>(values: fc.Arbitrary<T>, act: (value: T) => Promise<unknown[]>, expected: (value: T) => unknown): Promise<void> {
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      assert.deepEqual(await act(value), expected(value));
    }),
    { numRuns: 50 },
  );
}
