/** A tenant's books, as `GET /stats` tells them; updates are counted from the results of deliveries. */
import type { Rig } from "./worker.ts";

export type Stats = { updates: number; stored: number; parked: number; duplicates: number; suppressed: number };

/** The counters hold the four ends; each update that came is one of them, so their sum is what came. */
export async function readStats(rig: Rig, tenantId: string): Promise<Stats> {
  const [row] = await rig.sql<Omit<Stats, "updates">>(
    `select stored::int, parked::int, duplicates::int, suppressed::int from activity_counters where tenant_id = $1`,
    [tenantId],
  );
  const { stored, parked, duplicates, suppressed } = row ?? { stored: 0, parked: 0, duplicates: 0, suppressed: 0 };
  const [results] = await rig.sql<{ parked: number }>(
    `select count(*)::int as parked from parked_updates where tenant_id = $1 and resolved_at is null`,
    [tenantId],
  );
  if (results?.parked !== parked) throw new Error(`${parked} are counted as parked, and ${results?.parked} are`);
  return { updates: stored + parked + duplicates + suppressed, stored, parked, duplicates, suppressed };
}
