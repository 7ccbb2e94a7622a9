/** What an endpoint was sent, is to be sent, and could not be sent; and sending it again. In the tenant's scope. */
import type { EndpointDelivery, EndpointDeliveryQuery, EndpointForm } from "../contract/endpoints.ts";
import type { Page } from "../contract/json.ts";
import type { Replayed, ReplayRange } from "../contract/webhooks.ts";
import { decodeCursor, decodeIdCursor, encodeCursor, nextIdCursor } from "../core/cursor.ts";
import { invalidRequest, notFound } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { Db } from "../db/pool.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import { tenantTransaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendAudit, type By } from "../services/audit/append.ts";
import { planAgain } from "./forward-plan.ts";

const deliveryRow = {
  id: "uuid",
  state: "text",
  attempts: "int",
  status: "int?",
  error: "text?",
  firstAttemptAtMs: "time?",
  lastAttemptAtMs: "time?",
  createdAtMs: "time",
} as const;
const select = `select id, state, attempts, status, error, first_attempt_at as "firstAttemptAtMs", last_attempt_at as "lastAttemptAtMs",
    created_at as "createdAtMs"
  from forward_deliveries where tenant_id = $1 and endpoint_id = $2 and id < $3::uuid`;
const selectOfState = statement("forward_deliveries.of_state", `${select} and state = $5 order by id desc limit $4`, deliveryRow);
const selectPage = statement(
  "forward_deliveries.page",
  `select * from unnest(array['pending', 'delivered', 'dead']) as s (wanted)
   cross join lateral (${select} and state = s.wanted order by id desc limit $4) d order by d.id desc limit $4`,
  { wanted: "text", ...deliveryRow },
);
const lockEndpoint = statement(
  "forward_deliveries.lock_endpoint",
  `select form, topics, connection_ids as "connectionIds" from forward_endpoints where tenant_id = $1 and id = $2 for no key update`,
  { form: "text", topics: "texts?", connectionIds: "uuids?" },
);
const findEndpoint = statement("forward_deliveries.endpoint", `select id from forward_endpoints where tenant_id = $1 and id = $2`, {
  id: "uuid",
});
const again = statement(
  "forward_deliveries.again",
  `update forward_deliveries set state = 'pending', attempts = case when state = 'pending' then attempts else 0 end,
     first_attempt_at = case when state = 'pending' then first_attempt_at end
   where tenant_id = $1 and endpoint_id = $2 and id = $3 returning lane`,
  { lane: "text" },
);
/** A conversation that waits after a failure is tried at once, too. */
const dueNow = statement(
  "forward_deliveries.due_now",
  `insert into forward_lanes as l (tenant_id, endpoint_id, lane, due_at) values ($1, $2, $3, now())
   on conflict (tenant_id, endpoint_id, lane) do update set due_at = now() where l.claim_id is null`,
  {},
);

/** Newest first, by the time of the event or update. */
export async function listEndpointDeliveries(
  app: Db,
  scope: TenantScope,
  endpointId: string,
  query: EndpointDeliveryQuery,
): Promise<Page<EndpointDelivery>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const values = [scope.tenantId, endpointId, decodeIdCursor(query.after), limit];
  const rows = await tenantTransaction(app, scope, async (tx) => {
    if ((await tx.query(findEndpoint, [scope.tenantId, endpointId])).length === 0) throw notFound();
    return query.state === undefined ? tx.query(selectPage, values) : tx.query(selectOfState, [...values, query.state]);
  });
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

/** Sends one again, under the same id and in its place of the conversation. Throws `not_found`. */
export async function replayEndpointDelivery(
  app: Db,
  scope: TenantScope,
  { endpointId, deliveryId }: { endpointId: string; deliveryId: string },
  by: By,
): Promise<Replayed> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    await lock(tx, tenantId, endpointId);
    const [row] = await tx.query(again, [tenantId, endpointId, deliveryId]);
    if (row === undefined) throw notFound();
    await tx.query(dueNow, [tenantId, endpointId, row.lane]);
    await note(tx, { tenantId, endpointId, data: { deliveryId } }, by);
    return { replayed: 1, next: null };
  });
}

/** Sends what happened in [from, to) and what the endpoint wants of it, delivered or not, in portions of `limits.replayMax`. */
export async function replayEndpoint(
  app: Db,
  scope: TenantScope,
  { endpointId, range }: { endpointId: string; range: ReplayRange },
  by: By,
): Promise<Replayed> {
  const [fromMs, toMs] = [Date.parse(range.from), Date.parse(range.to)];
  if (!(fromMs < toMs)) throw invalidRequest("from must lie before to, and both must be times");
  const [after] = range.after === undefined ? ["0"] : decodeCursor(range.after, ["text"]);
  if (!/^\d{1,15}$/.test(after)) throw invalidRequest("`after` is not a cursor of this list");
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const { form, topics, connectionIds } = await lock(tx, tenantId, endpointId);
    // The column's CHECK allows no other form.
    const key = { tenantId, id: endpointId, form: form as EndpointForm, topics, connectionIds };
    const { replayed, nextSeq } = await planAgain(tx, key, { fromMs, toMs, afterSeq: Number(after), rowsMax: limits.replayMax });
    await note(tx, { tenantId, endpointId, data: { from: time(fromMs), to: time(toMs), replayed } }, by);
    return { replayed, next: nextSeq === null ? null : encodeCursor([String(nextSeq)]) };
  });
}

type Note = { tenantId: string; endpointId: string; data: { readonly [key: string]: unknown } };

async function note(tx: Tx, { tenantId, endpointId, data }: Note, { actor, nowMs }: By): Promise<void> {
  await appendAudit(tx, actor, [{ tenantId, action: "endpoint.replayed", subject: { kind: "endpoint", id: endpointId }, data }], nowMs);
}

async function lock(tx: Tx, tenantId: string, endpointId: string) {
  const [endpoint] = await tx.query(lockEndpoint, [tenantId, endpointId]);
  if (endpoint === undefined) throw notFound();
  return endpoint;
}

function shown(row: RowOf<typeof deliveryRow>): EndpointDelivery {
  const { id, attempts, status, error } = row;
  // The column's CHECK allows no other state.
  const state = row.state as EndpointDelivery["state"];
  const firstAttemptAt = time(row.firstAttemptAtMs);
  return { id, state, attempts, status, error, firstAttemptAt, lastAttemptAt: time(row.lastAttemptAtMs), createdAt: time(row.createdAtMs) };
}
