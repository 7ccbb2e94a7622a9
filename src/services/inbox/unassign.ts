/** Conversations of somebody who is of the tenant no longer go back to nobody, where others see them: in steps, so that nobody waits long. */
import { systemActor } from "../../core/actor.ts";
import type { TenantScope } from "../../core/scope.ts";
import { uuids } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import { eventActor, inboxEvent } from "./event.ts";

const lock = statement(
  "unassign.lock",
  `select id from whatsapp_conversations where tenant_id = $1 and assignee_id = $2 and merged_into_id is null
   order by id limit $3 for no key update`,
  { id: "uuid" },
);
const unassign = statement(
  "unassign.conversations",
  `update whatsapp_conversations set assignee_id = null where tenant_id = $1 and id = any($2::uuid[])`,
  {},
);
/** What was merged into another one shows nothing, and would bring its assignee along into the next. */
const unassignMerged = statement(
  "unassign.merged",
  `update whatsapp_conversations set assignee_id = null where tenant_id = $1 and assignee_id = $2 and merged_into_id is not null`,
  {},
);

/** Each conversation with its event. May run twice. Answers how many. */
export async function unassignPerson(app: Db, scope: TenantScope, personId: string, nowMs: number): Promise<number> {
  await tenantTransaction(app, scope, (tx) => tx.query(unassignMerged, [scope.tenantId, personId]));
  let total = 0;
  for (;;) {
    const step = await unassignSome(app, scope, personId, nowMs);
    total += step;
    if (step < limits.unassignMax) return total;
  }
}

async function unassignSome(app: Db, scope: TenantScope, personId: string, nowMs: number): Promise<number> {
  const { tenantId } = scope;
  return tenantTransaction(app, scope, async (tx) => {
    const ids = (await tx.query(lock, [tenantId, personId, limits.unassignMax])).map(({ id }) => id);
    if (ids.length === 0) return 0;
    await tx.query(unassign, [tenantId, uuids(ids)]);
    const data = { assigneeId: null, previousAssigneeId: personId, by: eventActor(systemActor) };
    const events = ids.map((conversationId) => inboxEvent("conversation.assigned", { tenantId, conversationId }, data));
    await appendActivity(tx, events, nowMs);
    return ids.length;
  });
}
