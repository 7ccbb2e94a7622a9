import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterNotSent, afterRefusal, type Refusal, type RefusalClass } from "../src/core/send-retry.ts";
import { nextSendState, sendEvents, sendStates, sendTransitions, type SendState } from "../src/core/send-state.ts";

const hourMs = 3_600_000;

test("every state says what every event makes of it, and knows no other event", () => {
  assert.deepEqual(Object.keys(sendTransitions).toSorted(), [...sendStates].toSorted());
  for (const state of sendStates) {
    assert.deepEqual(Object.keys(sendTransitions[state]).toSorted(), [...sendEvents].toSorted(), state);
    for (const event of sendEvents) {
      const next = nextSendState(state, event);
      assert.ok(next === null || sendStates.includes(next), `${state} ${event}`);
    }
  }
});

test("from an end nothing leads back: whatever is accepted, failed or cancelled stays it, and an unknown only ever ends", () => {
  for (const end of ["accepted", "failed", "cancelled"] as const) {
    for (const event of sendEvents) assert.equal(nextSendState(end, event), null, `${end} ${event}`);
  }
  const ends: readonly (SendState | null)[] = ["accepted", "failed", null];
  for (const event of sendEvents) assert.ok(ends.includes(nextSendState("unknown", event)), event);
});

test("back into the queue leads from dispatching only what was not sent, was given back, or Graph itself put off (I6)", () => {
  const back = sendEvents.filter((event) => nextSendState("dispatching", event) === "queued");
  assert.deepEqual(back.toSorted(), ["not_sent", "postponed", "released"]);
  const waiting: readonly (SendState | null)[] = ["scheduled", "waiting", "behind"];
  for (const event of sendEvents) assert.ok(!waiting.includes(nextSendState("dispatching", event)), event);
});

test("a request starts from the queue only, and by a claim only", () => {
  for (const state of sendStates) {
    for (const event of sendEvents) {
      if (nextSendState(state, event) === "dispatching") assert.deepEqual([state, event], ["queued", "claimed"]);
    }
  }
});

test("what still waits can be cancelled; what is on its way or has ended can not", () => {
  const cancellable = sendStates.filter((state) => nextSendState(state, "cancelled") === "cancelled");
  assert.deepEqual(cancellable, ["scheduled", "waiting", "behind", "queued"]);
});

test("from every state that is no end an end can be reached", () => {
  const reaches = (state: SendState, seen = new Set<SendState>()): boolean => {
    if (["accepted", "failed", "cancelled"].includes(state)) return true;
    seen.add(state);
    return sendEvents.some((event) => {
      const next = nextSendState(state, event);
      return next !== null && !seen.has(next) && reaches(next, seen);
    });
  };
  for (const state of sendStates) assert.ok(reaches(state), state);
});

const classes = ["retry", "retry_few", "retry_slow", "retry_pair", "wait", "fix", "token", "human", "never", "inbound"] as const;
const refusal = (more: Partial<Refusal> & { class: RefusalClass }): Refusal => ({
  retryable: true,
  waitMs: 1_000,
  attempts: 1,
  laneRefusals: 0,
  random: 0,
  ...more,
});

test("one number to one customer waits 4^n seconds, and its number does not wait for it (131056)", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7].map((attempts) => afterRefusal(refusal({ class: "retry_pair", waitMs: 4_000, attempts })));
  assert.deepEqual(
    waits,
    [1, 2, 3, 4, 5]
      .map((n) => ({ kind: "retry", afterMs: 4 ** n * 1_000, laneMs: null }))
      .concat([hourMs, hourMs].map((afterMs) => ({ kind: "retry", afterMs, laneMs: null }))),
  );
  assert.deepEqual(afterRefusal(refusal({ class: "retry_pair", attempts: 8 })), { kind: "fail" });
});

test("a busy Meta is asked again with doubling waits, and the whole number rests longer with every wave, a minute at most", () => {
  const rests = [0, 1, 2, 5, 6, 60].map((laneRefusals) => {
    const after = afterRefusal(refusal({ class: "retry", laneRefusals }));
    return after.kind === "retry" ? after.laneMs : null;
  });
  assert.deepEqual(rests, [1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  const waits = [1, 2, 3, 7].map((attempts) => {
    const after = afterRefusal(refusal({ class: "retry", attempts, waitMs: null }));
    return after.kind === "retry" ? after.afterMs : null;
  });
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 64_000]);
});

test("hourly limits rest the number for as long as the table says (80007); an unclear refusal is tried three times and rests nobody", () => {
  assert.deepEqual(afterRefusal(refusal({ class: "retry_slow", waitMs: 300_000 })), { kind: "retry", afterMs: 300_000, laneMs: 300_000 });
  assert.deepEqual(afterRefusal(refusal({ class: "retry_few", attempts: 2 })), { kind: "retry", afterMs: 2_000, laneMs: null });
  assert.deepEqual(afterRefusal(refusal({ class: "retry_few", attempts: 3 })), { kind: "fail" });
});

test("a refused token pauses, however often; what Meta does not want again fails at once", () => {
  for (const attempts of [1, 1_000_000]) {
    assert.deepEqual(afterRefusal(refusal({ class: "token", retryable: false, attempts })), { kind: "pause" });
  }
  for (const kind of classes) {
    if (kind !== "token") assert.deepEqual(afterRefusal(refusal({ class: kind, retryable: false })), { kind: "fail" }, kind);
  }
  for (const kind of ["wait", "fix", "human", "never", "inbound"] as const)
    assert.deepEqual(afterRefusal(refusal({ class: kind })), { kind: "fail" });
});

test("every wait is positive, spread by a quarter at most, never over an hour before that, and some try is the last", () => {
  fc.assert(
    fc.property(
      fc.record({
        class: fc.constantFrom(...classes),
        retryable: fc.boolean(),
        waitMs: fc.option(fc.integer({ min: 1, max: 10 * hourMs })),
        attempts: fc.integer({ min: 1, max: 1_000 }),
        laneRefusals: fc.integer({ min: 0, max: 1_000 }),
        random: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      (asked) => {
        const after = afterRefusal(asked);
        if (after.kind !== "retry") return;
        assert.ok(asked.attempts < 12);
        const plain = afterRefusal({ ...asked, random: 0 });
        assert.ok(plain.kind === "retry");
        assert.ok(plain.afterMs >= 1 && plain.afterMs <= hourMs);
        assert.ok(after.afterMs >= plain.afterMs && after.afterMs <= plain.afterMs * 1.25);
        assert.ok(after.laneMs === null || (after.laneMs >= 1 && after.laneMs <= hourMs));
        // The later, the longer.
        const earlier = afterRefusal({ ...asked, attempts: 1, random: 0 });
        assert.ok(earlier.kind !== "retry" || earlier.afterMs <= plain.afterMs);
      },
    ),
  );
});

test("a request that could not leave is tried again from half a second on, a minute apart at most", () => {
  const waits = [0, 1, 2, 3, 7, 8, 9, 1_000].map((attempts) => afterNotSent(attempts, 0).afterMs);
  assert.deepEqual(waits, [500, 500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(afterNotSent(1, 1).afterMs, 625);
});
