/**
 * Forwarding to tenants' endpoints: plan → claim → send → settle. One loop plans and claims; requests run beside it, as many as the node may
 * have under way; another loop settles all that have ended since it last did. Nothing that an endpoint does or fails to do is waited for by either.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Db } from "../../db/pool.ts";
import type { Failpoint } from "../../failpoint.ts";
import type { Verdict } from "../../core/forward-verdict.ts";
import { limits } from "../../limits.ts";
import { claimForwards, type ClaimedLane } from "../../webhooks/forward-claim.ts";
import type { Connector } from "../../webhooks/forward-connector.ts";
import { forwardingTenants, planForwards, type Planned } from "../../webhooks/forward-plan.ts";
import type { Destinations } from "../../webhooks/forward-secrets.ts";
import { sendLane, type SendOptions } from "../../webhooks/forward-send.ts";
import { settleForwards, type LaneResult, type Settled } from "../../webhooks/forward-settle.ts";
import { Loop } from "../loop.ts";

export type ForwardOptions = {
  /** Role kesher_ingest. */
  ingest: Db;
  destinations: Destinations;
  connector: Connector;
  nowMs: () => number;
  /** Null: the database's own, which all nodes share. */
  atMs?: () => number | null;
  random: () => number;
  failpoint: Failpoint;
  onAnswer: (outcome: Verdict, ms: number) => void;
  onSettled: (settled: Settled) => void;
};

export type ForwardTurn = Planned & { lanes: number; settled: Settled };

const nothingSettled: Settled = { delivered: 0, dead: 0, failed: 0, lost: 0, paused: [] };

/** One turn from the log to the books, waited for. */
export async function forwardOnce(options: ForwardOptions, signal = new AbortController().signal): Promise<ForwardTurn> {
  const planned = await planForwards({ ingest: options.ingest, atMs: atOf(options) });
  const lanes = await claim(options, limits.forwardsMax);
  const results = await Promise.all(lanes.map((lane) => sendLane(sendOptions(options, signal), lane)));
  const settled = results.length === 0 ? nothingSettled : await settle(options, results);
  return { ...planned, lanes: lanes.length, settled };
}

export type Forwarding = {
  /** These tenants have something new. Costs nothing where none of them has an endpoint. */
  wake(tenantIds: readonly string[]): void;
  stop(): Promise<void>;
};

export function startForwarding(
  options: ForwardOptions & { onError: (error: unknown, attempt: number, waitMs: number) => void },
): Forwarding {
  const stopping = new AbortController();
  const sending = sendOptions(options, stopping.signal);
  const underWay = new Set<Promise<void>>();
  let ended: LaneResult[] = [];
  let tenants: { ids: ReadonlySet<string>; readAtMs: number } = { ids: new Set(), readAtMs: Number.NEGATIVE_INFINITY };

  const claiming = new Loop({
    runOnce: async () => {
      // Only a shortcut: for a tenant that it does not know yet there is the poll.
      if (performance.now() - tenants.readAtMs >= limits.forwardPollMs) {
        tenants = { ids: await forwardingTenants(options.ingest), readAtMs: performance.now() };
      }
      const { hasMore, errors } = await planForwards({ ingest: options.ingest, atMs: atOf(options) });
      for (const error of errors) options.onError(error, 1, limits.forwardPollMs);
      const lanes = await claim(options, limits.forwardsMax - underWay.size);
      for (const lane of lanes) start(lane);
      // Under load a turn costs as much for one as for many.
      if (lanes.length > 0) await pause(limits.gatherMs);
      return hasMore && errors.length === 0;
    },
    onError: options.onError,
    random: options.random,
    pollMs: limits.forwardPollMs,
  });
  const settling = new Loop({ runOnce: settleEnded, onError: options.onError, random: options.random, pollMs: limits.pollMs });

  function start(lane: ClaimedLane): void {
    const run = sendLane(sending, lane)
      .then((result) => void ended.push(result))
      .catch((error: unknown) => options.onError(error, 1, limits.forwardClaimMsMax))
      .finally(() => {
        underWay.delete(run);
        settling.wake();
      });
    underWay.add(run);
  }

  async function settleEnded(): Promise<boolean> {
    const results = ended;
    if (results.length === 0) return false;
    ended = [];
    try {
      await settle(options, results);
    } catch (error) {
      // At most as many as are claimed; those whose claim has run out meanwhile are passed over.
      ended.unshift(...results);
      throw error;
    }
    claiming.wake();
    return ended.length > 0;
  }

  claiming.start();
  settling.start();
  return {
    wake(tenantIds) {
      if (tenantIds.some((id) => tenants.ids.has(id))) claiming.wake();
    },
    async stop() {
      await claiming.stop();
      const cut = setTimeout(() => stopping.abort(), limits.forwardStopMsMax);
      await Promise.all(underWay);
      clearTimeout(cut);
      await settling.stop();
      // What cannot be settled now is sent again under the same id when its claim runs out.
      await settleEnded().catch((error: unknown) => options.onError(error, 1, 0));
    },
  };
}

function claim(options: ForwardOptions, room: number): Promise<ClaimedLane[]> {
  return claimForwards({ ingest: options.ingest, claimId: randomUUID(), room, atMs: atOf(options) });
}

async function settle(options: ForwardOptions, results: readonly LaneResult[]): Promise<Settled> {
  const { ingest, random, nowMs } = options;
  const settled = await settleForwards({ ingest, random, nowMs, atMs: atOf(options) }, results);
  options.onSettled(settled);
  return settled;
}

function atOf({ atMs }: ForwardOptions): number | null {
  return atMs === undefined ? null : atMs();
}

function sendOptions({ connector, destinations, nowMs, failpoint, onAnswer }: ForwardOptions, signal: AbortSignal): SendOptions {
  return { connector, destinations, nowMs, signal, failpoint, onAnswer };
}
