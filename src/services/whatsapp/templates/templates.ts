/**
 * Templates of accounts: rows that webhooks and lists bring forward (`core/template-state.ts`). Rows are made first, then locked in the
 * order of their key, then written; so two that meet wait for each other and neither loses the other's word.
 */
import { isDeepStrictEqual } from "node:util";
import { offeredStatuses } from "../../../core/template.ts";
import { advance, factsOf, type TemplateChange, type TemplateFacts, type TemplateState } from "../../../core/template-state.ts";
import { bools, texts, uuids } from "../../../db/arrays.ts";
import { newId } from "../../../db/new-id.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import type { ActivityEvent } from "../../activity/append.ts";

export type Account = { tenantId: string; accountId: string };
export type TemplateKey = Account & { name: string; language: string };
export type KeyedChange = TemplateKey & { change: TemplateChange };

/** What became of one template. `before` is null for one that was not known. */
export type TemplateResult = TemplateKey & { id: string; before: TemplateFacts | null; after: TemplateFacts };

const keyed = `unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])`;
const insertMissing = statement(
  "templates.insert_missing",
  `insert into whatsapp_templates (tenant_id, account_id, name, language, id, created_at)
   select tenant_id, account_id, name, language, id, $6::timestamptz
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[]) as k (tenant_id, account_id, name, language, id)
   order by 1, 2, 3, 4
   on conflict (tenant_id, account_id, name, language) do nothing
   returning id`,
  { id: "uuid" },
);
const stateRow = { tenantId: "uuid", id: "uuid", accountId: "uuid", name: "text", language: "text", state: "json" } as const;
const stateColumns = `t.tenant_id as "tenantId", t.id, t.account_id as "accountId", t.name, t.language, t.state`;
const inOrder = `order by t.tenant_id, t.account_id, t.name, t.language for update of t`;
const lock = statement(
  "templates.lock",
  `select ${stateColumns} from whatsapp_templates t join ${keyed} as k (tenant_id, account_id, name, language)
     using (tenant_id, account_id, name, language) ${inOrder}`,
  stateRow,
);
const lockGone = statement(
  "templates.lock_gone",
  `select ${stateColumns} from whatsapp_templates t
   where t.tenant_id = $1 and t.account_id = $2 and (t.synced_at is null or t.synced_at < $3::timestamptz) and t.status <> 'deleted' ${inOrder}`,
  stateRow,
);
const selectByMetaId = statement(
  "templates.by_meta_id",
  `select distinct on (t.tenant_id, t.account_id, t.wa_template_id)
     t.tenant_id as "tenantId", t.account_id as "accountId", k.wa_template_id as "waTemplateId", t.name, t.language
   from whatsapp_templates t join unnest($1::uuid[], $2::uuid[], $3::text[]) as k (tenant_id, account_id, wa_template_id)
     using (tenant_id, account_id, wa_template_id)
   order by t.tenant_id, t.account_id, t.wa_template_id, t.id`,
  { tenantId: "uuid", accountId: "uuid", waTemplateId: "text", name: "text", language: "text" },
);
const write = statement(
  "templates.write",
  `update whatsapp_templates t set state = n.state::jsonb, wa_template_id = n.wa_template_id, status = n.status, category = n.category,
     quality = n.quality, body = n.body, is_offered = n.is_offered
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[])
     as n (tenant_id, id, state, wa_template_id, status, category, quality, body, is_offered)
   where t.tenant_id = n.tenant_id and t.id = n.id`,
  {},
);
const stamp = statement(
  "templates.stamp",
  `update whatsapp_templates t set synced_at = greatest(t.synced_at, $3::timestamptz)
   from unnest($1::uuid[], $2::uuid[]) as n (tenant_id, id) where t.tenant_id = n.tenant_id and t.id = n.id`,
  {},
);

/** Applies changes of any accounts, in any order. Answers each template that they named, in the order of its key. */
export async function changeTemplates(tx: Tx, changes: readonly KeyedChange[], nowMs: number): Promise<TemplateResult[]> {
  const perKey = Map.groupBy(changes, textOfKey);
  const keys = [...perKey.values()].flatMap(([first]) => first ?? []);
  if (keys.length === 0) return [];
  const columns = [...accountColumns(keys), texts(keys.map((key) => key.name)), texts(keys.map((key) => key.language))];
  const made = await tx.query(insertMissing, [...columns, uuids(keys.map(() => newId(nowMs))), time(nowMs)]);
  const isNew = new Set(made.map((row) => row.id));
  const rows = await tx.query(lock, columns);
  return advanceRows(tx, rows, (row) => (perKey.get(textOfKey(row)) ?? []).map(({ change }) => change), isNew);
}

/**
 * As of when a list speaks that began then. Meta dates webhooks in whole seconds, rounded down: whatever the list has not seen yet has a webhook
 * to come, and that must be the later word.
 */
export function wordOfList(startedAtMs: number): number {
  return startedAtMs - 1_000;
}

/** What a complete list begun at `startedAtMs` did not show, is deleted. */
export async function removeGone(tx: Tx, { tenantId, accountId }: Account, startedAtMs: number): Promise<TemplateResult[]> {
  const gone: TemplateChange = { atMs: wordOfList(startedAtMs), told: { status: "deleted" } };
  const rows = await tx.query(lockGone, [tenantId, accountId, time(startedAtMs)]);
  return advanceRows(tx, rows, () => [gone], new Set());
}

/** A list showed these. */
export async function stampSynced(tx: Tx, shown: readonly { tenantId: string; id: string }[], startedAtMs: number): Promise<void> {
  await tx.query(stamp, [uuids(shown.map((row) => row.tenantId)), uuids(shown.map((row) => row.id)), time(startedAtMs)]);
}

async function advanceRows(
  tx: Tx,
  rows: readonly RowOf<typeof stateRow>[],
  changesOf: (row: TemplateKey) => readonly TemplateChange[],
  isNew: ReadonlySet<string>,
): Promise<TemplateResult[]> {
  const steps = rows.map((row) => {
    // Written below, from the same type.
    const before = row.state as TemplateState;
    return { row, before, after: changesOf(row).reduce(advance, before) };
  });
  const moved = steps.filter(({ before, after }) => before !== after).map(({ row, after }) => ({ row, after, facts: factsOf(after) }));
  if (moved.length > 0) {
    await tx.query(write, [
      uuids(moved.map(({ row }) => row.tenantId)),
      uuids(moved.map(({ row }) => row.id)),
      texts(moved.map(({ after }) => JSON.stringify(after))),
      texts(moved.map(({ facts }) => facts.waTemplateId)),
      texts(moved.map(({ facts }) => facts.status)),
      texts(moved.map(({ facts }) => facts.category)),
      texts(moved.map(({ facts }) => facts.quality)),
      texts(moved.map(({ facts }) => facts.shape?.body ?? null)),
      bools(moved.map(({ facts }) => isOffered(facts))),
    ]);
  }
  return steps.map(({ row: { tenantId, accountId, id, name, language }, before, after }) => ({
    tenantId,
    accountId,
    id,
    name,
    language,
    before: isNew.has(id) ? null : factsOf(before),
    after: factsOf(after),
  }));
}

function isOffered({ status, shape }: TemplateFacts): boolean {
  return shape !== null && offeredStatuses.some((offered) => offered === status);
}

/** Aligned with the input: the key of the template that has this id of Meta's, if it is known. */
export async function findByMetaId(tx: Tx, wanted: readonly (Account & { waTemplateId: string })[]): Promise<(TemplateKey | null)[]> {
  if (wanted.length === 0) return [];
  const rows = await tx.query(selectByMetaId, [...accountColumns(wanted), texts(wanted.map((one) => one.waTemplateId))]);
  const found = new Map(rows.map((row) => [`${row.tenantId} ${row.accountId} ${row.waTemplateId}`, row]));
  return wanted.map((one) => found.get(`${one.tenantId} ${one.accountId} ${one.waTemplateId}`) ?? null);
}

/** For the activity: what a person would want to know. Null when nothing of that has changed. */
export function changedEvent({ tenantId, accountId, id, name, language, before, after }: TemplateResult): ActivityEvent | null {
  const told = ["status", "quality", "category", "correctCategory", "pausedUntilMs"] as const;
  const changed = told.filter((fact) => (before?.[fact] ?? null) !== after[fact]);
  const isEdited = before !== null && !isDeepStrictEqual(before.shape, after.shape);
  if (changed.length === 0 && !isEdited) return null;
  const previous = before === null ? null : { status: before.status, quality: before.quality, category: before.category };
  const { status, reason, quality, category, correctCategory, pausedUntilMs } = after;
  const facts = { status, reason, quality, category, correctCategory, pausedUntil: time(pausedUntilMs) };
  const data = { templateId: id, accountId, name, language, ...facts, isEdited, previous };
  return { tenantId, type: "template.changed", conversationId: null, messageId: null, data };
}

function textOfKey({ tenantId, accountId, name, language }: TemplateKey): string {
  return JSON.stringify([tenantId, accountId, name, language]);
}

function accountColumns(rows: readonly Account[]): [Buffer, Buffer] {
  return [uuids(rows.map((row) => row.tenantId)), uuids(rows.map((row) => row.accountId))];
}
