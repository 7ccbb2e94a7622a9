/** Counts what happens into quarters of an hour: once for each event, since the place in the activity commits with the counts. */
import { countEvents, type CountField, type Counts } from "../../core/overview-count.ts";
import { bigints, bools, ints, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import type { FollowedTenant, Follower } from "./follow.ts";

const selectConversations = statement(
  "overview_follower.conversations",
  `select c.tenant_id as "tenantId", c.id, c.connection_id as "connectionId", w.since_at as "sinceMs", w.is_first as "isFirst"
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
   join whatsapp_conversations c on c.tenant_id = u.tenant_id and c.id = u.id
   left join overview_waits w on w.tenant_id = c.tenant_id and w.conversation_id = c.id`,
  { tenantId: "uuid", id: "uuid", connectionId: "uuid", sinceMs: "time?", isFirst: "bool?" },
);
const fields = [
  "inbound",
  "outbound",
  "automatic",
  "templates",
  "sent",
  "delivered",
  "read",
  "failed",
] as const satisfies readonly CountField[];
const addCounts = statement(
  "overview_follower.add_counts",
  `insert into overview_counts as c (tenant_id, connection_id, at, ${fields.join(", ")})
   select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], ${fields.map((_, index) => `$${index + 4}::bigint[]`).join(", ")}) order by 1, 3, 2
   on conflict (tenant_id, at, connection_id) do update set ${fields.map((field) => `${field} = c.${field} + excluded.${field}`).join(", ")}`,
  {},
);
const addResponses = statement(
  "overview_follower.add_responses",
  `insert into overview_responses as r (tenant_id, connection_id, at, is_first, step, answers)
   select tenant_id, connection_id, at, is_first, step, count(*)
   from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bool[], $5::int[]) as u (tenant_id, connection_id, at, is_first, step)
   group by 1, 2, 3, 4, 5 order by 1, 3, 2, 4, 5
   on conflict (tenant_id, at, connection_id, is_first, step) do update set answers = r.answers + excluded.answers`,
  {},
);
const addFailures = statement(
  "overview_follower.add_failures",
  `insert into overview_failures as f (tenant_id, connection_id, at, code, failures)
   select tenant_id, connection_id, at, code, count(*)
   from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[]) as u (tenant_id, connection_id, at, code)
   group by 1, 2, 3, 4 order by 1, 3, 2, 4
   on conflict (tenant_id, at, connection_id, code) do update set failures = f.failures + excluded.failures`,
  {},
);
const setWaits = statement(
  "overview_follower.set_waits",
  `insert into overview_waits as w (tenant_id, conversation_id, since_at, is_first)
   select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bool[])
   on conflict (tenant_id, conversation_id) do update set since_at = excluded.since_at, is_first = excluded.is_first`,
  {},
);
const endWaits = statement(
  "overview_follower.end_waits",
  `delete from overview_waits w using unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) where w.tenant_id = u.tenant_id and w.conversation_id = u.id`,
  {},
);

export const overviewFollower: Follower = { name: "overview", apply };

type Wait = { sinceMs: number; isFirst: boolean };
type Known = { connections: Map<string, string>; before: Map<string, Wait>; waits: Map<string, Wait> };

async function apply(tx: Tx, tenants: readonly FollowedTenant[]): Promise<void> {
  const known = await readKnown(tx, tenants);
  const all = tenants.map((tenant) => {
    const state = known.get(tenant.tenantId) ?? noneKnown();
    return { tenantId: tenant.tenantId, state, counts: countEvents(tenant.events, state) };
  });
  await writeCounts(tx, all);
  await writeWaits(tx, all);
}

async function readKnown(tx: Tx, tenants: readonly FollowedTenant[]): Promise<Map<string, Known>> {
  const keys = tenants.flatMap(({ tenantId, events }) =>
    [...new Set(events.map(({ conversationId }) => conversationId))].flatMap((id) => (id === null ? [] : [{ tenantId, id }])),
  );
  const known = new Map<string, Known>();
  if (keys.length === 0) return known;
  const rows = await tx.query(selectConversations, [uuids(keys.map(({ tenantId }) => tenantId)), uuids(keys.map(({ id }) => id))]);
  for (const { tenantId, id, connectionId, sinceMs, isFirst } of rows) {
    const ofTenant = known.get(tenantId) ?? noneKnown();
    known.set(tenantId, ofTenant);
    ofTenant.connections.set(id, connectionId);
    if (sinceMs === null) continue;
    const wait = { sinceMs, isFirst: isFirst ?? false };
    ofTenant.before.set(id, wait);
    ofTenant.waits.set(id, wait);
  }
  return known;
}

function noneKnown(): Known {
  return { connections: new Map(), before: new Map(), waits: new Map() };
}

type Counted = { tenantId: string; state: Known; counts: Counts };

async function writeCounts(tx: Tx, all: readonly Counted[]): Promise<void> {
  const cells = new Map<string, { tenantId: string; connectionId: string; atMs: number; changes: Map<CountField, number> }>();
  for (const { tenantId, counts } of all) {
    for (const { connectionId, atMs, field, change } of counts.counts) {
      const key = `${tenantId} ${connectionId} ${atMs}`;
      const cell = cells.get(key) ?? { tenantId, connectionId, atMs, changes: new Map<CountField, number>() };
      cells.set(key, cell);
      cell.changes.set(field, (cell.changes.get(field) ?? 0) + change);
    }
  }
  if (cells.size > 0) {
    const rows = [...cells.values()];
    await tx.query(addCounts, [
      uuids(rows.map(({ tenantId }) => tenantId)),
      uuids(rows.map(({ connectionId }) => connectionId)),
      times(rows.map(({ atMs }) => atMs)),
      ...fields.map((field) => bigints(rows.map(({ changes }) => changes.get(field) ?? 0))),
    ]);
  }
  const responses = all.flatMap(({ tenantId, counts }) => counts.responses.map((one) => ({ tenantId, ...one })));
  if (responses.length > 0) {
    await tx.query(addResponses, [
      uuids(responses.map(({ tenantId }) => tenantId)),
      uuids(responses.map(({ connectionId }) => connectionId)),
      times(responses.map(({ atMs }) => atMs)),
      bools(responses.map(({ isFirst }) => isFirst)),
      ints(responses.map(({ step }) => step)),
    ]);
  }
  const failures = all.flatMap(({ tenantId, counts }) => counts.failures.map((one) => ({ tenantId, ...one })));
  if (failures.length > 0) {
    await tx.query(addFailures, [
      uuids(failures.map(({ tenantId }) => tenantId)),
      uuids(failures.map(({ connectionId }) => connectionId)),
      times(failures.map(({ atMs }) => atMs)),
      ints(failures.map(({ code }) => code)),
    ]);
  }
}

/** Only what is otherwise than before: of who wrote and was answered within the batch nothing is written. */
async function writeWaits(tx: Tx, all: readonly Counted[]): Promise<void> {
  const begun = all.flatMap(({ tenantId, state: { before, waits } }) =>
    [...waits].flatMap(([id, wait]) => (before.get(id) === wait ? [] : [{ tenantId, id, ...wait }])),
  );
  const ended = all.flatMap(({ tenantId, state: { before, waits } }) =>
    [...before.keys()].flatMap((id) => (waits.has(id) ? [] : [{ tenantId, id }])),
  );
  if (begun.length > 0) {
    await tx.query(setWaits, [
      uuids(begun.map(({ tenantId }) => tenantId)),
      uuids(begun.map(({ id }) => id)),
      times(begun.map(({ sinceMs }) => sinceMs)),
      bools(begun.map(({ isFirst }) => isFirst)),
    ]);
  }
  if (ended.length > 0) await tx.query(endWaits, [uuids(ended.map(({ tenantId }) => tenantId)), uuids(ended.map(({ id }) => id))]);
}
