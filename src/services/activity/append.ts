/**
 * The append-only account of what happened. Numbers are gap-free and follow the order of commits within a tenant (I5): each
 * append takes its tenants' counter rows and holds them until COMMIT. So this comes last in a transaction, and the rows are
 * taken in the order of tenant ids. A sequence would not do: its numbers become visible out of order.
 */
import { nilId } from "../../core/ids.ts";
import { bigints, ints, texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

export type ActivityEvent = {
  tenantId: string;
  type: string;
  conversationId: string | null;
  messageId: string | null;
  data: { readonly [key: string]: unknown };
};

/** How many updates ended in which way; changes of a tenant's counts, or of `nilId` for what belongs to nobody. */
export type UpdateCounts = { stored: number; parked: number; duplicates: number; suppressed: number };

const advance = statement(
  "activity.advance",
  `insert into activity_counters as c (tenant_id, seq, stored, parked, duplicates, suppressed)
   select * from unnest($1::uuid[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[]) order by 1
   on conflict (tenant_id) do update set seq = c.seq + excluded.seq, stored = c.stored + excluded.stored, parked = c.parked + excluded.parked,
     duplicates = c.duplicates + excluded.duplicates, suppressed = c.suppressed + excluded.suppressed
   returning tenant_id as "tenantId", seq, keeps_updates as "keepsUpdates"`,
  { tenantId: "uuid", seq: "bigint", keepsUpdates: "bool" },
);

const insert = statement(
  "activity.insert",
  `insert into activity_events (tenant_id, seq, type, conversation_id, message_id, data, created_at)
   select tenant_id, seq, type, conversation_id, message_id, data::json, $7::timestamptz
   from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[]) as e (tenant_id, seq, type, conversation_id, message_id, data)`,
  {},
);

/**
 * Appends the events in the order given and adds the counts. Call it once, as the last act of the transaction. Answers those of its
 * tenants whose updates are kept for forwarding: read under the lock, so that an endpoint which was committed before is never missed.
 */
export async function appendActivity(
  tx: Tx,
  events: readonly ActivityEvent[],
  nowMs: number,
  counts: ReadonlyMap<string, UpdateCounts> = new Map(),
): Promise<ReadonlySet<string>> {
  const perTenant = new Map<string, number>();
  for (const event of events) perTenant.set(event.tenantId, (perTenant.get(event.tenantId) ?? 0) + 1);
  const tenantIds = [...new Set([...perTenant.keys(), ...counts.keys()])].toSorted();
  if (tenantIds.length === 0) return new Set();
  const countsOf = (tenantId: string): UpdateCounts => counts.get(tenantId) ?? { stored: 0, parked: 0, duplicates: 0, suppressed: 0 };
  const advanced = await tx.query(advance, [
    uuids(tenantIds),
    bigints(tenantIds.map((tenantId) => perTenant.get(tenantId) ?? 0)),
    ints(tenantIds.map((tenantId) => countsOf(tenantId).stored)),
    ints(tenantIds.map((tenantId) => countsOf(tenantId).parked)),
    ints(tenantIds.map((tenantId) => countsOf(tenantId).duplicates)),
    ints(tenantIds.map((tenantId) => countsOf(tenantId).suppressed)),
  ]);
  const keeping = new Set(advanced.flatMap(({ tenantId, keepsUpdates }) => (keepsUpdates ? [tenantId] : [])));
  if (events.length === 0) return keeping;
  const next = new Map(advanced.map(({ tenantId, seq }) => [tenantId, seq - (perTenant.get(tenantId) ?? 0) + 1]));
  const seqs = events.map((event) => {
    const seq = next.get(event.tenantId) ?? 0;
    next.set(event.tenantId, seq + 1);
    return seq;
  });
  await tx.query(insert, [
    uuids(events.map((event) => event.tenantId)),
    bigints(seqs),
    texts(events.map((event) => event.type)),
    uuids(events.map((event) => event.conversationId)),
    uuids(events.map((event) => event.messageId)),
    texts(events.map((event) => JSON.stringify(event.data))),
    new Date(nowMs).toISOString(),
  ]);
  return keeping;
}

export function countsKey(tenantId: string | null): string {
  return tenantId ?? nilId;
}
