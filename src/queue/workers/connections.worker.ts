/** Jobs `connection-probe`: one look at a number. Jobs `connection-sweep`, made by the clock: which numbers are due. */
import { Rejection } from "../../core/rejection.ts";
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import type { JobData } from "../../services/jobs.ts";
import { runProbe, sweepConnections } from "../../services/whatsapp/connections/sweep.ts";
import type { ConnectionTools } from "../../services/whatsapp/connections/tools.ts";

export type ConnectionJobsOptions = ConnectionTools & {
  /** Role kesher_ingest. */
  ingest: Db;
  /** How a look ended; `failed`: it threw, and is tried again. */
  onProbed?: (facts: { outcome: string; ms: number }) => void;
};

/** The handlers, by the names of their queues. */
export function connectionJobs(options: ConnectionJobsOptions) {
  return {
    "connection-probe": async ({ tenantId, ...wanted }: JobData<"connection-probe">): Promise<void> => {
      const began = performance.now();
      const told = (outcome: string): void => options.onProbed?.({ outcome, ms: performance.now() - began });
      try {
        told(await runProbe(options, tenantScope(tenantId), wanted));
      } catch (error) {
        // Gone meanwhile: there is nothing to look at, now or later.
        told(error instanceof Rejection ? "gone" : "failed");
        if (!(error instanceof Rejection)) throw error;
      }
    },
    "connection-sweep": async (): Promise<void> => {
      await sweepConnections(options.ingest, options.nowMs());
    },
  };
}
