/**
 * Disconnecting a number: from this COMMIT on nothing is sent from it and its token is gone, while whatever still comes in is kept. Messages
 * that wait fail one after the other when their turn comes, each with its reason, unless the number is connected again by then.
 */
import type { Disconnected } from "../../../contract/connections.ts";
import type { Actor } from "../../../core/actor.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { statement } from "../../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import { appendActivity } from "../../activity/append.ts";
import { appendAudit } from "../../audit/append.ts";
import { lockAccount } from "./accounts.ts";
import { clearChecks } from "./checks.ts";
import { clearSteps } from "./steps.ts";
import { findTarget, type ConnectionTools, type Target } from "./tools.ts";
import type { AccessToken } from "../graph/call.ts";
import { subscribeApp, unsubscribeApp } from "../graph/subscriptions-client.ts";

const disconnect = statement(
  "connection_disconnect.disconnect",
  `update whatsapp_connections set state = 'disconnected', access_token = null, probe_due_at = null, connected_at = null
   where tenant_id = $1 and id = $2 and state <> 'disconnected' returning id`,
  { id: "uuid" },
);
const selectOthers = statement(
  "connection_disconnect.others",
  `select id from whatsapp_connections where tenant_id = $1 and account_id = $2 and state = 'connected' order by id limit 1`,
  { id: "uuid" },
);
const countWaiting = statement(
  "connection_disconnect.waiting",
  `select (count(*) filter (where state in ('queued', 'behind', 'dispatching')))::int as queued, (count(*) filter (where state = 'scheduled'))::int as scheduled,
     (count(*) filter (where state = 'waiting'))::int as waiting
   from whatsapp_sends where tenant_id = $1 and connection_id = $2`,
  { queued: "int", scheduled: "int", waiting: "int" },
);

/** Throws `not_found`. A number that is not connected stays so. */
export async function disconnectNumber(
  tools: ConnectionTools,
  by: { scope: TenantScope; actor: Actor },
  connectionId: string,
): Promise<Disconnected> {
  const { scope } = by;
  const target = await findTarget(tools, scope, connectionId);
  // Read before it is gone: the account can be unsubscribed with it and with no other.
  const accessToken = await tools.tokens.read(scope.tenantId, connectionId);
  const { waiting, other, isNews } = await tenantTransaction(tools.app, scope, (tx) => disconnectRow(tx, tools, by, target));
  tools.tokens.forget(connectionId);
  if (isNews) tools.onActivity([scope.tenantId]);
  const left =
    other !== null || accessToken === null
      ? { unsubscribed: null, detail: null }
      : await unsubscribe(tools, scope, { target, accessToken });
  return { id: connectionId, state: "disconnected", ...left, waiting };
}

async function disconnectRow(
  tx: Tx,
  { nowMs }: ConnectionTools,
  { scope, actor }: { scope: TenantScope; actor: Actor },
  { connectionId, accountId, wabaId, phoneNumberId }: Target,
) {
  const { tenantId } = scope;
  // As whoever connects a number of the account does first.
  await lockAccount(tx, wabaId);
  const isNews = (await tx.query(disconnect, [tenantId, connectionId])).length > 0;
  const [other] = await tx.query(selectOthers, [tenantId, accountId]);
  const [waiting] = await tx.query(countWaiting, [tenantId, connectionId]);
  if (isNews) {
    await clearChecks(tx, scope, connectionId);
    await clearSteps(tx, scope, connectionId);
    const deed = { tenantId, action: "connection.disconnected", subject: { kind: "connection", id: connectionId }, data: { ...waiting } };
    await appendAudit(tx, actor, [deed], nowMs());
    const data = { connectionId, phoneNumberId, state: "disconnected" };
    await appendActivity(tx, [{ tenantId, type: "connection.changed", conversationId: null, messageId: null, data }], nowMs());
  }
  return { isNews, other: other?.id ?? null, waiting: waiting ?? { queued: 0, scheduled: 0, waiting: 0 } };
}

/** Only where no other number of the account is connected; one that came meanwhile gets the subscription back. */
async function unsubscribe(
  tools: ConnectionTools,
  scope: TenantScope,
  { target, accessToken }: { target: Target; accessToken: AccessToken },
): Promise<{ unsubscribed: boolean; detail: string | null }> {
  const { wabaId, accountId } = target;
  const timeoutMs = limits.connectionCallMsMax;
  const asked = await unsubscribeApp(tools.graph, { wabaId, accessToken, timeoutMs });
  const [other] = await tenantTransaction(tools.app, scope, (tx) => tx.query(selectOthers, [scope.tenantId, accountId]));
  const theirs = other === undefined ? null : await tools.tokens.read(scope.tenantId, other.id);
  if (theirs !== null) await subscribeApp(tools.graph, { wabaId, accessToken: theirs, timeoutMs });
  if (asked.kind === "answered") return { unsubscribed: true, detail: null };
  return { unsubscribed: false, detail: asked.kind === "refused" ? asked.detail : "Meta could not be asked" };
}
