/** How many updates ended in which way. Read from counters, never by counting rows: `updates` is their sum by definition. */
import type { Stats } from "../contract/webhooks.ts";
import { statement } from "../db/statement.ts";
import { tenantTransaction } from "../db/transaction.ts";
import type { Reach } from "./parked.ts";

const counts = { stored: "bigint", parked: "bigint", duplicates: "bigint", suppressed: "bigint" } as const;

const selectTenant = statement(
  "stats.tenant",
  `select stored, parked, duplicates, suppressed from activity_counters where tenant_id = $1`,
  counts,
);
/** One statement, so that the numbers belong to one moment. The queue has a row per commit and account, not per delivery. */
const selectPlatform = statement(
  "stats.platform",
  `select c.*, i.deliveries, p.pending, p."oldestPendingMs"
   from (
     select coalesce(sum(stored), 0) as stored, coalesce(sum(parked), 0) as parked, coalesce(sum(duplicates), 0) as duplicates,
       coalesce(sum(suppressed), 0) as suppressed
     from activity_counters
   ) c
   cross join (select coalesce(sum(deliveries), 0) as deliveries from webhook_intake) i
   cross join (
     select coalesce(sum(counted_deliveries), 0) as pending,
       coalesce(greatest(0, extract(epoch from clock_timestamp() - min(created_at)) * 1000)::bigint, 0) as "oldestPendingMs"
     from webhook_pending
   ) p`,
  { ...counts, deliveries: "bigint", pending: "bigint", oldestPendingMs: "bigint" },
);

/** A tenant's update counts; without a tenant those of all, with the state of the queue. */
export async function readStats(reach: Reach): Promise<Stats> {
  const { app, platform, scope } = reach;
  if (scope !== null) {
    const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectTenant, [scope.tenantId]));
    return summed(row ?? { stored: 0, parked: 0, duplicates: 0, suppressed: 0 });
  }
  const [row] = await platform.query(selectPlatform);
  return summed(row ?? { stored: 0, parked: 0, duplicates: 0, suppressed: 0, deliveries: 0, pending: 0, oldestPendingMs: 0 });
}

function summed<Counts extends { stored: number; parked: number; duplicates: number; suppressed: number }>(
  row: Counts,
): Counts & { updates: number } {
  return { ...row, updates: row.stored + row.parked + row.duplicates + row.suppressed };
}
