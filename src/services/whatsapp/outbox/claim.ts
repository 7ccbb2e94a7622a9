/**
 * Takes messages that are due, for one attempt each. One short transaction: the lanes are locked, free slots are shared out among the
 * tenants that wait (`core/pacing.ts`), the heads of their conversations become `dispatching` under a claim, and what they cost is
 * paid for number and customer. COMMIT comes before the request: a crash after it leaves `unknown`, never a second request (I6).
 * Role kesher_ingest.
 */
import { nilId } from "../../../core/ids.ts";
import { allowance, pairBurstMax, pairIntervalMs, nextAllowedAt, paidUntil, shareSlots, type WaitingLane } from "../../../core/pacing.ts";
import { sendMarginMs, windowMs } from "../../../core/window.ts";
import { ints, times, uuids } from "../../../db/arrays.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, type RowOf } from "../../../db/statement.ts";
import { transaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const claimedRow = {
  tenantId: "uuid",
  messageId: "uuid",
  connectionId: "uuid",
  conversationId: "uuid",
  attempts: "int",
  refusals: "int",
  isReported: "bool",
  isFreeform: "bool",
  isOpen: "bool",
  isConnected: "bool",
  isOptedOut: "bool",
  phoneNumberId: "text",
  phone: "text?",
  userId: "text?",
  groupId: "text?",
  type: "text",
  content: "json",
  replyTo: "text?",
  queuedAtMs: "time",
  claimedAtMs: "time",
} as const;
/**
 * `isOpen` is the window by the database's clock, with the margin of I7 and the time that a start may take. `isReported`: a status has told
 * of it, so an earlier attempt arrived, whatever Graph answered then. `isOptedOut`: a template that may be marketing (`opt-outs.ts`), to a
 * customer who has opted out.
 */
export type ClaimedSend = RowOf<typeof claimedRow> & { claimId: string };

/**
 * Steps from lane to lane over the index; where more wait than it looks at, the next claim goes on from the last one, also when none of
 * these can send now (paused, resting, another node's): then there is one row with nothing but `goOnFrom`.
 */
const lockLanes = statement(
  "outbox.lock_lanes",
  `with recursive due (connection_id, ordinal) as (
     (select connection_id, 1 from whatsapp_sends where state = 'queued' and connection_id > $1::uuid order by connection_id limit 1)
     union all
     select (select s.connection_id from whatsapp_sends s where s.state = 'queued' and s.connection_id > d.connection_id order by s.connection_id limit 1), d.ordinal + 1
     from due d where d.connection_id is not null and d.ordinal < $2
   ), seen as materialized (
     select d.connection_id from due d where d.connection_id is not null
       and exists (select from whatsapp_sends s where s.state = 'queued' and s.connection_id = d.connection_id and s.due_at <= statement_timestamp())
   ), locked as materialized (
     select l.tenant_id, l.connection_id, l.messages_per_second, l.paid_until
     from seen s join whatsapp_send_lanes l on l.connection_id = s.connection_id
     where l.paused_until is null or l.paused_until <= statement_timestamp()
     order by l.connection_id for update of l skip locked
   )
   select k.tenant_id as "tenantId", k.connection_id as "connectionId", k.messages_per_second as "messagesPerSecond",
     nullif(k.paid_until, '-infinity') as "paidUntilMs", statement_timestamp() as "nowMs", last.connection_id as "goOnFrom"
   from (select (select d.connection_id from due d where d.ordinal = $2)) as last (connection_id) left join locked k on true`,
  { tenantId: "uuid?", connectionId: "uuid?", messagesPerSecond: "int?", paidUntilMs: "time?", nowMs: "time", goOnFrom: "uuid?" },
);

/** A customer who has had enough for the moment puts his message off; it costs no look until then. */
const take = statement(
  "outbox.take",
  `with picked as materialized (
     select x.tenant_id, x.message_id, x.conversation_id, p.paid_until,
       coalesce(p.paid_until, '-infinity') <= statement_timestamp() + make_interval(secs => $5::int) as is_allowed
     from unnest($1::uuid[], $2::int[]) as l (connection_id, messages)
     cross join lateral (
       select s.* from whatsapp_sends s
       where s.state = 'queued' and s.connection_id = l.connection_id and s.due_at <= statement_timestamp()
       order by s.due_at, s.ordinal limit l.messages for update skip locked
     ) x
     left join whatsapp_send_pairs p on p.tenant_id = x.tenant_id and p.conversation_id = x.conversation_id
   ), put_off as (
     update whatsapp_sends s set due_at = k.paid_until - make_interval(secs => $5::int)
     from picked k where not k.is_allowed and s.tenant_id = k.tenant_id and s.message_id = k.message_id
   ), taken as (
     update whatsapp_sends s set state = 'dispatching', claim_id = $3, node_id = $4, attempts = s.attempts + 1
     from picked k where k.is_allowed and s.tenant_id = k.tenant_id and s.message_id = k.message_id
     returning s.*
   ), paid as (
     insert into whatsapp_send_pairs as p (tenant_id, conversation_id, paid_until)
     select tenant_id, conversation_id, statement_timestamp() + make_interval(secs => $6::int) from taken order by 1, 2
     on conflict (tenant_id, conversation_id) do update set paid_until = greatest(p.paid_until, statement_timestamp()) + make_interval(secs => $6::int)
   )
   select t.tenant_id as "tenantId", t.message_id as "messageId", t.connection_id as "connectionId", t.conversation_id as "conversationId", t.attempts, t.refusals,
     m.wa_message_id is not null as "isReported", t.is_freeform as "isFreeform",
     coalesce(c.last_customer_message_at + make_interval(secs => $7::int) > clock_timestamp() + make_interval(secs => $8::int)
       and (c.refused_at is null or c.refused_at <= c.last_customer_message_at), false) as "isOpen",
     n.state = 'connected' as "isConnected",
     (m.type = 'template' and exists (
       select from whatsapp_contacts own
       join whatsapp_contacts p on p.tenant_id = own.tenant_id and p.id = case when own.merged_into_id is null then own.id else own.merged_into_id end
       where own.tenant_id = c.tenant_id and own.id = c.contact_id and p.opted_out_at is not null
     ) and not exists (
       select from whatsapp_templates x where x.tenant_id = n.tenant_id and x.account_id = n.account_id and x.name = m.content ->> 'name'
         and lower(x.language) = lower(replace(m.content ->> 'language', '-', '_')) and upper(x.category) in ('UTILITY', 'AUTHENTICATION')
     )) as "isOptedOut", n.phone_number_id as "phoneNumberId",
     case when t.to_phone is null and t.to_user_id is null then c.reply_phone else t.to_phone end as phone,
     case when t.to_phone is null and t.to_user_id is null then c.reply_user_id else t.to_user_id end as "userId",
     c.group_id as "groupId", m.type, m.content, case m.role when 'message' then m.target_wa_message_id end as "replyTo", t.created_at as "queuedAtMs", statement_timestamp() as "claimedAtMs"
   from taken t
     join whatsapp_conversations asked on asked.tenant_id = t.tenant_id and asked.id = t.conversation_id
     join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = coalesce(asked.merged_into_id, asked.id)
     join whatsapp_messages m on m.tenant_id = t.tenant_id and m.id = t.message_id
     join whatsapp_connections n on n.tenant_id = t.tenant_id and n.id = t.connection_id
   order by t.ordinal`,
  claimedRow,
);

const pay = statement(
  "outbox.pay",
  `update whatsapp_send_lanes l set paid_until = u.paid_until from unnest($1::uuid[], $2::timestamptz[]) as u (connection_id, paid_until)
   where l.connection_id = u.connection_id`,
  {},
);

/** Of claims whose COMMIT was not answered: whatever they took, no request has started. */
const release = statement(
  "outbox.release_claims",
  `update whatsapp_sends set state = 'queued', claim_id = null, node_id = null, attempts = attempts - 1
   where state = 'dispatching' and node_id = $1 and claim_id = any ($2::uuid[])`,
  {},
);

export async function releaseClaims(ingest: Db, nodeId: string, claimIds: readonly string[]): Promise<void> {
  await ingest.query(release, [nodeId, uuids(claimIds)]);
}

export type ClaimOptions = {
  nodeId: string;
  claimId: string;
  slots: number;
  /** How many of a lane's messages are under way on this node, and how many may be. */
  underWay: (connectionId: string) => number;
  underWayMax: (connectionId: string) => number;
};
/** `waitMs`: when something waits only for its number's pace, or was not looked at yet; null when nothing does. */
export type Claim = { sends: ClaimedSend[]; waitMs: number | null };

const firstLane = nilId;
const pairAheadSeconds = ((pairBurstMax - 1) * pairIntervalMs) / 1_000;

export class Claimer {
  readonly #ingest: Db;
  #goOnFrom = firstLane;

  constructor(ingest: Db) {
    this.#ingest = ingest;
  }

  claim(options: ClaimOptions): Promise<Claim> {
    return transaction(this.#ingest, async (tx) => {
      const rows = await tx.query(lockLanes, [this.#goOnFrom, limits.sendLanesMax]);
      const goOnFrom = rows[0]?.goOnFrom ?? null;
      this.#goOnFrom = goOnFrom ?? firstLane;
      const nowMs = rows[0]?.nowMs ?? 0;
      const lanes = rows.flatMap((row): WaitingLane[] => {
        const { tenantId, connectionId, messagesPerSecond, paidUntilMs } = row;
        if (tenantId === null || connectionId === null || messagesPerSecond === null) return [];
        return [
          {
            tenantId,
            connectionId,
            pace: { messagesPerSecond, paidUntilMs: paidUntilMs ?? 0 },
            underWay: options.underWay(connectionId),
            underWayMax: options.underWayMax(connectionId),
          },
        ];
      });
      const shares = shareSlots(lanes, options.slots, nowMs);
      const sends = await takeShares(tx, options, { lanes, shares, nowMs });
      return { sends, waitMs: goOnFrom === null ? waitOf(lanes, { shares, nowMs, sends }) : 0 };
    });
  }
}

async function takeShares(
  tx: Tx,
  { claimId, nodeId }: ClaimOptions,
  { lanes, shares, nowMs }: { lanes: readonly WaitingLane[]; shares: readonly number[]; nowMs: number },
): Promise<ClaimedSend[]> {
  const asked = lanes.flatMap((lane, index) => ((shares[index] ?? 0) > 0 ? [{ lane, share: shares[index] ?? 0 }] : []));
  if (asked.length === 0) return [];
  const rows = await tx.query(take, [
    uuids(asked.map(({ lane }) => lane.connectionId)),
    ints(asked.map(({ share }) => share)),
    claimId,
    nodeId,
    pairAheadSeconds,
    pairIntervalMs / 1_000,
    windowMs / 1_000,
    (sendMarginMs + limits.sendStartMsMax) / 1_000,
  ]);
  const taken = new Map<string, number>();
  for (const { connectionId } of rows) taken.set(connectionId, (taken.get(connectionId) ?? 0) + 1);
  const paying = asked.filter(({ lane }) => taken.has(lane.connectionId));
  if (paying.length > 0) {
    await tx.query(pay, [
      uuids(paying.map(({ lane }) => lane.connectionId)),
      times(paying.map(({ lane }) => paidUntil(lane.pace, nowMs, taken.get(lane.connectionId) ?? 0))),
    ]);
  }
  return rows.map((row) => ({ ...row, claimId }));
}

/** Not for lanes whose places are all taken: who frees one wakes the sender. */
function waitOf(
  lanes: readonly WaitingLane[],
  { shares, nowMs, sends }: { shares: readonly number[]; nowMs: number; sends: readonly ClaimedSend[] },
): number | null {
  const served = new Set(sends.map(({ connectionId }) => connectionId));
  const waits = lanes.flatMap(({ pace, connectionId }, index) => {
    if (allowance(pace, nowMs) === 0) return [Math.max(0, nextAllowedAt(pace) - nowMs)];
    // Whatever came first was put off for its customer's pace: others may be behind it.
    return (shares[index] ?? 0) > 0 && !served.has(connectionId) ? [0] : [];
  });
  return waits.length === 0 ? null : Math.min(...waits);
}
