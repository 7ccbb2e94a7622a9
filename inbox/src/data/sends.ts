/**
 * What this person sends. It shows at once, and is tried until the server has taken or refused it: the Idempotency-Key makes each try the same
 * send, so a lost answer, a second tab or a restart sends nothing twice. Messages of one conversation go in their order.
 */
import type { ConversationFilter } from "../../../src/contract/conversations.ts";
import type { UploadedMedia } from "../../../src/contract/media.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { OutgoingContent } from "../../../src/contract/outgoing.ts";
import type { Problem } from "../../../src/contract/problem.ts";
import type { QueuedMessage, SendMessage } from "../../../src/contract/sends.ts";
import { ApiError, type Api } from "./api.ts";
import { nowMs } from "./clock.ts";
import type { Store } from "./store.ts";

export type PendingSend = {
  /** Idempotency-Key, and the message's `callback`: by it the stored message is known as this one. */
  key: string;
  conversationId: string;
  connectionId: ConversationFilter["connectionId"];
  body: Omit<SendMessage, "content" | "conversationId">;
  content: OutgoingContent;
  /** Still to be uploaded; then `content.media` names it. */
  file: { blob: Blob; name: string } | null;
  createdAt: string;
  state: "waiting" | "sending" | "refused";
  problem: Problem | null;
};

export type Sends = {
  add: (draft: Pick<PendingSend, "conversationId" | "connectionId" | "body" | "content" | "file">) => void;
  /** Tries a refused one again, as a new send. */
  retry: (pending: PendingSend) => void;
  drop: (pending: PendingSend) => void;
  /** From the disk, after a restart. */
  restore: (pending: readonly PendingSend[]) => void;
  pump: () => void;
  /** Begins no more: what is left stays on the disk. */
  stop: () => void;
};

const callbackPrefix = "inbox:";
const retryMs = 4_000;
/** The server knows a key for 24 h. What it may have taken longer ago than this is tried again by a person only: they see whether it is there. */
const sameKeyMsMax = 20 * 3_600_000;

export function callbackOf(key: string): string {
  return `${callbackPrefix}${key}`;
}

export function createSends(options: {
  api: Api;
  store: Store;
  onAccepted: (message: Message) => void;
  onRefused: (problem: Problem | null) => void;
}): Sends {
  const { api, store } = options;
  const busy = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isStopped = false;

  const pendingOf = (conversationId: string): readonly PendingSend[] => store.get("pending", conversationId) ?? [];
  function put(conversationId: string, pending: readonly PendingSend[]): void {
    if (pending.length === 0) store.delete("pending", conversationId);
    else store.set("pending", conversationId, pending);
  }
  function change(pending: PendingSend, changes: Partial<PendingSend>): void {
    put(
      pending.conversationId,
      pendingOf(pending.conversationId).map((one) => (one.key === pending.key ? { ...one, ...changes } : one)),
    );
  }
  function drop(pending: PendingSend): void {
    put(
      pending.conversationId,
      pendingOf(pending.conversationId).filter(({ key }) => key !== pending.key),
    );
  }

  function pump(): void {
    for (const conversationId of store.keys("pending")) void run(conversationId);
  }

  async function run(conversationId: string): Promise<void> {
    if (busy.has(conversationId)) return;
    busy.add(conversationId);
    try {
      while (!isStopped) {
        const next = pendingOf(conversationId).find(({ state }) => state !== "refused");
        if (next === undefined) return;
        if (nowMs() - Date.parse(next.createdAt) > sameKeyMsMax) {
          change(next, { state: "refused", problem: null });
          continue;
        }
        change(next, { state: "sending" });
        if (!(await send(next))) {
          change(next, { state: "waiting" });
          timer ??= setTimeout(() => {
            timer = null;
            pump();
          }, retryMs);
          return;
        }
      }
    } finally {
      busy.delete(conversationId);
    }
  }

  /** False: not now. */
  async function send(pending: PendingSend): Promise<boolean> {
    try {
      const content = pending.file === null ? pending.content : await uploaded(pending, pending.file);
      const queued = await api.call<QueuedMessage>("messages", {
        method: "POST",
        headers: { "idempotency-key": pending.key },
        body: { ...pending.body, conversationId: pending.conversationId, content, callback: callbackOf(pending.key) },
      });
      drop(pending);
      options.onAccepted(messageOf(queued));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 429 || error.status === 401) return false;
      change(pending, { state: "refused", problem: error.problem });
      options.onRefused(error.problem);
      return true;
    }
  }

  async function uploaded(pending: PendingSend, file: { blob: Blob; name: string }): Promise<OutgoingContent> {
    const form = new FormData();
    form.append("file", file.blob, file.name);
    const media = await api.call<UploadedMedia>("media", { method: "POST", query: { connectionId: pending.connectionId }, form });
    // Whoever gives a file gives a content that shows one.
    const content = { ...pending.content, media: { mediaId: media.id } } as OutgoingContent;
    change(pending, { content, file: null });
    return content;
  }

  return {
    add(draft) {
      const pending: PendingSend = {
        ...draft,
        key: crypto.randomUUID(),
        createdAt: new Date(nowMs()).toISOString(),
        state: "waiting",
        problem: null,
      };
      put(draft.conversationId, [...pendingOf(draft.conversationId), pending]);
      void run(draft.conversationId);
    },
    retry(pending) {
      change(pending, { state: "waiting", problem: null, key: crypto.randomUUID(), createdAt: new Date(nowMs()).toISOString() });
      void run(pending.conversationId);
    },
    drop,
    restore(pending) {
      for (const one of pending) put(one.conversationId, [...pendingOf(one.conversationId), one]);
      pump();
    },
    pump,
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** As it will be read; the event that follows brings the rest. */
function messageOf(queued: QueuedMessage): Message {
  return {
    id: queued.id,
    conversationId: queued.conversationId,
    connectionId: queued.connectionId,
    waMessageId: null,
    direction: "outbound",
    origin: "inbox",
    type: queued.type,
    content: queued.content,
    status: queued.status,
    waTimestamp: queued.createdAt,
    sentAt: null,
    deliveredAt: null,
    readAt: null,
    playedAt: null,
    failedAt: null,
    error: null,
    replyTo: null,
    reactions: [],
    editedAt: null,
    revokedAt: null,
    from: null,
    isStandby: false,
    pricing: null,
    callback: queued.callback,
    resendOf: queued.resendOf,
    createdAt: queued.createdAt,
  };
}
