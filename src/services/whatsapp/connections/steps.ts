/** What is done once for a number at Meta, and how far it is. Whoever does a step claims it first, so that two do not do it at once. */
import {
  connectionSteps,
  type ConnectionCode,
  type ConnectionStep,
  type ConnectionStepName,
  type StepState,
} from "../../../contract/connections.ts";
import { connectionProblem } from "../../../core/connection-problems.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { texts } from "../../../db/arrays.ts";
import { statement, time } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

/** What the Business app has handed over is not asked for again unless the number goes through Meta's dialogue anew. */
const open = statement(
  "connection_steps.open",
  `insert into whatsapp_connection_steps as s (tenant_id, connection_id, step, state, updated_at)
   select $1, $2, u.step, u.state, $5::timestamptz from unnest($3::text[], $4::text[]) as u (step, state) order by u.step
   on conflict (tenant_id, connection_id, step) do update
     set state = excluded.state, code = null, meta_code = null, detail = null, attempts = 0, started_at = null, updated_at = excluded.updated_at
   where excluded.state <> 'skipped' or s.step = 'register'`,
  {},
);
const claim = statement(
  "connection_steps.claim",
  `update whatsapp_connection_steps set started_at = $4::timestamptz, attempts = attempts + 1
   where tenant_id = $1 and connection_id = $2 and step = $3
     and (started_at is null or started_at <= $4::timestamptz - make_interval(secs => $5::int))
     and not (state = 'done' and step in ('contacts', 'history'))
   returning step`,
  { step: "text" },
);
const settle = statement(
  "connection_steps.settle",
  `update whatsapp_connection_steps set state = $4, code = $5, meta_code = $6, detail = $7, started_at = null, updated_at = $8::timestamptz
   where tenant_id = $1 and connection_id = $2 and step = $3 and started_at = $9::timestamptz`,
  {},
);
const select = statement(
  "connection_steps.select",
  `select step, state, code, meta_code as "metaCode", detail, attempts, updated_at as "updatedAtMs"
   from whatsapp_connection_steps where tenant_id = $1 and connection_id = $2`,
  { step: "text", state: "text", code: "text?", metaCode: "int?", detail: "text?", attempts: "int", updatedAtMs: "time" },
);
const clear = statement("connection_steps.clear", `delete from whatsapp_connection_steps where tenant_id = $1 and connection_id = $2`, {});

/** `isOnboarded`: just now, by Meta's dialogue, with a number that stays in the Business app. */
export async function openSteps(
  tx: Tx,
  { tenantId, connectionId }: { tenantId: string; connectionId: string },
  { isOnboarded, nowMs }: { isOnboarded: boolean; nowMs: number },
): Promise<void> {
  const states: Record<ConnectionStepName, StepState> = {
    token: "pending",
    subscribe: "pending",
    register: isOnboarded ? "skipped" : "pending",
    contacts: isOnboarded ? "pending" : "skipped",
    history: isOnboarded ? "pending" : "skipped",
  };
  const wanted = connectionSteps.map((step) => states[step]);
  await tx.query(open, [tenantId, connectionId, texts(connectionSteps), texts(wanted), time(nowMs)]);
}

/** False when it is done for good, or somebody is at it. */
export async function claimStep(
  tx: Tx,
  scope: TenantScope,
  connectionId: string,
  at: { step: ConnectionStepName; nowMs: number },
): Promise<boolean> {
  const values = [scope.tenantId, connectionId, at.step, time(at.nowMs), limits.connectionStepClaimMs / 1_000];
  return (await tx.query(claim, values)).length > 0;
}

export type StepOutcome = { state: StepState; code: ConnectionCode | null; metaCode: number | null; detail: string | null };

/** Nothing, when the step was begun anew meanwhile: that look is the newer one. */
export async function settleStep(
  tx: Tx,
  scope: TenantScope,
  connectionId: string,
  { step, outcome, claimedAtMs, nowMs }: { step: ConnectionStepName; outcome: StepOutcome; claimedAtMs: number; nowMs: number },
): Promise<void> {
  const { state, code, metaCode, detail } = outcome;
  const values = [scope.tenantId, connectionId, step, state, code, metaCode, detail, time(nowMs), time(claimedAtMs)];
  await tx.query(settle, values);
}

/** In the order in which they are done. */
export async function readSteps(tx: Tx, scope: TenantScope, connectionId: string): Promise<ConnectionStep[]> {
  const rows = await tx.query(select, [scope.tenantId, connectionId]);
  const steps = rows.map(({ updatedAtMs, ...row }) => {
    // Only this file writes them, from the contract's own lists.
    const words = { step: row.step as ConnectionStepName, state: row.state as StepState, code: row.code as ConnectionCode | null };
    const problem = words.code === null ? null : connectionProblem(words.code);
    return { ...row, ...words, sentence: problem?.sentence ?? null, action: problem?.action ?? null, updatedAt: time(updatedAtMs) };
  });
  return steps.toSorted((a, b) => connectionSteps.indexOf(a.step) - connectionSteps.indexOf(b.step));
}

export async function clearSteps(tx: Tx, scope: TenantScope, connectionId: string): Promise<void> {
  await tx.query(clear, [scope.tenantId, connectionId]);
}
