/** How a connection is, as people read it, and what they ask for: a look now, or what is missing. */
import type { ConnectionStatus, ContinueSetup } from "../../../contract/connections.ts";
import type { Actor } from "../../../core/actor.ts";
import { worstOf } from "../../../core/connection-health.ts";
import type { TenantScope } from "../../../core/scope.ts";
import type { Db } from "../../../db/pool.ts";
import { time } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendAudit } from "../../audit/append.ts";
import { readChecks } from "./checks.ts";
import { probeConnection } from "./probe.ts";
import { runSetUp } from "./setup.ts";
import { readSteps } from "./steps.ts";
import { assertConnected, findTarget, readTarget, type ConnectionTools } from "./tools.ts";

/** Throws `not_found`. */
export function readStatus(app: Db, scope: TenantScope, connectionId: string): Promise<ConnectionStatus> {
  return tenantTransaction(app, scope, async (tx) => {
    const { state, probedAtMs } = await readTarget(tx, scope, connectionId);
    const checks = await readChecks(tx, scope, connectionId);
    const steps = await readSteps(tx, scope, connectionId);
    // The column's CHECK allows no other state.
    return { connectionId, state: state as ConnectionStatus["state"], health: worstOf(checks), checkedAt: time(probedAtMs), checks, steps };
  });
}

/** Asks Meta, unless that was done a moment ago. Throws `not_found`, `not_connected`. */
export async function probeNow(tools: ConnectionTools, scope: TenantScope, connectionId: string): Promise<ConnectionStatus> {
  const target = await findTarget(tools, scope, connectionId);
  assertConnected(target);
  const isFresh = target.probedAtMs !== null && tools.nowMs() - target.probedAtMs < limits.connectionProbeMsMin;
  if (!isFresh) await probeConnection(tools, scope, connectionId);
  return readStatus(tools.app, scope, connectionId);
}

/** Does what is missing, or the steps that are named again. Throws `not_found`, `not_connected`. */
export async function continueSetUp(
  tools: ConnectionTools,
  { scope, actor }: { scope: TenantScope; actor: Actor },
  { connectionId, steps, pin }: ContinueSetup & { connectionId: string },
): Promise<ConnectionStatus> {
  const { tenantId } = scope;
  await tenantTransaction(tools.app, scope, async (tx) => {
    assertConnected(await readTarget(tx, scope, connectionId));
    const data = { steps: steps ?? null, hasPin: pin !== undefined };
    const subject = { kind: "connection", id: connectionId };
    await appendAudit(tx, actor, [{ tenantId, action: "connection.setup_continued", subject, data }], tools.nowMs());
  });
  await runSetUp(tools, scope, connectionId, { ...(steps === undefined ? {} : { steps }), ...(pin === undefined ? {} : { pin }) });
  // Even right after a look: what it saw may just have been put right.
  await probeConnection(tools, scope, connectionId);
  return readStatus(tools.app, scope, connectionId);
}
