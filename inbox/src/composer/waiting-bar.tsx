/** What is to go out later, above the composer: when, what, and taking it back. */
import { CalendarClock, ChevronDown, Timer, X } from "lucide-react";
import { useState } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { WaitingSend } from "../../../src/contract/sends.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { useDeed } from "../ui/use-action.ts";
import { useWaiting } from "./waiting.ts";

export function WaitingBar({ conversation }: { conversation: Conversation }) {
  const text = useText();
  const waiting = [...useWaiting(conversation.id).values()];
  const [isOpen, setIsOpen] = useState(false);
  if (waiting.length === 0) return null;
  return (
    <section aria-label={text("waiting_list")} className="border-b border-line bg-amber-soft/50 text-sm">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
        className="flex w-full items-center gap-2 px-4 py-1.5 text-start text-amber"
      >
        <CalendarClock size={15} aria-hidden />
        <span className="grow">{text("waiting_count", { count: waiting.length })}</span>
        <ChevronDown size={16} aria-hidden className={cx("transition-transform", isOpen && "rotate-180")} />
      </button>
      {isOpen ? (
        <ul className="max-h-44 overflow-y-auto px-4 pb-2">
          {waiting.map((one) => (
            <WaitingLine key={one.messageId} waiting={one} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function WaitingLine({ waiting }: { waiting: WaitingSend }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const deed = useDeed();
  const { messageId, sendAt, preview } = waiting;
  return (
    <li className="flex items-center gap-2 py-0.5">
      {sendAt === null ? <Timer size={14} aria-hidden className="shrink-0 text-soft" /> : null}
      <span className="shrink-0 text-xs text-soft">{sendAt === null ? text("waits_for_word_short") : formats.moment(sendAt)}</span>
      <Bdi className="min-w-0 grow truncate text-start">{preview ?? ""}</Bdi>
      <IconButton
        label={text("cancel_send")}
        className="size-7"
        onClick={() => deed(() => api.call(`messages/${messageId}/cancel`, { method: "POST" }))}
      >
        <X size={15} aria-hidden />
      </IconButton>
    </li>
  );
}
