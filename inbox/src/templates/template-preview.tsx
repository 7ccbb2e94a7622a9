/** A template as the customer sees it, with what is filled in so far; places that are still empty stand out. */
import { FileText, Image, MapPin, Video, type LucideIcon } from "lucide-react";
import type { Template } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { filledText, type FilledIn } from "../composer/template-fill.ts";
import { Buttons } from "../thread/content-cards.tsx";
import { FormattedText } from "../thread/formatted-text.tsx";
import { Bdi } from "../ui/bits.tsx";

type Header = NonNullable<Template["header"]>;

export function TemplatePreview({ template, filled }: { template: Template; filled: FilledIn }) {
  const text = useText();
  const { header, body, footer, buttons, cards, offer } = template;
  return (
    <figure className="flex flex-col gap-2 overflow-hidden rounded-xl bg-thread p-4" data-testid="template-preview">
      <figcaption className="sr-only">{text("template_preview")}</figcaption>
      <div dir="auto" className="flex w-full max-w-80 flex-col gap-1 rounded-2xl bg-in px-3 py-2 shadow-card">
        {header === null ? null : <HeaderPart header={header} filled={filled} />}
        {offer === null ? null : <Bdi className="text-start text-sm font-medium">{offer.text}</Bdi>}
        {body === null ? null : <FormattedText text={filledText(body, "body", filled)} />}
        {footer === null ? null : <Bdi className="text-start text-xs text-faint">{footer}</Bdi>}
        <Buttons labels={buttons.map((button) => button.text)} />
      </div>
      {cards.length === 0 ? null : (
        <ul className="flex gap-2 overflow-x-auto pb-1">
          {cards.map((card, index) => (
            <li key={index} dir="auto" className="flex w-56 shrink-0 flex-col gap-1 rounded-2xl bg-in px-3 py-2 shadow-card">
              <span className="sr-only">{text("template_card", { number: index + 1 })}</span>
              {card.header === null ? null : <HeaderPart header={card.header} filled={{}} />}
              {card.body === null ? null : <FormattedText text={card.body} />}
              <Buttons labels={card.buttons.map((button) => button.text)} />
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

const kinds: Readonly<Record<"image" | "video" | "document" | "location", LucideIcon>> = {
  image: Image,
  video: Video,
  document: FileText,
  location: MapPin,
};

function HeaderPart({ header, filled }: { header: Header; filled: FilledIn }) {
  const text = useText();
  if (header.kind === "text") return <Bdi className="text-start font-semibold">{filledText(header.text ?? "", "header", filled)}</Bdi>;
  const kind = (["image", "video", "document", "location"] as const).find((one) => one === header.kind);
  const Icon = kind === undefined ? FileText : kinds[kind];
  return (
    <span className="grid h-28 place-items-center rounded-lg bg-black/5 text-soft dark:bg-white/6">
      <span className="flex flex-col items-center gap-1 text-xs">
        <Icon size={26} aria-hidden />
        {kind === undefined ? text("template_header_other", { kind: header.kind }) : text(`template_header_${kind}`)}
      </span>
    </span>
  );
}
