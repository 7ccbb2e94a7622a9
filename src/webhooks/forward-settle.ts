/**
 * Last step of forwarding: what came of claimed lanes, for their deliveries, for the lanes, and for the endpoints; many at once in one
 * transaction. A result counts only while its claim stands: a node that slept too long changes nothing, and what it sent is sent again
 * under the same id. Locks: endpoints by key, then lanes and deliveries, then the counters of tenants whose endpoint was paused.
 */
import { judgeEndpoint, laneWaitMs, type NextHealth, type Round } from "../core/forward-verdict.ts";
import { bools, ints, texts, uuids, bigints } from "../db/arrays.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { appendActivity, type ActivityEvent } from "../services/activity/append.ts";

export type DeliveryResult = {
  id: string;
  state: "pending" | "delivered" | "dead";
  isAttempt: boolean;
  status: number | null;
  error: string | null;
};
export type LaneResult = {
  claimId: string;
  tenantId: string;
  endpointId: string;
  lane: string;
  /** Failures in a row; 0 when the last delivery went well or was given up. */
  failures: number;
  deliveries: readonly DeliveryResult[];
  round: Round;
};

const lockEndpoints = statement(
  "forward_settle.lock_endpoints",
  `select e.tenant_id as "tenantId", e.id, e.failures,
     coalesce(extract(epoch from coalesce($3::timestamptz, clock_timestamp()) - e.failing_since) * 1000, 0)::bigint as "failingMs"
   from forward_endpoints e join unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) on e.tenant_id = u.tenant_id and e.id = u.id
   order by e.tenant_id, e.id for no key update of e`,
  { tenantId: "uuid", id: "uuid", failures: "int", failingMs: "bigint" },
);
const standing = statement(
  "forward_settle.standing",
  `select u.ordinal::int from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) with ordinality as u (tenant_id, endpoint_id, lane, claim_id, ordinal)
   join forward_lanes l on l.tenant_id = u.tenant_id and l.endpoint_id = u.endpoint_id and l.lane = u.lane and l.claim_id = u.claim_id`,
  { ordinal: "int" },
);
const updateDeliveries = statement(
  "forward_settle.deliveries",
  `update forward_deliveries d set state = u.state, attempts = d.attempts + u.attempted::int, status = u.status, error = u.error,
     first_attempt_at = case when u.attempted then coalesce(d.first_attempt_at, n.now) else d.first_attempt_at end,
     last_attempt_at = case when u.attempted then n.now else d.last_attempt_at end
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bool[], $5::int[], $6::text[]) as u (tenant_id, id, state, attempted, status, error),
     (select coalesce($7::timestamptz, clock_timestamp()) as now) n
   where d.tenant_id = u.tenant_id and d.id = u.id and d.state = 'pending'`,
  {},
);
const dropEmptyLanes = statement(
  "forward_settle.drop_lanes",
  `delete from forward_lanes l using unnest($1::uuid[], $2::uuid[], $3::text[]) as u (tenant_id, endpoint_id, lane)
   where l.tenant_id = u.tenant_id and l.endpoint_id = u.endpoint_id and l.lane = u.lane
     and not exists (select from forward_deliveries d where d.tenant_id = l.tenant_id and d.endpoint_id = l.endpoint_id and d.lane = l.lane and d.state = 'pending')`,
  {},
);
const releaseLanes = statement(
  "forward_settle.release_lanes",
  `update forward_lanes l set claim_id = null, failures = u.failures, due_at = coalesce($6::timestamptz, clock_timestamp()) + u.wait_ms * interval '1 millisecond'
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[]) as u (tenant_id, endpoint_id, lane, failures, wait_ms)
   where l.tenant_id = u.tenant_id and l.endpoint_id = u.endpoint_id and l.lane = u.lane`,
  {},
);
const hurryLanes = statement(
  "forward_settle.hurry_lanes",
  `update forward_lanes l set due_at = n.now from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id), (select coalesce($3::timestamptz, clock_timestamp()) as now) n
   where l.tenant_id = u.tenant_id and l.endpoint_id = u.id and l.claim_id is null and l.due_at > n.now`,
  {},
);
/** A healthy endpoint's row is written at most once a minute. */
const updateEndpoints = statement(
  "forward_settle.endpoints",
  `update forward_endpoints e set failures = u.failures,
     failing_since = case when u.failures = 0 then null else coalesce(e.failing_since, n.now) end,
     retry_at = n.now + u.wait_ms * interval '1 millisecond',
     state = case when u.paused is null then e.state else 'paused' end,
     paused_reason = coalesce(u.paused, e.paused_reason),
     last_success_at = case when u.delivered then n.now else e.last_success_at end,
     last_failure_at = case when u.error is null then e.last_failure_at else n.now end,
     last_error = coalesce(u.error, e.last_error)
   from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::bool[], $7::text[]) as u (tenant_id, id, failures, wait_ms, paused, delivered, error),
     (select coalesce($8::timestamptz, clock_timestamp()) as now) n
   where e.tenant_id = u.tenant_id and e.id = u.id and (e.failures > 0 or u.failures > 0 or u.error is not null or u.wait_ms is not null
     or e.retry_at is not null or e.last_success_at is null or e.last_success_at < n.now - interval '1 minute')
   returning e.tenant_id as "tenantId", e.id, old.state as "stateBefore", new.state`,
  { tenantId: "uuid", id: "uuid", stateBefore: "text", state: "text" },
);

export type SettleOptions = { ingest: Db; random: () => number; nowMs: () => number; atMs: number | null };
export type Settled = {
  delivered: number;
  dead: number;
  failed: number;
  lost: number;
  paused: readonly { tenantId: string; endpointId: string; reason: string }[];
};

export async function settleForwards(options: SettleOptions, results: readonly LaneResult[]): Promise<Settled> {
  return transaction(options.ingest, async (tx) => {
    const at = time(options.atMs);
    const endpoints = await lock(tx, results, at);
    const mine = await stillClaimed(tx, results);
    await writeDeliveries(tx, mine, at);
    await writeLanes(tx, mine, options);
    const paused = await writeEndpoints(tx, endpoints, mine, options);
    await announce(tx, paused, options.nowMs());
    const all = mine.flatMap((result) => result.deliveries);
    return {
      delivered: all.filter(({ state }) => state === "delivered").length,
      dead: all.filter(({ state }) => state === "dead").length,
      failed: all.filter(({ state, isAttempt }) => state === "pending" && isAttempt).length,
      lost: results.length - mine.length,
      paused,
    };
  });
}

type LockedEndpoint = { tenantId: string; id: string; failures: number; failingMs: number };

async function lock(tx: Tx, results: readonly LaneResult[], at: string | null): Promise<LockedEndpoint[]> {
  const wanted = new Map(results.map(({ tenantId, endpointId }) => [endpointId, tenantId]));
  return tx.query(lockEndpoints, [uuids([...wanted.values()]), uuids([...wanted.keys()]), at]);
}

async function stillClaimed(tx: Tx, results: readonly LaneResult[]): Promise<LaneResult[]> {
  const found = await tx.query(standing, [...keysOf(results), uuids(results.map((result) => result.claimId))]);
  const ordinals = new Set(found.map(({ ordinal }) => ordinal - 1));
  return results.filter((_, index) => ordinals.has(index));
}

async function writeDeliveries(tx: Tx, mine: readonly LaneResult[], at: string | null): Promise<void> {
  const rows = mine.flatMap(({ tenantId, deliveries }) => deliveries.map((delivery) => ({ tenantId, ...delivery })));
  if (rows.length === 0) return;
  await tx.query(updateDeliveries, [
    uuids(rows.map((row) => row.tenantId)),
    uuids(rows.map((row) => row.id)),
    texts(rows.map((row) => row.state)),
    bools(rows.map((row) => row.isAttempt)),
    ints(rows.map((row) => row.status)),
    texts(rows.map((row) => row.error)),
    at,
  ]);
}

async function writeLanes(tx: Tx, mine: readonly LaneResult[], { random, atMs }: SettleOptions): Promise<void> {
  if (mine.length === 0) return;
  await tx.query(dropEmptyLanes, keysOf(mine));
  const waits = mine.map(({ failures }) => (failures === 0 ? 0 : laneWaitMs(failures, random())));
  await tx.query(releaseLanes, [...keysOf(mine), ints(mine.map(({ failures }) => failures)), bigints(waits), time(atMs)]);
}

type Paused = { tenantId: string; endpointId: string; reason: string };

async function writeEndpoints(
  tx: Tx,
  endpoints: readonly LockedEndpoint[],
  mine: readonly LaneResult[],
  { random, atMs }: SettleOptions,
): Promise<Paused[]> {
  const judged = endpoints.flatMap((endpoint) => {
    const own = mine.filter((result) => result.endpointId === endpoint.id);
    if (own.length === 0) return [];
    const round = sumOf(own.map((result) => result.round));
    if (round.delivered + round.failed + round.gone === 0) return [];
    const error = own.flatMap(({ deliveries }) => deliveries.flatMap((delivery) => delivery.error ?? [])).at(-1) ?? null;
    return [{ endpoint, round, error, next: judgeEndpoint(endpoint, round, random()) }];
  });
  if (judged.length === 0) return [];
  const updated = await tx.query(updateEndpoints, [
    uuids(judged.map(({ endpoint }) => endpoint.tenantId)),
    uuids(judged.map(({ endpoint }) => endpoint.id)),
    ints(judged.map(({ next }) => next.failures)),
    bigints(judged.map(({ next }) => next.waitMs)),
    texts(judged.map(({ next }) => next.pausedReason)),
    bools(judged.map(({ round }) => round.delivered > 0)),
    texts(judged.map(({ error }) => error)),
    time(atMs),
  ]);
  const recovered = judged.filter(({ next }) => next.hasRecovered);
  if (recovered.length > 0) {
    const keys = [uuids(recovered.map(({ endpoint }) => endpoint.tenantId)), uuids(recovered.map(({ endpoint }) => endpoint.id))];
    await tx.query(hurryLanes, [...keys, time(atMs)]);
  }
  const reasons = new Map(judged.map(({ endpoint, next }): [string, NextHealth["pausedReason"]] => [endpoint.id, next.pausedReason]));
  return updated.flatMap(({ tenantId, id, stateBefore, state }) =>
    stateBefore === "active" && state === "paused" ? [{ tenantId, endpointId: id, reason: reasons.get(id) ?? "failing" }] : [],
  );
}

async function announce(tx: Tx, paused: readonly Paused[], nowMs: number): Promise<void> {
  const events = paused.map(({ tenantId, endpointId, reason }): ActivityEvent => {
    const data = { endpointId, change: "paused", state: "paused", reason };
    return { tenantId, type: "endpoint.changed", conversationId: null, messageId: null, data };
  });
  if (events.length > 0) await appendActivity(tx, events, nowMs);
}

function sumOf(rounds: readonly Round[]): Round {
  const asked = rounds.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  return {
    delivered: rounds.reduce((sum, round) => sum + round.delivered, 0),
    failed: rounds.reduce((sum, round) => sum + round.failed, 0),
    gone: rounds.reduce((sum, round) => sum + round.gone, 0),
    retryAfterMs: asked.length === 0 ? null : Math.max(...asked),
  };
}

function keysOf(results: readonly LaneResult[]): Buffer[] {
  return [
    uuids(results.map((result) => result.tenantId)),
    uuids(results.map((result) => result.endpointId)),
    texts(results.map((result) => result.lane)),
  ];
}
