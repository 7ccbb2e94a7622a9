/** Everything that one tenant's inbox needs in one tab, put together once. */
import type { QueryClient } from "@tanstack/react-query";
import type { Session } from "../../../src/contract/people.ts";
import type { ActivityEvent } from "../../../src/contract/activity.ts";
import { createApi, type Api } from "./api.ts";
import { createConversationData, type ConversationData } from "./conversations.ts";
import { createEraser } from "./erased.ts";
import { forgetLocal, localName, openLocal, type Local } from "./local.ts";
import { createSends, type Sends } from "./sends.ts";
import { createStore, type Store } from "./store.ts";
import { startStream } from "./stream.ts";
import { createSync, type Sync } from "./sync.ts";
import { createThreadData, type ThreadData } from "./threads.ts";

export type Workspace = {
  session: Session;
  tenantId: string;
  personId: string | null;
  api: Api;
  store: Store;
  conversations: ConversationData;
  threads: ThreadData;
  sends: Sends;
  sync: Sync;
  stop: () => void;
  /** After signing out: nothing stays on this machine. */
  forget: () => Promise<void>;
};

export type WorkspaceOptions = {
  session: Session;
  tenantId: string;
  queries: QueryClient;
  onSignedOut: () => void;
  onIncoming: (event: ActivityEvent) => void;
  onNote: (event: ActivityEvent) => void;
};

const reviewMs = 30_000;
const countsMs = 1_200;
/** The overview is counted behind what happens, and figures that jump are hard to read. */
const overviewMs = 4_000;

/** Which query shows what an event is about, by the first word of its type. */
const queriesOf: Readonly<Record<string, string>> = {
  label: "labels",
  canned_reply: "canned",
  template: "templates",
  templates: "templates",
  connection: "connections",
  account: "connections",
  update: "parked",
  note: "notes",
  person: "people",
  endpoint: "endpoints",
  privacy: "privacy",
};

/** Answers of the server that are kept in memory beside the store. */
const mayNamePeople: ReadonlySet<string> = new Set(["search", "notes", "timeline", "overview", "parked", "deliveries", "sandbox"]);

export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const { session, tenantId, queries } = options;
  const personId = session.person?.id ?? null;
  const api = createApi({ tenantId, onSignedOut: options.onSignedOut });
  const store = createStore();
  const conversations = createConversationData({ api, store, personId });
  const threads = createThreadData({ api, store });
  const sends = createSends({ api, store, onAccepted: (message) => threads.put(message), onRefused: () => undefined });
  const name = localName(tenantId, personId);
  const local: Local | null = await openLocal(name);
  const kept = (await local?.restore(store).catch(() => null)) ?? { seq: null, pending: [] };
  local?.watch(store);

  let countsTimer: ReturnType<typeof setTimeout> | null = null;
  const countSoon = (): void => {
    countsTimer ??= setTimeout(() => {
      countsTimer = null;
      void queries.invalidateQueries({ queryKey: ["counts"] });
    }, countsMs);
  };
  let overviewTimer: ReturnType<typeof setTimeout> | null = null;
  const lookBackSoon = (): void => {
    overviewTimer ??= setTimeout(() => {
      overviewTimer = null;
      void queries.invalidateQueries({ queryKey: ["overview"] });
    }, overviewMs);
  };
  const eraser = createEraser({
    store,
    conversations,
    threads,
    onErased: () => void queries.resetQueries({ predicate: ({ queryKey: [first] }) => mayNamePeople.has(String(first)) }),
  });
  const sync = createSync({
    onOpened: (conversationId) => local?.noteOpened(conversationId),
    store,
    conversations,
    threads,
    eraser,
    onOther(type, event) {
      if (type.startsWith("note.")) options.onNote(event);
      const query = queriesOf[type.split(".", 1)[0] ?? ""];
      if (query !== undefined) void queries.invalidateQueries({ queryKey: query === "notes" ? [query, event.conversationId] : [query] });
    },
    onSettled(seq) {
      local?.noteSettled(seq);
      countSoon();
      lookBackSoon();
    },
    onIncoming: options.onIncoming,
  });
  const start = (): { stop: () => void } =>
    startStream({
      api,
      channelName: name,
      after: kept.seq,
      onStart(seq) {
        // What is here is of unknown age: the head was taken before anything is read now.
        conversations.markStale();
        for (const id of store.keys("thread")) threads.markStale(id);
        local?.noteSettled(seq);
        void eraser.review();
      },
      onEvent: (event) => sync.apply(event),
      onLine(line) {
        store.set("line", "stream", line);
        if (line === "live") sends.pump();
      },
    });
  let stream: { stop: () => void } | null = null;
  let isStopped = false;
  // The list is painted meanwhile. Events come when all that they may change is here.
  const restoreRest = async (): Promise<void> => {
    await local?.restoreThreads(store).catch(() => undefined);
    if (!isStopped) stream = start();
  };
  void restoreRest();
  sends.restore(kept.pending);
  const review = setInterval(() => {
    const back = conversations.review();
    if (back.length > 0) void conversations.refresh(back).catch(() => undefined);
  }, reviewMs);
  const stop = (): void => {
    isStopped = true;
    stream?.stop();
    sync.stop();
    sends.stop();
    clearInterval(review);
    local?.close();
  };
  return { session, tenantId, personId, api, store, conversations, threads, sends, sync, stop, forget: () => forgetLocal(name) };
}
