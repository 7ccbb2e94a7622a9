/**
 * A note that is being written is no draft of a message: whoever leaves and comes back would find words for colleagues where the next Enter
 * sends them to the customer. It is kept apart, for each conversation, as long as this tab lives.
 */
import { useState } from "react";

const drafts = new Map<string, string>();

export function useNoteDraft(conversationId: string): readonly [string, (next: string | ((before: string) => string)) => void] {
  const [, redraw] = useState(0);
  const set = (next: string | ((before: string) => string)): void => {
    const before = drafts.get(conversationId) ?? "";
    const written = typeof next === "string" ? next : next(before);
    if (written === "") drafts.delete(conversationId);
    else drafts.set(conversationId, written);
    redraw((count) => count + 1);
  };
  return [drafts.get(conversationId) ?? "", set];
}
