/**
 * The messages of a conversation, only those on the screen drawn. The end is the anchor: older pages that are put before, and pictures that
 * grow, move nothing; at the end the view follows what comes.
 */
import { elementScroll, observeElementRect, useVirtualizer, type VirtualItem } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { startTransition, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Note } from "../../../src/contract/inbox.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored, type Thread } from "../data/store.ts";
import { NoteBubble } from "../team/note-bubble.tsx";
import { Album } from "./album.tsx";
import { Bubble } from "./bubble.tsx";
import { afterPaint } from "../ui/after-paint.ts";
import { heightOf, noteHeights, notePane, paneHeightPx } from "./heights.ts";
import { PendingBubble } from "./pending-bubble.tsx";
import { useThread } from "./thread-context.tsx";
import { NewWords } from "./new-words.tsx";
import { threadItems, type ThreadItem } from "./thread-items.ts";

/** Some pages: whoever flings through years does not wait for each. */
const readAheadPx = 5_000;
const nearEndPx = 160;
const paddingPx = { start: 12, end: 10 } as const;
const overscanRows = { painted: 0, scrolled: 6 } as const;
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
    const all = threadItems(messages, thread.newer === null ? notes : [], thread.newer === null ? (pending ?? []) : []);
    // The day of a stretch that goes on upwards is not known to begin here: what stands first must stay where it is when older ones come before it.
    return thread.older !== null && all[0]?.kind === "day" ? all.slice(1) : all;
  }, [thread, notes, pending, store]);
  const keyOf = useCallback((index: number) => items[index]?.key ?? index, [items]);
  const sizeOf = (index: number): number => {
    const item = items[index];
    return item === undefined ? estimates.message : (heightOf(item.key) ?? estimates[item.kind]);
  };
  // By what is known of it, so that the first drawing asks the page for nothing.
  const [known] = useState(() => rowsSeen(items));
  // What is on the screen comes first; what scrolling will bring, after it.
  const [overscan, setOverscan] = useState<number>(overscanRows.painted);
  useEffect(() => afterPaint(() => startTransition(() => setOverscan(overscanRows.scrolled))), []);
  // Only the end of the conversation is followed: a stretch in its middle is read on, not left behind.
  const hadEnd = useRef(thread.newer === null);
  const scroller = useRef<HTMLDivElement>(null);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: sizeOf,
    getItemKey: keyOf,
    scrollToFn,
    observeElementRect: watchRect,
    anchorTo: "end",
    followOnAppend: hadEnd.current && thread.newer === null,
    scrollEndThreshold: nearEndPx,
    overscan,
    initialMeasurementsCache: known,
    paddingStart: paddingPx.start,
    paddingEnd: paddingPx.end,
    initialRect: { width: 0, height: paneHeightPx() },
    // Where it will stand, so that the first drawing is the last.
    initialOffset: () =>
      Math.max(0, items.reduce((sum, _, index) => sum + sizeOf(index), paddingPx.start + paddingPx.end) - paneHeightPx()),
  });
  const shown = virtual.getVirtualItems();
  const markedAt = marked === null ? -1 : items.findIndex((item) => holds(item, marked));

  useEffect(() => {
    hadEnd.current = thread.newer === null;
  }, [thread.newer]);
  useEffect(() => {
    const { current } = scroller;
    if (current !== null) notePane(current.clientWidth, current.clientHeight);
    return () => noteHeights(virtual.itemSizeCache);
  }, [virtual]);
  const hasBegun = useRef(false);
  useLayoutEffect(() => {
    // A mark that goes out moves nobody.
    if (markedAt !== -1) virtual.scrollToIndex(markedAt, { align: "center" });
    else if (!hasBegun.current) virtual.scrollToEnd();
    hasBegun.current = true;
    // Where one begins; afterwards the reader scrolls.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [markedAt === -1]);
  useEffect(() => {
    if (markedAt === -1) return undefined;
    virtual.scrollToIndex(markedAt, { align: "center" });
    const timer = setTimeout(onMarked, 2_500);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps
  }, [marked, markedAt === -1]);

  const readMore = (): void => {
    // By the virtualiser's books: asking the page makes it lay out what is about to change again.
    const [atPx, heightPx] = [virtual.scrollOffset, virtual.scrollRect?.height ?? 0];
    if (atPx === null || heightPx === 0) return;
    const belowPx = virtual.getTotalSize() - heightPx - atPx;
    setIsAtEnd(belowPx < nearEndPx);
    // Whoever was led to a message stands on a number in this list: nothing comes before it until it has been seen.
    const aheadPx = marked === null ? readAheadPx : nearEndPx;
    if (atPx < aheadPx && thread.older !== null) void threads.older(id).catch(() => undefined);
    if (belowPx < aheadPx && thread.newer !== null) void threads.newer(id).catch(() => undefined);
  };
  // A page may be shorter than the screen.
  useEffect(readMore);

  const wantsEnd = useRef(false);
  const toEnd = (): void => {
    if (thread.newer === null) virtual.scrollToEnd({ behavior: "smooth" });
    else {
      wantsEnd.current = true;
      void threads.open(id).catch(() => undefined);
    }
  };
  useLayoutEffect(() => {
    if (!wantsEnd.current || thread.newer !== null) return;
    wantsEnd.current = thread.isStale;
    virtual.scrollToEnd();
  }, [thread, virtual]);
  return (
    <div className="relative min-h-0 grow bg-thread">
      <NewWords thread={thread} />
      <div
        ref={scroller}
        onScroll={readMore}
        // What scrolls must be within reach of the keyboard.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        // What comes is told in a sentence of its own: rows that scroll into view would be read as new.
        role="region"
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
    <div
      ref={measure}
      data-index={one.index}
      className="absolute inset-x-0 top-0 [contain:layout_style]"
      style={{ transform: `translateY(${one.start}px)` }}
    >
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

/** The place has the height that the last thread's had: to ask in the middle of a drawing has the page laid out before it is whole. */
const watchRect: typeof observeElementRect<HTMLDivElement> = (instance, tell) => {
  const { scrollElement } = instance;
  if (paneHeightPx() === 0 || scrollElement === null) return observeElementRect(instance, tell);
  const observer = new ResizeObserver(() => tell({ width: scrollElement.clientWidth, height: scrollElement.clientHeight }));
  observer.observe(scrollElement);
  return () => observer.disconnect();
};

function rowsSeen(items: readonly ThreadItem[]): VirtualItem[] {
  return items.flatMap(({ key }, index) => {
    const size = heightOf(key);
    return size === undefined ? [] : [{ key, index, size, start: 0, end: size, lane: 0 }];
  });
}

/**
 * A row that was measured above the screen moves the page by the difference from where it is now. The virtualiser counts from the last place that it was
 * told of: while somebody scrolls, that undoes a step.
 */
const scrollToFn: typeof elementScroll<HTMLDivElement> = (offset, options, instance) => {
  const { adjustments, behavior } = options;
  const { scrollElement } = instance;
  if (adjustments === undefined || scrollElement === null || behavior === "smooth") elementScroll(offset, options, instance);
  else scrollElement.scrollTo({ top: scrollElement.scrollTop + adjustments, behavior: "instant" });
};

function holds(item: ThreadItem, messageId: string): boolean {
  return item.kind === "message" ? item.id === messageId : item.kind === "album" && item.ids.includes(messageId);
}
