/** A new token for a number: to replace one that still works, or to connect again. The one so far stays until the new one has proven itself. */
import type { Actor } from "../../../core/actor.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement, time } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit } from "../../audit/append.ts";
import { proveOrRefuse } from "./connect.ts";
import { requestProbes } from "./probes.ts";
import { runSetUp } from "./setup.ts";
import { openSteps } from "./steps.ts";
import { findTarget, type ConnectionTools } from "./tools.ts";
import { resumeLaneAfterToken } from "../outbox/lanes.ts";
import { requestTemplateSyncs } from "../templates/webhook.ts";

const replace = statement(
  "connection_token.replace",
  `update whatsapp_connections set access_token = $3::bytea, state = 'connected', last_error = null, connected_at = $4::timestamptz
   where tenant_id = $1 and id = $2 returning old.state as "oldState"`,
  { oldState: "text" },
);

/** Throws `not_found`, `meta_refused` when the new token does not open this number, `unavailable` when Meta could not be asked. */
export async function replaceToken(
  tools: ConnectionTools,
  { scope, actor }: { scope: TenantScope; actor: Actor },
  { connectionId, accessToken }: { connectionId: string; accessToken: string },
): Promise<void> {
  const { tenantId } = scope;
  const { wabaId, phoneNumberId, accountId, appKey } = await findTarget(tools, scope, connectionId);
  await proveOrRefuse(tools, { wabaId, phoneNumberId, accessToken, appKey });
  const nowMs = tools.nowMs();
  await tenantTransaction(tools.app, scope, async (tx) => {
    const sealed = tools.seal({ table: "whatsapp_connections", column: "access_token", tenantId, rowId: connectionId }, accessToken);
    const [row] = await tx.query(replace, [tenantId, connectionId, sealed, time(nowMs)]);
    await openSteps(tx, { tenantId, connectionId }, { isOnboarded: false, nowMs });
    await requestTemplateSyncs(tx, [{ tenantId, accountId }]);
    await requestProbes(tx, [{ tenantId, connectionId }], "news");
    const resumed = await resumeLaneAfterToken(tx, tenantId, connectionId);
    const action = row?.oldState === "connected" ? "connection.token_replaced" : "connection.connected";
    await appendAudit(tx, actor, [{ tenantId, action, subject: { kind: "connection", id: connectionId }, data: { phoneNumberId } }], nowMs);
    const data = { connectionId, phoneNumberId, state: "connected" };
    const event = { tenantId, type: "connection.changed", conversationId: null, messageId: null, data };
    await appendActivity(tx, resumed === null ? [event] : [resumed, event], nowMs);
  });
  tools.tokens.forget(connectionId);
  tools.onActivity([tenantId]);
  await runSetUp(tools, scope, connectionId, {});
}
