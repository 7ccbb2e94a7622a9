/** Jobs `template-sync`: one list of an account's templates. Jobs `template-sweep`, made by the clock: whose list is due. */
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { transaction } from "../../db/transaction.ts";
import { findDue } from "../../services/whatsapp/templates/leases.ts";
import { explainOutcome, syncTemplates, type SyncDeps, type SyncOutcome } from "../../services/whatsapp/templates/sync.ts";
import { requestTemplateSyncs } from "../../services/whatsapp/templates/webhook.ts";

export type TemplateJobsOptions = SyncDeps & {
  /** Role kesher_ingest. */
  ingest: Db;
  onSynced: (accountId: string, outcome: SyncOutcome) => void;
};

/** The handlers, by the names of their queues. */
export function templateJobs(options: TemplateJobsOptions) {
  return {
    "template-sync": async ({ tenantId, accountId }: { tenantId: string; accountId: string }): Promise<void> => {
      const outcome = await syncTemplates(options, tenantScope(tenantId), accountId);
      options.onSynced(accountId, outcome);
      // The one under way may have begun before what this one was asked for: again, later.
      if (outcome.kind === "busy") throw new Error(explainOutcome(outcome));
    },
    "template-sweep": async (): Promise<void> => {
      await sweepTemplates(options.ingest, options.nowMs());
    },
  };
}

/** Asks for the lists that are due; answers how many. */
export async function sweepTemplates(ingest: Db, nowMs: number): Promise<number> {
  return transaction(ingest, async (tx) => {
    const due = await findDue(tx, nowMs);
    await requestTemplateSyncs(tx, due);
    return due.length;
  });
}
