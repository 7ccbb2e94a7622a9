/**
 * How fast a number may send, and one number to one customer: the generic cell rate algorithm. What was sent is paid for until
 * `paidUntilMs`; a sender may be ahead of its payments by a bounded time. Limits of Meta as of October 2026: 80 messages a second and
 * number (1,000 after an upgrade, 20 in coexistence); to one customer one message in 6 s, with a burst of 45 borrowed from the future.
 */

/** Part of the rate that is used steadily; the rest is the burst, so that no second ever holds more than the rate. */
const steadyShare = 0.9;
export const pairIntervalMs = 6_000;
export const pairBurstMax = 45;

export type Pace = { messagesPerSecond: number; paidUntilMs: number };

/** How many messages may start now. */
export function allowance({ messagesPerSecond, paidUntilMs }: Pace, nowMs: number): number {
  const { intervalMs, aheadMsMax } = cell(messagesPerSecond);
  const aheadMs = Math.max(0, paidUntilMs - nowMs);
  // A hundredth of a message: what rounding of times takes away must not cost a turn.
  return Math.max(0, Math.floor((aheadMsMax - aheadMs) / intervalMs + 0.01));
}

/** Until when so many messages, starting now, are paid for. In whole milliseconds, as it is read back: rounded down it would run too fast. */
export function paidUntil({ messagesPerSecond, paidUntilMs }: Pace, nowMs: number, messages: number): number {
  return Math.ceil(Math.max(paidUntilMs, nowMs) + messages * cell(messagesPerSecond).intervalMs);
}

/** From when on one more may start; not after `nowMs` when it may at once. */
export function nextAllowedAt({ messagesPerSecond, paidUntilMs }: Pace): number {
  const { intervalMs, aheadMsMax } = cell(messagesPerSecond);
  return paidUntilMs + intervalMs - aheadMsMax;
}

function cell(messagesPerSecond: number): { intervalMs: number; aheadMsMax: number } {
  const burst = Math.max(1, Math.floor(messagesPerSecond * (1 - steadyShare) + 1e-9));
  const intervalMs = 1_000 / Math.max(messagesPerSecond - burst, messagesPerSecond / 2);
  return { intervalMs, aheadMsMax: burst * intervalMs };
}

export type PairHeadroom = { sendsNow: number; nextAtMs: number | null };

/** What one number may send to one customer right now, and when the next one may go if that is none. */
export function pairHeadroom(paidUntilMs: number | null, nowMs: number): PairHeadroom {
  const aheadMs = Math.max(0, (paidUntilMs ?? nowMs) - nowMs);
  const sendsNow = Math.max(0, Math.floor((pairBurstMax * pairIntervalMs - aheadMs) / pairIntervalMs));
  return { sendsNow, nextAtMs: sendsNow > 0 ? null : nowMs + aheadMs - (pairBurstMax - 1) * pairIntervalMs };
}

export type WaitingLane = { tenantId: string; connectionId: string; pace: Pace; underWay: number; underWayMax: number };

/**
 * Shares free slots out, aligned with `lanes`: the tenant with the least under way gets the next one, whatever the number of its lanes, and
 * within a tenant the lane with the least. Who would use more than that leaves nothing to others, and nothing is left while somebody can
 * use it. Of equals goes first who has paid for the least, so that a single slot goes round.
 */
export function shareSlots(lanes: readonly WaitingLane[], slots: number, nowMs: number): number[] {
  const takers = lanes.map(({ tenantId, pace, underWay, underWayMax }) => {
    const want = Math.max(0, Math.min(allowance(pace, nowMs), underWayMax - underWay));
    return { tenantId, want, load: underWay, paidUntilMs: pace.paidUntilMs, given: 0 };
  });
  const tenants = [...Map.groupBy(takers, ({ tenantId }) => tenantId).values()].map((own) => ({ ...sumOf(own), own }));
  fillEvenly(tenants, slots);
  for (const { own, given } of tenants) fillEvenly(own, given);
  return takers.map(({ given }) => given);
}

type Taker = { want: number; load: number; paidUntilMs: number; given: number };

function sumOf(takers: readonly Taker[]): Taker {
  const sum: Taker = { want: 0, load: 0, paidUntilMs: 0, given: 0 };
  for (const { want, load, paidUntilMs } of takers) {
    sum.want += want;
    sum.load += load;
    sum.paidUntilMs = Math.max(sum.paidUntilMs, paidUntilMs);
  }
  return sum;
}

/** As water fills vessels of several depths: up to the highest level for all that the slots suffice for, then one more each in turn. */
function fillEvenly(takers: readonly Taker[], slots: number): void {
  const upTo = ({ want, load }: Taker, level: number): number => Math.min(want, Math.max(0, level - load));
  const needed = (level: number): number => takers.reduce((sum, taker) => sum + upTo(taker, level), 0);
  // `low` fits; `high` does not, or gives nobody more.
  let low = 0;
  let high = Math.max(0, ...takers.map(({ want, load }) => want + load)) + 1;
  while (high - low > 1) {
    const level = Math.floor((low + high) / 2);
    if (needed(level) <= slots) low = level;
    else high = level;
  }
  const left = slots - needed(low);
  for (const taker of takers) taker.given = upTo(taker, low);
  const thirsty = takers.filter(({ want, load, given }) => given < want && load <= low).toSorted((a, b) => a.paidUntilMs - b.paidUntilMs);
  for (const taker of thirsty.slice(0, left)) taker.given += 1;
}
