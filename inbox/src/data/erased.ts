/**
 * What the server has erased goes from this browser, too: from what the tab knows, and by that from the disk (`local.ts`). An erasure is an event
 * like any other, so a browser that was closed meanwhile drops it at its next start, before it shows anything newer; one that was closed for so
 * long that it does not read what it missed keeps nothing but what was written here, until the server says that its conversation still exists.
 */
import type { ActivityEvent } from "../../../src/contract/activity.ts";
import { ApiError } from "./api.ts";
import type { ConversationData } from "./conversations.ts";
import type { Store } from "./store.ts";
import type { ThreadData } from "./threads.ts";

export type Eraser = {
  /** Of an event that tells the end of an erasure. Answers the groups that must be read anew. */
  apply: (event: ActivityEvent) => string[];
  /** After a long absence: drops drafts and waiting messages whose conversation is gone. */
  review: () => Promise<void>;
};

type Parts = { store: Store; conversations: ConversationData; threads: ThreadData; onErased: () => void };

export function createEraser({ store, conversations, threads, onErased }: Parts): Eraser {
  function forget(conversationIds: readonly string[]): void {
    threads.forget(conversationIds);
    conversations.forget(conversationIds);
  }

  /** Which words in a group were the person's is not known here. */
  function forgetGroups(): string[] {
    const groups = store.keys("conversation").filter((id) => store.get("conversation", id)?.contact === null);
    for (const id of groups) {
      const conversation = store.get("conversation", id);
      if (conversation !== undefined) store.set("conversation", id, { ...conversation, lastMessagePreview: null });
      threads.empty(id);
    }
    return groups;
  }

  return {
    apply(event) {
      const erased = erasureOf(event);
      if (erased === null) return [];
      const theirs = store.keys("conversation").filter((id) => {
        const contactId = store.get("conversation", id)?.contact?.id;
        return contactId !== undefined && erased.contactIds.has(contactId);
      });
      forget([...new Set([...theirs, ...erased.conversationIds])]);
      onErased();
      return forgetGroups();
    },
    async review() {
      for (const id of new Set([...store.keys("draft"), ...store.keys("pending")])) {
        await conversations.read(id).catch((error: unknown) => {
          if (error instanceof ApiError && error.status === 404) forget([id]);
        });
      }
    },
  };
}

function erasureOf({ type, data }: ActivityEvent): { contactIds: ReadonlySet<string>; conversationIds: readonly string[] } | null {
  if (type !== "privacy.changed" || typeof data !== "object" || data === null) return null;
  const { kind, state, contactId, contactIds, conversationIds } = data as Readonly<Record<string, unknown>>;
  if (kind !== "erasure" || state !== "done") return null;
  return { contactIds: new Set([...textsOf([contactId]), ...textsOf(contactIds)]), conversationIds: textsOf(conversationIds) };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
