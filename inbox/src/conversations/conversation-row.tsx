import { useRouter } from "@tanstack/react-router";
import { Clock, MoonStar } from "lucide-react";
import { memo, type MouseEvent } from "react";
import { viewOf, type ConversationsSearch } from "./search-params.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useNow } from "../data/clock.ts";
import { useStored } from "../data/store.ts";
import { windowNow } from "../data/window.ts";
import type { Conversation } from "../../../src/contract/conversations.ts";
import { useLabels } from "../team/labels.ts";
import { LabelDot } from "../team/label-chip.tsx";
import { PersonAvatar } from "../team/person-avatar.tsx";
import { Bdi, Time } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { plainLine } from "../ui/plain.ts";
import { nameOf } from "./names.ts";
import { RingedAvatar } from "./window-ring.tsx";

export const rowPx = 76;
const soonMs = 4 * 3_600_000;
const minuteMs = 60_000;

export const ConversationRow = memo(function ConversationRow({
  id,
  view,
  search,
  isChosen,
}: {
  id: string;
  view: string;
  search: ConversationsSearch;
  isChosen: boolean;
}) {
  const text = useText();
  const { store, threads } = useWorkspace();
  const router = useRouter();
  const conversation = useStored(store, "conversation", id);
  const draft = useStored(store, "draft", id);
  if (conversation === undefined) return null;
  const name = nameOf(conversation, text(conversation.group === null ? "unknown_contact" : "group"));
  const readAhead = (): void => void threads.open(id).catch(() => undefined);
  const open = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void router.navigate({ to: "/inbox/$view/$conversationId", params: { view: viewOf(view), conversationId: id }, search });
  };
  const isUnread = conversation.unreadCount > 0;
  return (
    // An address as the router writes it. Its own `Link` thinks about every address anew whenever one changes: in a list, most of what a click costs.
    <a
      href={`/inbox/${viewOf(view)}/${id}${router.options.stringifySearch?.(search) ?? ""}`}
      onClick={open}
      aria-current={isChosen ? "true" : undefined}
      onPointerEnter={() => readSoon(readAhead)}
      onPointerLeave={() => readSoon(null)}
      onPointerDown={readAhead}
      className={cx(
        "flex h-full items-center gap-3 rounded-xl px-2.5 outline-offset-[-2px]",
        isChosen ? "bg-accent-soft" : "hover:bg-hover",
      )}
    >
      <RingedAvatar name={name} seed={id} window={conversation.window} />
      <span className="flex min-w-0 grow flex-col gap-0.5">
        <span className="flex items-baseline gap-2">
          <Bdi className={cx("min-w-0 grow truncate aligned text-[0.97rem]", isUnread ? "font-semibold" : "font-medium")}>{name}</Bdi>
          <Time at={conversation.lastMessageAt} className={cx("shrink-0 text-xs", isUnread ? "font-medium text-accent" : "text-faint")} />
        </span>
        <span className="flex items-center gap-1.5">
          {draft === undefined || draft.trim() === "" ? (
            <span dir="auto" className={cx("aligned min-w-0 grow truncate text-sm", isUnread ? "text-ink" : "text-soft")}>
              {plainLine(conversation.lastMessagePreview ?? "")}
            </span>
          ) : (
            <span className="min-w-0 grow truncate text-start text-sm text-soft">
              <span className="text-accent">{text("draft")} </span>
              <bdi>{plainLine(draft)}</bdi>
            </span>
          )}
          <Marks conversation={conversation} />
          {isUnread ? (
            <span className="grid h-5 min-w-5 shrink-0 place-items-center rounded-full bg-accent px-1.5 text-xs font-semibold text-accent-ink tabular-nums">
              <span aria-hidden>{conversation.unreadCount > 99 ? "99+" : conversation.unreadCount}</span>
              <span className="sr-only">{text("unread_count", { count: conversation.unreadCount })}</span>
            </span>
          ) : null}
        </span>
      </span>
    </a>
  );
});

const restMs = 80;
let soon: ReturnType<typeof setTimeout> | null = null;

/** Where the pointer rests, not where a list is scrolled away under it. */
function readSoon(read: (() => void) | null): void {
  if (soon !== null) clearTimeout(soon);
  soon = read === null ? null : setTimeout(read, restMs);
}

function Marks({ conversation }: { conversation: Conversation }) {
  const labels = useLabels();
  return (
    <span className="flex shrink-0 items-center gap-1">
      {conversation.state === "snoozed" ? <MoonStar size={14} aria-hidden className="text-faint" /> : null}
      <ClosingMark conversation={conversation} />
      {labels
        .filter(({ id }) => conversation.labelIds.includes(id))
        .slice(0, 3)
        .map((label) => (
          <LabelDot key={label.id} label={label} />
        ))}
      {conversation.assigneeId === null ? null : <PersonAvatar id={conversation.assigneeId} size={18} />}
    </span>
  );
}

/** Only where somebody waits: a window that ends on a conversation that was answered is no news. */
function ClosingMark({ conversation }: { conversation: Conversation }) {
  const text = useText();
  const formats = useFormats();
  const { state, leftMs } = windowNow(conversation.window, useNow(minuteMs));
  if (!conversation.isWaiting || leftMs === 0 || leftMs > soonMs) return null;
  const hours = leftMs / 3_600_000;
  const left =
    hours >= 1
      ? text("hours_short", { count: formats.number(Math.floor(hours)) })
      : text("minutes_short", { count: Math.max(1, Math.floor(leftMs / minuteMs)) });
  return (
    <span
      title={text("window_closes_in", { left })}
      className={cx(
        "inline-flex items-center gap-0.5 rounded-full px-1.5 text-[0.7rem] font-medium",
        state === "closing" ? "bg-amber-soft text-amber" : "bg-sunken text-soft",
      )}
    >
      <Clock size={11} aria-hidden />
      {left}
    </span>
  );
}
