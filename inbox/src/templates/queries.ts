/** Keys begin with `templates`, so that news of templates make them stale (`data/workspace.ts`). */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { Account } from "../../../src/contract/connections.ts";
import type { Template } from "../../../src/contract/templates.ts";
import { useWorkspace } from "../app/workspace-context.tsx";
import type { Filter } from "./filter-bar.tsx";

type Page = { data: Template[]; next: string | null };

const pageMax = 60;
const accountsMax = 100;
const none: readonly Account[] = [];

export function useTemplatePages({ search, status, category, accountId }: Filter) {
  const { api } = useWorkspace();
  const words = search.trim();
  const query = {
    search: words === "" ? null : words,
    status: status === "" ? null : status,
    category: category === "" ? null : category,
    accountId: accountId === "" ? null : accountId,
  };
  return useInfiniteQuery({
    queryKey: ["templates", "pages", query],
    queryFn: ({ pageParam, signal }) => api.call<Page>("templates", { query: { ...query, after: pageParam, limit: pageMax }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }: Page) => next,
    placeholderData: keepPreviousData,
  });
}

export function useAccounts(): readonly Account[] {
  const { api } = useWorkspace();
  const { data } = useQuery({
    queryKey: ["connections", "accounts"],
    queryFn: async ({ signal }) => (await api.call<{ data: Account[] }>("accounts", { query: { limit: accountsMax }, signal })).data,
  });
  return data ?? none;
}
