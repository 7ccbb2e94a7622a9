/**
 * Which senders live. A sender says so every few seconds; what one that fell silent had under way becomes `unknown`: its requests may
 * have arrived (I6). Should it wake up, its claims are gone, and the outcomes that it still learns settle the `unknown`. Role kesher_ingest.
 */
import type { Db } from "../../../db/pool.ts";
import { statement } from "../../../db/statement.ts";
import { transaction, type Tx } from "../../../db/transaction.ts";
import { uuids } from "../../../db/arrays.ts";
import { limits } from "../../../limits.ts";
import { appendActivity, type ActivityEvent } from "../../activity/append.ts";
import { lockConversations, promoteNext } from "./turns.ts";

const beat = statement(
  "send_nodes.beat",
  `insert into whatsapp_send_nodes (id, alive_until) values ($1, clock_timestamp() + make_interval(secs => $2::int))
   on conflict (id) do update set alive_until = excluded.alive_until`,
  {},
);
const leave = statement("send_nodes.leave", `delete from whatsapp_send_nodes where id = $1`, {});
const forget = statement(
  "send_nodes.forget",
  `delete from whatsapp_send_nodes n where n.alive_until < clock_timestamp()
     and not exists (select from whatsapp_sends s where s.state = 'dispatching' and s.node_id = n.id)`,
  {},
);

/** Nodes by the index of what is under way, never by a look at every row. */
const abandoned = statement(
  "send_nodes.abandoned",
  `with recursive holders (node_id) as (
     (select node_id from whatsapp_sends where state = 'dispatching' order by node_id limit 1)
     union all
     select (select s.node_id from whatsapp_sends s where s.state = 'dispatching' and s.node_id > h.node_id order by s.node_id limit 1) from holders h where h.node_id is not null
   )
   select s.tenant_id as "tenantId", s.message_id as "messageId", s.conversation_id as "conversationId", s.claim_id as "claimId"
   from holders h join whatsapp_sends s on s.state = 'dispatching' and s.node_id = h.node_id
   where h.node_id is not null and not exists (select from whatsapp_send_nodes n where n.id = h.node_id and n.alive_until >= clock_timestamp())
   limit $1`,
  { tenantId: "uuid", messageId: "uuid", conversationId: "uuid", claimId: "uuid" },
);

/** A status may have told its wamid before: then it is known to have arrived. */
const giveUp = statement(
  "send_nodes.give_up",
  `with gone as (
     delete from whatsapp_sends s using unnest($1::uuid[], $2::uuid[], $3::uuid[]) as u (tenant_id, message_id, claim_id)
     where s.tenant_id = u.tenant_id and s.message_id = u.message_id and s.claim_id = u.claim_id
       and not exists (select from whatsapp_send_nodes n where n.id = s.node_id and n.alive_until >= clock_timestamp())
     returning s.tenant_id, s.message_id
   )
   update whatsapp_messages m set status = 'unknown', error_code = null, error_title = null, error_details = null from gone g
   where m.tenant_id = g.tenant_id and m.id = g.message_id and m.status = 'pending' and m.wa_message_id is null
   returning m.tenant_id as "tenantId", m.id as "messageId", m.conversation_id as "conversationId"`,
  { tenantId: "uuid", messageId: "uuid", conversationId: "uuid" },
);

/** To be called every `limits.sendNodeBeatMs`. */
export async function beatNode(ingest: Db, nodeId: string): Promise<void> {
  await ingest.query(beat, [nodeId, limits.sendNodeAliveMs / 1_000]);
}

/** On an orderly stop, when nothing is under way any more. */
export async function leaveNodes(ingest: Db, nodeId: string): Promise<void> {
  await ingest.query(leave, [nodeId]);
}

/** Answers the tenants that have news. */
export async function reapAbandoned(ingest: Db, nowMs: number): Promise<string[]> {
  const tenantIds = await transaction(ingest, (tx) => reap(tx, nowMs));
  await ingest.query(forget);
  return tenantIds;
}

async function reap(tx: Tx, nowMs: number): Promise<string[]> {
  const found = await tx.query(abandoned, [limits.sendTimersMax]);
  if (found.length === 0) return [];
  await lockConversations(tx, found);
  const rows = await tx.query(giveUp, [
    uuids(found.map((send) => send.tenantId)),
    uuids(found.map((send) => send.messageId)),
    uuids(found.map((send) => send.claimId)),
  ]);
  await promoteNext(tx, found);
  const events: ActivityEvent[] = rows.map(({ tenantId, messageId, conversationId }) => ({
    tenantId,
    type: "message.status_changed",
    conversationId,
    messageId,
    data: { status: "unknown", previousStatus: "pending" },
  }));
  await appendActivity(tx, events, nowMs);
  return [...new Set(events.map((event) => event.tenantId))];
}
