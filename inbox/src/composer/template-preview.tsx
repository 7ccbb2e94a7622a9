import { FileText, MapPin } from "lucide-react";
import { useEffect, useState } from "react";
import type { Template } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { Buttons } from "../thread/content-cards.tsx";
import { FormattedText } from "../thread/formatted-text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { filledOnCard, filledText, type FilledIn } from "./template-fill.ts";
import type { ChosenFiles } from "./template-filling.tsx";

/** What the customer will read. */
export function TemplatePreview({ template, filled, files }: { template: Template; filled: FilledIn; files: ChosenFiles }) {
  const text = useText();
  const { footer, cards, offer } = template;
  return (
    <section aria-label={text("preview")} className="flex min-w-0 flex-col items-end gap-2 rounded-xl bg-thread p-3">
      <div dir="auto" className="flex w-full max-w-80 flex-col gap-1 rounded-2xl bg-out px-3 py-2 shadow-card">
        {offer === null ? null : <Bdi className="text-start text-sm font-semibold text-accent">{offer.text}</Bdi>}
        <PreviewPart part={template} filled={filled} file={files["media"] ?? null} />
        {footer === null ? null : <Bdi className="text-start text-xs text-faint">{footer}</Bdi>}
        <Buttons labels={template.buttons.map((button) => button.text)} />
      </div>
      {cards.length === 0 ? null : (
        <ul aria-label={text("template_cards")} className="flex w-full gap-2 overflow-x-auto pb-1">
          {cards.map((card, at) => (
            <li key={at} dir="auto" className="flex w-52 shrink-0 flex-col gap-1 rounded-2xl bg-out px-3 py-2 shadow-card">
              <PreviewPart part={card} filled={filledOnCard(filled, at)} file={files[`card.${at}.media`] ?? null} />
              <Buttons labels={card.buttons.map((button) => button.text)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function PreviewPart({
  part: { header, body },
  filled,
  file,
}: {
  part: Pick<Template, "header" | "body">;
  filled: FilledIn;
  file: File | null;
}) {
  return (
    <>
      {header === null ? null : header.kind === "text" ? (
        <Bdi className="text-start font-semibold">{filledText(header.text ?? "", "header", filled)}</Bdi>
      ) : (
        <PreviewFile kind={header.kind} file={file} />
      )}
      {body === null ? null : <FormattedText text={filledText(body, "body", filled)} />}
    </>
  );
}

function PreviewFile({ kind, file }: { kind: string; file: File | null }) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (file === null) return setUrl(null);
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  if (url !== null && kind === "image") return <img src={url} alt="" className="max-h-40 w-full rounded-md object-cover" />;
  if (url !== null && kind === "video")
    return <video src={url} muted preload="metadata" className="max-h-40 w-full rounded-md object-cover" />;
  const Icon = kind === "location" ? MapPin : FileText;
  return (
    <span className="flex items-center gap-2 rounded-md bg-black/6 p-2 text-start text-sm text-soft dark:bg-white/6">
      <Icon size={16} aria-hidden className="shrink-0" />
      <Bdi className="min-w-0 truncate">{file?.name ?? kind}</Bdi>
    </span>
  );
}
