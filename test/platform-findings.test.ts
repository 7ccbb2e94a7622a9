import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlatformState } from "../src/contract/platform.ts";
import { platformFindings } from "../src/core/platform-findings.ts";
import { limits } from "../src/limits.ts";

const nowMs = Date.UTC(2026, 10, 23, 3);
const ago = (ms: number): string => new Date(nowMs - ms).toISOString();
const nothing = { count: 0, oldestAt: null };
const well: Omit<PlatformState, "findings" | "version"> = {
  at: ago(0),
  inbound: { ...nothing, lastMinute: 3, lastHour: 90, lastAt: ago(1_000) },
  parked: [],
  outbound: { ...nothing, underWay: 0, scheduled: 4, pausedNumbers: 0 },
  forwarding: { ...nothing, dead: 0, pausedEndpoints: 0, failingEndpoints: 0 },
  connections: { connected: 2, failing: 0, list: [] },
  tenants: { open: 1, quotaSpent: 0 },
  nodes: [{ id: "n", aliveUntil: ago(-9_000), isAlive: true }],
};
const found = (more: Partial<typeof well>): string[] => platformFindings({ ...well, ...more }).map(({ code, state }) => `${code} ${state}`);

test("Where all is well nothing is told; what waits is late from a bound on, and a matter for somebody from another", () => {
  assert.deepEqual(found({}), []);
  const waiting = (ms: number) => found({ inbound: { ...well.inbound, count: 1, oldestAt: ago(ms) } });
  assert.deepEqual(waiting(limits.platformLateMs), []);
  assert.deepEqual(waiting(limits.platformLateMs + 1), ["inbound_late warning"]);
  assert.deepEqual(waiting(limits.platformVeryLateMs), ["inbound_late warning"]);
  assert.deepEqual(waiting(limits.platformVeryLateMs + 1), ["inbound_late problem"]);
  const silent = (ms: number) => found({ inbound: { ...well.inbound, lastAt: ago(ms) } });
  assert.deepEqual([silent(limits.platformSilentMs), silent(limits.platformSilentMs + 1)], [[], ["inbound_silent warning"]]);
});

test("Problems come before warnings, and each in the order of its weight", () => {
  const parked = [
    { reason: "unrouted", count: 2, oldestAt: ago(5) },
    { reason: "crashed_worker", count: 1, oldestAt: ago(9) },
  ];
  const late = { ...well.outbound, count: 1, oldestAt: ago(limits.platformVeryLateMs + 1), pausedNumbers: 1 };
  const tenants = { open: 1, quotaSpent: 1 };
  assert.deepEqual(found({ parked, outbound: late, nodes: [], tenants }), [
    "sends_late problem",
    "no_sender problem",
    "parked_crashed problem",
    "parked warning",
    "sending_paused warning",
    "quotas_spent warning",
  ]);
});
