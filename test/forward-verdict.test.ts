import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isDead,
  isInTrouble,
  judgeEndpoint,
  laneWaitMs,
  readRetryAfter,
  verdictOf,
  type Round,
  type Verdict,
} from "../src/core/forward-verdict.ts";
import { limits } from "../src/limits.ts";

const answered = (status: number) => ({ kind: "answered", status, retryAfterMs: null, shown: "" }) as const;
const round = (change: Partial<Round>): Round => ({ delivered: 0, failed: 0, gone: 0, retryAfterMs: null, ...change });

test("only 2xx delivers; 4xx refuses but for those that pass by themselves; 410 ends it; all else is the endpoint's trouble", () => {
  const verdicts: Record<Verdict, number[]> = {
    delivered: [200, 201, 204, 299],
    refused: [400, 401, 403, 404, 409, 413, 422, 451, 499],
    gone: [410],
    trouble: [0, 100, 300, 301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599],
    stopped: [],
  };
  for (const [verdict, statuses] of Object.entries(verdicts)) {
    for (const status of statuses) assert.equal(verdictOf(answered(status)), verdict, String(status));
  }
  assert.equal(verdictOf({ kind: "unreachable", reason: "x" }), "trouble");
  assert.equal(verdictOf({ kind: "stopped" }), "stopped");
});

test("trouble is waited out to the last millisecond, refusals to the last attempt", () => {
  const { forwardTriedMsMax: ms, forwardRefusalsMax: refusals } = limits;
  assert.equal(isDead({ verdict: "trouble", attempts: 10_000, triedMs: ms - 1 }), false);
  assert.equal(isDead({ verdict: "trouble", attempts: 2, triedMs: ms }), true);
  assert.equal(isDead({ verdict: "refused", attempts: refusals - 1, triedMs: 0 }), false);
  assert.equal(isDead({ verdict: "refused", attempts: refusals, triedMs: 0 }), true);
  assert.equal(isDead({ verdict: "gone", attempts: refusals, triedMs: 0 }), false);
  for (const verdict of ["delivered", "stopped"] as const) assert.equal(isDead({ verdict, attempts: refusals, triedMs: ms }), false);
});

test("a conversation's waits double from the least to the most", () => {
  assert.equal(laneWaitMs(1, 0), limits.forwardRetryMsMin / 2);
  assert.equal(laneWaitMs(1, 1), limits.forwardRetryMsMin);
  assert.equal(laneWaitMs(2, 1), 2 * limits.forwardRetryMsMin);
  assert.equal(laneWaitMs(1_000, 1), limits.forwardRetryMsMax);
});

test("an endpoint that has failed so many rounds is tried with growing pauses; one success ends that", () => {
  const from = limits.forwardTroubleFrom;
  assert.equal(isInTrouble(from - 1), false);
  const before = judgeEndpoint({ failures: from - 2, failingMs: 1 }, round({ failed: 3 }), 1);
  assert.deepEqual(before, { failures: from - 1, waitMs: null, pausedReason: null, hasRecovered: false });
  const first = judgeEndpoint({ failures: from - 1, failingMs: 1 }, round({ failed: 1 }), 1);
  assert.deepEqual(first, { failures: from, waitMs: limits.forwardRetryMsMin, pausedReason: null, hasRecovered: false });
  assert.equal(judgeEndpoint({ failures: 1_000, failingMs: 1 }, round({ failed: 1 }), 1).waitMs, limits.forwardProbeMsMax);
  const back = judgeEndpoint({ failures: from, failingMs: 1 }, round({ failed: 5, delivered: 1 }), 1);
  assert.deepEqual(back, { failures: 0, waitMs: null, pausedReason: null, hasRecovered: true });
  assert.equal(judgeEndpoint({ failures: 1, failingMs: 1 }, round({ delivered: 1 }), 1).hasRecovered, false);
  assert.deepEqual(judgeEndpoint({ failures: 3, failingMs: 1 }, round({}), 1), {
    failures: 3,
    waitMs: null,
    pausedReason: null,
    hasRecovered: false,
  });
});

test("an endpoint is paused at once when it is gone, and when it has failed for so long and fails again", () => {
  const { forwardFailingMsMax: ms } = limits;
  assert.equal(judgeEndpoint({ failures: 50, failingMs: ms - 1 }, round({ failed: 1 }), 1).pausedReason, null);
  assert.equal(judgeEndpoint({ failures: 50, failingMs: ms }, round({ failed: 1 }), 1).pausedReason, "failing");
  assert.equal(judgeEndpoint({ failures: 50, failingMs: ms }, round({ delivered: 1 }), 1).pausedReason, null);
  assert.equal(judgeEndpoint({ failures: 0, failingMs: 0 }, round({ gone: 1, delivered: 9 }), 1).pausedReason, "gone");
});

test("Retry-After is seconds or a date, counts also before there is trouble, and is bounded", () => {
  const nowMs = Date.parse("2026-11-22T10:00:00Z");
  assert.equal(readRetryAfter("120", nowMs), 120_000);
  assert.equal(readRetryAfter(" 7 ", nowMs), 7_000);
  assert.equal(readRetryAfter("Sun, 22 Nov 2026 10:01:00 GMT", nowMs), 60_000);
  assert.equal(readRetryAfter("Sun, 22 Nov 2026 09:00:00 GMT", nowMs), 0);
  for (const header of [undefined, "", "soon", "-", "1e99x"]) assert.equal(readRetryAfter(header, nowMs), null, header ?? "none");
  assert.equal(judgeEndpoint({ failures: 0, failingMs: 0 }, round({ failed: 1, retryAfterMs: 5 }), 1).waitMs, 5);
  assert.equal(judgeEndpoint({ failures: 0, failingMs: 0 }, round({ delivered: 1, retryAfterMs: 5 }), 1).waitMs, 5);
  assert.equal(judgeEndpoint({ failures: 9, failingMs: 0 }, round({ failed: 1, retryAfterMs: 1 }), 1).waitMs, 16_000 * 2);
  const long = judgeEndpoint({ failures: 0, failingMs: 0 }, round({ failed: 1, retryAfterMs: Number.MAX_SAFE_INTEGER }), 1);
  assert.equal(long.waitMs, limits.forwardRetryAfterMsMax);
});
