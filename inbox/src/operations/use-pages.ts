import { useInfiniteQuery } from "@tanstack/react-query";
import { useWorkspace } from "../app/workspace-context.tsx";

type Page<Row> = { data: Row[]; next: string | null };
type Query = Readonly<Record<string, string | number | null>>;

export type Pages<Row> = {
  /** Undefined until the first page is here. */
  rows: readonly Row[] | undefined;
  hasMore: boolean;
  more: () => void;
  isReading: boolean;
  isFailed: boolean;
  retry: () => void;
};

const lookMs = 1_500;

/** A list of the API, page by page. Its key begins with `name`: by that it is made stale. While a row is not settled it is read again. */
export function usePages<Row>(name: string, path: string, query: Query, isSettled: (row: Row) => boolean = () => true): Pages<Row> {
  const { api } = useWorkspace();
  const { data, hasNextPage, fetchNextPage, isFetching, isError, refetch } = useInfiniteQuery({
    queryKey: [name, path, query],
    queryFn: ({ pageParam, signal }) => api.call<Page<Row>>(path, { query: { ...query, after: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    staleTime: 0,
    refetchInterval: ({ state }) => (state.data?.pages.every((page) => page.data.every(isSettled)) === false ? lookMs : false),
  });
  return {
    rows: data?.pages.flatMap((page) => page.data),
    hasMore: hasNextPage,
    more: () => void fetchNextPage(),
    isReading: isFetching,
    isFailed: isError,
    retry: () => void refetch(),
  };
}
