/**
 * Second step of forwarding: a node claims conversations (lanes) that are due and reads the oldest deliveries of each. A claim is a time until
 * which nobody else may have the lane: when its node dies or freezes, the lane is simply due again.
 * What holds up whom: an endpoint in trouble gets one attempt at a time and pauses between; any endpoint has a bounded number of
 * lanes under way, over all nodes; and of this node's requests a part is only for endpoints that have none under way.
 */
import type { EndpointForm } from "../contract/endpoints.ts";
import { texts, uuids } from "../db/arrays.ts";
import type { Db } from "../db/pool.ts";
import { statement, time } from "../db/statement.ts";
import { transaction } from "../db/transaction.ts";
import { limits } from "../limits.ts";
import { eventText } from "./forward-request.ts";

/** Its lanes are read as of its start, so it may find one due that has been claimed since: the last condition is asked of the row as it is by then. */
const claim = statement(
  "forward_claim.claim",
  `with clock as (select coalesce($1::timestamptz, clock_timestamp()) as now),
   ready as materialized (
     select e.tenant_id, e.id, e.failures from clock, forward_endpoints e join tenants t on t.id = e.tenant_id and t.closed_at is null
     where e.state = 'active' and (e.retry_at is null or e.retry_at <= clock.now)
       and exists (select from forward_lanes l where l.tenant_id = e.tenant_id and l.endpoint_id = e.id and l.due_at <= clock.now)
     order by random() limit $2 for no key update of e skip locked
   ), busy as materialized (
     select r.*, (select count(*) from forward_lanes l, clock
       where l.tenant_id = r.tenant_id and l.endpoint_id = r.id and l.claim_id is not null and l.due_at > clock.now) as busy
     from ready r
   ), due as (
     select b.tenant_id, b.id, b.busy, l.lane, row_number() over (partition by b.tenant_id, b.id order by l.due_at, l.lane) + b.busy as turn
     from busy b, clock
     cross join lateral (
       select x.lane, x.due_at from forward_lanes x where x.tenant_id = b.tenant_id and x.endpoint_id = b.id and x.due_at <= clock.now
       order by x.due_at limit greatest(0, case when b.failures >= $3 then 1 else $4 end - b.busy)
     ) l
   ), chosen as (
     select * from (select d.*, row_number() over (order by turn) as place from due d) p
     where place <= case when turn = 1 then $5::int else $6::int end
   )
   update forward_lanes l set claim_id = $7, due_at = clock.now + $8 * interval '1 millisecond'
   from chosen c, clock where l.tenant_id = c.tenant_id and l.endpoint_id = c.id and l.lane = c.lane and l.due_at <= clock.now
   returning l.tenant_id as "tenantId", l.endpoint_id as "endpointId", l.lane, l.failures`,
  { tenantId: "uuid", endpointId: "uuid", lane: "text", failures: "int" },
);

/** With what is sent: the event, or the text that was kept; neither, when it has been cleared away. */
const selectHeads = statement(
  "forward_claim.heads",
  `select u.ordinal::int, e.form, e.version, d.id, d.attempts, d.log_seq as "logSeq",
     coalesce(extract(epoch from coalesce($5::timestamptz, clock_timestamp()) - d.first_attempt_at) * 1000, 0)::bigint as "triedMs",
     k.body, a.type, a.conversation_id as "conversationId", a.message_id as "messageId", a.data, a.created_at as "createdAtMs"
   from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as u (tenant_id, endpoint_id, lane, ordinal)
   join forward_endpoints e on e.tenant_id = u.tenant_id and e.id = u.endpoint_id
   cross join lateral (
     select * from forward_deliveries x where x.tenant_id = u.tenant_id and x.endpoint_id = u.endpoint_id and x.lane = u.lane and x.state = 'pending'
     order by x.log_seq limit $4
   ) d
   left join forward_updates k on e.form = 'meta' and k.tenant_id = u.tenant_id and k.id = d.log_seq
   left join activity_events a on e.form = 'events' and a.tenant_id = u.tenant_id and a.seq = d.log_seq and a.created_at = d.created_at
   order by u.ordinal, d.log_seq`,
  {
    ordinal: "int",
    form: "text",
    version: "int",
    id: "uuid",
    attempts: "int",
    logSeq: "bigint",
    triedMs: "bigint",
    body: "text?",
    type: "text?",
    conversationId: "uuid?",
    messageId: "uuid?",
    data: "json?",
    createdAtMs: "time?",
  },
);

/** `text` null: nothing is left to send. */
export type Waiting = { id: string; attempts: number; triedMs: number; text: string | null };
export type ClaimedLane = {
  claimId: string;
  tenantId: string;
  endpointId: string;
  lane: string;
  /** Failures of this lane in a row. */
  failures: number;
  form: EndpointForm;
  version: number;
  deliveries: Waiting[];
};

export type ClaimOptions = {
  ingest: Db;
  claimId: string;
  /** Requests that this node may still begin. */
  room: number;
  atMs: number | null;
};

/** A lane that turns out to have nothing pending comes back empty, so that it is settled like the others. */
export async function claimForwards({ ingest, claimId, room, atMs }: ClaimOptions): Promise<ClaimedLane[]> {
  if (room <= 0) return [];
  return transaction(ingest, async (tx) => {
    const lanes = await tx.query(claim, [
      time(atMs),
      limits.forwardEndpointsClaimedMax,
      limits.forwardTroubleFrom,
      limits.forwardsPerEndpointMax,
      room,
      Math.max(0, room - limits.forwardsReservedMax),
      claimId,
      limits.forwardClaimMsMax,
    ]);
    if (lanes.length === 0) return [];
    const heads = await tx.query(selectHeads, [
      uuids(lanes.map((lane) => lane.tenantId)),
      uuids(lanes.map((lane) => lane.endpointId)),
      texts(lanes.map((lane) => lane.lane)),
      limits.forwardRunMax,
      time(atMs),
    ]);
    const claimed = lanes.map((lane): ClaimedLane => ({ ...lane, claimId, form: "events", version: 0, deliveries: [] }));
    for (const head of heads) {
      const lane = claimed[head.ordinal - 1];
      if (lane === undefined) continue;
      // The column's CHECK allows no other form.
      lane.form = head.form as EndpointForm;
      lane.version = head.version;
      lane.deliveries.push({ id: head.id, attempts: head.attempts, triedMs: head.triedMs, text: textOf(head) });
    }
    return claimed;
  });
}

type Head = {
  body: string | null;
  logSeq: number;
  type: string | null;
  conversationId: string | null;
  messageId: string | null;
  data: unknown;
  createdAtMs: number | null;
};

function textOf({ body, logSeq, type, conversationId, messageId, data, createdAtMs }: Head): string | null {
  if (type === null || createdAtMs === null) return body;
  return eventText({ seq: logSeq, type, conversationId, messageId, data, createdAtMs });
}
