/** One message: on its side, with what it answers, its times and ticks, its reactions, and why it failed. */
import { Bot, CalendarClock, PencilLine, Smartphone, Timer } from "lucide-react";
import { memo, useEffect } from "react";
import type { Message } from "../../../src/contract/messages.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored } from "../data/store.ts";
import { Time } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { plainLine } from "../ui/plain.ts";
import { Content } from "./content.tsx";
import { noteDrawn } from "./drawn.ts";
import { Failure } from "./failure.tsx";
import { GroupSender } from "./group-sender.tsx";
import { MessageMenu } from "./message-menu.tsx";
import { useThread } from "./thread-context.tsx";
import { Ticks } from "./ticks.tsx";

export const bubbleLook = "relative w-fit max-w-[min(85%,34rem)] min-w-20 rounded-2xl px-3 pt-1.5 pb-1 shadow-card";

export const Bubble = memo(function Bubble({
  id,
  isFirst,
  isLast,
  isMarked,
}: {
  id: string;
  isFirst: boolean;
  isLast: boolean;
  isMarked: boolean;
}) {
  const text = useText();
  const { store } = useWorkspace();
  const message = useStored(store, "message", id);
  const { showMedia, conversation } = useThread();
  useEffect(() => noteDrawn(id), [id]);
  if (message === undefined) return null;
  if (message.type === "system") return <Aside message={message} />;
  const isOurs = message.direction === "outbound";
  const isBad = message.status === "failed" || message.status === "unknown";
  return (
    <article
      aria-label={text(isOurs ? "message_ours" : "message_theirs")}
      data-message-id={id}
      className={cx("group flex flex-col px-3 sm:px-6", isOurs ? "items-end" : "items-start", isFirst ? "pt-2" : "pt-0.5")}
    >
      <div
        className={cx(
          bubbleLook,
          isOurs ? "bg-out" : "bg-in",
          isLast && (isOurs ? "rounded-ee-md" : "rounded-es-md"),
          isMarked && "outline-2 outline-offset-2 outline-accent",
          message.status === "cancelled" && "border border-dashed border-faint bg-canvas",
        )}
      >
        {conversation.group !== null && !isOurs && isFirst ? <GroupSender from={message.from} /> : null}
        {message.replyTo === null ? null : <Quote reply={message.replyTo} />}
        {message.revokedAt === null ? (
          <Content message={message} onOpenMedia={() => showMedia(id)} />
        ) : (
          <p className="py-0.5 text-sm text-faint italic">{text("revoked")}</p>
        )}
        {isBad ? <Failure message={message} /> : null}
        <Meta message={message} />
        <MessageMenu message={message} />
      </div>
      <Reactions message={message} />
    </article>
  );
});

function Meta({ message }: { message: Message }) {
  const text = useText();
  const { showTimeline } = useThread();
  return (
    <p className="mt-0.5 flex items-center justify-end gap-1 text-[0.7rem] text-faint">
      {message.origin === "automatic" ? (
        <span className="inline-flex items-center gap-0.5">
          <Bot size={13} aria-hidden />
          {text("origin_automatic")}
        </span>
      ) : null}
      {message.origin === "phone" ? (
        <span title={text("origin_phone")}>
          <Smartphone size={13} aria-label={text("origin_phone")} />
        </span>
      ) : null}
      {message.isStandby ? <span title={text("standby_hint")}>{text("standby")}</span> : null}
      {message.editedAt === null ? null : (
        <button
          type="button"
          onClick={() => showTimeline(message.id)}
          className="inline-flex items-center gap-0.5 underline decoration-dotted underline-offset-2"
        >
          <PencilLine size={12} aria-hidden />
          {text("edited")}
        </button>
      )}
      <When message={message} />
      {message.direction === "outbound" ? <Ticks message={message} /> : null}
    </p>
  );
}

/** The time; of what still waits, what it waits for. */
function When({ message }: { message: Message }) {
  const text = useText();
  const formats = useFormats();
  const waits = useThread().waiting.get(message.id);
  if (waits === undefined || message.status !== "pending") return <Time at={message.waTimestamp} as="clock" />;
  return (
    <span className="inline-flex items-center gap-0.5 font-medium text-amber">
      {waits.sendAt === null ? <Timer size={12} aria-hidden /> : <CalendarClock size={12} aria-hidden />}
      {waits.sendAt === null ? text("waits_for_word_short") : text("goes_at", { at: formats.moment(waits.sendAt) })}
    </span>
  );
}

function Quote({ reply }: { reply: NonNullable<Message["replyTo"]> }) {
  const text = useText();
  const { goTo } = useThread();
  const { id } = reply;
  const shown = plainLine(reply.preview ?? "") || text("quoted_gone");
  const look = "mb-1 block w-full rounded-lg border-s-3 border-accent bg-black/5 px-2 py-1 text-start text-sm text-soft dark:bg-white/6";
  if (id === null) return <p className={look}>{shown}</p>;
  return (
    <button type="button" onClick={() => goTo(id)} className={look} aria-label={text("go_to_quoted")}>
      <span dir="auto" className="line-clamp-2">
        {shown}
      </span>
    </button>
  );
}

function Reactions({ message }: { message: Message }) {
  const text = useText();
  if (message.reactions.length === 0) return null;
  const counts = new Map<string, number>();
  for (const { emoji } of message.reactions) counts.set(emoji, (counts.get(emoji) ?? 0) + 1);
  return (
    <ul aria-label={text("reactions")} className="z-1 -mt-1.5 flex gap-1 px-2">
      {[...counts].map(([emoji, count]) => (
        <li key={emoji} className="rounded-full border border-line bg-raised px-1.5 py-px text-sm shadow-card">
          {plainLine(emoji)}
          {count > 1 ? <span className="ms-1 text-xs text-soft">{count}</span> : null}
        </li>
      ))}
    </ul>
  );
}

/** What the conversation went through, in its middle. */
function Aside({ message }: { message: Message }) {
  return (
    <div className="flex justify-center px-6 py-2" data-message-id={message.id}>
      <div className="rounded-full bg-sunken px-3 py-1">
        <Content message={message} onOpenMedia={() => undefined} />
      </div>
    </div>
  );
}
