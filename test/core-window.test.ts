import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classifyFailure } from "../src/core/failure.ts";
import { clampedTime, clockSkewMsMax, mayStartFreeform, sendMarginMs, windowMs, windowState } from "../src/core/window.ts";

const wordMs = 1_795_000_000_000;
const at = (nowMs: number, refusedAtMs: number | null = null, lastCustomerMessageAtMs: number | null = wordMs) =>
  windowState({ lastCustomerMessageAtMs, refusedAtMs, nowMs });

test("the window is 24 hours from the customer's last word, to the millisecond", () => {
  assert.equal(windowMs, 86_400_000);
  const expiresAtMs = wordMs + windowMs;
  assert.deepEqual(at(wordMs), { isOpen: true, expiresAtMs, remainingMs: windowMs });
  assert.deepEqual(at(expiresAtMs - 1), { isOpen: true, expiresAtMs, remainingMs: 1 });
  assert.deepEqual(at(expiresAtMs), { isOpen: false, expiresAtMs, remainingMs: 0 });
  assert.deepEqual(at(expiresAtMs + windowMs), { isOpen: false, expiresAtMs, remainingMs: 0 });
});

test("nobody who never wrote has a window", () => {
  assert.deepEqual(at(wordMs, null, null), { isOpen: false, expiresAtMs: null, remainingMs: 0 });
  assert.deepEqual(at(wordMs, wordMs, null), { isOpen: false, expiresAtMs: null, remainingMs: 0 });
});

test("a refusal by Meta closes the window that was open then, and no later one; its end stays what it was", () => {
  const expiresAtMs = wordMs + windowMs;
  assert.deepEqual(at(wordMs + 10, wordMs + 1), { isOpen: false, expiresAtMs, remainingMs: 0 });
  assert.deepEqual(at(wordMs + 10, wordMs), { isOpen: true, expiresAtMs, remainingMs: windowMs - 10 });
  assert.deepEqual(at(wordMs + 10, wordMs - 1), { isOpen: true, expiresAtMs, remainingMs: windowMs - 10 });
});

test("a freeform request may start until five seconds before the end, not later (I7)", () => {
  assert.equal(sendMarginMs, 5_000);
  const endMs = wordMs + windowMs;
  assert.equal(mayStartFreeform(at(endMs - sendMarginMs - 1)), true);
  assert.equal(mayStartFreeform(at(endMs - sendMarginMs)), false);
  assert.equal(mayStartFreeform(at(endMs)), false);
  assert.equal(mayStartFreeform(at(wordMs, wordMs + 1)), false);
  assert.equal(mayStartFreeform(at(wordMs, null, null)), false);
  assert.equal(mayStartFreeform({ isOpen: false, expiresAtMs: endMs, remainingMs: windowMs }), false);
});

test("Meta's time counts, but none that lies more than five minutes after our receipt", () => {
  assert.equal(clockSkewMsMax, 300_000);
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (atMs, receivedAtMs) => {
      const clamped = clampedTime(atMs, receivedAtMs);
      assert.equal(clamped, atMs <= receivedAtMs + clockSkewMsMax ? atMs : receivedAtMs + clockSkewMsMax);
    }),
  );
});

test("a window only ever moves forward with the customer's words, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1 }), fc.integer({ min: 0, max: 1_000 }), (words, nowMs) => {
      const states = words.map((_, index) => at(nowMs, null, Math.max(...words.slice(0, index + 1))));
      for (const [index, state] of states.entries()) {
        const before = states[index - 1];
        assert.ok(before === undefined || (state.expiresAtMs ?? 0) >= (before.expiresAtMs ?? 0));
      }
      assert.deepEqual(states.at(-1), at(nowMs, null, Math.max(...words)));
    }),
  );
});

test("only what passes by itself counts as unavailability; all else is blamed on the data", () => {
  const unavailable = [
    "08006",
    "08P01",
    "25P02",
    "25P03",
    "40001",
    "40P01",
    "53100",
    "53300",
    "55006",
    "55P03",
    "57014",
    "57P01",
    "57P02",
    "58030",
  ];
  for (const state of unavailable) assert.equal(classifyFailure(state), "unavailable", state);
  for (const state of ["21000", "22021", "22P05", "23502", "23505", "23514", "42501", "42P01", "54000", "55000", "P0001", "XX000"]) {
    assert.equal(classifyFailure(state), "data", state);
  }
  assert.equal(classifyFailure(null), "unavailable");
});
