/**
 * The messages of a conversation, only those on the screen drawn. The end is the anchor: older pages that are put before, and pictures that
 * grow, move nothing; at the end the view follows what comes.
 */
import { useVirtualizer, type VirtualItem } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Note } from "../../../src/contract/inbox.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored, type Thread } from "../data/store.ts";
import { NoteBubble } from "../team/note-bubble.tsx";
import { Album } from "./album.tsx";
import { Bubble } from "./bubble.tsx";
import { PendingBubble } from "./pending-bubble.tsx";
import { useThread } from "./thread-context.tsx";
import { threadItems, type ThreadItem } from "./thread-items.ts";

const readAheadPx = 900;
const nearEndPx = 160;
const estimates = { day: 44, message: 62, album: 240, note: 74, pending: 62 } as const;

export function ThreadView({
  thread,
  notes,
  marked,
  onMarked,
}: {
  thread: Thread;
  notes: readonly Note[];
  marked: string | null;
  onMarked: () => void;
}) {
  const text = useText();
  const { store, threads } = useWorkspace();
  const { conversation } = useThread();
  const { id } = conversation;
  const pending = useStored(store, "pending", id);
  const items = useMemo(() => {
    const messages = thread.ids.flatMap((one) => store.get("message", one) ?? []);
    return threadItems(messages, thread.newer === null ? notes : [], thread.newer === null ? (pending ?? []) : []);
  }, [thread, notes, pending, store]);
  const scroller = useRef<HTMLDivElement>(null);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimates[items[index]?.kind ?? "message"],
    getItemKey: (index) => items[index]?.key ?? index,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: nearEndPx,
    overscan: 10,
    paddingStart: 12,
    paddingEnd: 10,
  });
  const shown = virtual.getVirtualItems();
  const markedAt = marked === null ? -1 : items.findIndex((item) => holds(item, marked));

  useLayoutEffect(() => {
    if (markedAt === -1) virtual.scrollToEnd();
    else virtual.scrollToIndex(markedAt, { align: "center" });
    // Where one begins; afterwards the reader scrolls.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [markedAt === -1]);
  useEffect(() => {
    if (markedAt === -1) return undefined;
    virtual.scrollToIndex(markedAt, { align: "center" });
    const timer = setTimeout(onMarked, 2_500);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps
  }, [marked]);

  const readMore = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const belowPx = element.scrollHeight - element.clientHeight - element.scrollTop;
    setIsAtEnd(belowPx < nearEndPx);
    if (element.scrollTop < readAheadPx && thread.older !== null) void threads.older(id).catch(() => undefined);
    if (belowPx < readAheadPx && thread.newer !== null) void threads.newer(id).catch(() => undefined);
  };
  // A page may be shorter than the screen.
  useEffect(readMore);

  const toEnd = (): void => {
    if (thread.newer === null) virtual.scrollToEnd({ behavior: "smooth" });
    else void threads.open(id).catch(() => undefined);
  };
  return (
    <div className="relative min-h-0 grow bg-thread">
      <div
        ref={scroller}
        onScroll={readMore}
        // What scrolls must be within reach of the keyboard.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="log"
        aria-label={text("messages")}
        data-testid="thread"
        className="size-full overflow-x-hidden overflow-y-auto outline-offset-[-3px] [overflow-anchor:none]"
      >
        {/* A few messages stand at the bottom, beside the place to answer. */}
        <div className="flex min-h-full flex-col justify-end">
          <div className="relative w-full shrink-0" style={{ height: virtual.getTotalSize() }}>
            {shown.map((one) => (
              <Row key={one.key} one={one} item={items[one.index]} marked={marked} measure={virtual.measureElement} />
            ))}
          </div>
        </div>
      </div>
      {isAtEnd && thread.newer === null ? null : (
        <button
          type="button"
          onClick={toEnd}
          aria-label={text("to_newest")}
          title={text("to_newest")}
          className="absolute end-4 bottom-4 grid size-10 place-items-center rounded-full border border-line bg-raised text-soft shadow-pop hover:text-ink"
        >
          <ArrowDown size={20} aria-hidden />
          {conversation.unreadCount > 0 ? (
            <span className="absolute -top-1.5 grid h-5 min-w-5 place-items-center rounded-full bg-accent px-1 text-xs font-semibold text-accent-ink">
              {conversation.unreadCount}
            </span>
          ) : null}
        </button>
      )}
    </div>
  );
}

function Row({
  one,
  item,
  marked,
  measure,
}: {
  one: VirtualItem;
  item: ThreadItem | undefined;
  marked: string | null;
  measure: (node: Element | null) => void;
}) {
  if (item === undefined) return null;
  return (
    <div ref={measure} data-index={one.index} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${one.start}px)` }}>
      <ItemOf item={item} marked={marked} />
    </div>
  );
}

function ItemOf({ item, marked }: { item: ThreadItem; marked: string | null }) {
  switch (item.kind) {
    case "day":
      return <Day at={item.at} />;
    case "message":
      return <Bubble id={item.id} isFirst={item.isFirst} isLast={item.isLast} isMarked={item.id === marked} />;
    case "album":
      return <Album ids={item.ids} isFirst={item.isFirst} />;
    case "note":
      return <NoteBubble note={item.note} />;
    case "pending":
      return <PendingBubble pending={item.pending} />;
    default:
      return item satisfies never;
  }
}

function Day({ at }: { at: string }) {
  const formats = useFormats();
  return (
    <div className="flex justify-center pt-3 pb-1.5">
      <span className="rounded-full bg-panel/90 px-3 py-1 text-xs font-medium text-soft shadow-card">{formats.day(at)}</span>
    </div>
  );
}

function holds(item: ThreadItem, messageId: string): boolean {
  return item.kind === "message" ? item.id === messageId : item.kind === "album" && item.ids.includes(messageId);
}
