/** What the inbox holds of much: a stretch of a long thread, the place in a long list, a bounded store on the disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Conversation } from "../src/contract/conversations.ts";
import type { Message, ThreadPage } from "../src/contract/messages.ts";
import type { Api, Call } from "../inbox/src/data/api.ts";
import { createConversationData } from "../inbox/src/data/conversations.ts";
import { keptForm, whatIsKept } from "../inbox/src/data/kept.ts";
import { createSends, type PendingSend } from "../inbox/src/data/sends.ts";
import { createStore, unknownOlder, type Store } from "../inbox/src/data/store.ts";
import { createThreadData } from "../inbox/src/data/threads.ts";
import { listKey } from "../inbox/src/data/views.ts";

const startMs = Date.parse("2026-11-22T12:00:00.000Z");
const idOf = (number: number): string => `m${String(number).padStart(6, "0")}`;
const numberOf = (id: string): number => Number(id.slice(1));
const messageOf = (number: number): Message =>
  ({
    id: idOf(number),
    conversationId: "c",
    waMessageId: `wamid.${number}`,
    type: "text",
    callback: null,
    waTimestamp: new Date(startMs + number * 1_000).toISOString(),
  }) as Message;

/** Answers pages of a thread of so many messages, as the server's contract has them: newest first, cursors that name a message. */
function threadServer(count: () => number): Api {
  return {
    url: (path) => path,
    // The one path that is asked for answers a page.
    call: <Answer>(_path: string, { query = {} }: Call = {}) => Promise.resolve(pageOf(count(), query) as Answer),
  };
}

function pageOf(count: number, { after, before, around, limit }: NonNullable<Call["query"]>): ThreadPage {
  const size = Number(limit);
  const below =
    around !== undefined ? numberOf(String(around)) + size / 2 : before !== undefined ? Number(before) + size + 1 : Number(after ?? count);
  const last = Math.min(count, below) - 1;
  const first = Math.max(0, before === undefined ? last - size + 1 : Number(before) + 1);
  const data = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => messageOf(last - index));
  return { data, next: first === 0 ? null : String(first), previous: data.length === 0 ? String(before) : String(last) };
}

const numbersOf = (store: Store): number[] => (store.get("thread", "c")?.ids ?? []).map(numberOf);

test("However a long thread is read, up, down and in its middle, what is held is a stretch without gaps, and bounded", async () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constantFrom("older", "newer"), times: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constantFrom("end", "new"), times: fc.constant(1) }),
      fc.record({ kind: fc.constant("around"), times: fc.integer({ min: 0, max: 4_999 }) }),
    ),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (walk) => {
      let count = 5_000;
      const store = createStore();
      const threads = createThreadData({ api: threadServer(() => count), store });
      await threads.open("c");
      for (const { kind, times } of walk) {
        if (kind === "end") await threads.open("c");
        else if (kind === "around") await threads.open("c", idOf(times));
        else if (kind === "new") threads.put(messageOf(count++));
        else for (let time = 0; time < times; time += 1) await threads[kind === "older" ? "older" : "newer"]("c");
        const numbers = numbersOf(store);
        const [first = 0] = numbers;
        assert.deepEqual(
          numbers,
          numbers.map((_, index) => first + index),
        );
        const thread = store.get("thread", "c");
        assert.equal(thread?.older === null, first === 0);
        if (thread?.newer === null) assert.equal(numbers.at(-1), count - 1);
        if (kind === "around") assert.ok(numbers.includes(times));
        assert.ok(numbers.length <= 800, `${numbers.length} messages are held`);
        assert.ok(store.keys("message").length <= 2_500, `${store.keys("message").length} messages are stored`);
      }
    }),
    { numRuns: 40 },
  );
});

test("Whoever comes back from far up sees the end at once, and whoever reads there stays when much comes below", async () => {
  const store = createStore();
  let count = 3_000;
  const threads = createThreadData({ api: threadServer(() => count), store });
  await threads.open("c");
  for (let page = 0; page < 15; page += 1) await threads.older("c");
  assert.notEqual(store.get("thread", "c")?.newer, null);
  const there = numbersOf(store);
  count += 20;
  await threads.refresh(
    "c",
    Array.from({ length: 20 }, (_, index) => idOf(3_000 + index)),
  );
  assert.deepEqual(numbersOf(store), there);
  const opening = threads.open("c");
  assert.equal(numbersOf(store).at(-1), 2_999);
  await opening;
  assert.equal(numbersOf(store).at(-1), 3_019);
});

const conversationOf = (number: number): Conversation =>
  ({
    id: `c${number}`,
    state: "open",
    assigneeId: null,
    labelIds: [],
    unreadCount: 0,
    isWaiting: false,
    connectionId: "n",
    contact: null,
    lastMessageAt: new Date(startMs - number * 1_000).toISOString(),
    window: { isOpen: false, expiresAt: null },
  }) as unknown as Conversation;

test("A burst of changes reads the beginning of a list again, and whoever is at its thousandth row stays there", async () => {
  const all = Array.from({ length: 2_000 }, (_, number) => conversationOf(number));
  const api: Api = {
    url: (path) => path,
    call: <Answer>(path: string, { query = {} }: Call = {}) => {
      const one = all.find(({ id }) => path === `conversations/${id}`);
      const from = Number(query["after"] ?? 0);
      const data = all.slice(from, from + Number(query["limit"]));
      return Promise.resolve((one ?? { data, next: String(from + data.length) }) as Answer);
    },
  };
  const store = createStore();
  const conversations = createConversationData({ api, store, personId: null });
  const key = listKey({ view: "all" });
  await conversations.openList(key);
  for (let page = 0; page < 10; page += 1) await conversations.moreOfList(key);
  const before = store.get("list", key)?.ids ?? [];
  assert.equal(before.length, 1_100);
  // Twenty from the middle move to the top.
  const moved = all
    .splice(500, 20)
    .map((one, index) => ({ ...one, lastMessageAt: new Date(startMs + 1_000 * (20 - index)).toISOString() }));
  all.unshift(...moved);
  await conversations.refresh(moved.map(({ id }) => id));
  const { ids = [], isStale } = store.get("list", key) ?? {};
  assert.equal(isStale, false);
  assert.deepEqual(
    ids,
    all.slice(0, 1_100).map(({ id }) => id),
  );
});

test("What is kept on the disk is bounded whatever was read, those opened last stay, and a thread that was cut says so", () => {
  const store = createStore();
  for (let list = 0; list < 40; list += 1) {
    const ids = Array.from({ length: 5_000 }, (_, number) => `l${list}-${number}`);
    store.set("list", `list ${list}`, { ids, next: "more", isStale: false });
  }
  for (let thread = 0; thread < 300; thread += 1) {
    const ids = Array.from({ length: 600 }, (_, number) => `t${thread}-${number}`);
    store.set("thread", `t${thread}`, { ids, older: "cursor", newer: null, isStale: false });
  }
  const keeping = whatIsKept(store, ["t7", "t8"]);
  assert.ok(keeping.thread.has("t7") && keeping.thread.has("t8") && keeping.thread.has("t299") && !keeping.thread.has("t9"));
  assert.ok(
    keeping.thread.size <= 60 && keeping.list.size <= 12 && keeping.message.size <= 60 * 80 && keeping.conversation.size <= 12 * 150 + 60,
  );
  const kept = keptForm(store, keeping, { table: "thread", key: "t7" }) as { ids: string[]; older: string; isStale: boolean };
  assert.deepEqual([kept.ids.length, kept.ids.at(-1), kept.older, kept.isStale], [80, "t7-599", unknownOlder, true]);
  assert.equal(keptForm(store, keeping, { table: "message", key: "t7-0" }), undefined);
  assert.equal(keptForm(store, keeping, { table: "thread", key: "t9" }), undefined);
});

test("A thread that was cut on the disk is joined to nothing: its end is read, and what is older follows without a gap", async () => {
  const store = createStore();
  for (let number = 920; number < 1_000; number += 1) store.set("message", idOf(number), messageOf(number));
  const ids = Array.from({ length: 80 }, (_, index) => idOf(920 + index));
  store.set("thread", "c", { ids, older: unknownOlder, newer: null, isStale: true });
  const threads = createThreadData({ api: threadServer(() => 1_000), store });
  await threads.older("c");
  await threads.older("c");
  const numbers = numbersOf(store);
  assert.deepEqual([numbers[0], numbers.at(-1), numbers.length], [850, 999, 150]);
});

/** Answers when the test says so, in the order that it says. */
function slowServer() {
  const asked: ((answer: unknown) => void)[] = [];
  const call = <Answer>(): Promise<Answer> => new Promise((answer) => asked.push((value) => answer(value as Answer)));
  return {
    api: { url: (path: string) => path, call } satisfies Api,
    answer: (index: number, value: unknown) => asked[index]?.(value),
    asked,
  };
}

const pageWith = (numbers: readonly number[], next: string | null = null): ThreadPage => ({
  data: numbers.map(messageOf),
  next,
  previous: null,
});

test("A tick that overtakes an answer costs nothing of what the answer brings", async () => {
  const { api, answer } = slowServer();
  const store = createStore();
  const threads = createThreadData({ api, store });
  threads.put({ ...messageOf(1), waMessageId: null, status: "pending" });
  const refreshing = threads.refresh("c", [idOf(1)]);
  threads.patch(idOf(1), { status: "delivered" });
  answer(0, { ...messageOf(1), status: "sent" });
  await refreshing;
  const { waMessageId, status } = store.get("message", idOf(1)) ?? assert.fail();
  assert.deepEqual([waMessageId, status], ["wamid.1", "delivered"]);
  assert.equal(threads.idOfWaMessage("wamid.1"), idOf(1));
});

test("What comes while the end of a thread is read, first or again, stands in it; what stands above it makes no hole", async () => {
  const { api, answer } = slowServer();
  const store = createStore();
  const threads = createThreadData({ api, store });
  const opening = threads.open("c");
  const first = threads.refresh("c", [idOf(12)]);
  answer(1, messageOf(12));
  await first;
  answer(0, pageWith([11, 10], "10"));
  await opening;
  assert.deepEqual(numbersOf(store), [10, 11, 12]);
  threads.markStale("c");
  const again = threads.open("c");
  const second = threads.refresh("c", [idOf(13), idOf(3)]);
  answer(3, messageOf(13));
  answer(4, messageOf(3));
  await second;
  answer(2, pageWith([12, 11, 10], "10"));
  await again;
  assert.deepEqual(numbersOf(store), [10, 11, 12, 13]);
});

test("A conversation that comes while its list is read takes its place in it", async () => {
  const { api, answer } = slowServer();
  const store = createStore();
  const conversations = createConversationData({ api, store, personId: null });
  const key = listKey({ view: "all" });
  const opening = conversations.openList(key);
  const fresh = conversations.refresh(["c9"]);
  answer(1, conversationOf(9));
  await fresh;
  answer(0, { data: [conversationOf(2), conversationOf(1)], next: null });
  await opening;
  assert.deepEqual(new Set(store.get("list", key)?.ids), new Set(["c9", "c2", "c1"]));
});

test("What may have been taken longer ago than the server knows its key is not sent again by itself", async () => {
  const { api, asked } = slowServer();
  const store = createStore();
  const sends = createSends({ api, store, onAccepted: () => undefined, onRefused: () => undefined });
  const createdAt = new Date(Date.now() - 21 * 3_600_000).toISOString();
  const content = { type: "text", body: "x" } as const;
  const kept: PendingSend = {
    key: "k",
    conversationId: "c",
    connectionId: "n",
    body: {},
    content,
    file: null,
    createdAt,
    state: "sending",
    problem: null,
  };
  sends.restore([kept]);
  const [pending = assert.fail()] = store.get("pending", "c") ?? [];
  assert.deepEqual([asked.length, pending.state], [0, "refused"]);
  sends.retry(pending);
  assert.equal(asked.length, 1);
  assert.notEqual(store.get("pending", "c")?.[0]?.key, "k");
  sends.stop();
});
