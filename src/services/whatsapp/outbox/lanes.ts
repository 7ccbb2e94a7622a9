/** The lane of a number: its pace, and whether it rests or is paused. A paused number takes in as ever; it only sends nothing. */
import type { TenantScope } from "../../../core/scope.ts";
import { ints, times, uuids } from "../../../db/arrays.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import type { ActivityEvent } from "../../activity/append.ts";
import type { Verdict } from "./outcome.ts";

/** Not for a refusal that is older than the token: whoever brings one holds the lane's lock, so no claim falls between it and its COMMIT. */
const pause = statement(
  "lanes.pause",
  `update whatsapp_send_lanes l set paused_until = 'infinity', pause_reason = 'token', pause_code = u.code
   from unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[]) as u (tenant_id, connection_id, code, claimed_at)
   where l.tenant_id = u.tenant_id and l.connection_id = u.connection_id and l.paused_until is distinct from 'infinity'
     and (l.token_at is null or l.token_at < u.claimed_at)
   returning l.tenant_id as "tenantId", l.connection_id as "connectionId", u.code`,
  { tenantId: "uuid", connectionId: "uuid", code: "int" },
);

/** One rest for one wave of refusals: what was under way when the rest began does not prolong it. */
const rest = statement(
  "lanes.rest",
  `update whatsapp_send_lanes l set paused_until = statement_timestamp() + make_interval(secs => u.rest_ms / 1000.0), pause_reason = 'rate', pause_code = u.code,
     refusals = least(l.refusals + 1, 1000)
   from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[]) as u (tenant_id, connection_id, rest_ms, code)
   where l.tenant_id = u.tenant_id and l.connection_id = u.connection_id and (l.paused_until is null or l.paused_until <= statement_timestamp())`,
  {},
);

const recover = statement(
  "lanes.recover",
  `update whatsapp_send_lanes l set refusals = 0, paused_until = null, pause_reason = null, pause_code = null
   from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, connection_id)
   where l.tenant_id = u.tenant_id and l.connection_id = u.connection_id and l.refusals > 0 and l.paused_until is distinct from 'infinity'
     and (l.paused_until is null or l.paused_until <= statement_timestamp())`,
  {},
);

const resume = statement(
  "lanes.resume",
  `update whatsapp_send_lanes set paused_until = null, pause_reason = null, pause_code = null, refusals = 0
   where tenant_id = $1 and connection_id = $2 and paused_until is not null returning connection_id as id`,
  { id: "uuid" },
);

const resumeAfterToken = statement(
  "lanes.resume_after_token",
  `update whatsapp_send_lanes l set token_at = clock_timestamp(),
     paused_until = case when l.pause_reason = 'token' then null else l.paused_until end,
     pause_code = case when l.pause_reason = 'token' then null else l.pause_code end,
     refusals = case when l.pause_reason = 'token' then 0 else l.refusals end,
     pause_reason = nullif(l.pause_reason, 'token')
   where l.tenant_id = $1 and l.connection_id = $2 returning coalesce(old.pause_reason = 'token', false) as "wasPaused"`,
  { wasPaused: "bool" },
);

const hold = statement(
  "lanes.hold",
  `insert into whatsapp_send_lanes as l (tenant_id, connection_id, paused_until, pause_reason) values ($1, $2, 'infinity', 'person')
   on conflict (tenant_id, connection_id) do update set paused_until = 'infinity', pause_reason = 'person', pause_code = null
   where l.paused_until is distinct from 'infinity' returning l.connection_id as id`,
  { id: "uuid" },
);

const setRate = statement(
  "lanes.set_rate",
  `insert into whatsapp_send_lanes as l (tenant_id, connection_id, messages_per_second) values ($1, $2, $3)
   on conflict (tenant_id, connection_id) do update set messages_per_second = excluded.messages_per_second`,
  {},
);

const refusals = statement(
  "lanes.refusals",
  `select connection_id as "connectionId", refusals from whatsapp_send_lanes where connection_id = any ($1::uuid[]) and refusals > 0`,
  { connectionId: "uuid", refusals: "int" },
);

/** How often in a row each number was asked to slow down. */
export async function readRefusals(tx: Tx, connectionIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.query(refusals, [uuids(connectionIds)]);
  return new Map(rows.map((row) => [row.connectionId, row.refusals]));
}

/** What the outcomes say about whole numbers. Answers an event for each that is paused now. */
export async function recordLanes(tx: Tx, verdicts: readonly Verdict[]): Promise<ActivityEvent[]> {
  const paused = new Map<string, { tenantId: string; code: number; claimedAtMs: number }>();
  const resting = new Map<string, { tenantId: string; restMs: number; code: number }>();
  const well = new Map<string, string>();
  for (const { send, lane, event } of verdicts) {
    if (event === "accepted") well.set(send.connectionId, send.tenantId);
    if (lane === null) continue;
    if ("pause" in lane) {
      const claimedAtMs = Math.max(send.claimedAtMs, paused.get(send.connectionId)?.claimedAtMs ?? 0);
      paused.set(send.connectionId, { tenantId: send.tenantId, code: lane.code, claimedAtMs });
    } else {
      const restMs = Math.max(lane.restMs, resting.get(send.connectionId)?.restMs ?? 0);
      resting.set(send.connectionId, { tenantId: send.tenantId, restMs, code: lane.code });
    }
  }
  const recovered = [...well].filter(([connectionId]) => !paused.has(connectionId) && !resting.has(connectionId)).toSorted(byKey);
  if (recovered.length > 0) await tx.query(recover, [uuids(recovered.map(([, tenantId]) => tenantId)), uuids(recovered.map(([id]) => id))]);
  if (resting.size > 0) {
    const rows = [...resting].toSorted(byKey);
    await tx.query(rest, [
      uuids(rows.map(([, { tenantId }]) => tenantId)),
      uuids(rows.map(([id]) => id)),
      ints(rows.map(([, { restMs }]) => Math.round(restMs))),
      ints(rows.map(([, { code }]) => code)),
    ]);
  }
  if (paused.size === 0) return [];
  const rows = [...paused].toSorted(byKey);
  const changed = await tx.query(pause, [
    uuids(rows.map(([, { tenantId }]) => tenantId)),
    uuids(rows.map(([id]) => id)),
    ints(rows.map(([, { code }]) => code)),
    times(rows.map(([, { claimedAtMs }]) => claimedAtMs)),
  ]);
  return changed.map(({ tenantId, connectionId, code }) =>
    sendingChanged(tenantId, { connectionId, sending: "paused", reason: "token", errorCode: code }),
  );
}

/** A new token has come: what was paused for the old one goes on. A person's pause and Meta's rest stay. Null when there was none. */
export async function resumeLaneAfterToken(tx: Tx, tenantId: string, connectionId: string): Promise<ActivityEvent | null> {
  const [lane] = await tx.query(resumeAfterToken, [tenantId, connectionId]);
  return lane?.wasPaused !== true ? null : sendingChanged(tenantId, { connectionId, sending: "active" });
}

/** A person lets the number send again. Null when it was not paused. */
export async function resumeLane(tx: Tx, tenantId: string, connectionId: string): Promise<ActivityEvent | null> {
  const rows = await tx.query(resume, [tenantId, connectionId]);
  return rows.length === 0 ? null : sendingChanged(tenantId, { connectionId, sending: "active" });
}

/** A person stops the number from sending. Null when it is paused already. */
export async function pauseLane(tx: Tx, scope: TenantScope, connectionId: string): Promise<ActivityEvent | null> {
  const rows = await tx.query(hold, [scope.tenantId, connectionId]);
  return rows.length === 0 ? null : sendingChanged(scope.tenantId, { connectionId, sending: "paused", reason: "person" });
}

/** Messages a second that Meta grants the number: 80, 1,000 after an upgrade, 20 in coexistence. */
export async function setLaneRate(tx: Tx, scope: TenantScope, connectionId: string, messagesPerSecond: number): Promise<void> {
  await tx.query(setRate, [scope.tenantId, connectionId, messagesPerSecond]);
}

function sendingChanged(tenantId: string, data: ActivityEvent["data"]): ActivityEvent {
  return { tenantId, type: "connection.changed", conversationId: null, messageId: null, data };
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
