/** A list that is read page by page: waiting, failed, empty, shown, and more of it. */
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Page } from "../../../src/contract/json.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Skeleton } from "./bits.tsx";
import { Button } from "./button.tsx";
import { ReadTrouble } from "./trouble.tsx";

export type PagedList<Item> = {
  /** Null until the first page is here. */
  items: readonly Item[] | null;
  hasFailed: boolean;
  retry: () => void;
  hasMore: boolean;
  isReadingMore: boolean;
  readMore: () => void;
};

export function usePagedList<Item>(
  key: readonly unknown[],
  path: string,
  query: Readonly<Record<string, string | number | null | undefined>> = {},
): PagedList<Item> {
  const { api } = useWorkspace();
  const list = useInfiniteQuery({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) => api.call<Page<Item>>(path, { query: { ...query, after: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  return {
    items: list.data?.pages.flatMap(({ data }) => data) ?? null,
    hasFailed: list.isError,
    retry: () => void list.refetch(),
    hasMore: list.hasNextPage,
    isReadingMore: list.isFetchingNextPage,
    readMore: () => void list.fetchNextPage(),
  };
}

export function ListFrame<Item>({
  list,
  empty,
  children,
}: {
  list: PagedList<Item>;
  /** In the place of a list without items: says what to do. */
  empty: ReactNode;
  children: (items: readonly Item[]) => ReactNode;
}) {
  const text = useText();
  if (list.items === null) {
    if (list.hasFailed) return <ReadTrouble title={text("list_failed")} onRetry={list.retry} />;
    return <ListSkeleton />;
  }
  if (list.items.length === 0) return <div className="flex py-6">{empty}</div>;
  return (
    <div className="flex flex-col gap-3">
      {children(list.items)}
      {list.hasMore ? (
        <Button className="self-center" disabled={list.isReadingMore} onClick={list.readMore}>
          {text("show_more")}
        </Button>
      ) : null}
    </div>
  );
}

export function ListSkeleton() {
  return (
    <div aria-hidden className="flex flex-col gap-2">
      {[0, 1, 2].map((index) => (
        <Skeleton key={index} className="h-15 rounded-xl" />
      ))}
    </div>
  );
}

/** Rows that stand under one another, each with what can be done at its end. */
export function Rows({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul aria-label={label} className="divide-y divide-line rounded-2xl border border-line bg-raised">
      {children}
    </ul>
  );
}

export function Row({ icon, title, below, actions }: { icon?: ReactNode; title: ReactNode; below?: ReactNode; actions?: ReactNode }) {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
      {icon}
      <div className="flex min-w-44 grow basis-0 flex-col gap-0.5">
        <div className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1 text-[0.95rem] font-medium">{title}</div>
        {below === undefined ? null : <div className="flex min-w-0 flex-wrap gap-x-3 gap-y-0.5 text-xs text-soft">{below}</div>}
      </div>
      {actions === undefined ? null : <div className="flex shrink-0 flex-wrap items-center gap-2">{actions}</div>}
    </li>
  );
}
