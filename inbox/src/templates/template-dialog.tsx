/** One template: what it looks like filled in, its state with Meta's reasons, and what Meta is about to do with it. */
import { useState } from "react";
import { useIntl } from "react-intl";
import type { ReactNode } from "react";
import type { Template } from "../../../src/contract/templates.ts";
import { useSentence } from "../app/sentence.ts";
import { useFormats, useText } from "../app/text.tsx";
import { placesOf, type FilledIn } from "../composer/template-fill.ts";
import { Badge, Bdi, Time } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { TemplateDeeds } from "./template-deeds.tsx";
import { TemplatePreview } from "./template-preview.tsx";
import { categoryKey, languageName, qualityKey, toneOf } from "./words.ts";

export function TemplateDialog({ template, onClose, onEdit }: { template: Template; onClose: () => void; onEdit: () => void }) {
  const text = useText();
  const [filled, setFilled] = useState<FilledIn>({});
  const places = placesOf(template).filter(({ part }) => part === "header" || part === "body");
  return (
    <Dialog title={<bdi dir="ltr">{template.name}</bdi>} isOpen onClose={onClose} isWide>
      <div className="grid gap-5 sm:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <TemplatePreview template={template} filled={filled} />
          {places.length === 0 ? null : (
            <fieldset className="flex flex-col gap-3">
              <legend className="mb-2 text-sm font-semibold">{text("template_values")}</legend>
              {places.map(({ key, name }) => (
                <Field
                  key={key}
                  label={/^\d+$/.test(name) ? text("template_place", { number: name }) : <Bdi>{name.replaceAll("_", " ")}</Bdi>}
                  render={(control) => (
                    <Input
                      {...control}
                      value={filled[key] ?? ""}
                      onChange={(event) => setFilled({ ...filled, [key]: event.target.value })}
                    />
                  )}
                />
              ))}
            </fieldset>
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-5">
          <Facts template={template} />
          <TemplateDeeds template={template} onEdit={onEdit} onDeleted={onClose} />
        </div>
      </div>
    </Dialog>
  );
}

function Facts({ template }: { template: Template }) {
  const text = useText();
  const inLanguage = useSentence();
  const { locale } = useIntl();
  const { status, sentence, reason, pausedUntil, quality, category, unrecognised } = template;
  const word = (key: ReturnType<typeof categoryKey>, raw: string | null): string | null => (key === null ? raw : text(key));
  return (
    <div className="flex min-w-0 flex-col gap-4 text-sm">
      <div className="flex flex-col items-start gap-2">
        <Badge tone={toneOf(template)}>{text(`template_status_${status}`)}</Badge>
        {sentence === null ? null : <p>{inLanguage(sentence)}</p>}
        {unrecognised.length === 0 ? null : <p className="text-amber">{text("template_unrecognised")}</p>}
        <Recategorised template={template} />
      </div>
      <dl className="flex flex-col gap-3">
        <Fact name={text("template_reason")}>{reason === null ? null : <Bdi className="wrap-anywhere">{reason}</Bdi>}</Fact>
        <Fact name={text("template_paused_until")}>{pausedUntil === null ? null : <Time at={pausedUntil} as="full" />}</Fact>
        <Fact name={text("templates_category")}>{word(categoryKey(category), category)}</Fact>
        <Fact name={text("template_quality")}>{word(qualityKey(quality), quality)}</Fact>
        <Fact name={text("template_language")}>
          {languageName(template.language, locale)} <bdi className="text-faint">{template.language}</bdi>
        </Fact>
        <Fact name={text("template_synced_at")}>{template.syncedAt === null ? null : <Time at={template.syncedAt} as="full" />}</Fact>
        <Fact name="ID">
          {template.waTemplateId === null ? null : <bdi className="font-mono text-xs select-all">{template.waTemplateId}</bdi>}
        </Fact>
      </dl>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (children === null) return null;
  return (
    <div className="flex flex-col">
      <dt className="text-xs text-soft">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Meta moves templates into the category that it takes them to be of, which costs more or less. */
function Recategorised({ template: { category, previousCategory, correctCategory, categoryChangesAt } }: { template: Template }) {
  const text = useText();
  const formats = useFormats();
  const named = (word: string): string => {
    const key = categoryKey(word);
    return key === null ? word : text(key);
  };
  if (correctCategory !== null && correctCategory !== category) {
    return (
      <p className="text-amber">
        {categoryChangesAt === null
          ? text("template_will_move", { category: named(correctCategory) })
          : text("template_will_move_at", { category: named(correctCategory), at: formats.day(categoryChangesAt) })}
      </p>
    );
  }
  if (previousCategory === null || previousCategory === category) return null;
  return <p className="text-soft">{text("template_moved", { category: named(previousCategory) })}</p>;
}
