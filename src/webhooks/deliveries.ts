/** Deliveries as the operator reads them. A body may hold several tenants' updates, so a tenant never sees one. */
import type { ListQuery, Page } from "../contract/json.ts";
import type { Delivery, DeliveryDetail, DeliveryState } from "../contract/webhooks.ts";
import { decodeIdCursor, nextIdCursor } from "../core/cursor.ts";
import { notFound } from "../core/rejection.ts";
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
  `select ${columns} from (select * from webhook_deliveries where id < $1::uuid order by id desc limit $2) d ${joins} order by d.id desc`,
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

/** Newest first. */
export async function listDeliveries(platform: Db, query: ListQuery): Promise<Page<Delivery>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await platform.query(selectPage, [decodeIdCursor(query.after), limit]);
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
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
