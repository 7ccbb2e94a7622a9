/** Templates as they are read: by name, then language. */
import type { ListQuery, Page } from "../../../contract/json.ts";
import type { PreviewTemplate, Template, TemplateFilter, TemplatePreview } from "../../../contract/templates.ts";
import { decodeCursor, encodeCursor } from "../../../core/cursor.ts";
import { isUuid } from "../../../core/ids.ts";
import { invalidRequest, notFound } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { checkTemplateFill } from "../../../core/template-check.ts";
import { renderTemplate } from "../../../core/template-render.ts";
import { templateSentence } from "../../../core/template-sentences.ts";
import { factsOf, type TemplateFacts, type TemplateState } from "../../../core/template-state.ts";
import { normaliseLanguage } from "../../../core/template.ts";
import type { Db } from "../../../db/pool.ts";
import { statement, time, type RowOf } from "../../../db/statement.ts";
import { tenantTransaction } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const templateRow = {
  id: "uuid",
  accountId: "uuid",
  name: "text",
  language: "text",
  state: "json",
  usable: "bool",
  syncedAtMs: "time?",
  createdAtMs: "time",
} as const;
const select = `select t.id, t.account_id as "accountId", t.name, t.language, t.state, t.is_offered as "usable", t.synced_at as "syncedAtMs",
    t.created_at as "createdAtMs"
  from whatsapp_templates t where t.tenant_id = $1`;
const selectPage = statement(
  "templates_list.page",
  `${select} and (t.name, t.language, t.id) > ($2::text, $3::text, $4::uuid)
     and ($5::text is null or position(lower($5) in lower(t.name)) > 0 or position(lower($5) in lower(t.body)) > 0)
     and ($6::text is null or t.status = $6) and ($7::text is null or upper(t.category) = upper($7)) and ($8::text is null or t.language = $8)
     and ($9::uuid is null or t.account_id = (select c.account_id from whatsapp_connections c where c.tenant_id = $1 and c.id = $9))
     and ($10::uuid is null or t.account_id = $10) and ($11::boolean is null or t.is_offered = $11)
   order by t.name, t.language, t.id limit $12`,
  templateRow,
);
const selectById = statement("templates_list.by_id", `${select} and t.id = $2`, templateRow);

export async function listTemplates(app: Db, scope: TenantScope, query: ListQuery & TemplateFilter): Promise<Page<Template>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const filters = [
    query.search ?? null,
    query.status ?? null,
    query.category ?? null,
    query.language === undefined ? null : normaliseLanguage(query.language),
    query.connectionId ?? null,
    query.accountId ?? null,
    query.usable === undefined ? null : String(query.usable) === "true",
  ];
  const rows = await tenantTransaction(app, scope, (tx) =>
    tx.query(selectPage, [scope.tenantId, ...keyAfter(query.after), ...filters, limit]),
  );
  const last = rows.at(-1);
  const next = last === undefined || rows.length < limit ? null : encodeCursor([last.name, last.language, last.id]);
  return { data: rows.map(shown), next };
}

/** Without a cursor: below every key. */
function keyAfter(after: string | undefined): [string, string, string] {
  if (after === undefined) return ["", "", "00000000-0000-0000-0000-000000000000"];
  const [name, language, id] = decodeCursor(after, ["text", "text", "text"]);
  if (!isUuid(id) || name.includes("\0") || language.includes("\0")) throw invalidRequest("`after` is not a cursor of this list");
  return [name, language, id];
}

export async function getTemplate(app: Db, scope: TenantScope, id: string): Promise<Template> {
  return shown(await readRow(app, scope, id));
}

/** How it looks with these parameters. Places without a value stay as they are and are named. */
export async function previewTemplate(
  app: Db,
  scope: TenantScope,
  id: string,
  { parameters = {} }: PreviewTemplate,
): Promise<TemplatePreview> {
  const row = await readRow(app, scope, id);
  const facts = factsOfRow(row);
  const { shape } = facts;
  const faults = shape === null ? [] : checkTemplateFill(shape, parameters);
  const told = faults.map(({ field, detail, rule }) => ({ field: `parameters.${field}`, detail, rule }));
  const nothing = { header: null, body: null, footer: null, buttons: [], cards: [] };
  return {
    ...shownFacts(row, facts),
    ...(shape === null ? nothing : renderTemplate(shape, parameters)),
    missing: told.filter(({ rule }) => rule === "missing"),
    faults: told.filter(({ rule }) => rule !== "missing"),
  };
}

async function readRow(app: Db, scope: TenantScope, id: string): Promise<RowOf<typeof templateRow>> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return row;
}

function shown(row: RowOf<typeof templateRow>): Template {
  const facts = factsOfRow(row);
  const { shape } = facts;
  return {
    ...shownFacts(row, facts),
    parameterFormat: shape?.format ?? null,
    header: shape?.header ?? null,
    body: shape?.body ?? null,
    footer: shape?.footer ?? null,
    buttons: [...(shape?.buttons ?? [])],
    cards: (shape?.cards ?? []).map(({ header, body, buttons }) => ({ header, body, buttons: [...buttons] })),
    offer: shape?.offer ?? null,
    unrecognised: [...(shape?.unrecognised ?? [])],
    syncedAt: time(row.syncedAtMs),
    createdAt: time(row.createdAtMs),
  };
}

function factsOfRow(row: RowOf<typeof templateRow>): TemplateFacts {
  // Written by templates.ts, from the same type.
  return factsOf(row.state as TemplateState);
}

function shownFacts({ id, accountId, name, language, usable }: RowOf<typeof templateRow>, facts: TemplateFacts) {
  const { shape: _shape, pausedUntilMs, categoryChangesAtMs, ...told } = facts;
  return {
    id,
    accountId,
    name,
    language,
    usable,
    ...told,
    sentence: templateSentence(facts.status),
    pausedUntil: time(pausedUntilMs),
    categoryChangesAt: time(categoryChangesAtMs),
  };
}
