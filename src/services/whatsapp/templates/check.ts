/**
 * Before a template message is queued: whether Meta would take it, as far as the last list and the webhooks since then tell. And what may
 * be sent instead where only templates may.
 */
import type { OutgoingTemplate } from "../../../contract/outgoing-template.ts";
import { previewText } from "../../../core/preview.ts";
import { invalidFields } from "../../../core/rejection.ts";
import type { TenantScope } from "../../../core/scope.ts";
import { checkTemplateFill } from "../../../core/template-check.ts";
import { renderTemplate } from "../../../core/template-render.ts";
import { templateSentence } from "../../../core/template-sentences.ts";
import { factsOf, type TemplateState } from "../../../core/template-state.ts";
import { maySend, normaliseLanguage } from "../../../core/template.ts";
import { statement } from "../../../db/statement.ts";
import type { Tx } from "../../../db/transaction.ts";
import { limits } from "../../../limits.ts";

const select = statement(
  "template_check.select",
  `select t.id, t.state, exists (
     select from whatsapp_template_syncs s where s.tenant_id = $1 and s.account_id = $2 and s.succeeded_at is not null
   ) as "isSynced"
   from (select $3::text as name, $4::text as language) wanted
   left join whatsapp_templates t on t.tenant_id = $1 and t.account_id = $2 and t.name = wanted.name and t.language = wanted.language`,
  { id: "uuid?", state: "json?", isSynced: "bool" },
);
const selectOffered = statement(
  "template_check.offered",
  `select t.name, t.language, coalesce(t.category, '') as category, t.body from whatsapp_templates t
   where t.tenant_id = $1 and t.is_offered
     and t.account_id = (select c.account_id from whatsapp_connections c where c.tenant_id = $1 and c.id = $2)
   order by t.category = 'UTILITY' desc nulls last, t.name, t.language limit $3`,
  { name: "text", language: "text", category: "text", body: "text?" },
);

export type CheckedTemplate = {
  /** Ours; null for a template that we never heard of. */
  id: string | null;
  category: string | null;
  quality: string | null;
  /** Its text as the customer will see it; null when the parts are not known. */
  body: string | null;
  /** `unchecked`: its parts are not known here, Meta will judge. */
  note: "unchecked" | null;
};

/**
 * Throws `invalid_request` that names the field: the template is not there or cannot be sent, or what is filled in does not fit. An account
 * whose templates were never listed blocks nothing.
 */
export async function checkTemplate(
  tx: Tx,
  scope: TenantScope,
  { accountId, template }: { accountId: string; template: OutgoingTemplate },
): Promise<CheckedTemplate> {
  const language = normaliseLanguage(template.language);
  const [row] = await tx.query(select, [scope.tenantId, accountId, template.name, language]);
  if (row === undefined || row.id === null) {
    if (row?.isSynced !== true) return { id: null, category: null, quality: null, body: null, note: "unchecked" };
    const detail = `this account has no template ${template.name} in ${language}; if it is new, sync first (POST /api/v1/templates/sync)`;
    throw invalidFields([{ field: "content.name", detail }]);
  }
  // Written by templates.ts, from the same type.
  const { status, shape, category, quality } = factsOf(row.state as TemplateState);
  if (!maySend(status)) throw invalidFields([{ field: "content.name", detail: templateSentence(status)?.en ?? status }]);
  if (shape === null) return { id: row.id, category, quality, body: null, note: "unchecked" };
  const faults = checkTemplateFill(shape, template).slice(0, limits.contentFaultsMax);
  if (faults.length > 0) throw invalidFields(faults.map(({ field, detail }) => ({ field: `content.${field}`, detail })));
  return { id: row.id, category, quality, body: renderTemplate(shape, template).body, note: null };
}

/** `category` is empty where Meta has not said. */
export type UsableTemplate = { name: string; language: string; category: string; bodyPreview: string | null };

/** What may be sent through this connection now, utility templates first: for whoever finds the window closed. */
export async function usableTemplates(
  tx: Tx,
  scope: TenantScope,
  wanted: { connectionId: string; max: number },
): Promise<UsableTemplate[]> {
  const rows = await tx.query(selectOffered, [scope.tenantId, wanted.connectionId, wanted.max]);
  return rows.map(({ body, ...row }) => ({
    ...row,
    bodyPreview: body === null ? null : previewText("text", { v: 1, kind: "text", body }),
  }));
}
