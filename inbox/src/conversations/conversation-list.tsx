/** The list of a view: only the rows on the screen are drawn, more are read before its end is reached. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { Inbox } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useRef } from "react";
import type { ConversationsSearch } from "./search-params.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored } from "../data/store.ts";
import { EmptyState, Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { useAction } from "../ui/use-action.ts";
import { ConversationRow, rowPx } from "./conversation-row.tsx";

/** Shown to whoever has nothing here yet, and to nobody else. */
const FirstSteps = lazy(async () => ({ default: (await import("../overview/first-steps.tsx")).FirstSteps }));

const aheadRows = 60;
const none: readonly string[] = [];

export function ConversationList({
  listKey,
  view,
  search,
  chosenId,
}: {
  listKey: string;
  view: string;
  search: ConversationsSearch;
  chosenId: string | null;
}) {
  const text = useText();
  const { store, conversations } = useWorkspace();
  const list = useStored(store, "list", listKey);
  const scroller = useRef<HTMLDivElement>(null);
  const ids = list?.ids ?? none;
  // The same function while the ids are the same: with a new one the virtualiser counts all rows anew.
  const keyOf = useCallback((index: number) => ids[index] ?? index, [ids]);
  const opening = useAction(() => conversations.openList(listKey));
  // The virtualiser keeps its own state; nothing that it returns is passed on.
  const virtual = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: keyOf,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const isStale = list === undefined || list.isStale;
  const { run } = opening;

  useEffect(() => {
    if (isStale) run();
  }, [listKey, isStale, run]);
  useEffect(() => {
    if (last >= ids.length - aheadRows) void conversations.moreOfList(listKey).catch(() => undefined);
  }, [last, ids.length, conversations, listKey]);
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [listKey]);
  const chosenAt = chosenId === null ? -1 : ids.indexOf(chosenId);
  useEffect(() => {
    if (chosenAt !== -1) virtual.scrollToIndex(chosenAt, { align: "auto" });
    // Only when another one is chosen, not when it moves.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [chosenId]);

  if (list === undefined) return opening.error === null ? <ListSkeleton /> : <ListTrouble onRetry={run} />;
  if (ids.length === 0)
    return (
      <div className="flex min-h-0 grow flex-col overflow-y-auto p-3">
        {view === "all" ? (
          <Suspense>
            <FirstSteps />
          </Suspense>
        ) : null}
        <EmptyState icon={<Inbox size={34} aria-hidden />} title={text("list_empty")}>
          {text("list_empty_hint")}
        </EmptyState>
      </div>
    );
  return (
    <div ref={scroller} className="min-h-0 grow overflow-y-auto px-1.5 pb-2" data-testid="conversation-list">
      <ul aria-label={text("nav_conversations")} className="relative w-full" style={{ height: virtual.getTotalSize() }}>
        {items.map(({ index, key, start }) => {
          const id = ids[index];
          if (id === undefined) return null;
          return (
            <li
              key={key}
              aria-setsize={list.next === null ? ids.length : -1}
              aria-posinset={index + 1}
              className="absolute inset-x-0 top-0 py-px [contain:layout_style]"
              style={{ height: rowPx, transform: `translateY(${start}px)` }}
            >
              <ConversationRow id={id} view={view} search={search} isChosen={id === chosenId} />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function ListSkeleton() {
  return (
    <div aria-hidden className="flex flex-col gap-1 px-4 pt-2">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index} className="flex items-center gap-3 py-3">
          <Skeleton className="size-11 rounded-full" />
          <div className="flex grow flex-col gap-2">
            <Skeleton className="h-3.5 w-2/5" />
            <Skeleton className="h-3 w-4/5" />
          </div>
        </div>
      ))}
    </div>
  );
}

function ListTrouble({ onRetry }: { onRetry: () => void }) {
  const text = useText();
  return (
    <div className="flex grow">
      <EmptyState icon={<Inbox size={34} aria-hidden />} title={text("list_failed")}>
        <Button className="mt-2" onClick={onRetry}>
          {text("try_again")}
        </Button>
      </EmptyState>
    </div>
  );
}
