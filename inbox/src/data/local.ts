/**
 * What is kept on this machine, so that the next visit begins with what was seen last: conversations, the ends of threads, drafts, what still has
 * to be sent, and the number of the last event that all of it shows. One database for each person and tenant; signing out deletes it.
 */
import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { PendingSend } from "./sends.ts";
import type { List, Store, TableName, Thread } from "./store.ts";

interface Kept extends DBSchema {
  conversation: { key: string; value: Conversation };
  message: { key: string; value: Message };
  list: { key: string; value: List };
  thread: { key: string; value: Thread };
  pending: { key: string; value: readonly PendingSend[] };
  draft: { key: string; value: string };
  meta: { key: string; value: { seq: number; savedAtMs: number } };
}
type KeptTable = "conversation" | "message" | "list" | "thread" | "pending" | "draft";
const keptTables: ReadonlySet<string> = new Set<KeptTable>(["conversation", "message", "list", "thread", "pending", "draft"]);

export type Local = {
  /** The number after which to go on; null: begin anew. What still had to be sent is answered, not put into the store. */
  restore: (store: Store) => Promise<{ seq: number | null; pending: PendingSend[] }>;
  /** From now on changes are written. */
  watch: (store: Store) => void;
  noteSettled: (seq: number) => void;
  close: () => void;
};

const version = 1;
const writeMs = 700;
const listIdsKept = 150;
const threadIdsKept = 80;
const threadsKept = 60;
/** Older than this, reading everything anew is less than reading what happened. */
const ageMsMax = 12 * 3_600_000;

export function localName(tenantId: string, personId: string | null): string {
  return `kesher-${tenantId}-${personId ?? "key"}`;
}

export async function forgetLocal(name: string): Promise<void> {
  await deleteDB(name).catch(() => undefined);
}

/** Null where the browser keeps nothing (a private window, a full disk): then all is read from the server. */
export async function openLocal(name: string): Promise<Local | null> {
  const db = await openDB<Kept>(name, version, {
    upgrade(made) {
      for (const table of ["conversation", "message", "list", "thread", "pending", "draft", "meta"] as const) made.createObjectStore(table);
    },
  }).catch(() => null);
  return db === null ? null : createLocal(db);
}

function createLocal(db: IDBPDatabase<Kept>): Local {
  const changed = new Map<KeptTable, Set<string>>();
  let settledSeq: number | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let watched: Store | null = null;

  async function write(): Promise<void> {
    timer = null;
    if (watched === null) return;
    const store = watched;
    const work = [...changed];
    const seq = settledSeq;
    changed.clear();
    const tx = db.transaction(["conversation", "message", "list", "thread", "pending", "draft", "meta"], "readwrite");
    for (const [table, keys] of work) {
      for (const key of keys) {
        const value = keptForm(store, table, key);
        if (value === undefined) void tx.objectStore(table).delete(key);
        else void tx.objectStore(table).put(value as never, key);
      }
    }
    // In the same transaction: the number never runs ahead of what it stands for.
    if (seq !== null) void tx.objectStore("meta").put({ seq, savedAtMs: Date.now() }, "cursor");
    await tx.done.catch(() => undefined);
  }
  const soon = (): void => {
    timer ??= setTimeout(() => void write(), writeMs);
  };

  return {
    async restore(store) {
      const tx = db.transaction(["conversation", "message", "list", "thread", "pending", "draft", "meta"]);
      const read = async <Name extends KeptTable>(table: Name): Promise<[string, Kept[Name]["value"]][]> => {
        const rows = tx.objectStore(table);
        const [keys, values] = await Promise.all([rows.getAllKeys(), rows.getAll()]);
        return keys.flatMap((key, index) => {
          const value = values[index];
          return value === undefined ? [] : [[key, value] as [string, Kept[Name]["value"]]];
        });
      };
      const [meta, lists, conversations, threads, messages, drafts, pending] = await Promise.all([
        tx.objectStore("meta").get("cursor"),
        read("list"),
        read("conversation"),
        read("thread"),
        read("message"),
        read("draft"),
        read("pending"),
      ]);
      const isRecent = meta !== undefined && Date.now() - meta.savedAtMs < ageMsMax;
      for (const [key, value] of conversations) store.set("conversation", key, value);
      for (const [key, value] of messages) store.set("message", key, value);
      for (const [key, value] of lists) store.set("list", key, { ...value, isStale: true });
      for (const [key, value] of threads) store.set("thread", key, { ...value, isStale: value.isStale || !isRecent });
      for (const [key, value] of drafts) store.set("draft", key, value);
      void prune(db, store);
      return { seq: isRecent ? meta.seq : null, pending: pending.flatMap(([, value]) => [...value]) };
    },
    watch(store) {
      watched = store;
      store.onChange((table: TableName, key) => {
        if (!keptTables.has(table)) return;
        const those = changed.get(table as KeptTable) ?? new Set();
        changed.set(table as KeptTable, those.add(key));
        soon();
      });
      addEventListener("pagehide", () => void write());
    },
    noteSettled(seq) {
      settledSeq = seq;
      soon();
    },
    close() {
      watched = null;
      if (timer !== null) clearTimeout(timer);
      db.close();
    },
  };
}

/** Undefined: nothing of it is kept. */
function keptForm(store: Store, table: KeptTable, key: string): unknown {
  if (table === "list") {
    const list = store.get("list", key);
    return list === undefined ? undefined : { ...list, ids: list.ids.slice(0, listIdsKept), next: null };
  }
  if (table === "thread") {
    const thread = store.get("thread", key);
    // A stretch in the middle, or one that is too long to be kept whole, is read anew.
    if (thread === undefined || thread.newer !== null) return undefined;
    const isWhole = thread.ids.length <= threadIdsKept;
    return { ...thread, ids: thread.ids.slice(-threadIdsKept), isStale: thread.isStale || !isWhole };
  }
  return store.get(table, key);
}

/** What no kept list and no kept thread shows goes. */
async function prune(db: IDBPDatabase<Kept>, store: Store): Promise<void> {
  const lastWord = (id: string): string => store.get("conversation", id)?.lastMessageAt ?? "";
  const threads = store.keys("thread").toSorted((a, b) => (lastWord(a) > lastWord(b) ? -1 : 1));
  const dropped = threads.slice(threadsKept);
  const messages = new Set(threads.slice(0, threadsKept).flatMap((key) => store.get("thread", key)?.ids ?? []));
  const conversations = new Set([
    ...store.keys("list").flatMap((key) => store.get("list", key)?.ids ?? []),
    ...threads.slice(0, threadsKept),
  ]);
  const tx = db.transaction(["conversation", "message", "thread"], "readwrite");
  for (const key of dropped) void tx.objectStore("thread").delete(key);
  for (const key of await tx.objectStore("message").getAllKeys()) if (!messages.has(key)) void tx.objectStore("message").delete(key);
  for (const key of await tx.objectStore("conversation").getAllKeys())
    if (!conversations.has(key)) void tx.objectStore("conversation").delete(key);
  await tx.done.catch(() => undefined);
}
