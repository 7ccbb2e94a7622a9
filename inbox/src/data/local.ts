/**
 * What is kept on this machine, so that the next visit begins with what was seen last: conversations, the ends of threads, drafts, what still has
 * to be sent, and the number of the last event that all of it shows. One database for each person and tenant; signing out deletes it. It does not grow:
 * what `kept.ts` does not keep is not written, or deleted. Where the browser writes no more (a full disk), it is given up, and all is read from the server.
 */
import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { keptForm, keptTables, whatIsKept, type KeptTable } from "./kept.ts";
import type { PendingSend } from "./sends.ts";
import type { List, Store, TableName, Thread } from "./store.ts";

interface Kept extends DBSchema {
  conversation: { key: string; value: Conversation };
  message: { key: string; value: Message };
  list: { key: string; value: List };
  thread: { key: string; value: Thread };
  pending: { key: string; value: readonly PendingSend[] };
  draft: { key: string; value: string };
  /** `openedIds`: what `kept.ts` asks for. */
  meta: { key: string; value: { seq: number; savedAtMs: number; openedIds?: readonly string[] } };
}

export type Local = {
  /**
   * Puts the lists into the store, which is all that the first painting needs. The number is the one after which to go on; null: begin anew. What still
   * had to be sent is answered, not put into the store.
   */
  restore: (store: Store) => Promise<{ seq: number | null; pending: PendingSend[] }>;
  /** The threads, after the first painting and before any event; what was read meanwhile is newer and stays. */
  restoreThreads: (store: Store) => Promise<void>;
  /** From now on changes are written. */
  watch: (store: Store) => void;
  noteSettled: (seq: number) => void;
  noteOpened: (conversationId: string) => void;
  close: () => void;
};

const version = 1;
const writeMs = 700;
const openedIdsMax = 100;
/** Older than this, reading everything anew is less than reading what happened; what was kept is dropped, since some of it may have been erased. */
const ageMsMax = 12 * 3_600_000;
const allTables = [...keptTables, "meta"] as const;

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
      for (const table of allTables) made.createObjectStore(table);
    },
  }).catch(() => null);
  return db === null ? null : createLocal(db, () => forgetLocal(name));
}

function createLocal(db: IDBPDatabase<Kept>, forget: () => Promise<void>): Local {
  const changed = new Map<KeptTable, Set<string>>();
  /** What is on the disk, of the tables that are not kept whole. */
  const written = new Map<KeptTable, Set<string>>(keptTables.map((table) => [table, new Set()]));
  const opened = new Set<string>();
  let settledSeq: number | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let watched: Store | null = null;
  let isRestoring = false;

  async function write(): Promise<void> {
    timer = null;
    if (watched === null) return;
    const store = watched;
    const openedIds = [...opened].slice(-openedIdsMax);
    const keeping = whatIsKept(store, openedIds);
    const work = [...changed];
    changed.clear();
    try {
      const tx = db.transaction(allTables, "readwrite");
      const asked: Promise<unknown>[] = [tx.done];
      for (const [table, keys] of work) {
        const onDisk = written.get(table) ?? new Set();
        const rows = tx.objectStore(table);
        for (const key of keys) {
          const value = keptForm(store, keeping, { table, key });
          if (value !== undefined) {
            onDisk.add(key);
            asked.push(rows.put(value as never, key));
          } else if (onDisk.delete(key)) asked.push(rows.delete(key));
        }
      }
      // What was kept and is not any more, since newer messages or other threads took its place.
      for (const table of ["message", "thread", "list", "conversation"] as const) {
        const rows = tx.objectStore(table);
        for (const key of written.get(table) ?? []) {
          if (keeping[table].has(key)) continue;
          written.get(table)?.delete(key);
          asked.push(rows.delete(key));
        }
      }
      // In the same transaction: the number never runs ahead of what it stands for.
      if (settledSeq !== null) asked.push(tx.objectStore("meta").put({ seq: settledSeq, savedAtMs: Date.now(), openedIds }, "cursor"));
      await Promise.all(asked);
    } catch {
      await giveUp();
    }
  }

  /** What could not be written is not on the disk, and what is there would be taken for the newest: nothing is better. */
  async function giveUp(): Promise<void> {
    watched = null;
    db.close();
    await forget();
  }

  const soon = (): void => {
    timer ??= setTimeout(() => void write(), writeMs);
  };

  type Rows<Table extends KeptTable> = readonly (readonly [string, Kept[Table]["value"]])[];
  /** Of one transaction, so that they belong together. */
  async function read<const Table extends KeptTable>(tables: readonly Table[]): Promise<{ [Name in Table]: Rows<Name> }> {
    const tx = db.transaction(tables);
    const found = await Promise.all(
      tables.map(async (table) => {
        const rows = tx.objectStore(table);
        const [keys, values] = await Promise.all([rows.getAllKeys(), rows.getAll()]);
        return [table, keys.map((key, index) => [key, values[index]])] as const;
      }),
    );
    // Each table answers its own rows.
    return Object.fromEntries(found) as unknown as { [Name in Table]: Rows<Name> };
  }

  const noteWritten = (table: KeptTable, rows: readonly (readonly [string, unknown])[]): void => {
    for (const [key] of rows) written.get(table)?.add(key);
  };

  return {
    async restore(store) {
      const [meta, kept] = await Promise.all([db.get("meta", "cursor"), read(["list", "conversation", "draft", "pending"])]);
      const isRecent = meta !== undefined && Date.now() - meta.savedAtMs < ageMsMax;
      for (const [key, value] of kept.draft) store.set("draft", key, value);
      const pending = kept.pending.flatMap(([, value]) => [...value]);
      // However old: what was sent or given up is deleted here too, else it would be sent again.
      for (const table of ["draft", "pending"] as const) noteWritten(table, kept[table]);
      if (!isRecent) {
        await forgetRead(db);
        return { seq: null, pending };
      }
      for (const table of ["conversation", "list"] as const) noteWritten(table, kept[table]);
      for (const id of meta.openedIds ?? []) opened.add(id);
      for (const [key, value] of kept.conversation) store.set("conversation", key, value);
      for (const [key, value] of kept.list) store.set("list", key, { ...value, isStale: true });
      return { seq: meta.seq, pending };
    },
    async restoreThreads(store) {
      const kept = await read(["thread", "message"]);
      isRestoring = true;
      for (const [key, value] of kept.message) if (store.get("message", key) === undefined) store.set("message", key, value);
      // Another tab may have written the number since, without having had this thread: it is shown, and its end is read again.
      for (const [key, value] of kept.thread)
        if (store.get("thread", key) === undefined) store.set("thread", key, { ...value, isStale: true });
      isRestoring = false;
      noteWritten("message", kept.message);
      noteWritten("thread", kept.thread);
    },
    watch(store) {
      watched = store;
      const isKept = new Set<TableName>(keptTables);
      store.onChange((table, key) => {
        if (isRestoring || !isKept.has(table)) return;
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
    noteOpened(conversationId) {
      opened.delete(conversationId);
      opened.add(conversationId);
    },
    close() {
      watched = null;
      if (timer !== null) clearTimeout(timer);
      db.close();
    },
  };
}

/** All that came from the server: what was erased there meanwhile is not known. */
async function forgetRead(db: IDBPDatabase<Kept>): Promise<void> {
  const tables = ["conversation", "message", "list", "thread"] as const;
  const tx = db.transaction(tables, "readwrite");
  for (const table of tables) void tx.objectStore(table).clear();
  await tx.done;
}
