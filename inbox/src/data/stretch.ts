/**
 * A thread is read on at one end and let go of at the other, so that one of 50,000 messages costs what one of a few hundred does. It is cut where a page
 * that was read ends, since only from there the server goes on.
 */
import type { ThreadPage } from "../../../src/contract/messages.ts";
import type { Thread } from "./store.ts";

/** Above the first it is cut to about the second: many screens on either side of what is seen. */
const idsMax = 700;
const idsKept = 450;

export type Edges = {
  note: (page: ThreadPage) => void;
  /** The newest go when older ones have come. */
  cutNewer: (thread: Thread) => Thread;
  /** The oldest go when newer ones have come. */
  cutOlder: (thread: Thread) => Thread;
  /** The last of its messages as a thread of their own, for whoever comes back to the end; null where no page begins. */
  tailOf: (thread: Thread) => Thread | null;
  forget: (ids: readonly string[]) => void;
};

export function createEdges(): Edges {
  /** By the first and the last message of each page: how the server goes on from it. */
  const olderFrom = new Map<string, string | null>();
  const newerFrom = new Map<string, string>();

  return {
    note({ data, next, previous }) {
      const [newest, oldest] = [data[0], data.at(-1)];
      if (oldest !== undefined) olderFrom.set(oldest.id, next);
      if (newest !== undefined && previous !== null) newerFrom.set(newest.id, previous);
    },
    cutNewer(thread) {
      const { ids } = thread;
      if (ids.length <= idsMax) return thread;
      const at = ids.findIndex((id, index) => index >= idsKept && newerFrom.has(id));
      const newer = newerFrom.get(ids[at] ?? "");
      return newer === undefined || at === ids.length - 1 ? thread : { ...thread, ids: ids.slice(0, at + 1), newer };
    },
    cutOlder(thread) {
      const { ids } = thread;
      if (ids.length <= idsMax) return thread;
      const at = ids.findLastIndex((id, index) => index <= ids.length - idsKept && olderFrom.has(id));
      return at <= 0 ? thread : { ...thread, ids: ids.slice(at), older: olderFrom.get(ids[at] ?? "") ?? null };
    },
    tailOf({ ids }) {
      const at = ids.findLastIndex((id, index) => index <= ids.length - tailIds && olderFrom.has(id));
      return at === -1 ? null : { ids: ids.slice(at), older: olderFrom.get(ids[at] ?? "") ?? null, newer: null, isStale: true };
    },
    forget(ids) {
      for (const id of ids) {
        olderFrom.delete(id);
        newerFrom.delete(id);
      }
    },
  };
}

/** More than a screen. */
const tailIds = 30;
