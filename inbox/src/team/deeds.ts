/** What a person does with a conversation: it shows at once, and goes back with a word if the server refuses. */
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { ChangeConversation, ConversationLabels, LabelConversation, ReadState } from "../../../src/contract/inbox.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { nowMs } from "../data/clock.ts";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";

const hourMs = 3_600_000;

export function useConversationDeeds(conversation: Conversation) {
  const text = useText();
  const { api, conversations, store } = useWorkspace();
  const deed = useDeed();
  const { id } = conversation;

  function change(shown: Partial<Conversation>, call: () => Promise<unknown>): void {
    const before = store.get("conversation", id) ?? conversation;
    conversations.put({ ...before, ...shown });
    deed(async () => {
      try {
        await call();
      } catch (error) {
        conversations.put(before);
        throw error;
      }
    });
  }
  const patch = (shown: Partial<Conversation>, body: ChangeConversation): void =>
    change(shown, () => api.call(`conversations/${id}`, { method: "PATCH", body }));
  const reopen = (): void => patch({ state: "open", snoozedUntil: null }, { state: "open" });

  return {
    done() {
      patch({ state: "done", snoozedUntil: null }, { state: "done" });
      showToast("done", text("marked_done"), { label: text("undo"), run: reopen });
    },
    reopen,
    snooze(untilMs: number) {
      const snoozedUntil = new Date(untilMs).toISOString();
      patch({ state: "snoozed", snoozedUntil }, { state: "snoozed", snoozedUntil });
      showToast("done", text("snoozed"), { label: text("undo"), run: reopen });
    },
    snoozes: [
      { key: "snooze_hour" as const, untilMs: nowMs() + hourMs },
      { key: "snooze_tomorrow" as const, untilMs: atHour(1, 8) },
      { key: "snooze_week" as const, untilMs: atHour(7, 8) },
    ],
    assign: (assigneeId: string | null) => patch({ assigneeId }, { assigneeId }),
    label(labelId: string) {
      const isOn = conversation.labelIds.includes(labelId);
      const labelIds = isOn ? conversation.labelIds.filter((one) => one !== labelId) : [...conversation.labelIds, labelId];
      const body: LabelConversation = isOn ? { remove: [labelId] } : { add: [labelId] };
      change({ labelIds }, () => api.call<ConversationLabels>(`conversations/${id}/labels`, { method: "POST", body }));
    },
    markUnread: () =>
      change({ unreadCount: Math.max(1, conversation.unreadCount) }, () =>
        api.call<ReadState>(`conversations/${id}/unread`, { method: "POST" }),
      ),
  };
}

/** By this machine's clock: mornings are the reader's own. */
function atHour(daysAhead: number, hour: number): number {
  const at = new Date();
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + daysAhead, hour).getTime();
}
