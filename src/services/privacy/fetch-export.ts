/** An export on its way out. Whoever fetches one is in the audit log: it holds everything that is known of a person. */
import type { ReadStream } from "node:fs";
import type { Actor } from "../../core/actor.ts";
import { notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { appendAudit } from "../audit/append.ts";
import type { ExportStore } from "./export-store.ts";

const select = statement(
  "fetch_export.job",
  `select kind, state, contact_id as "contactId", expires_at as "expiresAtMs" from privacy_jobs where tenant_id = $1 and id = $2`,
  { kind: "text", state: "text", contactId: "uuid", expiresAtMs: "time?" },
);

/** Throws `not_found`, `conflict` while it is not there or no longer, and `unavailable` when this node does not have it. */
export async function fetchExport(
  deps: { app: Db; store: ExportStore },
  scope: TenantScope,
  id: string,
  by: { actor: Actor; nowMs: number },
): Promise<{ bytes: number; stream: () => ReadStream }> {
  const { tenantId } = scope;
  return tenantTransaction(deps.app, scope, async (tx) => {
    const [job] = await tx.query(select, [tenantId, id]);
    if (job === undefined || job.kind !== "export") throw notFound();
    if (job.state !== "done" || job.expiresAtMs === null || job.expiresAtMs <= by.nowMs) {
      throw new Rejection("conflict", 409, "There is no file: it is not written yet, or its time is over");
    }
    const opened = await deps.store.open(scope, id);
    if (opened === null) throw new Rejection("unavailable", 503, "The file cannot be read on this node right now");
    const subject = { kind: "contact", id: job.contactId };
    await appendAudit(tx, by.actor, [{ tenantId, action: "export.fetched", subject, data: { jobId: id } }], by.nowMs);
    return opened;
  });
}
