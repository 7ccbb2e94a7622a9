import { ChevronLeft, ChevronRight, Download, X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useState } from "react";
import { useAppearance } from "../app/appearance.tsx";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { plain } from "../ui/plain.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { mediaFactsOf, useMediaUrl } from "./media.tsx";
import { useThread } from "./thread-context.tsx";

const button = "grid size-11 place-items-center rounded-full bg-black/50 text-white hover:bg-black/70 disabled:opacity-30";

/** A picture or a film large, with those before and after it in the conversation. */
export function MediaViewer({ messageId, onClose }: { messageId: string; onClose: () => void }) {
  const text = useText();
  const { store } = useWorkspace();
  const { direction } = useAppearance();
  const { conversation } = useThread();
  const urlOf = useMediaUrl();
  const ids = (store.get("thread", conversation.id)?.ids ?? [messageId]).filter((id) => isViewable(store.get("message", id)?.content));
  const [at, setAt] = useState(() => Math.max(0, ids.indexOf(messageId)));
  const message = store.get("message", ids[at] ?? messageId);
  const content = fieldsOf(message?.content);
  const facts = mediaFactsOf(content);
  if (facts.mediaId === null) return null;
  const url = urlOf(facts.mediaId);
  const step = (by: number): void => setAt((now) => Math.min(ids.length - 1, Math.max(0, now + by)));
  const caption = textOf(content["caption"]);
  return (
    <Radix.Root open onOpenChange={onClose}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/90" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed inset-0 z-50 flex flex-col text-white outline-none"
          onKeyDown={(event) => {
            const forward = direction === "rtl" ? "ArrowLeft" : "ArrowRight";
            const back = direction === "rtl" ? "ArrowRight" : "ArrowLeft";
            if (event.key === forward) step(1);
            if (event.key === back) step(-1);
          }}
        >
          <header className="flex items-center gap-2 p-3">
            <Radix.Title dir="auto" className="min-w-0 grow truncate text-start text-sm">
              {plain(caption ?? facts.fileName ?? text(content["kind"] === "video" ? "kind_video" : "kind_image"))}
            </Radix.Title>
            <a href={url} download aria-label={text("download")} title={text("download")} className={button}>
              <Download size={20} aria-hidden />
            </a>
            <Radix.Close aria-label={text("close")} className={button}>
              <X size={20} aria-hidden />
            </Radix.Close>
          </header>
          <div className="flex min-h-0 grow items-center justify-center gap-2 px-2 pb-4">
            <button type="button" aria-label={text("previous")} disabled={at === 0} onClick={() => step(-1)} className={button}>
              <ChevronLeft size={22} aria-hidden className="directional" />
            </button>
            <div className="flex h-full min-w-0 grow items-center justify-center">
              {content["kind"] === "video" ? (
                <video key={url} src={url} controls autoPlay className="max-h-full max-w-full" />
              ) : (
                <img src={url} alt={caption ?? text("kind_image")} className="max-h-full max-w-full object-contain" />
              )}
            </div>
            <button type="button" aria-label={text("next")} disabled={at >= ids.length - 1} onClick={() => step(1)} className={button}>
              <ChevronRight size={22} aria-hidden className="directional" />
            </button>
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function isViewable(content: unknown): boolean {
  const fields = fieldsOf(content);
  return (fields["kind"] === "image" || fields["kind"] === "video") && mediaFactsOf(fields).state === "stored";
}
