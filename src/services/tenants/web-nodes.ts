/**
 * What nodes that serve callers tell each other by the database. Rates are told once in `limits.webNodeBeatMs`, so a caller who spreads over n nodes
 * gets at most what n - 1 of them let through in that time more than its limit. Streams under a quota are counted under a lock of the tenant:
 * never one more than the quota. A node that fell silent counts no longer after `limits.webNodeAliveMs`. Role kesher_platform.
 */
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { transaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";

const beat = statement(
  "web_nodes.beat",
  `insert into web_nodes (id, alive_until, rates) values ($1, clock_timestamp() + make_interval(secs => $2::int), $3::jsonb)
   on conflict (id) do update set alive_until = excluded.alive_until, rates = excluded.rates returning old.id is null as "isNew"`,
  { isNew: "bool" },
);
const selectOthers = statement("web_nodes.others", `select rates from web_nodes where id <> $1 and alive_until > clock_timestamp()`, {
  rates: "json",
});
const forget = statement(
  "web_nodes.forget",
  `with gone as (delete from web_nodes where alive_until < clock_timestamp() - interval '1 minute')
   delete from web_streams s where not exists (select from web_nodes n where n.id = s.node_id and n.alive_until >= clock_timestamp() - interval '1 minute')`,
  {},
);
const leave = statement(
  "web_nodes.leave",
  `with gone as (delete from web_nodes where id = $1) delete from web_streams where node_id = $1`,
  {},
);
const lock = statement("web_streams.lock", `select pg_advisory_xact_lock(hashtextextended('streams:' || $1::text, 0))::text as locked`, {
  locked: "text",
});
const selectElsewhere = statement(
  "web_streams.elsewhere",
  `select coalesce(sum(s.streams), 0)::int as streams from web_streams s join web_nodes n on n.id = s.node_id
   where s.tenant_id = $1 and s.node_id <> $2 and n.alive_until > clock_timestamp()`,
  { streams: "int" },
);
const ensureNode = statement(
  "web_nodes.ensure",
  `insert into web_nodes (id, alive_until, rates) values ($1, clock_timestamp() + make_interval(secs => $2::int), '{}') on conflict do nothing returning true as "isNew"`,
  { isNew: "bool" },
);
const put = statement(
  "web_streams.put",
  `insert into web_streams (tenant_id, node_id, streams) values ($1, $2, $3::int) on conflict (tenant_id, node_id) do update set streams = excluded.streams`,
  {},
);

/** How often a caller asked one node in the window that ends there. */
export type ToldRates = Readonly<Record<string, readonly [count: number, endsAtMs: number]>>;

/** `isNew`: the database knew nothing of this node, so its streams are to be told anew. */
export async function beatWebNode(platform: Db, nodeId: string, rates: ToldRates): Promise<{ isNew: boolean; others: ToldRates[] }> {
  const [row] = await platform.query(beat, [nodeId, aliveSeconds, JSON.stringify(rates)]);
  const others = await platform.query(selectOthers, [nodeId]);
  // Written by the statement above alone.
  return { isNew: row?.isNew ?? true, others: others.map((other) => other.rates as ToldRates) };
}

export async function forgetWebNodes(platform: Db): Promise<void> {
  await platform.query(forget);
}

export async function leaveWebNodes(platform: Db, nodeId: string): Promise<void> {
  await platform.query(leave, [nodeId]);
}

/** Whether this node may have as many as `own` says, which counts the wanted one already; then the others know of it. `isNew`: as of a beat. */
export function takeStream(
  platform: Db,
  { nodeId, tenantId, quota }: { nodeId: string; tenantId: string; quota: number },
  own: () => number,
): Promise<{ isTaken: boolean; isNew: boolean }> {
  return transaction(platform, async (tx) => {
    await tx.query(lock, [tenantId]);
    const [row] = await tx.query(selectElsewhere, [tenantId, nodeId]);
    if (own() + (row?.streams ?? 0) > quota) return { isTaken: false, isNew: false };
    return { isTaken: true, ...(await putStreams(tx, { nodeId, tenantId }, own)) };
  });
}

/** Under the same lock, so that what a stream has just taken is not written over. `isNew`: as of a beat. */
export function tellStreams(platform: Db, of: { nodeId: string; tenantId: string }, own: () => number): Promise<{ isNew: boolean }> {
  return transaction(platform, async (tx) => {
    await tx.query(lock, [of.tenantId]);
    return putStreams(tx, of, own);
  });
}

export async function streamsElsewhere(platform: Db, { nodeId, tenantId }: { nodeId: string; tenantId: string }): Promise<number> {
  return (await platform.query(selectElsewhere, [tenantId, nodeId]))[0]?.streams ?? 0;
}

async function putStreams(
  tx: Tx,
  { nodeId, tenantId }: { nodeId: string; tenantId: string },
  own: () => number,
): Promise<{ isNew: boolean }> {
  const made = await tx.query(ensureNode, [nodeId, aliveSeconds]);
  await tx.query(put, [tenantId, nodeId, own()]);
  return { isNew: made.length > 0 };
}

const aliveSeconds = limits.webNodeAliveMs / 1_000;
