/**
 * What this tab knows: conversations, messages, lists and threads, each under its own key. Whoever shows something listens to its topic
 * alone, so a tick that changes redraws one bubble. Entries are never changed in place.
 */
import { useCallback, useSyncExternalStore } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Note } from "../../../src/contract/inbox.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { PendingSend } from "./sends.ts";

/** Newest first. `next` null: all of it is here. */
export type List = { ids: readonly string[]; next: string | null; isStale: boolean };
/** Oldest first, without gaps. `newer` null: its end is the conversation's end, and what comes is added. */
export type Thread = { ids: readonly string[]; older: string | null; newer: string | null; isStale: boolean };
/** As `older`: the thread was cut, and only its end, read again, says how to go on. */
export const unknownOlder = "?";
export type Line = "connecting" | "live" | "offline";

export type Tables = {
  conversation: Conversation;
  message: Message;
  list: List;
  thread: Thread;
  notes: readonly Note[];
  /** Of a conversation, oldest first. */
  pending: readonly PendingSend[];
  draft: string;
  line: Line;
};
export type TableName = keyof Tables;

export type Store = {
  get: <Name extends TableName>(table: Name, key: string) => Tables[Name] | undefined;
  set: <Name extends TableName>(table: Name, key: string, value: Tables[Name]) => void;
  delete: (table: TableName, key: string) => void;
  keys: (table: TableName) => string[];
  subscribe: (table: TableName, key: string, listener: () => void) => () => void;
  /** Hears of every change; for what is kept on the disk. */
  onChange: (listener: (table: TableName, key: string) => void) => () => void;
};

export function createStore(): Store {
  const tables = new Map<TableName, Map<string, unknown>>();
  const listeners = new Map<string, Set<() => void>>();
  const watchers = new Set<(table: TableName, key: string) => void>();
  const rowsOf = (table: TableName): Map<string, unknown> => {
    const rows = tables.get(table) ?? new Map<string, unknown>();
    tables.set(table, rows);
    return rows;
  };
  const tell = (table: TableName, key: string): void => {
    for (const listener of listeners.get(`${table}:${key}`) ?? []) listener();
    for (const watcher of watchers) watcher(table, key);
  };

  return {
    // A table holds what `set` put there.
    get: (table, key) => rowsOf(table).get(key) as never,
    set(table, key, value) {
      if (rowsOf(table).get(key) === value) return;
      rowsOf(table).set(key, value);
      tell(table, key);
    },
    delete(table, key) {
      if (rowsOf(table).delete(key)) tell(table, key);
    },
    keys: (table) => [...rowsOf(table).keys()],
    subscribe(table, key, listener) {
      const topic = `${table}:${key}`;
      const those = listeners.get(topic) ?? new Set();
      listeners.set(topic, those.add(listener));
      return () => {
        those.delete(listener);
        if (those.size === 0 && listeners.get(topic) === those) listeners.delete(topic);
      };
    },
    onChange(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
  };
}

/** What is stored there, drawn anew whenever it changes. */
export function useStored<Name extends TableName>(store: Store, table: Name, key: string): Tables[Name] | undefined {
  const subscribe = useCallback((listener: () => void) => store.subscribe(table, key, listener), [store, table, key]);
  return useSyncExternalStore(subscribe, () => store.get(table, key));
}
