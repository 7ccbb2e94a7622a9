/**
 * The views of the inbox: each is one statement that reads one index from the place of the cursor on. The key of the lists begins with the
 * hour of the last message, because the indexes do: within the hour a new message changes no index. `x.last_message_hour <= $2` is said
 * besides the key itself, since row-level security keeps what is not leakproof (`coalesce`) from the index.
 */
import { statement } from "../../db/statement.ts";
import { contactsByAddress, phoneOwner } from "./contacts/list.ts";
import { conversationColumns, conversationJoins, conversationRow } from "./conversation-rows.ts";

const order = (row: string): string => `${row}.last_message_hour desc, coalesce(${row}.last_message_at, '-infinity') desc, ${row}.id desc`;
/** $1 tenant; $2 to $4 the key of the row before; $5 how many; then what any view may be narrowed to, null where not asked for. */
const narrowed = `x.tenant_id = $1 and x.merged_into_id is null
  and ($6::uuid is null or x.connection_id = $6) and ($7::bool is null or (x.unread_count > 0) = $7)
  and ($8::uuid is null or x.id in (
    select case when k.merged_into_id is null then k.id else k.merged_into_id end from conversation_labels l
    join whatsapp_conversations k on k.tenant_id = l.tenant_id and k.id = l.conversation_id where l.tenant_id = $1 and l.label_id = $8))`;
const inPlace = `${narrowed} and x.last_message_hour <= $2::bigint
  and (x.last_message_hour, coalesce(x.last_message_at, '-infinity'), x.id) < ($2::bigint, $3::timestamptz, $4::uuid)`;
const shown = (found: string, ordered = order("c")): string =>
  `select ${conversationColumns} from (${found}) c ${conversationJoins} order by ${ordered}`;
const part = (condition: string): string => `
  select x.* from whatsapp_conversations x where ${inPlace} and ${condition} order by ${order("x")} limit $5`;
/** Of the states $9, or all: each has its place in the index. */
const ofStates = (condition: string): string => `
  select c.* from (values ('open'), ('done'), ('snoozed')) s (state)
  cross join lateral (${part(`x.state = s.state and ${condition}`)}) c
  where $9::text is null or s.state = $9 order by ${order("c")} limit $5`;

export const selectAll = statement("conversation_views.all", shown(ofStates("true")), conversationRow);
export const selectUnassigned = statement("conversation_views.unassigned", shown(ofStates("x.assignee_id is null")), conversationRow);
/** $10: whose. */
export const selectAssigned = statement("conversation_views.assigned", shown(ofStates("x.assignee_id = $10::uuid")), conversationRow);
/** $9: whose, or null. */
export const selectWaiting = statement(
  "conversation_views.waiting",
  shown(part(`x.is_waiting and x.state = 'open' and ($9::uuid is null or x.assignee_id = $9)`)),
  conversationRow,
);

/**
 * What ends first comes first: $2 and $3 are the time and the id of the row before. $9: for how many hours more. The window is 24 hours from the
 * customer's last word; the last message is no older than that word, so the index gives only what was written in since.
 */
const closing = `x.is_waiting and x.state = 'open'
  and x.last_message_hour >= floor(extract(epoch from statement_timestamp() - interval '24 hours') / 3600)::bigint
  and x.last_customer_message_at > statement_timestamp() - interval '24 hours'
  and (x.refused_at is null or x.refused_at <= x.last_customer_message_at)`;
export const selectClosing = statement(
  "conversation_views.closing",
  shown(
    `select x.* from whatsapp_conversations x
     where ${narrowed} and ${closing} and x.last_customer_message_at <= statement_timestamp() - interval '24 hours' + $9::int * interval '1 hour'
       and (x.last_customer_message_at, x.id) > ($2::timestamptz, $3::uuid) and ($4::uuid is null or x.assignee_id = $4)
     order by x.last_customer_message_at, x.id limit $5`,
    "c.last_customer_message_at, c.id",
  ),
  conversationRow,
);

/** $2 and $3 as `contactsByAddress` has them; $4 to $6 the key, $7 connection, $8 state, $9 how many. */
export const selectByAddress = statement(
  "conversation_views.by_address",
  `with ${phoneOwner} ${shown(
    `select x.* from whatsapp_conversations x
     where x.tenant_id = $1 and x.merged_into_id is null
       and (x.last_message_hour, coalesce(x.last_message_at, '-infinity'), x.id) < ($4::bigint, $5::timestamptz, $6::uuid)
       and x.contact_id in (${contactsByAddress})
       and ($7::uuid is null or x.connection_id = $7) and ($8::text is null or x.state = $8)
     order by ${order("x")} limit $9`,
  )}`,
  conversationRow,
);

/** $2: whose; $3: hours of `closing_soon`; $4: where counting ends. The order is that of the index: without one a plan may read the whole table for it. */
const counted = (condition: string): string =>
  `(select count(*) from (select from whatsapp_conversations x where x.tenant_id = $1 and x.merged_into_id is null and ${condition} order by x.last_message_hour desc limit $4) n)`;
export const selectCounts = statement(
  "conversation_views.counts",
  `select ${counted(`x.state = 'open' and x.assignee_id = $2::uuid`)} as mine,
     ${counted(`x.state = 'open' and x.assignee_id is null`)} as unassigned,
     ${counted(`x.state = 'open'`)} as all,
     ${counted(`x.is_waiting and x.state = 'open'`)} as waiting,
     ${counted(`${closing} and x.last_customer_message_at <= statement_timestamp() - interval '24 hours' + $3::int * interval '1 hour'`)} as "closingSoon",
     ${counted(`x.state = 'snoozed'`)} as snoozed`,
  { mine: "bigint", unassigned: "bigint", all: "bigint", waiting: "bigint", closingSoon: "bigint", snoozed: "bigint" },
);
