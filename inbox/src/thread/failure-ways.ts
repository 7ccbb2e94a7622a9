/** What can be done about a message that failed: for each of the server's words the buttons that do it, the best one first. */
import { useNavigate } from "@tanstack/react-router";
import type { ErrorAction, Message } from "../../../src/contract/messages.ts";
import type { QueuedMessage } from "../../../src/contract/sends.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { nowMs, useNow } from "../data/clock.ts";
import { windowNow } from "../data/window.ts";
import type { TextKey } from "../texts/keys.ts";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { outgoingAgain } from "./again.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { useThread } from "./thread-context.tsx";

const keys = {
  resend: "send_again",
  in_a_day: "send_in_a_day",
  when_they_write: "send_when_they_write",
  template: "choose_template",
  templates: "to_templates",
  connections: "to_connections",
  edit: "edit_again",
  attach: "other_file",
  contact: "to_contact",
  opt_out: "to_opt_out",
  ask_again: "ask_to_resend",
  ask_phone: "ask_for_phone",
  mark_failed: "mark_failed",
} as const satisfies Record<string, TextKey>;
type Way = keyof typeof keys;

/** Total: an action that the server learns does not compile without its buttons. */
const waysOf: Readonly<Record<ErrorAction, readonly Way[]>> = {
  retry_later: ["resend"],
  wait_24h: ["in_a_day", "when_they_write"],
  use_template: ["template", "when_they_write"],
  change_template: ["template", "templates"],
  fix_request: ["edit", "resend"],
  fix_media: ["attach"],
  replace_token: ["connections", "resend"],
  grant_permission: ["connections", "resend"],
  register_number: ["connections", "resend"],
  change_account_settings: ["connections", "resend"],
  complete_payment: ["connections", "resend"],
  improve_quality: ["connections", "in_a_day"],
  contact_meta: ["connections", "resend"],
  other_channel: ["contact", "when_they_write"],
  other_recipient: ["contact"],
  add_test_recipient: ["connections", "resend"],
  ask_for_phone: ["ask_phone"],
  ask_to_resend: ["ask_again"],
  unblock_user: ["resend"],
  respect_choice: ["opt_out"],
  verify_identity: ["contact", "resend"],
  take_over: ["resend"],
  write_instead: ["edit"],
  nothing: [],
};
const dayMs = 24 * 3_600_000;

export function useFailureWays(message: Message): { key: TextKey; run: () => void }[] {
  const text = useText();
  const { api, sends, threads } = useWorkspace();
  const thread = useThread();
  const navigate = useNavigate();
  const deed = useDeed();
  const action = message.error?.action ?? null;
  const written = textOf(fieldsOf(message.content)["body"]);
  const again = outgoingAgain(message.content);
  const isOpen = windowNow(thread.conversation.window, useNow()).leftMs > 0;

  const resend = (): void =>
    deed(async () => {
      const queued = await api.call<QueuedMessage>(`messages/${message.id}/resend`, {
        method: "POST",
        headers: { "idempotency-key": `resend-${message.id}` },
      });
      await threads.refresh(message.conversationId, [queued.id]);
    });
  const later = (body: { sendAt?: string; whenTheyWrite?: Record<string, never> }, said: TextKey): void => {
    if (again === null) return;
    sends.add({ conversationId: message.conversationId, connectionId: message.connectionId, body, content: again, file: null });
    showToast("done", text(said));
  };
  const deeds: Readonly<Record<Way, (() => void) | null>> = {
    resend,
    // All else needs a window, which has ended by then.
    in_a_day: again?.type !== "template" ? null : () => later({ sendAt: new Date(nowMs() + dayMs).toISOString() }, "scheduled"),
    when_they_write: again === null || again.type === "template" ? null : () => later({ whenTheyWrite: {} }, "waits_for_word"),
    template: thread.openTemplates,
    templates: () => void navigate({ to: "/templates" }),
    connections: () => void navigate({ to: "/connections" }),
    edit: () => thread.compose(written ?? ""),
    attach: thread.attach,
    contact: thread.showContact,
    opt_out: thread.showContact,
    ask_again: () => thread.compose(text("ask_to_resend_words")),
    ask_phone: () => thread.compose(text("ask_for_phone_words")),
    mark_failed: () =>
      deed(async () => {
        await api.call(`messages/${message.id}/mark-failed`, { method: "POST" });
      }),
  };
  // A word of a newer server has no buttons of its own.
  const known: readonly Way[] | undefined = action === null ? ["resend"] : waysOf[action];
  const ways: readonly Way[] = message.status === "unknown" ? ["resend", "mark_failed"] : (known ?? ["resend"]);
  return ways.flatMap((named) => {
    // While the customer's window is open nothing waits for their word: it would go out at once.
    const way = named === "when_they_write" && isOpen && deeds[named] !== null ? "resend" : named;
    const run = deeds[way];
    return run === null ? [] : [{ key: keys[way], run }];
  });
}
