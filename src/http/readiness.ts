/** Ready: migrated, not draining, and the database has answered a write lately. Asked often, so the answer is kept for a moment. */
import type { Db } from "../db/pool.ts";
import { statement } from "../db/statement.ts";
import { limits } from "../limits.ts";

const write = statement(
  "readiness.write",
  `insert into webhook_intake (slot, deliveries) values (-1, 0) on conflict (slot) do update set deliveries = excluded.deliveries returning slot`,
  { slot: "int" },
);

export type Readiness = { isReady: () => Promise<boolean>; isDraining: () => boolean; drain: () => void };

export function createReadiness(options: { db: Db; nowMs: () => number }): Readiness {
  let isDraining = false;
  let last: { isReady: boolean; atMs: number } | null = null;
  return {
    isDraining: () => isDraining,
    drain: () => {
      isDraining = true;
    },
    isReady: async () => {
      if (isDraining) return false;
      const nowMs = options.nowMs();
      if (last !== null && nowMs - last.atMs < limits.readinessKeptMs) return last.isReady;
      try {
        await options.db.query(write);
        last = { isReady: true, atMs: nowMs };
      } catch {
        last = { isReady: false, atMs: nowMs };
      }
      return last.isReady;
    },
  };
}
