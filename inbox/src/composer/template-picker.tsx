/** Choose a template, fill it in, see what the customer will read, send. What cannot be sent now is listed below, with the reason. */
import { useQuery } from "@tanstack/react-query";
import { FileText, Search, X } from "lucide-react";
import { useState } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Skeleton } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { Input } from "../ui/field.tsx";
import { whyNotFillable } from "./template-fill.ts";
import { TemplateFilling } from "./template-filling.tsx";

const templatesMax = 200;

export function TemplatePicker({ conversation, onClose }: { conversation: Conversation; onClose?: () => void }) {
  const [chosen, setChosen] = useState<Template | null>(null);
  return (
    <div className="flex max-h-[52dvh] min-h-0 flex-col" data-testid="template-picker">
      {chosen === null ? (
        <Choice conversation={conversation} onChoose={setChosen} {...(onClose === undefined ? {} : { onClose })} />
      ) : (
        <TemplateFilling
          template={chosen}
          conversation={conversation}
          onBack={() => setChosen(null)}
          onSent={() => (onClose === undefined ? setChosen(null) : onClose())}
        />
      )}
    </div>
  );
}

function Choice({
  conversation: { connectionId },
  onChoose,
  onClose,
}: {
  conversation: Conversation;
  onChoose: (template: Template) => void;
  onClose?: () => void;
}) {
  const text = useText();
  const { api } = useWorkspace();
  const { locale } = useAppearance();
  const whyNot = useWhyNot();
  const [query, setQuery] = useState("");
  // Templates belong to the account of the number that this conversation is on.
  const { data, isError } = useQuery({
    queryKey: ["templates", "of", connectionId],
    queryFn: async () => (await api.call<{ data: Template[] }>("templates", { query: { connectionId, limit: templatesMax } })).data,
  });
  const words = query.trim().toLocaleLowerCase().split(/\s+/);
  const shown = (data ?? [])
    .filter((one) => {
      const said = `${one.name.replaceAll("_", " ")} ${one.name} ${one.body ?? ""} ${one.language}`.toLocaleLowerCase();
      return words.every((word) => said.includes(word));
    })
    .map((template) => ({ template, why: whyNot(template) }))
    .toSorted((a, b) => rank(a) - rank(b));
  function rank({ template, why }: (typeof shown)[number]): number {
    return (why === null ? 0 : 2) + (template.language.startsWith(locale) ? 0 : 1);
  }
  return (
    <>
      <div className="flex items-center gap-2 px-3 pt-2 pb-1">
        <Search size={17} aria-hidden className="shrink-0 text-faint" />
        <Input
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          placeholder={text("template_search")}
          aria-label={text("template_search")}
        />
        {onClose === undefined ? null : (
          <IconButton label={text("close")} onClick={onClose}>
            <X size={18} aria-hidden />
          </IconButton>
        )}
      </div>
      <ul aria-label={text("nav_templates")} className="grid min-h-0 gap-1.5 overflow-y-auto px-3 pb-3 sm:grid-cols-2">
        {data === undefined && !isError ? <Skeleton className="h-16" /> : null}
        {isError ? <li className="p-3 text-sm text-danger">{text("templates_failed")}</li> : null}
        {data !== undefined && shown.length === 0 ? <li className="p-3 text-sm text-soft">{text("templates_none")}</li> : null}
        {shown.map(({ template, why }) => (
          <li key={template.id} className="min-w-0">
            <TemplateCard template={template} why={why} onChoose={() => onChoose(template)} />
          </li>
        ))}
      </ul>
    </>
  );
}

function TemplateCard({ template, why, onChoose }: { template: Template; why: string | null; onChoose: () => void }) {
  const { name, language, body } = template;
  return (
    <button
      type="button"
      disabled={why !== null}
      onClick={onChoose}
      className="flex h-full w-full flex-col gap-1 rounded-xl border border-line bg-raised p-2.5 text-start enabled:hover:border-accent disabled:bg-sunken"
    >
      <span className="flex w-full items-center gap-2 text-xs text-soft">
        <FileText size={14} aria-hidden className="shrink-0" />
        <bdi dir="ltr" className="min-w-0 grow truncate text-start">
          {name}
        </bdi>
        <Badge>{language}</Badge>
      </span>
      <span dir="auto" className="aligned line-clamp-2 w-full text-sm">
        {body ?? ""}
      </span>
      {why === null ? null : <span className="w-full text-xs text-soft">{why}</span>}
    </button>
  );
}

/** Meta's word first: what it does not take, no field mends. */
function useWhyNot(): (template: Template) => string | null {
  const text = useText();
  const sentenceIn = useSentence();
  return (template) => {
    const why = whyNotFillable(template);
    if (template.usable) return why === null ? null : text(why);
    if (template.status !== "approved") return template.sentence === null ? text("template_why_status") : sentenceIn(template.sentence);
    return text(why ?? "template_why_unknown");
  };
}
