/** What of the store is kept on this machine: the beginnings of the lists, and the ends of the threads that were opened last. The rest is read again. */
import { unknownOlder, type Store, type TableName } from "./store.ts";

export const keptTables = ["conversation", "message", "list", "thread", "pending", "draft"] as const satisfies readonly TableName[];
export type KeptTable = (typeof keptTables)[number];

const listIdsKept = 150;
const listsKept = 12;
const threadIdsKept = 80;
const threadsKept = 60;

/** Ids by table; `pending` and `draft` are always kept. */
export type Keeping = Readonly<Record<"conversation" | "message" | "list" | "thread", ReadonlySet<string>>>;

/** `openedIds`: the conversations that were opened, the last one last. Those that were only read ahead go first. */
export function whatIsKept(store: Store, openedIds: readonly string[]): Keeping {
  // Whoever filters in many ways has many lists; those that were made last are kept.
  const lists = store.keys("list").slice(-listsKept);
  const opened = openedIds.filter((id) => store.get("thread", id) !== undefined).toReversed();
  const threads = [...new Set([...opened, ...store.keys("thread").toReversed()])].slice(0, threadsKept);
  return {
    list: new Set(lists),
    thread: new Set(threads),
    conversation: new Set([...lists.flatMap((key) => store.get("list", key)?.ids.slice(0, listIdsKept) ?? []), ...threads]),
    message: new Set(threads.flatMap((id) => store.get("thread", id)?.ids.slice(-threadIdsKept) ?? [])),
  };
}

/** Undefined: nothing of it is kept. */
export function keptForm(store: Store, keeping: Keeping, { table, key }: { table: KeptTable; key: string }): unknown {
  if (table !== "pending" && table !== "draft" && !keeping[table].has(key)) return undefined;
  if (table === "list") {
    const list = store.get("list", key);
    return list === undefined ? undefined : { ...list, ids: list.ids.slice(0, listIdsKept), next: null };
  }
  if (table === "thread") {
    const thread = store.get("thread", key);
    // A stretch in the middle is read anew.
    if (thread === undefined || thread.newer !== null) return undefined;
    if (thread.ids.length <= threadIdsKept) return thread;
    return { ...thread, ids: thread.ids.slice(-threadIdsKept), older: unknownOlder, isStale: true };
  }
  return store.get(table, key);
}
