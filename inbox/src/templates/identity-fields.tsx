import { useIntl } from "react-intl";
import type { Account } from "../../../src/contract/connections.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import type { DraftTrouble } from "./draft-trouble.ts";
import type { Draft } from "./draft.ts";
import { languageName } from "./words.ts";

/** Of those that Meta knows (2026-10): first the inbox's own, then the others. */
const languages =
  "he ar en en_US en_GB ru fr es es_AR es_ES es_MX am bg cs da de el fa fi fil hi hu id it ja ka kk ko lt lv nb nl pl pt_BR pt_PT ro sk sr sv sw th tr uk ur uz vi zh_CN zh_HK zh_TW".split(
    " ",
  );

/** What tells a template from the others, and cannot be changed afterwards; and its category. `known`: the one that is written anew. */
export function IdentityFields({
  draft,
  onChange,
  trouble,
  accounts,
  known,
}: {
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
  trouble: DraftTrouble;
  accounts: readonly Account[];
  known: Template | null;
}) {
  const text = useText();
  const { locale } = useIntl();
  const isNew = known === null;
  return (
    <>
      {isNew && accounts.length > 1 ? (
        <Field
          label={text("templates_account")}
          render={(control) => (
            <Select {...control} value={draft.accountId} onChange={(event) => onChange({ accountId: event.target.value })}>
              {accounts.map(({ id, wabaId }) => (
                <option key={id} value={id}>
                  {wabaId}
                </option>
              ))}
            </Select>
          )}
        />
      ) : null}
      <Field
        label={text("draft_name")}
        hint={text("draft_name_hint")}
        error={trouble.at("name")}
        render={(control) => (
          <Input
            {...control}
            dir="ltr"
            autoCapitalize="none"
            spellCheck={false}
            readOnly={!isNew}
            placeholder="order_ready"
            value={draft.name}
            // What one types meaning a name of Meta's kind; its other rules the server tells.
            onChange={(event) => onChange({ name: event.target.value.toLowerCase().replaceAll(/[\s-]+/g, "_") })}
            className="font-mono text-sm"
          />
        )}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          label={text("template_language")}
          error={trouble.at("language")}
          render={(control) => (
            <Select {...control} disabled={!isNew} value={draft.language} onChange={(event) => onChange({ language: event.target.value })}>
              {[...new Set([...languages, draft.language])].map((tag) => (
                <option key={tag} value={tag}>{`${languageName(tag, locale)} (\u2066${tag}\u2069)`}</option>
              ))}
            </Select>
          )}
        />
        <Field
          label={text("templates_category")}
          hint={text(draft.category === "MARKETING" ? "draft_marketing_hint" : "draft_utility_hint")}
          error={trouble.at("category")}
          render={(control) => (
            <Select
              {...control}
              disabled={known?.status === "approved"}
              value={draft.category}
              onChange={(event) => onChange({ category: event.target.value === "MARKETING" ? "MARKETING" : "UTILITY" })}
            >
              <option value="UTILITY">{text("template_category_utility")}</option>
              <option value="MARKETING">{text("template_category_marketing")}</option>
            </Select>
          )}
        />
      </div>
    </>
  );
}
