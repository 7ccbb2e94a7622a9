/** A template is written, new or anew, and sent to Meta's review; beside it, what the customer will see. */
import { useQueryClient } from "@tanstack/react-query";
import { Braces } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import type { Account } from "../../../src/contract/connections.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Bdi } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input, TextArea } from "../ui/field.tsx";
import { FormTrouble } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { ButtonFields } from "./button-fields.tsx";
import { useDraftTrouble, type DraftTrouble } from "./draft-trouble.ts";
import { bodyOf, draftOf, newBodyOf, newDraft, nextVariable, previewOf, variablesOf, type Draft } from "./draft.ts";
import { IdentityFields } from "./identity-fields.tsx";
import { TemplatePreview } from "./template-preview.tsx";

/** `template` null: a new one. */
export function TemplateForm({
  template,
  accounts,
  language,
  onClose,
}: {
  template: Template | null;
  accounts: readonly Account[];
  language: string;
  onClose: () => void;
}) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => (template === null ? newDraft(accounts[0]?.id ?? "", language) : draftOf(template)));
  const sending = useAction(async () => {
    if (template === null) await api.call("templates", { method: "POST", body: newBodyOf(draft) });
    else await api.call(`templates/${template.id}`, { method: "PUT", body: bodyOf(draft) });
    showToast("done", text("draft_sent"));
    onClose();
    await queries.invalidateQueries({ queryKey: ["templates"] });
  });
  const trouble = useDraftTrouble(sending.error);
  const set = (change: Partial<Draft>): void => setDraft({ ...draft, ...change });
  return (
    <Dialog title={text(template === null ? "draft_new" : "draft_edit")} isOpen onClose={onClose} isWide>
      <form
        noValidate
        className="grid items-start gap-5 sm:grid-cols-[3fr_2fr]"
        onSubmit={(event) => {
          event.preventDefault();
          if (!sending.isRunning) sending.run();
        }}
      >
        <div className="flex min-w-0 flex-col gap-4">
          <IdentityFields draft={draft} onChange={set} trouble={trouble} accounts={accounts} known={template} />
          <Texts draft={draft} onChange={set} trouble={trouble} />
          <ButtonFields buttons={draft.buttons} onChange={(buttons) => set({ buttons })} trouble={trouble} />
        </div>
        <div className="flex min-w-0 flex-col gap-3 sm:sticky sm:top-0">
          <TemplatePreview template={previewOf(draft, text("draft_copy_code"))} filled={draft.examples} />
          <p className="text-xs text-faint">{text(template === null ? "draft_review_hint" : "draft_edit_hint")}</p>
          <FormTrouble>{trouble.rest}</FormTrouble>
          <div className="flex justify-end gap-2">
            <Button look="quiet" onClick={onClose}>
              {text("cancel")}
            </Button>
            <Button type="submit" look="primary" disabled={sending.isRunning}>
              {text(sending.isRunning ? "draft_sending" : "draft_submit")}
            </Button>
          </div>
        </div>
      </form>
    </Dialog>
  );
}

/** Meta's, as `src/limits.ts` has them. */
const most = { header: 60, body: 1_024, footer: 60 } as const;

type Part = { draft: Draft; onChange: (change: Partial<Draft>) => void; trouble: DraftTrouble };

function Texts({ draft, onChange, trouble }: Part) {
  const text = useText();
  const area = useRef<HTMLTextAreaElement>(null);
  const addVariable = (): void => {
    const { body } = draft;
    const at = area.current?.selectionStart ?? body.length;
    onChange({ body: `${body.slice(0, at)}{{${nextVariable(body)}}}${body.slice(at)}` });
    area.current?.focus();
  };
  return (
    <>
      <Field
        label={text("draft_header")}
        hint={<Counted value={draft.header} max={most.header} hint={text("draft_optional")} />}
        error={trouble.at("header.text")}
        render={(control) => <Input {...control} value={draft.header} onChange={(event) => onChange({ header: event.target.value })} />}
      />
      <div className="flex flex-col gap-1.5">
        <Field
          label={text("draft_body")}
          hint={<Counted value={draft.body} max={most.body} hint={text("draft_body_hint")} />}
          error={trouble.at("body")}
          render={(control) => (
            <TextArea {...control} ref={area} rows={5} value={draft.body} onChange={(event) => onChange({ body: event.target.value })} />
          )}
        />
        <Button look="quiet" className="self-start" onClick={addVariable}>
          <Braces size={15} aria-hidden />
          {text("draft_add_variable")}
        </Button>
      </div>
      <Examples draft={draft} onChange={onChange} trouble={trouble} />
      <Field
        label={text("draft_footer")}
        hint={<Counted value={draft.footer} max={most.footer} hint={text("draft_optional")} />}
        error={trouble.at("footer")}
        render={(control) => <Input {...control} value={draft.footer} onChange={(event) => onChange({ footer: event.target.value })} />}
      />
    </>
  );
}

/** One for each variable: Meta's people see the template with them, and so does the preview. */
function Examples({ draft, onChange, trouble }: Part) {
  const text = useText();
  const [inHeader] = variablesOf(draft.header);
  const places = [
    ...(inHeader === undefined ? [] : [{ key: `header.${inHeader}`, name: inHeader, field: "header.example" }]),
    ...variablesOf(draft.body).map((name) => ({ key: `body.${name}`, name, field: `examples.${name}` })),
  ];
  if (places.length === 0) return null;
  return (
    <fieldset className="flex flex-col gap-3 rounded-xl bg-sunken p-3">
      <legend className="contents text-sm font-medium text-soft">{text("draft_examples")}</legend>
      {places.map(({ key, name, field }) => (
        <Field
          key={key}
          label={/^\d+$/.test(name) ? text("template_place", { number: name }) : <Bdi>{name.replaceAll("_", " ")}</Bdi>}
          error={trouble.at(field)}
          render={(control) => (
            <Input
              {...control}
              value={draft.examples[key] ?? ""}
              onChange={(event) => onChange({ examples: { ...draft.examples, [key]: event.target.value } })}
            />
          )}
        />
      ))}
    </fieldset>
  );
}

function Counted({ value, max, hint }: { value: string; max: number; hint: string }): ReactNode {
  const length = Array.from(value).length;
  return (
    <span className="flex gap-2">
      <span className="grow">{hint}</span>
      <bdi dir="ltr" className={length > max ? "text-danger tabular-nums" : "tabular-nums"}>{`${length}/${max}`}</bdi>
    </span>
  );
}
