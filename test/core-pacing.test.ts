import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  allowance,
  nextAllowedAt,
  paidUntil,
  pairBurstMax,
  pairHeadroom,
  pairIntervalMs,
  shareSlots,
  type WaitingLane,
} from "../src/core/pacing.ts";

const rates = fc.oneof(fc.constantFrom(1, 2, 3, 5, 10, 20, 80, 250, 1_000), fc.integer({ min: 1, max: 1_000 }));

/** Claims as much as it may at each of these times, at most so much at once; answers when each message started. */
function claims(messagesPerSecond: number, looks: readonly { afterMs: number; wanted: number }[]): number[] {
  const starts: number[] = [];
  let paidUntilMs = 0;
  let nowMs = 1_000_000;
  for (const { afterMs, wanted } of looks) {
    nowMs += afterMs;
    const messages = Math.min(wanted, allowance({ messagesPerSecond, paidUntilMs }, nowMs));
    if (messages === 0) continue;
    paidUntilMs = paidUntil({ messagesPerSecond, paidUntilMs }, nowMs, messages);
    // As the database gives it back.
    assert.equal(paidUntilMs, Math.trunc(paidUntilMs));
    for (let count = 0; count < messages; count += 1) starts.push(nowMs);
  }
  return starts;
}

function mostWithin(starts: readonly number[], ms: number): number {
  let [most, first] = [0, 0];
  for (const [last, at] of starts.entries()) {
    while (at - (starts[first] ?? 0) >= ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

test("no second ever holds more than the rate, whatever the rate and whenever somebody looks", () => {
  fc.assert(
    fc.property(
      rates,
      fc.array(
        fc.record({
          afterMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 3_000 })),
          wanted: fc.integer({ min: 1, max: 2_000 }),
        }),
        {
          minLength: 1,
          maxLength: 400,
        },
      ),
      (rate, looks) => {
        assert.ok(mostWithin(claims(rate, looks), 1_000) <= rate);
      },
    ),
    { numRuns: 400 },
  );
});

test("who looks every millisecond for one message gets no more than the rate either, and at least four fifths of it, as rounding allows", () => {
  for (const rate of [20, 80, 250]) {
    const starts = claims(
      rate,
      Array.from({ length: 20_000 }, () => ({ afterMs: 1, wanted: 1 })),
    );
    assert.ok(mostWithin(starts, 1_000) <= rate, `${rate}`);
    assert.ok(starts.length >= 20 * rate * 0.8, `${rate}: ${starts.length}`);
  }
  const upgraded = claims(
    1_000,
    Array.from({ length: 4_000 }, () => ({ afterMs: 5, wanted: 1_000 })),
  );
  assert.ok(mostWithin(upgraded, 1_000) <= 1_000);
  assert.ok(upgraded.length >= 20 * 1_000 * 0.8, `${upgraded.length}`);
});

test("whoever may send nothing is told from when on, and then may", () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 0, max: 5_000 }), (rate, wanted) => {
      const nowMs = 1_000_000;
      const pace = { messagesPerSecond: rate, paidUntilMs: paidUntil({ messagesPerSecond: rate, paidUntilMs: 0 }, nowMs, wanted) };
      const nextMs = nextAllowedAt(pace);
      if (allowance(pace, nowMs) > 0) assert.ok(nextMs <= nowMs + 1);
      assert.ok(allowance(pace, Math.ceil(nextMs)) >= 1);
      if (nextMs - nowMs > 1_000) assert.equal(allowance(pace, nowMs), 0);
    }),
  );
});

test("a lane that nobody has used yet may send at once, and one that owes may not", () => {
  assert.equal(allowance({ messagesPerSecond: 80, paidUntilMs: 0 }, 1_000_000), 8);
  assert.equal(allowance({ messagesPerSecond: 80, paidUntilMs: 2_000_000 }, 1_000_000), 0);
  assert.equal(allowance({ messagesPerSecond: 1, paidUntilMs: 0 }, 1_000_000), 1);
});

const anyGap = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 4_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 60_000 }) },
);

test("to one customer go 45 messages at once, and then one in 6 s: every stretch of time holds no more", () => {
  fc.assert(
    fc.property(fc.array(anyGap, { minLength: 60, maxLength: 400, size: "max" }), (gaps) => {
      let [nowMs, paid] = [1_000_000, null as number | null];
      const starts: number[] = [];
      for (const gap of gaps) {
        nowMs += gap;
        const { sendsNow, nextAtMs } = pairHeadroom(paid, nowMs);
        assert.ok(sendsNow <= pairBurstMax);
        if (sendsNow === 0) {
          assert.ok(nextAtMs !== null && nextAtMs > nowMs);
          assert.ok(pairHeadroom(paid, nextAtMs).sendsNow >= 1);
          assert.equal(pairHeadroom(paid, nextAtMs - 1).sendsNow, 0);
          continue;
        }
        assert.equal(nextAtMs, null);
        paid = Math.max(paid ?? nowMs, nowMs) + pairIntervalMs;
        starts.push(nowMs);
      }
      for (const [first, from] of starts.entries()) {
        for (const [more, at] of starts.slice(first).entries()) {
          assert.ok(more + 1 <= pairBurstMax + Math.floor((at - from) / pairIntervalMs));
        }
      }
    }),
  );
});

const nowMs = 1_000_000;
const lane = (tenantId: string, connectionId: string, more: Partial<WaitingLane> = {}): WaitingLane => ({
  tenantId,
  connectionId,
  pace: { messagesPerSecond: 100_000, paidUntilMs: 0 },
  underWay: 0,
  underWayMax: 256,
  ...more,
});
const anyLanes = fc.array(
  fc.record({
    tenantId: fc.constantFrom("a", "b", "c", "d"),
    messagesPerSecond: rates,
    owesMs: fc.integer({ min: -100, max: 1_500 }),
    underWay: fc.integer({ min: 0, max: 60 }),
    underWayMax: fc.integer({ min: 4, max: 64 }),
  }),
  { maxLength: 12 },
);
const lanesOf = (
  drawn: readonly { tenantId: string; messagesPerSecond: number; owesMs: number; underWay: number; underWayMax: number }[],
) =>
  drawn.map(({ tenantId, messagesPerSecond, owesMs, underWay, underWayMax }, index) =>
    lane(tenantId, `${index}`, { pace: { messagesPerSecond, paidUntilMs: nowMs + owesMs }, underWay, underWayMax }),
  );
const wantOf = ({ pace, underWay, underWayMax }: WaitingLane): number =>
  Math.max(0, Math.min(allowance(pace, nowMs), underWayMax - underWay));

test("no slot is given twice or beyond what a lane may use, and none is left while somebody can use it", () => {
  fc.assert(
    fc.property(anyLanes, fc.integer({ min: 0, max: 600 }), (drawn, slots) => {
      const lanes = lanesOf(drawn);
      const shares = shareSlots(lanes, slots, nowMs);
      assert.equal(shares.length, lanes.length);
      const wanted = lanes.map(wantOf);
      for (const [index, share] of shares.entries()) assert.ok(share >= 0 && share <= (wanted[index] ?? 0));
      const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
      assert.equal(sum(shares), Math.min(slots, sum(wanted)));
    }),
    { numRuns: 1_000 },
  );
});

test("every tenant that could use more has as much under way as any other that got something, within one; so has every lane of a tenant", () => {
  type Level = { load: number; given: number; want: number };
  const isFair = (levels: readonly Level[]): void => {
    for (const poor of levels.filter(({ given, want }) => given < want)) {
      for (const rich of levels.filter(({ given }) => given > 0)) assert.ok(rich.load + rich.given <= poor.load + poor.given + 1);
    }
  };
  fc.assert(
    fc.property(anyLanes, fc.integer({ min: 0, max: 300 }), (drawn, slots) => {
      const lanes = lanesOf(drawn);
      const shares = shareSlots(lanes, slots, nowMs);
      const ofTenants = new Map<string, Level[]>();
      for (const [index, one] of lanes.entries()) {
        const levels = ofTenants.get(one.tenantId) ?? [];
        levels.push({ load: one.underWay, given: shares[index] ?? 0, want: wantOf(one) });
        ofTenants.set(one.tenantId, levels);
      }
      for (const levels of ofTenants.values()) isFair(levels);
      isFair(
        [...ofTenants.values()].map((levels) => ({
          load: levels.reduce((sum, { load }) => sum + load, 0),
          given: levels.reduce((sum, { given }) => sum + given, 0),
          want: levels.reduce((sum, { want }) => sum + want, 0),
        })),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("a tenant with a hundred numbers gets no more than one with a single number that stands last", () => {
  const lanes = [...Array.from({ length: 100 }, (_, index) => lane("many", `${index}`)), lane("one", "last")];
  const shares = shareSlots(lanes, 10, nowMs);
  assert.equal(shares.at(-1), 5);
  assert.equal(shareSlots([], 10, nowMs).length, 0);
});

test("a lane that waits is never starved: with one slot at a time and requests that end at once, each of many has its turn", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c"), { minLength: 2, maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 20 }),
      (tenants, slotsOf) => {
        let lanes = tenants.map((tenantId, index) => lane(tenantId, `${index}`));
        const turns = lanes.map(() => 0);
        for (let round = 0; round < 40 * lanes.length; round += 1) {
          const at = nowMs + round;
          const shares = shareSlots(lanes, slotsOf[round % slotsOf.length] ?? 1, at);
          lanes = lanes.map((one, index) => {
            const share = shares[index] ?? 0;
            turns[index] = (turns[index] ?? 0) + share;
            return share === 0 ? one : { ...one, pace: { ...one.pace, paidUntilMs: paidUntil(one.pace, at, share) } };
          });
        }
        for (const [index, count] of turns.entries()) assert.ok(count > 0, `lane ${index} of ${tenants.join("")} got nothing`);
      },
    ),
    { numRuns: 100 },
  );
});
