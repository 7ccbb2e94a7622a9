/** What webhooks tell of templates, applied in the transaction that stores them. What they leave open, the next list tells. */
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";
import type { ActivityEvent } from "../../activity/append.ts";
import { enqueue } from "../../jobs.ts";
import { decodeTemplateChange } from "../graph/decode/template-change.ts";
import type { LocatedUpdate } from "../graph/updates.ts";
import { changedEvent, changeTemplates, findByMetaId, type Account, type KeyedChange } from "./templates.ts";

export type TemplateWebhook = Account & { located: LocatedUpdate; receivedAtMs: number };

/**
 * Also what is no news as an event must come here: the same words may be true again later. A template that nobody knows gets a row, unless
 * the webhook does not name it. Answers the events for the activity.
 */
export async function applyTemplateWebhooks(tx: Tx, webhooks: readonly TemplateWebhook[], nowMs: number): Promise<ActivityEvent[]> {
  const told = webhooks.flatMap(({ tenantId, accountId, located, receivedAtMs }) => {
    // Meta's clock may be ahead of ours; what it sent, it sent before it came.
    const change = decodeTemplateChange(located, Math.min(located.entryAtMs ?? receivedAtMs, receivedAtMs));
    return change === null ? [] : [{ tenantId, accountId, ...change }];
  });
  if (told.length === 0) return [];
  const nameless = told.flatMap(({ tenantId, accountId, name, language, waTemplateId, change }) =>
    (name === null || language === null) && waTemplateId !== null ? [{ tenantId, accountId, waTemplateId, change }] : [],
  );
  const found = await findByMetaId(tx, nameless);
  const changes: KeyedChange[] = [
    ...told.flatMap(({ name, language, ...rest }) => (name === null || language === null ? [] : [{ ...rest, name, language }])),
    ...nameless.flatMap(({ change }, index) => {
      const key = found[index];
      return key == null ? [] : [{ ...key, change }];
    }),
  ];
  const results = await changeTemplates(tx, changes, nowMs);
  const incomplete = [
    ...results.filter(({ after }) => after.shape === null && after.status !== "deleted"),
    ...nameless.filter((_, index) => found[index] == null),
    ...told.filter(({ change }) => change.told.edit !== undefined),
  ];
  await requestTemplateSyncs(tx, incomplete, limits.templateSyncDelayMs / 1_000);
  return results.map(changedEvent).filter((event) => event !== null);
}

/** Each account once, and not again while it waits. Runs when the transaction has committed. */
export async function requestTemplateSyncs(tx: Tx, accounts: readonly Account[], startAfterSeconds = 0): Promise<void> {
  const perAccount = new Map(accounts.map(({ tenantId, accountId }) => [accountId, { tenantId, accountId }]));
  await enqueue(tx, "template-sync", [...perAccount.values()], { startAfterSeconds });
}
