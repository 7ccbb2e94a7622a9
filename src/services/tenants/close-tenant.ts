/** The end of a tenant: from this COMMIT on no key of it works, no webhook is its own any more, and no send of it begins. */
import { systemActor, type Actor } from "../../core/actor.ts";
import { notFound } from "../../core/rejection.ts";
import { tenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement } from "../../db/statement.ts";
import { tenantTransaction, transaction } from "../../db/transaction.ts";
import { appendAudit } from "../audit/append.ts";
import { cancelAll } from "../whatsapp/outbox/actions.ts";

const close = statement("tenants.close", `update tenants set closed_at = now() where id = $1 and closed_at is null returning id`, {
  id: "uuid",
});
const revokeKeys = statement(
  "tenants.revoke_keys",
  `update api_keys set revoked_at = now() where tenant_id = $1 and revoked_at is null`,
  {},
);
const disconnect = statement(
  "tenants.disconnect",
  `update whatsapp_connections set state = 'disconnected', access_token = null where tenant_id = $1 and state <> 'disconnected'`,
  {},
);

/** Throws `not_found`. Should the process end between the two transactions, the sender refuses what is left: its numbers are disconnected. */
export async function closeTenant(
  deps: { platform: Db; app: Db; nowMs: () => number },
  tenantId: string,
  actor: Actor = systemActor,
): Promise<void> {
  await transaction(deps.platform, async (tx) => {
    if ((await tx.query(close, [tenantId])).length === 0) throw notFound();
    await tx.query(revokeKeys, [tenantId]);
    await tx.query(disconnect, [tenantId]);
    await appendAudit(tx, actor, [{ tenantId, action: "tenant.closed", subject: { kind: "tenant", id: tenantId } }], deps.nowMs());
  });
  const scope = tenantScope(tenantId);
  await tenantTransaction(deps.app, scope, (tx) => cancelAll(tx, scope, deps.nowMs()));
}
