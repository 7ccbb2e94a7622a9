import { StickyNote } from "lucide-react";
import type { Note } from "../../../src/contract/inbox.ts";
import { useText } from "../app/text.tsx";
import { FormattedText } from "../thread/formatted-text.tsx";
import { Bdi, Time } from "../ui/bits.tsx";

/** Seen by colleagues only; looks like nothing that a customer could read. */
export function NoteBubble({ note }: { note: Note }) {
  const text = useText();
  return (
    <article aria-label={text("note")} data-note-id={note.id} className="flex justify-center px-3 py-1.5 sm:px-10">
      <div className="w-fit max-w-[34rem] min-w-56 rounded-xl border border-amber/25 bg-note px-3 py-1.5">
        <p className="flex items-center gap-1.5 text-xs font-medium text-amber">
          <StickyNote size={13} aria-hidden />
          <Bdi>{note.author.name}</Bdi>
          <span className="grow" />
          <Time at={note.createdAt} as="clock" className="font-normal" />
        </p>
        <FormattedText text={note.body} />
      </div>
    </article>
  );
}
