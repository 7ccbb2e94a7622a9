/** What became of one message of ours, for who waits for it. */
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";

const select = statement(
  "outbox.outcome",
  `select status, wa_message_id as "waMessageId", error_code as "code", error_title as "title", error_details as "details"
   from whatsapp_messages where tenant_id = $1 and id = $2`,
  { status: "text", waMessageId: "text?", code: "int?", title: "text?", details: "text?" },
);

export type Outcome =
  | { kind: "accepted"; waMessageId: string }
  | { kind: "failed"; code: number | null; title: string | null; details: string | null }
  /** Cancelled, or nobody knows whether it arrived. */
  | { kind: "open" };

/** Null while it waits or is under way. */
export async function readOutcome(app: Db, scope: TenantScope, messageId: string): Promise<Outcome | null> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(select, [scope.tenantId, messageId]));
  if (row === undefined) return { kind: "open" };
  const { status, waMessageId, ...error } = row;
  if (waMessageId !== null) return { kind: "accepted", waMessageId };
  if (status === "pending") return null;
  return status === "failed" ? { kind: "failed", ...error } : { kind: "open" };
}
