/**
 * First step of forwarding: an endpoint's place in its log moves on, and what it wants of what it passes becomes deliveries and lanes;
 * in one transaction, under the lock of the endpoint's row. The log is the activity, or what was received in Meta's shape. Both have
 * numbers that follow the order of commits within a tenant, so that "after the last one read" misses nothing. Nothing of
 * this is done by the path in.
 */
import type { EndpointForm } from "../contract/endpoints.ts";
import { bigints, texts, times, uuids } from "../db/arrays.ts";
import type { Db } from "../db/pool.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import { transaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { deliveryId } from "./forward-request.ts";

const selectBehind = statement(
  "forward_plan.behind",
  `select e.tenant_id as "tenantId", e.id from forward_endpoints e join tenants t on t.id = e.tenant_id and t.closed_at is null
   where e.state = 'active' and case e.form
     when 'events' then exists (select from activity_counters c where c.tenant_id = e.tenant_id and c.seq > e.read_seq)
     else exists (select from forward_updates u where u.tenant_id = e.tenant_id and u.id > e.read_seq) end
   order by random() limit $1`,
  { tenantId: "uuid", id: "uuid" },
);
const selectTenants = statement(
  "forward_plan.tenants",
  `select distinct tenant_id as "tenantId" from forward_endpoints where state = 'active'`,
  {
    tenantId: "uuid",
  },
);
const endpointRow = { form: "text", topics: "texts?", connectionIds: "uuids?", readSeq: "bigint" } as const;
const lockEndpoint = statement(
  "forward_plan.lock",
  `select form, topics, connection_ids as "connectionIds", read_seq as "readSeq" from forward_endpoints
   where tenant_id = $1 and id = $2 and state = 'active' for no key update skip locked`,
  endpointRow,
);
const logRow = { seq: "bigint", topic: "text", lane: "text", connectionId: "text?", createdAtMs: "time" } as const;
type LogRow = RowOf<typeof logRow>;
const events = `select a.seq, a.type as topic, coalesce(c.merged_into_id::text, a.conversation_id::text, '') as lane,
     coalesce(c.connection_id::text, a.data->>'connectionId') as "connectionId", a.created_at as "createdAtMs"
   from activity_events a left join whatsapp_conversations c on c.tenant_id = a.tenant_id and c.id = a.conversation_id
   where a.tenant_id = $1 and a.seq > $2::bigint`;
const updates = `select id as seq, field as topic, lane, connection_id::text as "connectionId", created_at as "createdAtMs"
   from forward_updates where tenant_id = $1 and id > $2::bigint`;
const readEvents = statement("forward_plan.events", `${events} order by a.seq limit $3`, logRow);
const readUpdates = statement("forward_plan.updates", `${updates} order by id limit $3`, logRow);
const readEventsBetween = statement(
  "forward_plan.events_between",
  `${events} and a.created_at >= $3::timestamptz and a.created_at < $4::timestamptz order by a.seq limit $5`,
  logRow,
);
const readUpdatesBetween = statement(
  "forward_plan.updates_between",
  `${updates} and created_at >= $3::timestamptz and created_at < $4::timestamptz order by id limit $5`,
  logRow,
);
const insertDeliveries = statement(
  "forward_plan.insert_deliveries",
  `insert into forward_deliveries as d (tenant_id, id, endpoint_id, log_seq, lane, state, created_at)
   select $1, u.id, $2, u.log_seq, u.lane, 'pending', u.created_at
   from unnest($3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[]) as u (id, log_seq, lane, created_at)
   on conflict (tenant_id, id) do update set state = 'pending', lane = excluded.lane, attempts = 0, first_attempt_at = null, error = null, status = null
     where $7 and d.state <> 'pending'`,
  {},
);
const insertLanes = statement(
  "forward_plan.insert_lanes",
  `insert into forward_lanes (tenant_id, endpoint_id, lane, due_at)
   select $1, $2, u.lane, coalesce($4::timestamptz, now()) from (select distinct unnest($3::text[]) as lane order by 1) u
   on conflict (tenant_id, endpoint_id, lane) do nothing`,
  {},
);
const moveOn = statement("forward_plan.move_on", `update forward_endpoints set read_seq = $3::bigint where tenant_id = $1 and id = $2`, {});

export type EndpointKey = { tenantId: string; id: string };
/** `errors`: endpoints that could not be planned for; they are tried again, and the others go on. */
export type Planned = { endpoints: number; deliveries: number; hasMore: boolean; errors: readonly unknown[] };

/** `atMs` null: the database's clock. */
export type PlanOptions = { ingest: Db; atMs: number | null };

/** One step for each endpoint that is behind its log, but for those that another node is at. */
export async function planForwards(options: PlanOptions): Promise<Planned> {
  const behind = await options.ingest.query(selectBehind, [limits.forwardEndpointsClaimedMax]);
  const errors: unknown[] = [];
  const planned: Planned = { endpoints: 0, deliveries: 0, hasMore: behind.length === limits.forwardEndpointsClaimedMax, errors };
  for (const key of behind) {
    try {
      const { read, deliveries } = await transaction(options.ingest, (tx) => planEndpoint(tx, key, options.atMs));
      planned.endpoints += read > 0 ? 1 : 0;
      planned.deliveries += deliveries;
      planned.hasMore ||= read === limits.forwardLogRowsMax;
    } catch (error) {
      errors.push(error);
    }
  }
  return planned;
}

/** Tenants with an endpoint that is not paused. */
export async function forwardingTenants(ingest: Db): Promise<ReadonlySet<string>> {
  const rows = await ingest.query(selectTenants);
  return new Set(rows.map(({ tenantId }) => tenantId));
}

async function planEndpoint(tx: Tx, key: EndpointKey, atMs: number | null): Promise<{ read: number; deliveries: number }> {
  const [endpoint] = await tx.query(lockEndpoint, [key.tenantId, key.id]);
  if (endpoint === undefined) return { read: 0, deliveries: 0 };
  const log = endpoint.form === "events" ? readEvents : readUpdates;
  const rows = await tx.query(log, [key.tenantId, endpoint.readSeq, limits.forwardLogRowsMax]);
  const last = rows.at(-1);
  if (last === undefined) return { read: 0, deliveries: 0 };
  const wanted = rows.filter((row) => wants(endpoint, row));
  await layOut(tx, key, { rows: wanted, isReplay: false, atMs });
  await tx.query(moveOn, [key.tenantId, key.id, last.seq]);
  return { read: rows.length, deliveries: wanted.length };
}

/** Pure: the filter of an endpoint. */
function wants(
  { topics, connectionIds }: { topics: readonly string[] | null; connectionIds: readonly string[] | null },
  { topic, connectionId }: { topic: string; connectionId: string | null },
): boolean {
  if (topics !== null && !topics.includes(topic)) return false;
  return connectionIds === null || (connectionId !== null && connectionIds.includes(connectionId));
}

type Layout = { rows: readonly LogRow[]; isReplay: boolean; atMs: number | null };

/**
 * In a replay what was delivered or is dead becomes pending once more, under the same id, in the lane of today: its conversation may
 * have been joined to another one. The endpoint's row is locked.
 */
async function layOut(tx: Tx, key: EndpointKey, { rows, isReplay, atMs }: Layout): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(insertDeliveries, [
    key.tenantId,
    key.id,
    uuids(rows.map((row) => deliveryId(key.id, row.seq, row.createdAtMs))),
    bigints(rows.map((row) => row.seq)),
    texts(rows.map((row) => row.lane)),
    times(rows.map((row) => row.createdAtMs)),
    isReplay,
  ]);
  await tx.query(insertLanes, [key.tenantId, key.id, texts(rows.map((row) => row.lane)), time(atMs)]);
}

export type LogRange = { fromMs: number; toMs: number; afterSeq: number; rowsMax: number };

/** Lays out again what the endpoint wants of a time; answers how many, and the last place read where there may be more. */
export async function planAgain(
  tx: Tx,
  key: EndpointKey & { form: EndpointForm; topics: readonly string[] | null; connectionIds: readonly string[] | null },
  range: LogRange,
): Promise<{ replayed: number; nextSeq: number | null }> {
  const log = key.form === "events" ? readEventsBetween : readUpdatesBetween;
  const rows = await tx.query(log, [key.tenantId, range.afterSeq, time(range.fromMs), time(range.toMs), range.rowsMax]);
  const wanted = rows.filter((row) => wants(key, row));
  await layOut(tx, key, { rows: wanted, isReplay: true, atMs: null });
  return { replayed: wanted.length, nextSeq: rows.length < range.rowsMax ? null : (rows.at(-1)?.seq ?? null) };
}
