/** What forwarding shows and clears away. */
import { uuidV7Floor } from "../core/ids.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { limits } from "../limits.ts";

const dayMs = 24 * 60 * 60_000;

const selectBacklog = statement(
  "forward_upkeep.backlog",
  `select coalesce(sum(d.pending), 0)::int as pending, coalesce(sum(d.dead), 0)::int as dead,
     coalesce(extract(epoch from clock_timestamp() - min(d.oldest)) * 1000, 0)::bigint as "oldestMs",
     count(*) filter (where e.state = 'paused')::int as paused, count(*) filter (where e.failures > 0)::int as failing
   from forward_endpoints e
   cross join lateral (
     select (select count(*) from (select from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'pending' limit $1) x) as pending,
       (select count(*) from (select from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'dead' limit $1) x) as dead,
       (select created_at from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'pending' order by p.id limit 1) as oldest
   ) d`,
  { pending: "int", dead: "int", oldestMs: "bigint", paused: "int", failing: "int" },
);
const purgeDeliveries = statement(
  "forward_upkeep.purge_deliveries",
  `delete from forward_deliveries d using (
     select o.tenant_id, o.id from forward_endpoints e cross join lateral (
       select x.tenant_id, x.id from forward_deliveries x
       where x.tenant_id = e.tenant_id and x.endpoint_id = e.id and x.state = $1 and x.id < $2::uuid order by x.id limit $3
     ) o limit $3
   ) old where d.tenant_id = old.tenant_id and d.id = old.id returning d.id`,
  { id: "uuid" },
);
const purgeUpdates = statement(
  "forward_upkeep.purge_updates",
  `delete from forward_updates u using (select tenant_id, id from forward_updates where created_at < $1::timestamptz order by created_at limit $2) old
   where u.tenant_id = old.tenant_id and u.id = old.id returning u.id`,
  { id: "bigint" },
);

export type ForwardBacklog = { pending: number; dead: number; oldestMs: number; paused: number; failing: number };

/** For the metrics. Of each endpoint at most `limits.forwardCountMax` are counted. */
export async function forwardBacklog(ingest: Db): Promise<ForwardBacklog> {
  const [row] = await ingest.query(selectBacklog, [limits.forwardCountMax]);
  return row ?? { pending: 0, dead: 0, oldestMs: 0, paused: 0, failing: 0 };
}

/** Clears away what is too old, in portions; true when there may be more. */
export async function purgeForwards(ingest: Db, nowMs: number): Promise<boolean> {
  const max = limits.forwardPurgeRowsMax;
  const delivered = await ingest.query(purgeDeliveries, ["delivered", uuidV7Floor(nowMs - limits.forwardDeliveredKeptDays * dayMs), max]);
  const dead = await ingest.query(purgeDeliveries, ["dead", uuidV7Floor(nowMs - limits.forwardDeadKeptDays * dayMs), max]);
  const updates = await ingest.query(purgeUpdates, [time(nowMs - limits.forwardUpdatesKeptDays * dayMs), max]);
  return [delivered, dead, updates].some((rows) => rows.length === max);
}
