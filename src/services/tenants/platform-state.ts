/**
 * How the platform is, over all tenants, in the operator's role: counts and times out of indexes, each bounded, so that looking never becomes a
 * load of its own, least of all on a bad night.
 */
import type { ListQuery, Page } from "../../contract/json.ts";
import { connectionCodes } from "../../contract/connections.ts";
import type { PlatformState, TenantUsage } from "../../contract/platform.ts";
import { connectionProblem } from "../../core/connection-problems.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { uuidV7Floor } from "../../core/ids.ts";
import { platformFindings } from "../../core/platform-findings.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { limits } from "../../limits.ts";

const selectInbound = statement(
  "platform_state.inbound",
  `select (select coalesce(sum(updates), 0)::int from webhook_pending) as count, (select min(created_at) from webhook_pending) as "oldestMs",
     (select count(*)::int from (select from webhook_deliveries where id >= $1::uuid limit $3) x) as "lastMinute",
     (select count(*)::int from (select from webhook_deliveries where id >= $2::uuid limit $3) x) as "lastHour",
     (select received_at from webhook_deliveries order by id desc limit 1) as "lastMs"`,
  { count: "int", oldestMs: "time?", lastMinute: "int", lastHour: "int", lastMs: "time?" },
);
const selectParked = statement(
  "platform_state.parked",
  `select reason, count(*)::int as count, min(parked_at) as "oldestMs"
   from (select reason, parked_at from parked_updates where resolved_at is null order by id limit $1) p group by reason order by 2 desc, 1`,
  { reason: "text", count: "int", oldestMs: "time" },
);
/** Each state by its own index: thousands that wait for next week must not hide one that is late, nor a paused number's those of the others. */
const selectOutbound = statement(
  "platform_state.outbound",
  `select (select count(*)::int from (select from whatsapp_sends where state = 'queued' and due_at <= $1::timestamptz limit $2) x) as count,
     (select min(first.due_at) from whatsapp_connections c
      left join whatsapp_send_lanes l on l.tenant_id = c.tenant_id and l.connection_id = c.id
      cross join lateral (
        select s.due_at from whatsapp_sends s where s.connection_id = c.id and s.state = 'queued' order by s.due_at limit 1
      ) first
      where l.paused_until is null or l.paused_until <= $1::timestamptz) as "oldestMs",
     (select count(*)::int from (select from whatsapp_sends where state = 'dispatching' limit $2) x) as "underWay",
     (select count(*)::int from (
        (select from whatsapp_sends where state = 'scheduled' limit $2) union all (select from whatsapp_sends where state = 'waiting' limit $2) limit $2
      ) x) as scheduled,
     (select count(*)::int from whatsapp_send_lanes where paused_until > $1::timestamptz) as "pausedNumbers"`,
  { count: "int", oldestMs: "time?", underWay: "int", scheduled: "int", pausedNumbers: "int" },
);
const selectForwarding = statement(
  "platform_state.forwarding",
  `select coalesce(sum(d.pending) filter (where e.state = 'active'), 0)::int as count, min(d.oldest) filter (where e.state = 'active') as "oldestMs",
     coalesce(sum(d.dead), 0)::int as dead, count(*) filter (where e.state = 'paused' and e.paused_reason <> 'asked')::int as "pausedEndpoints",
     count(*) filter (where e.failures > 0)::int as "failingEndpoints"
   from forward_endpoints e
   cross join lateral (
     select (select count(*) from (select from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'pending' limit $1) x) as pending,
       (select count(*) from (select from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'dead' limit $1) x) as dead,
       (select created_at from forward_deliveries p where p.tenant_id = e.tenant_id and p.endpoint_id = e.id and p.state = 'pending' order by p.id limit 1) as oldest
   ) d`,
  { count: "int", oldestMs: "time?", dead: "int", pausedEndpoints: "int", failingEndpoints: "int" },
);
/** One of each number: its trouble that lasts longest. */
const selectFailing = statement(
  "platform_state.failing",
  `select f.*, count(*) over ()::int as total from (
     select distinct on (k.tenant_id, k.connection_id) k.tenant_id as "tenantId", t.name as "tenantName", k.connection_id as "connectionId",
       c.display_phone_number as "displayPhoneNumber", k.code, k.since as "sinceMs"
     from whatsapp_connection_checks k join whatsapp_connections c on c.tenant_id = k.tenant_id and c.id = k.connection_id
       join tenants t on t.id = k.tenant_id
     where k.state = 'problem' and k.code is not null and c.state = 'connected' and t.closed_at is null
     order by k.tenant_id, k.connection_id, k.since
   ) f order by "sinceMs", "connectionId" limit $1`,
  {
    tenantId: "uuid",
    tenantName: "text",
    connectionId: "uuid",
    displayPhoneNumber: "text?",
    code: "text?",
    sinceMs: "time",
    total: "int",
  },
);
const selectRest = statement(
  "platform_state.rest",
  `select (select count(*)::int from whatsapp_connections where state = 'connected') as connected,
     (select count(*)::int from tenants where closed_at is null) as open,
     (select count(*)::int from tenant_quotas where day = $1::date and sends_per_day is not null and sends >= sends_per_day) as "quotaSpent"`,
  { connected: "int", open: "int", quotaSpent: "int" },
);
const selectNodes = statement(
  "platform_state.nodes",
  `select id, alive_until as "aliveUntilMs", alive_until > clock_timestamp() as "isAlive" from whatsapp_send_nodes order by alive_until desc, id limit $1`,
  { id: "uuid", aliveUntilMs: "time", isAlive: "bool" },
);
const selectUsage = statement(
  "platform_state.usage",
  `select t.id, t.name, case when q.day < $3::date then 0 else coalesce(q.sends, 0) end as "sendsToday",
     q.sends_per_day as "sendsPerDay", q.open_streams as "openStreams"
   from tenants t left join tenant_quotas q on q.tenant_id = t.id
   where t.closed_at is null and t.id < $1::uuid order by t.id desc limit $2`,
  { id: "uuid", name: "text", sendsToday: "int", sendsPerDay: "int?", openStreams: "int?" },
);

const minuteMs = 60_000;

export async function readPlatformState(platform: Db, { nowMs, version }: { nowMs: number; version: string }): Promise<PlatformState> {
  const max = limits.platformCountMax;
  const floors = [uuidV7Floor(nowMs - minuteMs), uuidV7Floor(nowMs - 60 * minuteMs)];
  const [[inbound], parked, [outbound], [forwarding], failing, [rest], nodes] = await Promise.all([
    platform.query(selectInbound, [...floors, max]),
    platform.query(selectParked, [max]),
    platform.query(selectOutbound, [time(nowMs), max]),
    platform.query(selectForwarding, [limits.forwardCountMax]),
    platform.query(selectFailing, [limits.platformListMax]),
    platform.query(selectRest, [time(nowMs).slice(0, 10)]),
    platform.query(selectNodes, [limits.platformListMax]),
  ]);
  if (inbound === undefined || outbound === undefined || forwarding === undefined || rest === undefined)
    throw new Error("An aggregate is a row");
  const { oldestMs, lastMs, ...taken } = inbound;
  const { oldestMs: oldestSendMs, ...sends } = outbound;
  const { oldestMs: oldestForwardMs, ...forwards } = forwarding;
  const facts = {
    at: time(nowMs),
    inbound: { ...taken, oldestAt: time(oldestMs), lastAt: time(lastMs) },
    parked: parked.map(({ reason, count, oldestMs: parkedMs }) => ({ reason, count, oldestAt: time(parkedMs) })),
    outbound: { ...sends, oldestAt: isDue(oldestSendMs, nowMs) ? time(oldestSendMs) : null },
    forwarding: { ...forwards, oldestAt: time(oldestForwardMs) },
    connections: {
      connected: rest.connected,
      failing: failing[0]?.total ?? 0,
      list: failing.flatMap(({ code: word, sinceMs, total: _total, ...one }) => {
        const code = connectionCodes.find((known) => known === word);
        return code === undefined ? [] : [{ ...one, code, since: time(sinceMs), sentence: connectionProblem(code).sentence }];
      }),
    },
    tenants: { open: rest.open, quotaSpent: rest.quotaSpent },
    nodes: nodes.map(({ id, aliveUntilMs, isAlive }) => ({ id, aliveUntil: time(aliveUntilMs), isAlive })),
  };
  return { ...facts, findings: platformFindings(facts), version };
}

function isDue(atMs: number | null, nowMs: number): boolean {
  return atMs !== null && atMs <= nowMs;
}

/** What each tenant has had today of what it may have; the newest tenant first. */
export async function listUsage(platform: Db, query: ListQuery, nowMs: number): Promise<Page<TenantUsage>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const rows = await platform.query(selectUsage, [decodeIdCursor(query.after), limit, time(nowMs).slice(0, 10)]);
  return { data: rows.map(({ id: tenantId, ...row }) => ({ tenantId, ...row })), next: nextIdCursor(rows, limit) };
}
