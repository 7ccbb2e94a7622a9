/**
 * Deletes what tenants do not want to keep any longer: for each class in portions, each a transaction of its own that takes no lock the path
 * in would wait for but on rows that are weeks old. A message's age counts from when it was stored here.
 *
 * What a conversation says of itself stays right: how many messages there were and when the customer last wrote are carried over into
 * columns of their own, from which it can be counted again together with what is left (`contacts/conversations.ts`).
 */
import { nilId, uuidV7Floor } from "../../core/ids.ts";
import { tenantScope, type TenantScope } from "../../core/scope.ts";
import { bigints, texts, times, uuids } from "../../db/arrays.ts";
import { statement, time } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { forgetMessages, removeContents, takeSearchTurn } from "./erase-messages.ts";
import type { PrivacyDeps } from "./erase.ts";
import { dropOldMarks } from "./marks.ts";

const selectTenants = statement(
  "retention.tenants",
  `select r.tenant_id as "tenantId", r.messages_days as messages, r.media_days as media, r.activity_days as activity, r.statuses_days as statuses,
     r.parked_days as parked, r.account_events_days as "accountEvents", r.forwarding_days as forwarding
   from retention_settings r where r.tenant_id > $1::uuid order by r.tenant_id limit $2`,
  {
    tenantId: "uuid",
    messages: "int?",
    media: "int?",
    activity: "int?",
    statuses: "int?",
    parked: "int?",
    accountEvents: "int?",
    forwarding: "int?",
  },
);
const noteEnforced = statement(
  "retention.enforced",
  `update retention_settings set enforced_at = $2::timestamptz where tenant_id = $1`,
  {},
);

/** What still waits to be sent is not history yet. */
const waitsNot = (message: string): string =>
  `not exists (select from whatsapp_sends s where s.tenant_id = ${message}.tenant_id and s.message_id = ${message}.id)`;
const lockMessages = statement(
  "retention.messages",
  `select m.id, m.connection_id as "connectionId", m.conversation_id as "conversationId", m.wa_message_id as "waMessageId", m.wa_timestamp as "atMs",
     (m.direction = 'inbound' and m.role = 'message')::int as inbound, (m.direction = 'outbound' and m.role = 'message')::int as outbound,
     (m.direction = 'inbound' and m.role = 'message' or m.role = 'call' and m.content ->> 'opensWindow' = 'true') as "isCustomersWord",
     m.role in ('message', 'system', 'call') as "isListed"
   from whatsapp_messages m
   where m.tenant_id = $1 and m.id < $2::uuid and ${waitsNot("m")}
   order by m.id limit $3 for update`,
  {
    id: "uuid",
    connectionId: "uuid",
    conversationId: "uuid",
    waMessageId: "text?",
    atMs: "time",
    inbound: "int",
    outbound: "int",
    isCustomersWord: "bool",
    isListed: "bool",
  },
);
const lockConversations = statement(
  "retention.lock_conversations",
  `select id from whatsapp_conversations where tenant_id = $1 and id in (
     select distinct m.conversation_id from (
       select o.conversation_id from whatsapp_messages o where o.tenant_id = $1 and o.id < $2::uuid and ${waitsNot("o")} order by o.id limit $3) m)
   order by id for no key update`,
  { id: "uuid" },
);
const carryOver = statement(
  "retention.carry_over",
  `update whatsapp_conversations c set expired_inbound_count = c.expired_inbound_count + u.inbound, expired_outbound_count = c.expired_outbound_count + u.outbound,
     expired_customer_message_at = greatest(c.expired_customer_message_at, u.customer_at), expired_last_message_at = greatest(c.expired_last_message_at, u.last_at)
   from (
     select id, sum(inbound) as inbound, sum(outbound) as outbound, max(customer_at) as customer_at, max(last_at) as last_at
     from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[]) as x (id, inbound, outbound, customer_at, last_at) group by id
   ) u
   where c.tenant_id = $1 and c.id = u.id`,
  {},
);

/** Bytes and names go; the row stays, so that the message says that there was a file. */
const expireMedia = statement(
  "retention.media",
  `with old as (
     select f.id, f.sha256 from whatsapp_media f
     where f.tenant_id = $1 and f.id < $2::uuid and f.state in ('stored', 'failed', 'refused', 'expired') and (f.sha256 is not null or f.file_name is not null or f.url is not null)
     order by f.id limit $3 for update
   )
   update whatsapp_media f set state = 'expired', sha256 = null, bytes = null, stored_at = null, file_name = null, url = null, url_expires_at = null,
     declared_sha256 = null, error_code = null, error_reason = null
   from old where f.tenant_id = $1 and f.id = old.id returning old.sha256`,
  { sha256: "text?" },
);
/** From the oldest on, so that what is left is without a gap. */
const deleteEvents = statement(
  "retention.activity",
  `with old as (select seq, created_at from activity_events where tenant_id = $1 order by seq limit $3)
   delete from activity_events e using old where e.tenant_id = $1 and e.seq = old.seq and e.created_at = old.created_at
     and e.seq < coalesce((select min(o.seq) from old o where o.created_at >= $2::timestamptz), 'infinity'::float8) returning e.seq`,
  { seq: "bigint" },
);
const deleteStatuses = statement(
  "retention.statuses",
  `delete from whatsapp_message_statuses s using (
     select tenant_id, connection_id, wa_message_id, status, participant, at, error_code from whatsapp_message_statuses
     where tenant_id = $1 and at < $2::timestamptz limit $3) old
   where s.tenant_id = old.tenant_id and s.connection_id = old.connection_id and s.wa_message_id = old.wa_message_id and s.status = old.status
     and s.participant = old.participant and s.at = old.at and s.error_code = old.error_code returning s.status`,
  { status: "text" },
);
const deleteParked = statement(
  "retention.parked",
  `delete from parked_updates p using (select id from parked_updates where tenant_id = $1 and id < $2::uuid order by id limit $3 for update) old
   where p.id = old.id returning p.delivery_id as "deliveryId", p.kind, p.resolved_at is null as "isOpen"`,
  { deliveryId: "uuid", kind: "text", isOpen: "bool" },
);
const moveResult = statement(
  "retention.move_result",
  `update webhook_results r set parked = r.parked - u.moved, suppressed = r.suppressed + u.moved
   from (select delivery_id, kind, count(*)::int as moved from unnest($1::uuid[], $2::text[]) as x (delivery_id, kind) group by 1, 2 order by 1, 2) u
   where r.delivery_id = u.delivery_id and r.kind = u.kind`,
  {},
);
const deleteAccountEvents = statement(
  "retention.account_events",
  `delete from whatsapp_account_events e using (
     select tenant_id, id from whatsapp_account_events where tenant_id = $1 and id < $2::uuid order by id limit $3) old
   where e.tenant_id = old.tenant_id and e.id = old.id returning e.id`,
  { id: "uuid" },
);
const deleteDeliveries = statement(
  "retention.deliveries",
  `delete from forward_deliveries d using (
     select tenant_id, id from forward_deliveries where tenant_id = $1 and id < $2::uuid and state <> 'pending' order by id limit $3) old
   where d.tenant_id = old.tenant_id and d.id = old.id returning d.id`,
  { id: "uuid" },
);
const deleteUpdates = statement(
  "retention.updates",
  `delete from forward_updates f using (
     select tenant_id, id from forward_updates where tenant_id = $1 and created_at < $2::timestamptz order by id limit $3) old
   where f.tenant_id = old.tenant_id and f.id = old.id returning f.id`,
  { id: "bigint" },
);
const selectExpired = statement(
  "retention.expired_exports",
  `select tenant_id as "tenantId", id from privacy_jobs where expires_at < $1::timestamptz order by expires_at limit $2`,
  { tenantId: "uuid", id: "uuid" },
);
const forgetExport = statement(
  "retention.forget_export",
  `update privacy_jobs set expires_at = null, bytes = null where tenant_id = $1 and id = $2`,
  {},
);

type Portion = { tx: Tx; scope: TenantScope; beforeMs: number; deps: PrivacyDeps; nowMs: number };
type Class = "messages" | "media" | "activity" | "statuses" | "parked" | "accountEvents" | "forwarding";

/** True when there may be more. */
const classes: Readonly<Record<Class, (portion: Portion) => Promise<boolean>>> = {
  messages: expireMessages,
  async media({ tx, scope, beforeMs, deps }) {
    const rows = await tx.query(expireMedia, [scope.tenantId, uuidV7Floor(beforeMs), limits.privacyRowsMax]);
    const contents = rows.flatMap(({ sha256 }) => sha256 ?? []);
    await removeContents(tx, scope, contents, deps.store);
    return rows.length === limits.privacyRowsMax;
  },
  activity: ({ tx, scope, beforeMs }) => isFull(tx.query(deleteEvents, [scope.tenantId, time(beforeMs), limits.privacyRowsMax])),
  statuses: ({ tx, scope, beforeMs }) => isFull(tx.query(deleteStatuses, [scope.tenantId, time(beforeMs), limits.privacyRowsMax])),
  parked: expireParked,
  accountEvents: ({ tx, scope, beforeMs }) =>
    isFull(tx.query(deleteAccountEvents, [scope.tenantId, uuidV7Floor(beforeMs), limits.privacyRowsMax])),
  async forwarding({ tx, scope, beforeMs }) {
    const deliveries = await isFull(tx.query(deleteDeliveries, [scope.tenantId, uuidV7Floor(beforeMs), limits.privacyRowsMax]));
    const updates = await isFull(tx.query(deleteUpdates, [scope.tenantId, time(beforeMs), limits.privacyRowsMax]));
    return deliveries || updates;
  },
};

/**
 * One round for all tenants, and for what has its own time: exports and marks. Tenants take turns of `limits.retentionPortionsMax`, so that one
 * with years to delete keeps nobody waiting; one that fails keeps nobody either, and is told of in the end. What `signal` cuts short the
 * next round does.
 */
export async function enforceRetention(deps: PrivacyDeps, signal: AbortSignal): Promise<void> {
  const { privacy, nowMs } = deps;
  while (await dropOldMarks(privacy, nowMs())) signal.throwIfAborted();
  while (await dropOldExports(deps)) signal.throwIfAborted();
  let failures: unknown[] = [];
  for (let hasMore = true; hasMore;) {
    ({ hasMore, failures } = await giveTurns(deps, signal));
  }
  if (failures.length > 0) throw failures[0];
}

async function giveTurns(deps: PrivacyDeps, signal: AbortSignal): Promise<{ hasMore: boolean; failures: unknown[] }> {
  const failures: unknown[] = [];
  let hasMore = false;
  let after = nilId;
  for (;;) {
    const tenants = await deps.privacy.query(selectTenants, [after, limits.privacyRowsMax]);
    for (const { tenantId, ...days } of tenants) {
      try {
        if (!(await enforceFor(deps, tenantScope(tenantId), days, signal))) hasMore = true;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    const last = tenants.at(-1);
    if (last === undefined) return { hasMore, failures };
    after = last.tenantId;
  }
}

/** A turn; true when all that is too old is gone. */
async function enforceFor(
  deps: PrivacyDeps,
  scope: TenantScope,
  days: Readonly<Record<Class, number | null>>,
  signal: AbortSignal,
): Promise<boolean> {
  const nowMs = deps.nowMs();
  let portions = 0;
  for (const [name, expire] of Object.entries(classes)) {
    // `Object.entries` forgets which ones they are.
    const kept = days[name as Class];
    if (kept === null) continue;
    const beforeMs = nowMs - kept * dayMs;
    while (await tenantTransaction(deps.privacy, scope, (tx) => expire({ tx, scope, beforeMs, deps, nowMs }))) {
      signal.throwIfAborted();
      portions += 1;
      if (portions >= limits.retentionPortionsMax) return false;
    }
  }
  await tenantTransaction(deps.privacy, scope, (tx) => tx.query(noteEnforced, [scope.tenantId, time(nowMs)]));
  return true;
}

/** Conversations before messages, as everybody takes them. */
async function expireMessages({ tx, scope, beforeMs, deps }: Portion): Promise<boolean> {
  const { tenantId } = scope;
  const values = [tenantId, uuidV7Floor(beforeMs), limits.privacyRowsMax];
  const locked = new Set((await tx.query(lockConversations, values)).map(({ id }) => id));
  await takeSearchTurn(tx, scope);
  const found = await tx.query(lockMessages, values);
  // One that was moved to another conversation at this very moment is for the next portion.
  const rows = found.filter(({ conversationId }) => locked.has(conversationId));
  await tx.query(carryOver, [
    tenantId,
    uuids(rows.map((row) => row.conversationId)),
    bigints(rows.map((row) => row.inbound)),
    bigints(rows.map((row) => row.outbound)),
    times(rows.map((row) => (row.isCustomersWord ? row.atMs : null))),
    times(rows.map((row) => (row.isListed ? row.atMs : null))),
  ]);
  await forgetMessages(tx, scope, rows, deps.store);
  return rows.length > 0 && found.length === limits.privacyRowsMax;
}

/** What was still parked counts as left out from now on, so that the books stay even. */
async function expireParked({ tx, scope, beforeMs, nowMs }: Portion): Promise<boolean> {
  const rows = await tx.query(deleteParked, [scope.tenantId, uuidV7Floor(beforeMs), limits.privacyRowsMax]);
  const open = rows.filter(({ isOpen }) => isOpen);
  if (open.length > 0) {
    await tx.query(moveResult, [uuids(open.map(({ deliveryId }) => deliveryId)), texts(open.map(({ kind }) => kind))]);
    const counts = { stored: 0, parked: -open.length, duplicates: 0, suppressed: open.length };
    await appendActivity(tx, [], nowMs, new Map([[scope.tenantId, counts]]));
  }
  return rows.length === limits.privacyRowsMax;
}

/** The file first: killed in between, the row still says that there is one to remove. */
async function dropOldExports({ privacy, exports, nowMs }: PrivacyDeps): Promise<boolean> {
  const rows = await privacy.query(selectExpired, [time(nowMs()), limits.privacyRowsMax]);
  for (const { tenantId, id } of rows) {
    const scope = tenantScope(tenantId);
    await exports.remove(scope, id);
    await tenantTransaction(privacy, scope, (tx) => tx.query(forgetExport, [tenantId, id]));
  }
  await exports.sweep(nowMs() - limits.exportUnfinishedMsMax);
  return rows.length === limits.privacyRowsMax;
}

async function isFull(deleted: Promise<readonly unknown[]>): Promise<boolean> {
  return (await deleted).length === limits.privacyRowsMax;
}

const dayMs = 24 * 60 * 60_000;
