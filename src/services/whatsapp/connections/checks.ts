/** What was found of a connection, one row for each thing that is looked at: since when it is so, and what has changed. */
import {
  connectionChecks,
  type CheckState,
  type ConnectionCheck,
  type ConnectionCheckName,
  type ConnectionCode,
} from "../../../contract/connections.ts";
import type { Verdict } from "../../../core/connection-health.ts";
import { connectionProblem } from "../../../core/connection-problems.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { texts } from "../../../db/arrays.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";

/** What could not be looked at now leaves what was known before, if anything was. */
const upsert = statement(
  "connection_checks.upsert",
  `insert into whatsapp_connection_checks as c (tenant_id, connection_id, check_name, state, code, since, checked_at, data)
   select $1, $2, u.check_name, u.state, u.code, $7::timestamptz, $7::timestamptz, u.data::jsonb
   from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as u (check_name, state, code, data)
   order by u.check_name
   on conflict (tenant_id, connection_id, check_name) do update set state = excluded.state, code = excluded.code, data = excluded.data, checked_at = excluded.checked_at,
     since = case when (c.state, c.code) is distinct from (excluded.state, excluded.code) then excluded.since else c.since end
   where excluded.code is distinct from 'not_reached'
   returning new.check_name as "check", new.state, new.code, old.state as "oldState",
     (old.state, old.code, old.data ->> 'value') is distinct from (new.state, new.code, new.data ->> 'value') as "hasChanged"`,
  { check: "text", state: "text", code: "text?", oldState: "text?", hasChanged: "bool" },
);
const select = statement(
  "connection_checks.select",
  `select check_name as "check", state, code, since as "sinceMs", checked_at as "checkedAtMs", data
   from whatsapp_connection_checks where tenant_id = $1 and connection_id = $2`,
  { check: "text", state: "text", code: "text?", sinceMs: "time", checkedAtMs: "time", data: "json" },
);
const clear = statement(
  "connection_checks.clear",
  `delete from whatsapp_connection_checks where tenant_id = $1 and connection_id = $2`,
  {},
);

export type ChangedCheck = { check: ConnectionCheckName; state: CheckState; code: ConnectionCode | null; was: CheckState | null };

/** Answers what is otherwise than before; of what is looked at for the first time only what is not well. */
export async function recordVerdicts(
  tx: Tx,
  scope: TenantScope,
  connectionId: string,
  { verdicts, nowMs }: { verdicts: readonly Verdict[]; nowMs: number },
): Promise<ChangedCheck[]> {
  const rows = await tx.query(upsert, [
    scope.tenantId,
    connectionId,
    texts(verdicts.map(({ check }) => check)),
    texts(verdicts.map(({ state }) => state)),
    texts(verdicts.map(({ code }) => code)),
    texts(verdicts.map(({ data }) => JSON.stringify(data))),
    time(nowMs),
  ]);
  const changed = rows.filter(
    ({ hasChanged, oldState, state }) => hasChanged && (oldState !== null || state === "problem" || state === "warning"),
  );
  return changed.map(({ check, state, code, oldState }) => ({ ...wordsOf({ check, state, code }), was: oldState as CheckState | null }));
}

/** In the order in which the contract lists them. */
export async function readChecks(tx: Tx, scope: TenantScope, connectionId: string): Promise<ConnectionCheck[]> {
  const rows = await tx.query(select, [scope.tenantId, connectionId]);
  const checks = rows.map(({ sinceMs, checkedAtMs, data, ...row }) => {
    const words = wordsOf(row);
    const problem = words.code === null ? null : connectionProblem(words.code);
    const people = { sentence: problem?.sentence ?? null, action: problem?.action ?? null };
    return { ...words, since: time(sinceMs), checkedAt: time(checkedAtMs), data, ...people };
  });
  return checks.toSorted((a, b) => connectionChecks.indexOf(a.check) - connectionChecks.indexOf(b.check));
}

export async function clearChecks(tx: Tx, scope: TenantScope, connectionId: string): Promise<void> {
  await tx.query(clear, [scope.tenantId, connectionId]);
}

/** Only this file writes them, from the contract's own lists. */
function wordsOf(row: { check: string; state: string; code: string | null }) {
  return { check: row.check as ConnectionCheckName, state: row.state as CheckState, code: row.code as ConnectionCode | null };
}
