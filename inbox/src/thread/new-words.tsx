import { useEffect, useRef, useState } from "react";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { nameOf } from "../conversations/names.ts";
import type { Thread } from "../data/store.ts";
import { plainLine } from "../ui/plain.ts";
import { kindWords } from "./kind-words.ts";
import { useThread } from "./thread-context.tsx";

const charsMax = 300;
const tailMax = 20;

/** Reads out what the customer writes while the conversation is open, politely and once; what was there before is not read. */
export function NewWords({ thread }: { thread: Thread }) {
  const text = useText();
  const { store } = useWorkspace();
  const { conversation } = useThread();
  // An answer that waited for the customer's word may come with it, and stand behind it.
  const isInbound = (id: string): boolean => store.get("message", id)?.direction === "inbound";
  const last = thread.newer === null ? (thread.ids.slice(-tailMax).findLast(isInbound) ?? null) : null;
  const seen = useRef(last);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const before = seen.current;
    if (last === null || last === before) return;
    seen.current = last;
    // What stood last may have been erased: then an older one is no news.
    if (before !== null && !thread.ids.includes(before)) return;
    const message = store.get("message", last);
    if (message === undefined) return;
    const name = nameOf(conversation, text(conversation.group === null ? "unknown_contact" : "group"));
    setSaid(text("said_new", { name, words: plainLine(kindWords(message.type, message.content, text)).slice(0, charsMax) }));
    // Said once for each message, whatever else changes.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [last]);
  return (
    <p role="log" aria-live="polite" className="sr-only" data-testid="new-words">
      {said}
    </p>
  );
}
