/**
 * A send whose outcome nobody knows, found by the status that echoes our own id (I6). If an echo of that very message came first, the
 * send takes its place. Under the locks of `statuses.ts`.
 */
import { isUuid } from "../../core/ids.ts";
import { texts, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";
import { messageKey, type Fact, type MessageKey } from "./status-facts.ts";

const adopt = statement(
  "sends.adopt",
  `with ours as (
     select u.* from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as u (tenant_id, connection_id, wa_message_id, id)
     join whatsapp_messages m on m.tenant_id = u.tenant_id and m.connection_id = u.connection_id and m.id = u.id
     where m.direction = 'outbound' and m.origin <> 'phone' and m.wa_message_id is null
     order by m.tenant_id, m.id for update of m
   ), dropped as (
     delete from whatsapp_messages e using ours o
     where e.tenant_id = o.tenant_id and e.connection_id = o.connection_id and e.wa_message_id = o.wa_message_id and e.origin = 'phone'
     returning e.tenant_id, e.conversation_id, e.role, o.id, o.wa_message_id
   ), counted as (
     select k.tenant_id, coalesce(k.merged_into_id, k.id) as id, count(*) filter (where d.role = 'message') as messages
     from dropped d join whatsapp_conversations k on k.tenant_id = d.tenant_id and k.id = d.conversation_id group by 1, 2
   ), recounted as (
     update whatsapp_conversations c set outbound_count = c.outbound_count - n.messages,
       last_message_id = coalesce((select d.id from dropped d where d.wa_message_id = c.last_message_wa_message_id limit 1), c.last_message_id)
     from counted n where c.tenant_id = n.tenant_id and c.id = n.id
   )
   update whatsapp_messages m set wa_message_id = o.wa_message_id
   from ours o left join dropped d on d.id = o.id
   where m.tenant_id = o.tenant_id and m.id = o.id
   returning m.tenant_id as "tenantId", m.connection_id as "connectionId", o.wa_message_id as "waMessageId"`,
  { tenantId: "uuid", connectionId: "uuid", waMessageId: "text" },
);

/** Our own id, if that is what the status echoes. */
export function ownIdOf({ callback }: Fact): string | null {
  return callback !== null && isUuid(callback) ? callback : null;
}

/** Gives waiting sends the wamids that their statuses name. Answers which messages those now are. */
export async function adoptSends(tx: Tx, facts: readonly Fact[]): Promise<Map<string, MessageKey>> {
  const ours = new Map(facts.flatMap((fact) => (ownIdOf(fact) === null ? [] : [[ownIdOf(fact), fact] as const])));
  if (ours.size === 0) return new Map();
  const adopted = [...ours].toSorted(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1));
  const rows = await tx.query(adopt, [
    uuids(adopted.map(([, fact]) => fact.tenantId)),
    uuids(adopted.map(([, fact]) => fact.connectionId)),
    texts(adopted.map(([, fact]) => fact.waMessageId)),
    uuids(adopted.map(([id]) => id)),
  ]);
  return new Map(rows.map((row) => [messageKey(row), row]));
}
