/** When numbers are looked at by themselves: every half hour each, spread over time, and never many times for the errors of one campaign. */
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time } from "../../../db/statement.ts";
import { transaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { enqueue, type JobData } from "../../jobs.ts";
import { probeConnection, type Looked } from "./probe.ts";
import { findTarget, type ConnectionTools } from "./tools.ts";

/** Whoever takes them puts their next time off, so that no other sweep takes them too. */
const takeDue = statement(
  "connection_probes.take_due",
  `update whatsapp_connections c set probe_due_at = $2::timestamptz
   from (
     select n.tenant_id, n.id from whatsapp_connections n join tenants t on t.id = n.tenant_id
     where n.state = 'connected' and (n.probe_due_at is null or n.probe_due_at <= $1::timestamptz) and t.closed_at is null
     order by n.probe_due_at nulls first limit $3 for update of n skip locked
   ) due
   where c.tenant_id = due.tenant_id and c.id = due.id
   returning c.tenant_id as "tenantId", c.id as "connectionId"`,
  { tenantId: "uuid", connectionId: "uuid" },
);
/** The gravest check of each that is connected, as lists show it. */
const count = statement(
  "connection_probes.count",
  `select case when c.state = 'connected' then coalesce(w.state, 'unknown') else c.state end as state, coalesce(w.code, 'none') as code, count(*)::int as numbers
   from whatsapp_connections c
   left join lateral (
     select k.state, k.code from whatsapp_connection_checks k where c.state = 'connected' and k.tenant_id = c.tenant_id and k.connection_id = c.id
     order by array_position('{problem,warning,ok,unknown}', k.state), k.code limit 1
   ) w on true
   where c.released_at is null group by 1, 2`,
  { state: "text", code: "text", numbers: "int" },
);

export type NumberCount = { state: string; code: string; numbers: number };

/** For the metrics. Role kesher_platform. */
export function countNumbers(platform: Db): Promise<NumberCount[]> {
  return platform.query(count, []);
}

/** Asks for the looks that are due, spread over some minutes; answers how many. Role kesher_ingest. */
export async function sweepConnections(ingest: Db, nowMs: number): Promise<number> {
  return transaction(ingest, async (tx) => {
    const due = await tx.query(takeDue, [time(nowMs), time(nowMs + limits.connectionProbeEveryMs), limits.connectionSweepMax]);
    const perSlot = Math.ceil(due.length / spreadSlots);
    for (let slot = 0; slot * perSlot < due.length; slot += 1) {
      const wanted = due.slice(slot * perSlot, (slot + 1) * perSlot).map((one) => ({ ...one, why: "due" as const }));
      await enqueue(tx, "connection-probe", wanted, { startAfterSeconds: (slot * limits.connectionSpreadMs) / spreadSlots / 1_000 });
    }
    return due.length;
  });
}

const spreadSlots = 20;

/** What errors ask for is done once in `limits.connectionTroubleMsMin` at most: a campaign that fails is thousands of them. */
export async function runProbe(
  tools: ConnectionTools,
  scope: TenantScope,
  { connectionId, why }: Pick<JobData<"connection-probe">, "connectionId" | "why">,
): Promise<Looked | "spared"> {
  if (why === "trouble") {
    const { probedAtMs } = await findTarget(tools, scope, connectionId);
    if (probedAtMs !== null && tools.nowMs() - probedAtMs < limits.connectionTroubleMsMin) return "spared";
  }
  return probeConnection(tools, scope, connectionId);
}
