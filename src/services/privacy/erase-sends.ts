/** What was still to be sent to the person is not sent any more; what is under way comes to its end first, so that its message id is known. */
import { uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import { limits } from "../../limits.ts";
import type { Portion, Progress } from "./erase.ts";

const lockConversations = statement(
  "erase_sends.lock",
  `select id from whatsapp_conversations where tenant_id = $1 and id = any($2::uuid[]) order by id for no key update`,
  { id: "uuid" },
);
const stop = statement(
  "erase_sends.stop",
  `with gone as (
     delete from whatsapp_sends where tenant_id = $1 and conversation_id = any($2::uuid[]) and state <> 'dispatching' returning message_id
   )
   update whatsapp_messages m set status = 'cancelled' from gone g
   where m.tenant_id = $1 and m.id = g.message_id and m.status = 'pending' returning m.id`,
  { id: "uuid" },
);
const selectUnderWay = statement(
  "erase_sends.under_way",
  `select message_id as id from whatsapp_sends where tenant_id = $1 and conversation_id = any($2::uuid[]) limit 1`,
  { id: "uuid" },
);

/** The cursor holds since when it waits. */
export async function stopSends({ tx, scope, job, nowMs }: Portion): Promise<Progress> {
  const values = [scope.tenantId, uuids(job.conversationIds)];
  await tx.query(lockConversations, values);
  const stopped = await tx.query(stop, values);
  const counts = stopped.length === 0 ? {} : { sends: stopped.length };
  const [underWay] = await tx.query(selectUnderWay, values);
  if (underWay === undefined) return { cursor: null, counts };
  const sinceMs = job.cursor === "" ? nowMs : Number(job.cursor);
  // A request ends within its time-out, and a dead node's is taken from it sooner. Should one not, its status names our own id.
  if (nowMs - sinceMs > limits.privacyWaitMsMax) return { cursor: null, counts };
  await new Promise((resolve) => setTimeout(resolve, limits.privacyWaitPollMs));
  return { cursor: String(sinceMs), counts };
}
