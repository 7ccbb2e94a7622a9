/**
 * A tenant's endpoints. Each act on one appends `endpoint.changed`, which takes the tenant's counter row: a new endpoint's place in the
 * log is read under that lock, so it gets exactly what is committed after it, and nothing twice. The row of the endpoint is locked
 * before the counter, here as in the worker.
 */
import type { ChangeEndpoint, CreateEndpoint, Endpoint, EndpointForm, EndpointWithSecret } from "../contract/endpoints.ts";
import type { ListQuery, Page } from "../contract/json.ts";
import { systemActor, type Actor } from "../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../core/cursor.ts";
import { invalidRequest, notFound, Rejection } from "../core/rejection.ts";
import type { TenantScope } from "../core/scope.ts";
import type { SecretContext } from "../core/secret-box.ts";
import { readTarget, type EndpointRules } from "../core/ssrf.ts";
import type { Db } from "../db/pool.ts";
import { newId } from "../db/new-id.ts";
import { statement, time, type RowOf } from "../db/statement.ts";
import { tenantTransaction, type Tx } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { appendActivity } from "../services/activity/append.ts";
import { appendAudit, type By } from "../services/audit/append.ts";
import { newSecret } from "./forward-request.ts";

const endpointRow = {
  id: "uuid",
  name: "text",
  url: "text",
  form: "text",
  topics: "texts?",
  connectionIds: "uuids?",
  state: "text",
  pausedReason: "text?",
  failingSinceMs: "time?",
  retryAtMs: "time?",
  lastSuccessAtMs: "time?",
  lastFailureAtMs: "time?",
  lastError: "text?",
  previousSecretUntilMs: "time?",
  createdAtMs: "time",
} as const;
const columns = `id, name, url, form, topics, connection_ids as "connectionIds", state, paused_reason as "pausedReason", failing_since as "failingSinceMs",
  retry_at as "retryAtMs", last_success_at as "lastSuccessAtMs", last_failure_at as "lastFailureAtMs", last_error as "lastError",
  case when previous_secret_until > now() then previous_secret_until end as "previousSecretUntilMs", created_at as "createdAtMs"`;

const insert = statement(
  "endpoints.insert",
  `insert into forward_endpoints (tenant_id, id, name, url, form, topics, connection_ids, secret, created_at)
   values ($1, $2, $3, $4, $5, $6::text[], $7::uuid[], $8::bytea, $9::timestamptz) returning ${columns}`,
  endpointRow,
);
const countAll = statement("endpoints.count", `select count(*) from forward_endpoints where tenant_id = $1`, { count: "bigint" });
const countConnections = statement(
  "endpoints.count_connections",
  `select count(*) from whatsapp_connections where tenant_id = $1 and id = any($2::uuid[])`,
  { count: "bigint" },
);
const selectPage = statement(
  "endpoints.page",
  `select ${columns} from forward_endpoints where tenant_id = $1 and id < $2::uuid order by id desc limit $3`,
  endpointRow,
);
const selectById = statement("endpoints.by_id", `select ${columns} from forward_endpoints where tenant_id = $1 and id = $2`, endpointRow);
/** Everything but the secrets; what is failing now is for the worker to find out again. */
const change = statement(
  "endpoints.change",
  `update forward_endpoints set name = $3, url = $4, topics = $5::text[], connection_ids = $6::uuid[], state = $7, paused_reason = $8,
     version = version + case when url = $4 then 0 else 1 end,
     failures = case when $9 then 0 else failures end, failing_since = case when $9 then null else failing_since end,
     retry_at = case when $9 then null else retry_at end
   where tenant_id = $1 and id = $2 returning ${columns}`,
  endpointRow,
);
const lock = statement(
  "endpoints.lock",
  `select ${columns} from forward_endpoints where tenant_id = $1 and id = $2 for no key update`,
  endpointRow,
);
const hurryLanes = statement(
  "endpoints.hurry_lanes",
  `update forward_lanes set due_at = now() where tenant_id = $1 and endpoint_id = $2 and claim_id is null and due_at > now()`,
  {},
);
const rotate = statement(
  "endpoints.rotate",
  `update forward_endpoints set previous_secret = secret, previous_secret_until = $4::timestamptz, secret = $3::bytea, version = version + 1
   where tenant_id = $1 and id = $2 returning ${columns}`,
  endpointRow,
);
const remove = statement("endpoints.delete", `delete from forward_endpoints where tenant_id = $1 and id = $2 returning id`, { id: "uuid" });
/** Under the lock of the counter row: whatever is committed later has a greater number. */
const beginHere = statement(
  "endpoints.begin_here",
  `update forward_endpoints e set read_seq = case e.form
     when 'events' then coalesce((select seq from activity_counters where tenant_id = $1), 0)
     else coalesce((select max(id) from forward_updates where tenant_id = $1), 0) end
   where e.tenant_id = $1 and e.id = $2`,
  {},
);
const keepUpdates = statement(
  "endpoints.keep_updates",
  `update activity_counters set keeps_updates = exists (select from forward_endpoints where tenant_id = $1 and form = 'meta') where tenant_id = $1`,
  {},
);

export type EndpointTools = {
  seal: (context: SecretContext, plain: string) => Buffer;
  rules: EndpointRules;
  nowMs: number;
  /** Left out: the program itself. */
  actor?: Actor;
};

/** Gets everything that is committed after it. Throws `invalid_request` naming the field, `too_many`. */
export async function createEndpoint(
  app: Db,
  scope: TenantScope,
  wanted: CreateEndpoint,
  tools: EndpointTools,
): Promise<EndpointWithSecret> {
  checkUrl(wanted.url, tools.rules);
  const { tenantId } = scope;
  const id = newId(tools.nowMs);
  const secret = newSecret(wanted.form);
  const row = await tenantTransaction(app, scope, async (tx) => {
    await checkConnections(tx, tenantId, wanted.connectionIds ?? null);
    const [{ count } = { count: 0 }] = await tx.query(countAll, [tenantId]);
    if (count >= limits.endpointsPerTenantMax) throw new Rejection("too_many", 409, "This tenant has as many endpoints as it may have");
    const sealed = tools.seal(secretContext(tenantId, id), secret);
    const values = [tenantId, id, wanted.name, wanted.url, wanted.form, wanted.topics ?? null, wanted.connectionIds ?? null, sealed];
    const [made] = await tx.query(insert, [...values, time(tools.nowMs)]);
    await announce(tx, tenantId, { endpointId: id, change: "created", state: "active" }, byOf(tools));
    await tx.query(beginHere, [tenantId, id]);
    await tx.query(keepUpdates, [tenantId]);
    return made;
  });
  return { ...shown(row), secret };
}

/** Newest first. */
export async function listEndpoints(app: Db, scope: TenantScope, query: ListQuery): Promise<Page<Endpoint>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectPage, [scope.tenantId, before, limit]));
  return { data: rows.map(shown), next: nextIdCursor(rows, limit) };
}

export async function getEndpoint(app: Db, scope: TenantScope, id: string): Promise<Endpoint> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  return shown(row);
}

/** What is paused keeps its place in the log and goes on from there; resuming forgets what failed before. */
export async function changeEndpoint(
  app: Db,
  scope: TenantScope,
  id: string,
  { wanted, tools }: { wanted: ChangeEndpoint; tools: Omit<EndpointTools, "seal"> },
): Promise<Endpoint> {
  const { tenantId } = scope;
  if (wanted.url !== undefined) checkUrl(wanted.url, tools.rules);
  return tenantTransaction(app, scope, async (tx) => {
    const before = shown((await tx.query(lock, [tenantId, id]))[0]);
    await checkConnections(tx, tenantId, wanted.connectionIds ?? null);
    const after = { ...before, ...wanted };
    // A new address is a new start, too.
    const startsAnew = after.url !== before.url || (after.state === "active" && before.state === "paused");
    const pausedReason = after.state === "active" ? null : before.state === "paused" ? before.pausedReason : "asked";
    const values = [tenantId, id, after.name, after.url, after.topics, after.connectionIds, after.state, pausedReason, startsAnew];
    const [row] = await tx.query(change, values);
    if (startsAnew) await tx.query(hurryLanes, [tenantId, id]);
    const act = after.state === before.state ? "changed" : after.state === "active" ? "resumed" : "paused";
    await announce(tx, tenantId, { endpointId: id, change: act, state: after.state, reason: pausedReason }, byOf(tools));
    return shown(row);
  });
}

/** With everything that waits for it. */
export async function deleteEndpoint(app: Db, scope: TenantScope, id: string, by: By): Promise<void> {
  await tenantTransaction(app, scope, async (tx) => {
    if ((await tx.query(remove, [scope.tenantId, id])).length === 0) throw notFound();
    await announce(tx, scope.tenantId, { endpointId: id, change: "deleted", state: null }, by);
    await tx.query(keepUpdates, [scope.tenantId]);
  });
}

/** Of the form `events` the old secret signs beside the new one for `limits.endpointOldSecretMs`. */
export async function rotateSecret(
  app: Db,
  scope: TenantScope,
  id: string,
  tools: Omit<EndpointTools, "rules">,
): Promise<EndpointWithSecret> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const before = shown((await tx.query(lock, [tenantId, id]))[0]);
    const secret = newSecret(before.form);
    const keptMs = before.form === "events" ? limits.endpointOldSecretMs : 0;
    const [row] = await tx.query(rotate, [tenantId, id, tools.seal(secretContext(tenantId, id), secret), time(tools.nowMs + keptMs)]);
    await announce(tx, tenantId, { endpointId: id, change: "secret_rotated", state: before.state }, byOf(tools));
    return { ...shown(row), secret };
  });
}

/** The old secret is the same text, moved to the other column: both are bound to one place. */
export function secretContext(tenantId: string, rowId: string): SecretContext {
  return { table: "forward_endpoints", column: "secret", tenantId, rowId };
}

function checkUrl(url: string, rules: EndpointRules): void {
  const target = readTarget(url, rules);
  if (typeof target === "string") throw invalidRequest(`url ${target}`);
}

async function checkConnections(tx: Tx, tenantId: string, ids: readonly string[] | null): Promise<void> {
  if (ids === null) return;
  const [{ count } = { count: 0 }] = await tx.query(countConnections, [tenantId, ids]);
  if (count !== new Set(ids.map((id) => id.toLowerCase())).size) throw invalidRequest("connectionIds names a connection that is not there");
}

type Change = { endpointId: string; change: string; state: string | null; reason?: string | null };

function byOf({ actor = systemActor, nowMs }: Pick<EndpointTools, "actor" | "nowMs">): By {
  return { actor, nowMs };
}

async function announce(tx: Tx, tenantId: string, data: Change, { actor, nowMs }: By): Promise<void> {
  const { endpointId, change: act, ...more } = data;
  await appendAudit(tx, actor, [{ tenantId, action: `endpoint.${act}`, subject: { kind: "endpoint", id: endpointId }, data: more }], nowMs);
  await appendActivity(tx, [{ tenantId, type: "endpoint.changed", conversationId: null, messageId: null, data }], nowMs);
}

function shown(row: RowOf<typeof endpointRow> | undefined): Endpoint {
  if (row === undefined) throw notFound();
  const { failingSinceMs, retryAtMs, lastSuccessAtMs, lastFailureAtMs, previousSecretUntilMs, createdAtMs, ...fields } = row;
  return {
    ...fields,
    // The columns' CHECKs allow nothing else.
    form: row.form as EndpointForm,
    state: row.state as Endpoint["state"],
    pausedReason: row.pausedReason as Endpoint["pausedReason"],
    failingSince: time(failingSinceMs),
    retryAt: time(retryAtMs),
    lastSuccessAt: time(lastSuccessAtMs),
    lastFailureAt: time(lastFailureAtMs),
    previousSecretUntil: time(previousSecretUntilMs),
    createdAt: time(createdAtMs),
  };
}
