/** Conversations and their lists in the store: pages from the server, and single ones that have changed. */
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { Page } from "../../../src/contract/json.ts";
import type { Api } from "./api.ts";
import { nowMs } from "./clock.ts";
import type { List, Store } from "./store.ts";
import { comesBefore, filterOf, isListed, listQuery } from "./views.ts";

export type ConversationData = {
  /** Reads the list's beginning if it is not here or may be old. */
  openList: (key: string) => Promise<void>;
  moreOfList: (key: string) => Promise<void>;
  /** Reads them anew, however many. */
  refresh: (ids: readonly string[]) => Promise<void>;
  read: (id: string) => Promise<Conversation | null>;
  put: (conversation: Conversation) => void;
  /** What time alone has changed: windows that are about to end, and conversations that come back. */
  review: () => string[];
  markStale: () => void;
  /** They were erased: no answer that is still under way brings them back. */
  forget: (ids: readonly string[]) => void;
  isGone: (id: string) => boolean;
};

const pageMax = 100;
/** Above this many, the lists' beginnings are read instead of each one. */
const singlesMax = 12;

export function createConversationData(options: { api: Api; store: Store; personId: string | null }): ConversationData {
  const { api, store, personId } = options;
  /** By the order of requests: an answer that was asked for earlier never overwrites a later one. */
  const stamps = new Map<string, number>();
  const gone = new Set<string>();
  /** Of lists that are being read: what comes meanwhile is not on their pages, or elsewhere. */
  const reading = new Set<Set<string>>();
  const underWay = new Map<string, Promise<void>>();
  let lastStamp = 0;
  const stamp = (): number => (lastStamp += 1);

  function once(key: string, run: () => Promise<void>): Promise<void> {
    const running = underWay.get(key);
    if (running !== undefined) return running;
    const started = run().finally(() => underWay.delete(key));
    underWay.set(key, started);
    return started;
  }

  /** `listed`: the list that it was read for, which is set whole. */
  function putAt(conversation: Conversation, at: number, listed: string | null = null): void {
    if ((stamps.get(conversation.id) ?? 0) > at || gone.has(conversation.id)) return;
    stamps.set(conversation.id, at);
    // What is read again and says the same is not drawn again.
    if (!isSame(store.get("conversation", conversation.id), conversation)) store.set("conversation", conversation.id, conversation);
    if (listed === null) for (const late of reading) late.add(conversation.id);
    for (const key of store.keys("list")) if (key !== listed) place(key, conversation);
  }

  function place(key: string, conversation: Conversation): void {
    const list = store.get("list", key);
    if (list === undefined) return;
    const ids = placed(list, key, conversation);
    if (ids !== list.ids) store.set("list", key, { ...list, ids });
  }

  function placed(list: List, key: string, conversation: Conversation): readonly string[] {
    const filter = filterOf(key);
    const before = list.ids.indexOf(conversation.id);
    if (!isListed(filter, conversation, { ms: nowMs(), personId })) return before === -1 ? list.ids : list.ids.toSpliced(before, 1);
    const others = before === -1 ? list.ids : list.ids.toSpliced(before, 1);
    let at = others.findIndex((id) => {
      const other = store.get("conversation", id);
      return other !== undefined && comesBefore(filter.view, conversation, other);
    });
    // Beyond what was read nothing is known.
    if (at === -1 && list.next !== null) return before === -1 ? list.ids : others;
    if (at === -1) at = others.length;
    return at === before ? list.ids : others.toSpliced(at, 0, conversation.id);
  }

  async function readPage(key: string, after: string | null): Promise<Page<Conversation>> {
    const at = stamp();
    const page = await api.call<Page<Conversation>>("conversations", { query: { ...listQuery(filterOf(key)), limit: pageMax, after } });
    for (const conversation of page.data) putAt(conversation, at, key);
    return page;
  }

  /** `put` sets the list; what came while its page was under way takes its place in it. */
  async function readInto(key: string, after: string | null, put: (page: Page<Conversation>) => void): Promise<void> {
    const late = new Set<string>();
    reading.add(late);
    try {
      put(await readPage(key, after));
    } finally {
      reading.delete(late);
    }
    for (const id of late) {
      const conversation = store.get("conversation", id);
      if (conversation !== undefined) place(key, conversation);
    }
  }

  const idsOf = (page: Page<Conversation>): string[] => page.data.flatMap(({ id }) => (gone.has(id) ? [] : [id]));

  async function readBeginning(key: string): Promise<void> {
    await readInto(key, null, (page) => {
      const list = store.get("list", key);
      const ids = idsOf(page);
      const below = page.next === null || list === undefined || list.isStale ? null : idsBelow(list, key, ids);
      if (list === undefined || below === null) store.set("list", key, { ids, next: page.next, isStale: false });
      else store.set("list", key, { ...list, ids: [...ids, ...below] });
    });
  }

  /** What stands below a beginning that is read again while somebody reads further down; null when none of it does. */
  function idsBelow({ ids }: List, key: string, beginning: readonly string[]): string[] | null {
    const { view } = filterOf(key);
    const last = store.get("conversation", beginning.at(-1) ?? "");
    if (last === undefined || ids.length <= beginning.length) return null;
    const above = new Set(beginning);
    const below = ids.filter((id) => {
      const other = store.get("conversation", id);
      return !above.has(id) && other !== undefined && comesBefore(view, last, other);
    });
    return below.length === 0 ? null : below;
  }

  async function read(id: string): Promise<Conversation | null> {
    const at = stamp();
    const conversation = await api.call<Conversation>(`conversations/${id}`);
    putAt(conversation, at);
    return conversation;
  }

  return {
    openList: (key) =>
      once(key, async () => {
        const list = store.get("list", key);
        if (list === undefined || list.isStale) await readBeginning(key);
      }),
    moreOfList: (key) =>
      once(`${key} more`, async () => {
        const list = store.get("list", key);
        if (list === undefined || list.next === null || list.isStale) return;
        await readInto(key, list.next, (page) => {
          const now = store.get("list", key) ?? list;
          const known = new Set(now.ids);
          const ids = [...now.ids, ...idsOf(page).filter((id) => !known.has(id))];
          store.set("list", key, { ids, next: page.next, isStale: false });
        });
      }),
    async refresh(ids) {
      if (ids.length <= singlesMax) {
        await Promise.all(ids.map((id) => read(id).catch(ignoreGone)));
        return;
      }
      const began = lastStamp;
      for (const key of store.keys("list")) if (store.get("list", key)?.isStale === false) await readBeginning(key);
      const left = ids.filter((id) => store.get("conversation", id) !== undefined && (stamps.get(id) ?? 0) <= began);
      for (let from = 0; from < left.length; from += singlesMax) {
        await Promise.all(left.slice(from, from + singlesMax).map((id) => read(id).catch(ignoreGone)));
      }
    },
    read,
    put: (conversation) => putAt(conversation, stamp()),
    review() {
      const back: string[] = [];
      for (const id of store.keys("conversation")) {
        const conversation = store.get("conversation", id);
        if (conversation === undefined) continue;
        if (conversation.state === "snoozed" && Date.parse(conversation.snoozedUntil ?? "") <= nowMs()) back.push(id);
        for (const key of store.keys("list")) if (filterOf(key).view === "closing_soon") place(key, conversation);
      }
      return back;
    },
    markStale() {
      for (const key of store.keys("list")) {
        const list = store.get("list", key);
        if (list !== undefined) store.set("list", key, { ...list, isStale: true });
      }
    },
    forget(ids) {
      for (const id of ids) gone.add(id);
      for (const key of store.keys("list")) {
        const list = store.get("list", key);
        if (list?.ids.some((id) => gone.has(id)) === true) store.set("list", key, { ...list, ids: list.ids.filter((id) => !gone.has(id)) });
      }
      for (const id of ids) store.delete("conversation", id);
    },
    isGone: (id) => gone.has(id),
  };
}

function isSame(a: Conversation | undefined, b: Conversation): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

/** A conversation that is not there any more, or that became another, needs no refresh. */
function ignoreGone(error: unknown): null {
  if (error instanceof Error && "status" in error && error.status === 404) return null;
  throw error;
}
