/** Jobs `connection-probe`: one look at a number. Jobs `connection-sweep`, made by the clock: which numbers are due. */
import { Rejection } from "../../core/rejection.ts";
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import type { JobData } from "../../services/jobs.ts";
import { runProbe, sweepConnections } from "../../services/whatsapp/connection-sweep.ts";
import type { ConnectionTools } from "../../services/whatsapp/connection-tools.ts";

export type ConnectionJobsOptions = ConnectionTools & {
  /** Role kesher_ingest. */
  ingest: Db;
};

/** The handlers, by the names of their queues. */
export function connectionJobs(options: ConnectionJobsOptions) {
  return {
    "connection-probe": async ({ tenantId, ...wanted }: JobData<"connection-probe">): Promise<void> => {
      try {
        await runProbe(options, tenantScope(tenantId), wanted);
      } catch (error) {
        // Gone meanwhile: there is nothing to look at, now or later.
        if (!(error instanceof Rejection)) throw error;
      }
    },
    "connection-sweep": async (): Promise<void> => {
      await sweepConnections(options.ingest, options.nowMs());
    },
  };
}
