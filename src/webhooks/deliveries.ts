/** Deliveries as the operator reads them. A body may hold several tenants' updates, so a tenant never sees one. */
import type { Page } from "../contract/json.ts";
import type { Delivery, DeliveryDetail, DeliveryQuery, DeliveryState } from "../contract/webhooks.ts";
import { decodeIdCursor, lastId, nextIdCursor } from "../core/cursor.ts";
import { uuidV7Floor } from "../core/ids.ts";
import { invalidRequest, notFound } from "../core/rejection.ts";
import type { Db } from "../db/pool.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import { transaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";

const deliveryRow = {
  id: "uuid",
  appKey: "text",
  receivedAtMs: "time",
  lanes: "int",
  bytes: "int",
  results: "int",
  updates: "int",
  stored: "int",
  parked: "int",
  duplicates: "int",
  suppressed: "int",
} as const;

/** The length of a body is known without reading it: it is stored uncompressed. */
const columns = `d.id, d.app_key as "appKey", d.received_at as "receivedAtMs", d.lanes, octet_length(d.body) as bytes,
  r.results, r.updates, r.stored, r.parked, r.duplicates, r.suppressed`;
const joins = `cross join lateral (
    select count(*)::int as results, coalesce(sum(updates), 0)::int as updates, coalesce(sum(stored), 0)::int as stored,
      coalesce(sum(parked), 0)::int as parked, coalesce(sum(duplicates), 0)::int as duplicates, coalesce(sum(suppressed), 0)::int as suppressed
    from webhook_results where delivery_id = d.id
  ) r`;
const selectPage = statement(
  "deliveries.page",
  `select ${columns} from (
     select * from webhook_deliveries
     where id < $1::uuid and id > $2::uuid and received_at >= coalesce($3::timestamptz, '-infinity') and received_at < coalesce($4::timestamptz, 'infinity')
     order by id desc limit $5
   ) d ${joins} order by d.id desc`,
  deliveryRow,
);
const selectById = statement("deliveries.by_id", `select ${columns}, d.body from webhook_deliveries d ${joins} where d.id = $1`, {
  ...deliveryRow,
  body: "bytes",
});
const selectResults = statement(
  "deliveries.results",
  `select kind, updates, stored, parked, duplicates, suppressed, applied_at as "appliedAtMs" from webhook_results where delivery_id = $1 order by kind`,
  { kind: "text", updates: "int", stored: "int", parked: "int", duplicates: "int", suppressed: "int", appliedAtMs: "time" },
);

/** How far the time in a delivery's id may lie from its time of receipt. */
export const idSkewMs = 60 * 60_000;
const firstId = "00000000-0000-0000-0000-000000000000";

/**
 * Newest first. The state is no column, so a page of one state looks at up to `limits.deliveriesLookedMax` deliveries and says by `next` where to
 * go on, also when none of them was in that state.
 */
export async function listDeliveries(platform: Db, query: DeliveryQuery): Promise<Page<Delivery>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const { state } = query;
  const { below, above, from, to } = boundsOf(query);
  const looked = state === undefined ? limit : limits.deliveriesLookedMax;
  const rows = (await platform.query(selectPage, [below, above, from, to, looked])).map(shown);
  if (state === undefined) return { data: rows, next: nextIdCursor(rows, limit) };
  const found = rows.filter((row) => row.state === state);
  const data = found.slice(0, limit);
  return { data, next: nextIdCursor(data, limit) ?? nextIdCursor(rows, looked) };
}

/** Ids carry their time, so the range of ids prunes partitions. */
function boundsOf({ after, from, to }: DeliveryQuery): { below: string; above: string; from: string | null; to: string | null } {
  const cursor = decodeIdCursor(after);
  const [fromMs, toMs] = [from, to].map((at) => (at === undefined ? null : Date.parse(at)));
  if (Number.isNaN(fromMs)) throw invalidRequest("from is not a time");
  if (Number.isNaN(toMs)) throw invalidRequest("to is not a time");
  const ceiling = typeof toMs === "number" ? uuidV7Floor(toMs + idSkewMs) : lastId;
  return {
    below: cursor < ceiling ? cursor : ceiling,
    above: typeof fromMs === "number" ? uuidV7Floor(fromMs - idSkewMs) : firstId,
    from: typeof fromMs === "number" ? new Date(fromMs).toISOString() : null,
    to: typeof toMs === "number" ? new Date(toMs).toISOString() : null,
  };
}

/** With the raw body, base64. */
export async function getDelivery(platform: Db, id: string): Promise<DeliveryDetail> {
  return transaction(platform, async (tx) => {
    const [row] = await tx.query(selectById, [id]);
    if (row === undefined) throw notFound();
    const results = await tx.query(selectResults, [id]);
    return {
      ...shown(row),
      body: row.body.toString("base64"),
      results: results.map(({ appliedAtMs, ...result }) => ({ ...result, appliedAt: time(appliedAtMs) })),
    };
  });
}

function shown(row: RowOf<typeof deliveryRow>): Delivery {
  const { id, updates, stored, parked, duplicates, suppressed, bytes } = row;
  const appKey = row.appKey === "" ? null : row.appKey;
  return { id, receivedAt: time(row.receivedAtMs), appKey, state: stateOf(row), updates, stored, parked, duplicates, suppressed, bytes };
}

function stateOf(row: { results: number; lanes: number; updates: number; parked: number }): DeliveryState {
  if (row.results < row.lanes) return "pending";
  if (row.parked === 0) return "applied";
  return row.parked < row.updates ? "partly_parked" : "parked";
}
