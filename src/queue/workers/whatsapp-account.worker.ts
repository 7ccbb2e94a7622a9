/**
 * Jobs `whatsapp-account` of the queue `webhooks`: every other field that Meta sends, kept whole as an event of the account
 * and shown in the activity of its tenant. Nothing is dropped for being unknown. What is said of templates is applied to them, too; what is
 * said of a number makes it be looked at.
 */
import type { Tx } from "../../db/transaction.ts";
import { insertAccountEvents } from "../../services/whatsapp/account-events.ts";
import { requestProbesAfterNews } from "../../services/whatsapp/connections/probes.ts";
import { updateText } from "../../services/whatsapp/graph/decode.ts";
import { applyTemplateWebhooks } from "../../services/whatsapp/templates/webhook.ts";
import type { Application } from "../apply.ts";
import type { RoutedItem } from "../work.ts";

export async function applyAccountEvents(tx: Tx, items: readonly RoutedItem[], nowMs: number): Promise<Application> {
  const events = items.map(({ update, route, located }) => ({
    tenantId: route.tenantId,
    accountId: route.accountId,
    connectionId: route.connectionId,
    phoneNumberId: located.phoneNumberId,
    field: located.field,
    event: update.kind === "account" ? update.event : "",
    content: update.kind === "account" ? update.content : { v: 1 as const, kind: update.kind },
    raw: updateText(located),
  }));
  const isNew = await insertAccountEvents(tx, events, nowMs);
  await requestProbesAfterNews(
    tx,
    events.filter((_event, index) => isNew[index] === true),
  );
  const templateEvents = await applyTemplateWebhooks(
    tx,
    items.map(({ route: { tenantId, accountId }, located, receivedAtMs }) => ({ tenantId, accountId, located, receivedAtMs })),
    nowMs,
  );
  return {
    outcomes: isNew.map((isFresh) => (isFresh ? "stored" : "duplicate")),
    events: [
      ...events.flatMap(({ tenantId, connectionId, field, event, content }, index) =>
        isNew[index] === true
          ? [{ tenantId, type: "account.event", conversationId: null, messageId: null, data: { field, event, connectionId, content } }]
          : [],
      ),
      ...templateEvents,
    ],
  };
}
