/** Parked updates: kept aside with their reason, until they are replayed or their cause is gone. A tenant sees its own. */
import type { ListQuery, Page } from "../contract/json.ts";
import type { ParkedUpdate } from "../contract/webhooks.ts";
import { decodeIdCursor, nextIdCursor } from "../core/cursor.ts";
import { notFound } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { Db } from "../db/pool.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import { tenantTransaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";

const parkedRow = {
  id: "uuid",
  deliveryId: "uuid",
  tenantId: "uuid?",
  reason: "text",
  detail: "text",
  wabaId: "text?",
  phoneNumberId: "text?",
  receivedAtMs: "time",
  parkedAtMs: "time",
  updateJson: "text",
} as const;
const select = `select id, delivery_id as "deliveryId", tenant_id as "tenantId", reason, detail, waba_id as "wabaId",
    phone_number_id as "phoneNumberId", received_at as "receivedAtMs", parked_at as "parkedAtMs", update_json as "updateJson"
  from parked_updates where resolved_at is null`;

const selectPage = statement("parked.page", `${select} and id < $1::uuid order by id desc limit $2`, parkedRow);
const selectTenantPage = statement(
  "parked.tenant_page",
  `${select} and tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  parkedRow,
);
const selectById = statement("parked.by_id", `${select} and id = $1`, parkedRow);
const selectTenantById = statement("parked.tenant_by_id", `${select} and tenant_id = $1 and id = $2`, parkedRow);

/** Where a request may look: everything (the operator), or one tenant. */
export type Reach = { app: Db; platform: Db; scope: TenantScope | null };

/** Newest first; only what is still parked. */
export async function listParked(reach: Reach, query: ListQuery): Promise<Page<ParkedUpdate>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const { app, platform, scope } = reach;
  const rows =
    scope === null
      ? await platform.query(selectPage, [before, limit])
      : await tenantTransaction(app, scope, (tx) => tx.query(selectTenantPage, [scope.tenantId, before, limit]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

export async function getParked(reach: Reach, id: string): Promise<ParkedUpdate> {
  const { app, platform, scope } = reach;
  const [row] =
    scope === null
      ? await platform.query(selectById, [id])
      : await tenantTransaction(app, scope, (tx) => tx.query(selectTenantById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return shown(row);
}

function shown(row: RowOf<typeof parkedRow>): ParkedUpdate {
  const { receivedAtMs, parkedAtMs, updateJson, ...fields } = row;
  return {
    ...fields,
    // The column's CHECK allows no other reason.
    reason: row.reason as ParkedUpdate["reason"],
    receivedAt: time(receivedAtMs),
    parkedAt: time(parkedAtMs),
    update: JSON.parse(updateJson) as unknown,
  };
}
