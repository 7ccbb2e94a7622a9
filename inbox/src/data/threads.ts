/** Messages and threads in the store. A thread is a stretch without gaps; it can be opened at its end, or around any message. */
import type { Message, ThreadPage } from "../../../src/contract/messages.ts";
import type { Api } from "./api.ts";
import { callbackOf } from "./sends.ts";
import { unknownOlder, type Store, type Thread } from "./store.ts";
import { createEdges } from "./stretch.ts";

export type ThreadData = {
  /** Reads the end of the thread if it is not here or may be old; with `around`, the stretch about that message. */
  open: (conversationId: string, around?: string) => Promise<void>;
  older: (conversationId: string) => Promise<void>;
  newer: (conversationId: string) => Promise<void>;
  /** A message that is new or has changed. */
  refresh: (conversationId: string, messageIds: readonly string[]) => Promise<void>;
  put: (message: Message) => void;
  /** The ticks, as an event tells them; false when more is needed than it says. */
  patch: (messageId: string, changes: Partial<Message>) => boolean;
  idOfWaMessage: (waMessageId: string) => string | null;
  markStale: (conversationId: string) => void;
  /** They were erased, with what was written and not sent: no answer that is still under way brings anything back. */
  forget: (conversationIds: readonly string[]) => void;
  /** Nothing of it is kept; it is read anew when it is looked at. */
  empty: (conversationId: string) => void;
};

const pageMax = 50;
/** Of whoever reads on: the greatest that the server gives. */
const furtherMax = 100;
/** More new messages than this are read as a page. */
const singlesMax = 8;

export function createThreadData({ api, store }: { api: Api; store: Store }): ThreadData {
  const byWaMessage = new Map<string, string>();
  const stamps = new Map<string, number>();
  /** What events told of ticks: an answer that was asked for before them has all else. */
  const ticks = new Map<string, { at: number; changes: Partial<Message> }>();
  /** Ends that are being read: what comes meanwhile is not on their pages. */
  const reading = new Set<{ conversationId: string; late: Message[] }>();
  const gone = new Set<string>();
  const edges = createEdges();
  /** The ends of threads that were read so far back that their end was let go of. */
  const tails = new Map<string, Thread>();
  const underWay = new Map<string, Promise<void>>();
  let lastStamp = 0;
  const stamp = (): number => (lastStamp += 1);

  store.onChange((table, id) => {
    const message = table === "message" ? store.get("message", id) : undefined;
    if (message !== undefined && message.waMessageId !== null) byWaMessage.set(message.waMessageId, id);
  });

  function once(key: string, run: () => Promise<void>): Promise<void> {
    const running = underWay.get(key);
    if (running !== undefined) return running;
    const started = run().finally(() => underWay.delete(key));
    underWay.set(key, started);
    return started;
  }

  function putAt(message: Message, at: number): void {
    if ((stamps.get(message.id) ?? 0) > at || gone.has(message.conversationId)) return;
    stamps.set(message.id, at);
    const told = ticks.get(message.id);
    if (told !== undefined && told.at < at) ticks.delete(message.id);
    store.set("message", message.id, told !== undefined && told.at > at ? { ...message, ...told.changes } : message);
    const pending = store.get("pending", message.conversationId);
    if (pending === undefined || message.callback === null) return;
    const left = pending.filter(({ key }) => callbackOf(key) !== message.callback);
    if (left.length === 0) store.delete("pending", message.conversationId);
    else if (left.length < pending.length) store.set("pending", message.conversationId, left);
  }

  /** What an erased one would hold is dropped where it would be put. */
  function putThread(conversationId: string, thread: Thread): void {
    if (!gone.has(conversationId)) store.set("thread", conversationId, thread);
  }

  /** Older ones have come: the end goes, but for what shows first when somebody comes back. */
  function putOlder(conversationId: string, thread: Thread): void {
    const cut = edges.cutNewer(thread);
    if (cut !== thread && thread.newer === null) {
      const tail = edges.tailOf(thread);
      if (tail !== null) tails.set(conversationId, tail);
    }
    putCut(conversationId, thread, cut);
  }

  /** Shows what is left, then forgets the rest. */
  function putCut(conversationId: string, whole: Thread, cut: Thread): void {
    putThread(conversationId, cut);
    if (cut === whole) return;
    const kept = new Set([...cut.ids, ...(tails.get(conversationId)?.ids ?? [])]);
    const dropped = whole.ids.filter((id) => !kept.has(id));
    edges.forget(dropped);
    for (const id of dropped) {
      const waMessageId = store.get("message", id)?.waMessageId ?? null;
      if (waMessageId !== null) byWaMessage.delete(waMessageId);
      stamps.delete(id);
      ticks.delete(id);
      store.delete("message", id);
    }
  }

  /** Whoever comes back to the end sees what stood there, until it is read. */
  function showTail(conversationId: string): void {
    const tail = tails.get(conversationId);
    if (tail !== undefined && (store.get("thread", conversationId)?.newer ?? null) !== null) putThread(conversationId, tail);
    tails.delete(conversationId);
  }

  function deleteMessages(isTheirs: (message: Message) => boolean): void {
    for (const id of store.keys("message")) {
      const message = store.get("message", id);
      if (message === undefined || !isTheirs(message)) continue;
      if (message.waMessageId !== null) byWaMessage.delete(message.waMessageId);
      ticks.delete(id);
      store.delete("message", id);
    }
  }

  function insert(conversationId: string, messages: readonly Message[]): void {
    for (const one of reading) if (one.conversationId === conversationId) one.late.push(...messages);
    const thread = store.get("thread", conversationId);
    if (thread === undefined || thread.newer !== null) return;
    const known = new Set(thread.ids);
    const first = thread.older === null ? undefined : store.get("message", thread.ids[0] ?? "");
    let ids = thread.ids;
    for (const message of messages) {
      // What stands before the stretch comes with the page above it.
      if (!known.has(message.id) && !comesAfter(first, message)) ids = insertSorted(ids, message);
    }
    if (ids !== thread.ids) putThread(conversationId, { ...thread, ids });
  }

  function insertSorted(ids: readonly string[], message: Message): readonly string[] {
    let at = ids.length;
    while (at > 0 && comesAfter(store.get("message", ids[at - 1] ?? ""), message)) at -= 1;
    return ids.toSpliced(at, 0, message.id);
  }

  async function readPage(
    conversationId: string,
    query: { after?: string; before?: string; around?: string; limit?: number },
  ): Promise<ThreadPage> {
    const at = stamp();
    const page = await api.call<ThreadPage>(`conversations/${conversationId}/messages`, { query: { limit: pageMax, ...query } });
    for (const message of page.data) putAt(message, at);
    edges.note(page);
    return page;
  }

  async function readEnd(conversationId: string): Promise<void> {
    const { page, late } = await readLast(conversationId);
    const ids = page.data.map(({ id }) => id).toReversed();
    const thread = store.get("thread", conversationId);
    const isJoined =
      thread !== undefined && thread.newer === null && thread.older !== unknownOlder && thread.ids.some((id) => ids.includes(id));
    const kept = new Set(ids);
    const isWhole = isJoined && thread.ids.includes(ids[0] ?? "");
    const before = isWhole ? thread.ids.slice(0, thread.ids.indexOf(ids[0] ?? "")).filter((id) => !kept.has(id)) : [];
    putThread(conversationId, { ids: [...before, ...ids], older: isWhole ? thread.older : page.next, newer: null, isStale: false });
    insert(conversationId, late);
  }

  async function readLast(conversationId: string): Promise<{ page: ThreadPage; late: readonly Message[] }> {
    const one = { conversationId, late: [] };
    reading.add(one);
    try {
      return { page: await readPage(conversationId, {}), late: one.late };
    } finally {
      reading.delete(one);
    }
  }

  async function refreshOne(messageId: string): Promise<Message> {
    const at = stamp();
    const message = await api.call<Message>(`messages/${messageId}`);
    putAt(message, at);
    return message;
  }

  return {
    open: (conversationId, around) =>
      once(`${conversationId} ${around ?? "end"}`, async () => {
        const thread = store.get("thread", conversationId);
        if (around === undefined) {
          showTail(conversationId);
          if (thread === undefined || thread.isStale || thread.newer !== null) await readEnd(conversationId);
          return;
        }
        if (thread?.ids.includes(around) === true) return;
        const page = await readPage(conversationId, { around });
        const ids = page.data.map(({ id }) => id).toReversed();
        putThread(conversationId, { ids, older: page.next, newer: page.previous, isStale: false });
      }),
    older: (conversationId) =>
      once(`${conversationId} older`, async () => {
        const thread = store.get("thread", conversationId);
        if (thread === undefined || thread.older === null) return;
        if (thread.older === unknownOlder) return readEnd(conversationId);
        const page = await readPage(conversationId, { after: thread.older, limit: furtherMax });
        const now = store.get("thread", conversationId);
        if (now === undefined || now.older !== thread.older) return;
        const known = new Set(now.ids);
        const ids = page.data.flatMap(({ id }) => (known.has(id) ? [] : [id])).toReversed();
        putOlder(conversationId, { ...now, ids: [...ids, ...now.ids], older: page.next });
      }),
    newer: (conversationId) =>
      once(`${conversationId} newer`, async () => {
        const thread = store.get("thread", conversationId);
        if (thread === undefined || thread.newer === null) return;
        const page = await readPage(conversationId, { before: thread.newer, limit: furtherMax });
        const now = store.get("thread", conversationId);
        if (now === undefined || now.newer !== thread.newer) return;
        const known = new Set(now.ids);
        const ids = page.data.flatMap(({ id }) => (known.has(id) ? [] : [id])).toReversed();
        const isEnd = page.data.length < furtherMax;
        const whole = { ...now, ids: [...now.ids, ...ids], newer: isEnd ? null : page.previous };
        putCut(conversationId, whole, edges.cutOlder(whole));
        // What came while this was asked for was not added, since the end was not here.
        if (isEnd) await readEnd(conversationId);
      }),
    async refresh(conversationId, messageIds) {
      // Whoever reads far back stays there: of what is new only what stands there is read.
      const isBack = (store.get("thread", conversationId)?.newer ?? null) !== null;
      if (!isBack && messageIds.length > singlesMax) return readEnd(conversationId);
      const wanted = isBack ? messageIds.filter((id) => store.get("message", id) !== undefined) : messageIds;
      const messages = await Promise.all(wanted.map((id) => refreshOne(id)));
      // Reactions, edits and revokes are rows too, but they show on what they name.
      insert(
        conversationId,
        messages.filter(({ type }) => !["reaction", "edit", "revoke"].includes(type)),
      );
    },
    put(message) {
      putAt(message, stamp());
      insert(message.conversationId, [message]);
    },
    patch(messageId, changes) {
      const message = store.get("message", messageId);
      if (message === undefined) return true;
      ticks.set(messageId, { at: stamp(), changes });
      store.set("message", messageId, { ...message, ...changes });
      return false;
    },
    idOfWaMessage: (waMessageId) => byWaMessage.get(waMessageId) ?? null,
    markStale(conversationId) {
      const thread = store.get("thread", conversationId);
      if (thread !== undefined && !thread.isStale) putThread(conversationId, { ...thread, isStale: true });
    },
    forget(conversationIds) {
      for (const id of conversationIds) {
        gone.add(id);
        tails.delete(id);
      }
      for (const table of ["thread", "notes", "pending", "draft"] as const) for (const id of conversationIds) store.delete(table, id);
      const theirs = new Set(conversationIds);
      deleteMessages((message) => theirs.has(message.conversationId));
    },
    empty(conversationId) {
      tails.delete(conversationId);
      deleteMessages((message) => message.conversationId === conversationId);
      if (store.get("thread", conversationId) !== undefined)
        putThread(conversationId, { ids: [], older: null, newer: null, isStale: true });
    },
  };
}

function comesAfter(a: Message | undefined, b: Message): boolean {
  if (a === undefined) return false;
  return a.waTimestamp === b.waTimestamp ? a.id > b.id : a.waTimestamp > b.waTimestamp;
}
