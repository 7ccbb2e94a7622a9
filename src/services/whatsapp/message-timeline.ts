/** What became of one message: the POST that brought it, its making, every status that was reported of it, and what was said about it. Oldest first. */
import type { Page } from "../../contract/json.ts";
import type { TimelineEntry } from "../../contract/messages.ts";
import { notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { shownError } from "./message-list.ts";

const entryRow = {
  type: "text",
  atMs: "time",
  status: "text?",
  participant: "text?",
  errorCode: "int?",
  errorTitle: "text?",
  errorDetails: "text?",
  data: "json",
  createdAtMs: "time",
  waMessageId: "text?",
  origin: "text",
  locale: "text?",
} as const;

/**
 * A fact without an error has the code 0: the code is part of its key. What an edit replaced is told, unless all of it was taken back. Times of
 * Meta are whole seconds, ours are not: within a second what was made comes before what was reported of it, and ticks go forward.
 */
const selectTimeline = statement(
  "message_timeline.select",
  `with m as (select * from whatsapp_messages where tenant_id = $1 and id = $2),
   said as (
     select r.role from m join whatsapp_messages r on r.tenant_id = m.tenant_id and r.connection_id = m.connection_id
       and r.target_wa_message_id = m.wa_message_id and r.role in ('edit', 'revoke') and r.direction = m.direction
   )
   select type, at as "atMs", status, participant, error_code as "errorCode", error_title as "errorTitle", error_details as "errorDetails",
     data, created_at as "createdAtMs", (select wa_message_id from m) as "waMessageId", (select origin from m) as origin,
     (select t.locale from tenants t where t.id = $1) as locale
   from (
     select 0 as rank, 'message.created' as type, m.wa_timestamp as at, null::text as status, null::text as participant, null::int as error_code,
       null::text as error_title, null::text as error_details, case when exists (select from said where role = 'edit') and not exists (select from said where role = 'revoke')
         then jsonb_build_object('origin', m.origin, 'content', m.content) else jsonb_build_object('origin', m.origin) end as data, m.created_at
     from m
     union all
     select 1, 'message.status', s.at, s.status, nullif(s.participant, ''), nullif(s.error_code, 0), s.error_title, s.error_details,
       jsonb_build_object('pricing', s.pricing), s.created_at
     from m join whatsapp_message_statuses s
       on s.tenant_id = m.tenant_id and s.connection_id = m.connection_id and s.wa_message_id = m.wa_message_id
     union all
     select 2, case r.role when 'reaction' then 'reaction.changed' when 'edit' then 'message.edited' else 'message.revoked' end,
       r.wa_timestamp, null, coalesce(r.sender_user_id, r.sender_phone), null, null, null, r.content, r.created_at
     from m join whatsapp_messages r
       on r.tenant_id = m.tenant_id and r.connection_id = m.connection_id and r.target_wa_message_id = m.wa_message_id
       and r.role in ('reaction', 'edit', 'revoke')
   ) e
   order by date_trunc('second', at), rank, at, array_position('{sent,delivered,read,played,failed}', status), participant, created_at limit $3`,
  entryRow,
);

export type TimelineDeps = {
  app: Db;
  /** When the POST came that brought a message which was stored then; null where that is no longer known. */
  receivedWhen: (message: { waMessageId: string; storedAtMs: number }) => Promise<number | null>;
};

export async function readTimeline(
  { app, receivedWhen }: TimelineDeps,
  scope: TenantScope,
  messageId: string,
): Promise<Page<TimelineEntry>> {
  const values = [scope.tenantId, messageId, limits.timelineEntriesMax];
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectTimeline, values));
  const made = rows.find(({ type }) => type === "message.created");
  if (made === undefined) throw notFound();
  const { waMessageId, createdAtMs: storedAtMs } = made;
  const isByWebhook = made.origin === "customer" || made.origin === "phone";
  const receivedAtMs = isByWebhook && waMessageId !== null ? await receivedWhen({ waMessageId, storedAtMs }) : null;
  const entries = rows.map(shown);
  return { data: receivedAtMs === null ? entries : withReceipt(entries, receivedAtMs), next: null };
}

/** Right behind the message itself: Meta's time is the customer's, and clocks differ. */
function withReceipt(entries: readonly TimelineEntry[], receivedAtMs: number): TimelineEntry[] {
  const at = time(receivedAtMs);
  const receipt = { type: "webhook.received", at, status: null, participant: null, error: null, data: {}, createdAt: at } as const;
  const place = entries.findIndex(({ type }) => type === "message.created") + 1;
  return entries.toSpliced(place, 0, receipt).slice(0, limits.timelineEntriesMax);
}

function shown(row: RowOf<typeof entryRow>): TimelineEntry {
  return {
    // The statement makes no other.
    type: row.type as TimelineEntry["type"],
    at: time(row.atMs),
    status: row.status,
    participant: row.participant,
    error: shownError({ code: row.errorCode, title: row.errorTitle, details: row.errorDetails }, row.locale),
    data: row.data,
    createdAt: time(row.createdAtMs),
  };
}
