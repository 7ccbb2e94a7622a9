/**
 * Turns activity into what is shown. Events are gathered for a moment and each conversation and message is asked for once, however often it was
 * named. Ticks are taken from the event itself.
 */
import type { ActivityEvent } from "../../../src/contract/activity.ts";
import type { Message } from "../../../src/contract/messages.ts";
import { Unreachable } from "./api.ts";
import type { ConversationData } from "./conversations.ts";
import type { Eraser } from "./erased.ts";
import type { Store } from "./store.ts";
import type { ThreadData } from "./threads.ts";

export type SyncOptions = {
  store: Store;
  conversations: ConversationData;
  threads: ThreadData;
  eraser: Pick<Eraser, "apply">;
  /** Lists that are not in the store: labels, templates and so on, by the first word of the event's type. */
  onOther: (type: string, event: ActivityEvent) => void;
  onOpened: (conversationId: string) => void;
  /** Everything up to this number shows. */
  onSettled: (seq: number) => void;
  /** A conversation's word came from the customer just now. */
  onIncoming: (event: ActivityEvent) => void;
};

export type Sync = {
  apply: (event: ActivityEvent) => void;
  /** The conversation on the screen is kept up to date; others are read when they are opened. */
  setOpen: (conversationId: string | null) => void;
  stop: () => void;
};

const gatherMs = 60;
const retryMs = 3_000;
const isoTimes = ["sentAt", "deliveredAt", "readAt", "playedAt", "failedAt"] as const;

export function createSync(options: SyncOptions): Sync {
  const { store, conversations, threads } = options;
  const dirty = new Set<string>();
  const dirtyMessages = new Map<string, Set<string>>();
  let openId: string | null = null;
  let seq = 0;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isRunning = false;
  let isStopped = false;

  function touchMessage(conversationId: string, messageId: string): void {
    if (conversationId !== openId) {
      threads.markStale(conversationId);
      if (store.get("message", messageId) === undefined) return;
    }
    const those = dirtyMessages.get(conversationId) ?? new Set();
    dirtyMessages.set(conversationId, those.add(messageId));
  }

  function apply(event: ActivityEvent): void {
    seq = Math.max(seq, event.seq);
    const { conversationId, messageId } = event;
    const data = fieldsOf(event.data);
    if (conversationId === null) {
      for (const id of options.eraser.apply(event)) dirty.add(id);
      if (event.type === "contact.changed") touchContact(data["contactId"]);
      else options.onOther(event.type, event);
      schedule();
      return;
    }
    if (event.type === "message.received") options.onIncoming(event);
    if (event.type.startsWith("note.")) options.onOther(event.type, event);
    if (messageId !== null) noteMessage(event.type, conversationId, messageId, data);
    // Ticks change nothing in the list but the last message's; what failed was no answer after all.
    if (
      event.type === "message.status_changed" &&
      [data["status"], data["previousStatus"]].some((one) => one === "failed" || one === "cancelled")
    )
      dirty.add(conversationId);
    if (event.type !== "message.status_changed" && event.type !== "message.media_changed" && !event.type.startsWith("note."))
      dirty.add(conversationId);
    schedule();
  }

  function noteMessage(type: string, conversationId: string, messageId: string, data: Fields): void {
    if (type === "conversation.read") return;
    if (type === "message.status_changed") {
      const changes = ticksOf(data);
      if (changes === null || threads.patch(messageId, changes) || changes.status === "failed") touchMessage(conversationId, messageId);
      return;
    }
    const target = data["targetWaMessageId"];
    if (["reaction.changed", "message.edited", "message.revoked"].includes(type)) {
      const id = typeof target === "string" ? threads.idOfWaMessage(target) : null;
      if (id !== null) touchMessage(conversationId, id);
      return;
    }
    touchMessage(conversationId, messageId);
  }

  function touchContact(contactId: unknown): void {
    for (const id of store.keys("conversation")) if (store.get("conversation", id)?.contact?.id === contactId) dirty.add(id);
  }

  function schedule(ms = gatherMs): void {
    if (timer !== null || isStopped) return;
    timer = setTimeout(() => {
      timer = null;
      void flush();
    }, ms);
  }

  async function flush(): Promise<void> {
    if (isRunning) return schedule();
    isRunning = true;
    const goal = seq;
    const ids = [...dirty];
    const messages = [...dirtyMessages];
    dirty.clear();
    dirtyMessages.clear();
    try {
      await Promise.all([
        ids.length === 0 ? null : conversations.refresh(ids),
        ...messages.map(([conversationId, those]) =>
          threads.refresh(conversationId, [...those]).catch((error: unknown) => ignoreRefused(error)),
        ),
      ]);
      if (dirty.size === 0 && dirtyMessages.size === 0) options.onSettled(goal);
    } catch {
      for (const id of ids) dirty.add(id);
      for (const [conversationId, those] of messages)
        dirtyMessages.set(conversationId, new Set([...those, ...(dirtyMessages.get(conversationId) ?? [])]));
      schedule(retryMs);
    } finally {
      isRunning = false;
      if (dirty.size > 0 || dirtyMessages.size > 0) schedule();
    }
  }

  return {
    apply,
    setOpen(conversationId) {
      openId = conversationId;
      if (conversationId !== null) options.onOpened(conversationId);
    },
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** Null when the event does not say the times. */
function ticksOf(data: Fields): Partial<Message> | null {
  const { status } = data;
  if (typeof status !== "string" || !("sentAt" in data)) return null;
  const times = Object.fromEntries(isoTimes.map((name) => [name, typeof data[name] === "string" ? data[name] : null]));
  // The status is one of the API's words: the event and the message are written by the same code.
  return { ...times, status: status as Message["status"] };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function ignoreRefused(error: unknown): void {
  if (error instanceof Unreachable) throw error;
}
