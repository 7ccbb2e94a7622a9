/** Activity as it is read: in the order of seq, which is the order of commits and has no gaps (I5). */
import type { ActivityEvent } from "../../contract/activity.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";

const selectAfter = statement(
  "activity_list.after",
  `select seq, type, conversation_id as "conversationId", message_id as "messageId", data, created_at as "createdAtMs"
   from activity_events where tenant_id = $1 and seq > $2::bigint order by seq limit $3`,
  { seq: "bigint", type: "text", conversationId: "uuid?", messageId: "uuid?", data: "json", createdAtMs: "time" },
);
const selectHead = statement("activity_list.head", `select seq from activity_counters where tenant_id = $1`, { seq: "bigint" });

/** At most `limit` events that follow `afterSeq`, oldest first. */
export async function listActivity(app: Db, scope: TenantScope, afterSeq: number, limit: number): Promise<ActivityEvent[]> {
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectAfter, [scope.tenantId, afterSeq, limit]));
  return rows.map(({ createdAtMs, ...event }) => ({ ...event, createdAt: time(createdAtMs) }));
}

/** The last seq that is committed; 0 when nothing has happened yet. */
export async function activityHead(app: Db, scope: TenantScope): Promise<number> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectHead, [scope.tenantId]));
  return row?.seq ?? 0;
}
