/** Messages and threads in the store. A thread is a stretch without gaps; it can be opened at its end, or around any message. */
import type { Message, ThreadPage } from "../../../src/contract/messages.ts";
import type { Api } from "./api.ts";
import { callbackOf } from "./sends.ts";
import type { Store, Thread } from "./store.ts";

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
};

const pageMax = 50;
/** More new messages than this are read as a page. */
const singlesMax = 8;

export function createThreadData({ api, store }: { api: Api; store: Store }): ThreadData {
  const byWaMessage = new Map<string, string>();
  const stamps = new Map<string, number>();
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
    if ((stamps.get(message.id) ?? 0) > at) return;
    stamps.set(message.id, at);
    store.set("message", message.id, message);
    const pending = store.get("pending", message.conversationId);
    if (pending === undefined || message.callback === null) return;
    const left = pending.filter(({ key }) => callbackOf(key) !== message.callback);
    if (left.length === 0) store.delete("pending", message.conversationId);
    else if (left.length < pending.length) store.set("pending", message.conversationId, left);
  }

  function insert(conversationId: string, messages: readonly Message[]): void {
    const thread = store.get("thread", conversationId);
    if (thread === undefined || thread.newer !== null) return;
    const known = new Set(thread.ids);
    let ids = thread.ids;
    for (const message of messages) if (!known.has(message.id)) ids = insertSorted(ids, message);
    if (ids !== thread.ids) store.set("thread", conversationId, { ...thread, ids });
  }

  function insertSorted(ids: readonly string[], message: Message): readonly string[] {
    let at = ids.length;
    while (at > 0 && comesAfter(store.get("message", ids[at - 1] ?? ""), message)) at -= 1;
    return ids.toSpliced(at, 0, message.id);
  }

  async function readPage(conversationId: string, query: { after?: string; before?: string; around?: string }): Promise<ThreadPage> {
    const at = stamp();
    const page = await api.call<ThreadPage>(`conversations/${conversationId}/messages`, { query: { ...query, limit: pageMax } });
    for (const message of page.data) putAt(message, at);
    return page;
  }

  async function readEnd(conversationId: string): Promise<void> {
    const page = await readPage(conversationId, {});
    const ids = page.data.map(({ id }) => id).toReversed();
    const thread = store.get("thread", conversationId);
    const isJoined = thread !== undefined && thread.newer === null && thread.ids.some((id) => ids.includes(id));
    if (!isJoined) {
      store.set("thread", conversationId, { ids, older: page.next, newer: null, isStale: false });
      return;
    }
    const kept = new Set(ids);
    const before = thread.ids.slice(0, thread.ids.indexOf(ids[0] ?? "")).filter((id) => !kept.has(id));
    const isWhole = thread.ids.includes(ids[0] ?? "");
    const next: Thread = isWhole
      ? { ids: [...before, ...ids], older: thread.older, newer: null, isStale: false }
      : { ids, older: page.next, newer: null, isStale: false };
    store.set("thread", conversationId, next);
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
          if (thread === undefined || thread.isStale || thread.newer !== null) await readEnd(conversationId);
          return;
        }
        if (thread?.ids.includes(around) === true) return;
        const page = await readPage(conversationId, { around });
        const ids = page.data.map(({ id }) => id).toReversed();
        store.set("thread", conversationId, { ids, older: page.next, newer: page.previous, isStale: false });
      }),
    older: (conversationId) =>
      once(`${conversationId} older`, async () => {
        const thread = store.get("thread", conversationId);
        if (thread === undefined || thread.older === null) return;
        const page = await readPage(conversationId, { after: thread.older });
        const now = store.get("thread", conversationId);
        if (now === undefined || now.older !== thread.older) return;
        const known = new Set(now.ids);
        const ids = page.data.flatMap(({ id }) => (known.has(id) ? [] : [id])).toReversed();
        store.set("thread", conversationId, { ...now, ids: [...ids, ...now.ids], older: page.next });
      }),
    newer: (conversationId) =>
      once(`${conversationId} newer`, async () => {
        const thread = store.get("thread", conversationId);
        if (thread === undefined || thread.newer === null) return;
        const page = await readPage(conversationId, { before: thread.newer });
        const now = store.get("thread", conversationId);
        if (now === undefined || now.newer !== thread.newer) return;
        const known = new Set(now.ids);
        const ids = page.data.flatMap(({ id }) => (known.has(id) ? [] : [id])).toReversed();
        const isEnd = page.data.length < pageMax;
        store.set("thread", conversationId, { ...now, ids: [...now.ids, ...ids], newer: isEnd ? null : page.previous });
        // What came while this was asked for was not added, since the end was not here.
        if (isEnd) await readEnd(conversationId);
      }),
    async refresh(conversationId, messageIds) {
      if (messageIds.length > singlesMax) return readEnd(conversationId);
      const messages = await Promise.all(messageIds.map((id) => refreshOne(id)));
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
      stamps.set(messageId, stamp());
      store.set("message", messageId, { ...message, ...changes });
      return false;
    },
    idOfWaMessage: (waMessageId) => byWaMessage.get(waMessageId) ?? null,
    markStale(conversationId) {
      const thread = store.get("thread", conversationId);
      if (thread !== undefined && !thread.isStale) store.set("thread", conversationId, { ...thread, isStale: true });
    },
  };
}

function comesAfter(a: Message | undefined, b: Message): boolean {
  if (a === undefined) return false;
  return a.waTimestamp === b.waTimestamp ? a.id > b.id : a.waTimestamp > b.waTimestamp;
}
