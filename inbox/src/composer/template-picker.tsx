/** Choose a template, fill it in, see what the customer will read, send. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, FileText, Search, SendHorizontal, X } from "lucide-react";
import { useState } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { UploadedMedia } from "../../../src/contract/media.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { Buttons } from "../thread/content-cards.tsx";
import { FormattedText } from "../thread/formatted-text.tsx";
import { Badge, Bdi, Skeleton } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Field, Input, inputLook } from "../ui/field.tsx";
import { useDeed } from "../ui/use-action.ts";
import { canFill, filledText, messageOf, placesOf, type FilledIn, type Place } from "./template-fill.ts";

const templatesMax = 200;

export function TemplatePicker({ conversation, onClose }: { conversation: Conversation; onClose?: () => void }) {
  const [chosen, setChosen] = useState<Template | null>(null);
  return (
    <div className="flex max-h-[46dvh] min-h-0 flex-col" data-testid="template-picker">
      {chosen === null ? (
        <Choice onChoose={setChosen} {...(onClose === undefined ? {} : { onClose })} />
      ) : (
        <Filling
          template={chosen}
          conversation={conversation}
          onBack={() => setChosen(null)}
          onSent={() => (onClose === undefined ? setChosen(null) : onClose())}
        />
      )}
    </div>
  );
}

function Choice({ onChoose, onClose }: { onChoose: (template: Template) => void; onClose?: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const { locale } = useAppearance();
  const [query, setQuery] = useState("");
  const { data, isError } = useQuery({
    queryKey: ["templates"],
    queryFn: async () => (await api.call<{ data: Template[] }>("templates", { query: { limit: templatesMax } })).data,
  });
  const words = query.trim().toLocaleLowerCase();
  const shown = (data ?? [])
    .filter((one) => one.usable && canFill(one))
    .filter((one) => `${one.name} ${one.body ?? ""}`.toLocaleLowerCase().includes(words))
    .toSorted((a, b) => Number(b.language.startsWith(locale)) - Number(a.language.startsWith(locale)));
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
        {shown.map((one) => (
          <li key={one.id} className="min-w-0">
            <button
              type="button"
              onClick={() => onChoose(one)}
              className="flex h-full w-full flex-col gap-1 rounded-xl border border-line bg-raised p-2.5 text-start hover:border-accent"
            >
              <span className="flex w-full items-center gap-2 text-xs text-faint">
                <FileText size={14} aria-hidden className="shrink-0" />
                <bdi dir="ltr" className="min-w-0 grow truncate text-start">
                  {one.name}
                </bdi>
                <Badge>{one.language}</Badge>
              </span>
              <span dir="auto" className="line-clamp-2 w-full text-start text-sm">
                {one.body ?? ""}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Filling({
  template,
  conversation,
  onBack,
  onSent,
}: {
  template: Template;
  conversation: Conversation;
  onBack: () => void;
  onSent: () => void;
}) {
  const text = useText();
  const { api, sends } = useWorkspace();
  const deed = useDeed();
  const places = placesOf(template);
  const [filled, setFilled] = useState<FilledIn>(() => suggested(places, conversation));
  const [file, setFile] = useState<File | null>(null);
  const [isSending, setIsSending] = useState(false);
  const missing = places.filter(({ key, part }) => (part === "media" ? file === null : (filled[key] ?? "").trim() === ""));
  const send = (): void => {
    setIsSending(true);
    deed(async () => {
      try {
        const mediaId = file === null ? null : await upload(file);
        sends.add({
          conversationId: conversation.id,
          connectionId: conversation.connectionId,
          body: {},
          content: messageOf(template, filled, mediaId),
          file: null,
        });
        onSent();
      } finally {
        setIsSending(false);
      }
    });
  };
  const upload = async (one: File): Promise<string> => {
    const form = new FormData();
    form.append("file", one, one.name);
    return (await api.call<UploadedMedia>("media", { method: "POST", query: { connectionId: conversation.connectionId }, form })).id;
  };
  return (
    <form
      className="flex min-h-0 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        if (missing.length === 0) send();
      }}
    >
      <div className="flex items-center gap-2 px-2 pt-2">
        <IconButton label={text("back")} onClick={onBack}>
          <ArrowLeft size={18} aria-hidden className="directional" />
        </IconButton>
        <bdi dir="ltr" className="min-w-0 grow truncate text-start text-sm font-medium">
          {template.name}
        </bdi>
        <Badge>{template.language}</Badge>
      </div>
      <div className="grid min-h-0 gap-4 overflow-y-auto px-4 py-2 sm:grid-cols-2">
        <div className="flex flex-col gap-3">
          {places.length === 0 ? <p className="text-sm text-soft">{text("template_complete")}</p> : null}
          {places.map((place) => (
            <Field
              key={place.key}
              label={labelOf(place, text)}
              render={(control) =>
                place.part === "media" ? (
                  <input
                    {...control}
                    type="file"
                    required
                    onChange={(event) => setFile(event.target.files?.[0] ?? null)}
                    className={`${inputLook} py-2`}
                  />
                ) : (
                  <Input
                    {...control}
                    required
                    value={filled[place.key] ?? ""}
                    onChange={(event) => setFilled({ ...filled, [place.key]: event.target.value })}
                  />
                )
              }
            />
          ))}
        </div>
        <Preview template={template} filled={filled} file={file} />
      </div>
      <div className="flex justify-end px-4 pb-3">
        <Button type="submit" look="primary" disabled={missing.length > 0 || isSending}>
          <SendHorizontal size={16} aria-hidden className="directional" />
          {text("send_template")}
        </Button>
      </div>
    </form>
  );
}

function Preview({ template, filled, file }: { template: Template; filled: FilledIn; file: File | null }) {
  const text = useText();
  const { header, body, footer, buttons } = template;
  return (
    <div className="flex flex-col items-end rounded-xl bg-thread p-3">
      <p className="sr-only">{text("preview")}</p>
      <div dir="auto" className="flex w-full max-w-80 flex-col gap-1 rounded-2xl bg-out px-3 py-2 shadow-card">
        {header?.kind === "text" ? <Bdi className="text-start font-semibold">{filledText(header.text ?? "", "header", filled)}</Bdi> : null}
        {header !== null && header.kind !== "text" ? (
          <Bdi className="rounded-md bg-black/6 p-2 text-start text-sm text-soft">{`📎 ${file?.name ?? header.kind}`}</Bdi>
        ) : null}
        {body === null ? null : <FormattedText text={filledText(body, "body", filled)} />}
        {footer === null ? null : <Bdi className="text-start text-xs text-faint">{footer}</Bdi>}
        <Buttons labels={buttons.map((button) => button.text)} />
      </div>
    </div>
  );
}

function labelOf(place: Place, text: ReturnType<typeof useText>): string {
  switch (place.part) {
    case "media":
      return text("template_file");
    case "button":
      return text(place.buttonKind === "url" ? "template_link_end" : "template_code", { button: place.name });
    case "header":
    case "body":
      return /^\d+$/.test(place.name) ? text("template_place", { number: place.name }) : place.name.replaceAll("_", " ");
    default:
      return place.part satisfies never;
  }
}

/** Names are the customer's own, where the template asks for a name. */
function suggested(places: readonly Place[], { contact }: Conversation): FilledIn {
  const name = contact === null ? null : contactName(contact);
  return Object.fromEntries(places.flatMap(({ key, name: asked }) => (name !== null && /name/i.test(asked) ? [[key, name]] : [])));
}
