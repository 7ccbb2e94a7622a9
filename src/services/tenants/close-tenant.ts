/**
 * The end of a tenant: from this COMMIT on no key of it works, no webhook is its own any more, and no send of it begins. Its accounts and numbers
 * are free: what Meta sends for them is parked for nobody until another tenant proves them, and nothing from before goes to that one.
 */
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

const releaseAccounts = statement(
  "tenants.release_accounts",
  `update whatsapp_accounts set released_at = now() where tenant_id = $1 and released_at is null returning waba_id as "wabaId"`,
  { wabaId: "text" },
);
const releaseNumbers = statement(
  "tenants.release_numbers",
  `update whatsapp_connections set released_at = now() where tenant_id = $1 and released_at is null returning phone_number_id as "phoneNumberId"`,
  { phoneNumberId: "text" },
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
    const wabaIds = (await tx.query(releaseAccounts, [tenantId])).map(({ wabaId }) => wabaId).toSorted();
    const phoneNumberIds = (await tx.query(releaseNumbers, [tenantId])).map(({ phoneNumberId }) => phoneNumberId).toSorted();
    const released = { wabaIds, phoneNumberIds };
    const deed = { tenantId, action: "tenant.closed", subject: { kind: "tenant", id: tenantId }, data: { released } };
    await appendAudit(tx, actor, [deed], deps.nowMs());
  });
  const scope = tenantScope(tenantId);
  await tenantTransaction(deps.app, scope, (tx) => cancelAll(tx, scope, deps.nowMs()));
}
