import { memo, type ReactNode } from "react";
import { cx } from "../ui/cx.ts";
import { plain } from "../ui/plain.ts";
import { isFewEmoji, parseWhatsApp, type Block, type Inline } from "./whatsapp-format.ts";

/** What somebody wrote, in its own direction. */
export const FormattedText = memo(function FormattedText({ text, className }: { text: string; className?: string }) {
  const shown = plain(text);
  if (isFewEmoji(shown)) return <p className="py-1 text-4xl leading-tight">{shown}</p>;
  return (
    <div dir="auto" className={cx("text-start text-[0.97rem] leading-[1.42] wrap-anywhere whitespace-pre-wrap", className)}>
      {parseWhatsApp(shown).map((block, index) => (
        <BlockOf key={index} block={block} />
      ))}
    </div>
  );
});

function BlockOf({ block }: { block: Block }) {
  switch (block.kind) {
    case "code":
      return (
        <pre dir="ltr" className="my-1 overflow-x-auto rounded-md bg-black/6 px-2 py-1 text-start font-mono text-[0.85em] dark:bg-white/8">
          {block.text}
        </pre>
      );
    case "quote":
      return (
        <div dir="auto" className="border-s-3 border-faint/50 ps-2 text-soft">
          {inline(block.parts)}
        </div>
      );
    case "item":
      return (
        <div dir="auto" className="flex gap-2">
          <span className="text-soft">{block.marker}</span>
          <span className="min-w-0">{inline(block.parts)}</span>
        </div>
      );
    case "line":
      return <div dir="auto">{block.parts.length === 0 ? <br /> : inline(block.parts)}</div>;
    default:
      return block satisfies never;
  }
}

function inline(parts: readonly Inline[]): ReactNode[] {
  return parts.map((part, index) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "code":
        return (
          <code key={index} className="rounded bg-black/6 px-1 font-mono text-[0.88em] dark:bg-white/8">
            {part.text}
          </code>
        );
      case "link":
        return (
          <a
            key={index}
            href={part.href}
            target="_blank"
            rel="noopener noreferrer nofollow"
            className="text-read underline decoration-1 underline-offset-2"
          >
            <bdi>{part.text}</bdi>
          </a>
        );
      case "bold":
        return <strong key={index}>{inline(part.parts)}</strong>;
      case "italic":
        return <em key={index}>{inline(part.parts)}</em>;
      case "struck":
        return <s key={index}>{inline(part.parts)}</s>;
      default:
        return part satisfies never;
    }
  });
}
