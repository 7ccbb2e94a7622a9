import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareErrorTexts,
  compareOptional,
  foldFacts,
  isReported,
  rankOf,
  reportedStatuses,
  statuses,
  type StatusFact,
  type StatusFold,
} from "../src/core/message-status.ts";

const fact = (status: string, atMs: number, more: Partial<StatusFact> = {}): StatusFact => ({
  status,
  atMs,
  error: null,
  pricing: null,
  ...more,
});
const failed = (atMs: number, code: number, title: string | null = null, details: string | null = null): StatusFact =>
  fact("failed", atMs, { error: { code, title, details } });
const timesOf = ({ sentAtMs, deliveredAtMs, readAtMs, playedAtMs }: StatusFold) => [sentAtMs, deliveredAtMs, readAtMs, playedAtMs];

const empty: StatusFold = {
  status: null,
  sentAtMs: null,
  deliveredAtMs: null,
  readAtMs: null,
  playedAtMs: null,
  failure: null,
  pricing: null,
};

test("the ladder is the one that was promised (I4)", () => {
  assert.deepEqual(statuses, ["pending", "unknown", "accepted", "sent", "failed", "delivered", "read", "played"]);
  assert.deepEqual(statuses.map(rankOf), [0, 1, 2, 3, 4, 5, 6, 7]);
  for (const outside of ["cancelled", "received", "deleted", ""]) assert.equal(rankOf(outside), -1);
  assert.deepEqual(
    [...statuses, "deleted", "warning"].filter(isReported),
    reportedStatuses.toSorted((a, b) => rankOf(a) - rankOf(b)),
  );
});

test("where nothing was said, nothing is known, and words that we do not know say nothing", () => {
  assert.deepEqual(foldFacts([]), empty);
  assert.deepEqual(foldFacts([fact("deleted", 1, { pricing: { type: "regular" } }), fact("warning", 2)]), empty);
});

test("a state that Meta skipped is filled in from the next one, and a late report still corrects it", () => {
  assert.deepEqual(timesOf(foldFacts([fact("read", 30)])), [30, 30, 30, null]);
  assert.deepEqual(timesOf(foldFacts([fact("played", 40), fact("sent", 10)])), [10, 40, 40, 40]);
  assert.deepEqual(timesOf(foldFacts([fact("played", 40), fact("delivered", 20), fact("sent", 25)])), [20, 20, 40, 40]);
  assert.deepEqual(timesOf(foldFacts([fact("delivered", 20), fact("delivered", 15)])), [15, 15, null, null]);
});

test("a failure keeps its place below delivered, and its error is kept even when a later state wins", () => {
  assert.equal(foldFacts([fact("sent", 1), failed(2, 131_026)]).status, "failed");
  const delivered = foldFacts([failed(2, 131_026, "Undeliverable", "why"), fact("delivered", 5)]);
  assert.equal(delivered.status, "delivered");
  assert.deepEqual(delivered.failure, { atMs: 2, code: 131_026, title: "Undeliverable", details: "why" });
  assert.deepEqual(timesOf(foldFacts([failed(2, 1)])), [null, null, null, null]);
});

test("of failures the earliest counts, then the least code, then the words", () => {
  const failureOf = (...facts: StatusFact[]) => foldFacts(facts).failure;
  assert.equal(failureOf(failed(5, 1), failed(4, 9))?.code, 9);
  assert.equal(failureOf(failed(4, 9), failed(4, 3))?.code, 3);
  assert.equal(failureOf(failed(4, 3, "b"), failed(4, 3, "a"))?.title, "a");
  assert.equal(failureOf(failed(4, 3), failed(4, 3, "words"))?.title, "words");
  assert.equal(failureOf(failed(4, 3, "a", "z"), failed(4, 3, "a", "y"))?.details, "y");
  assert.deepEqual(failureOf(fact("failed", 7)), { atMs: 7, code: 0, title: null, details: null });
});

test("the price is the earliest that was told, then the least as text", () => {
  const priceOf = (...facts: StatusFact[]) => foldFacts(facts).pricing;
  const [cheap, dear] = [{ type: "a" }, { type: "b" }];
  assert.deepEqual(priceOf(fact("sent", 2, { pricing: cheap }), fact("read", 1, { pricing: dear })), { atMs: 1, value: dear });
  assert.deepEqual(priceOf(fact("sent", 1, { pricing: dear }), fact("read", 2, { pricing: cheap })), { atMs: 1, value: dear });
  assert.deepEqual(priceOf(fact("sent", 1, { pricing: dear }), fact("read", 1, { pricing: cheap })), { atMs: 1, value: cheap });
  assert.deepEqual(priceOf(fact("sent", 1, { pricing: cheap }), fact("read", 1, { pricing: dear })), { atMs: 1, value: cheap });
  assert.equal(priceOf(fact("sent", 1)), null);
});

test("words beat silence, and among words the least comes first", () => {
  assert.equal(compareOptional(null, null), 0);
  assert.ok(compareOptional("z", null) < 0 && compareOptional(null, "a") > 0);
  assert.ok(compareOptional("a", "b") < 0);
  const silent = { title: null, details: null };
  assert.ok(compareErrorTexts({ title: "t", details: null }, silent) < 0);
  assert.ok(compareErrorTexts({ title: "t", details: null }, { title: "t", details: "d" }) > 0);
});

const anyFact: fc.Arbitrary<StatusFact> = fc.record({
  status: fc.constantFrom(...reportedStatuses, "deleted"),
  atMs: fc.integer({ min: 0, max: 5 }),
  error: fc.option(
    fc.record({
      code: fc.integer({ min: 0, max: 2 }),
      title: fc.option(fc.constantFrom("a", "b")),
      details: fc.option(fc.constantFrom("a", "b")),
    }),
  ),
  pricing: fc.option(fc.constantFrom({ type: "regular" }, { type: "free" })),
});

test("any order and any repetition of the same facts folds to the same (I3)", () => {
  const shuffled = fc
    .array(anyFact, { minLength: 1, maxLength: 8 })
    .chain((facts) => fc.tuple(fc.constant(facts), fc.shuffledSubarray([...facts, ...facts], { minLength: 2 * facts.length })));
  fc.assert(fc.property(shuffled, ([facts, others]) => assert.deepEqual(foldFacts(others), foldFacts(facts))));
});

test("more facts never lower the tick and never make a time later (I4)", () => {
  fc.assert(
    fc.property(fc.array(anyFact), anyFact, (facts, next) => {
      const [before, after] = [foldFacts(facts), foldFacts([...facts, next])];
      assert.ok(rankOf(after.status ?? "") >= rankOf(before.status ?? ""));
      const pairs = timesOf(before).map((time, index) => [time, timesOf(after)[index] ?? null] as const);
      for (const [earlier, later] of pairs) assert.ok(earlier === null || (later !== null && later <= earlier));
    }),
  );
});
