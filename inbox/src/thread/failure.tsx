/** A message that did not arrive: the code, what happened, whose fault it is, what to do, and a button that does it. */
import { useNavigate } from "@tanstack/react-router";
import type { ErrorAction, Message } from "../../../src/contract/messages.ts";
import type { QueuedMessage } from "../../../src/contract/sends.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { plain } from "../ui/plain.ts";
import { useDeed } from "../ui/use-action.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { useThread } from "./thread-context.tsx";

const ofConnections: ReadonlySet<ErrorAction | null> = new Set([
  "replace_token",
  "grant_permission",
  "register_number",
  "change_account_settings",
  "complete_payment",
  "improve_quality",
  "add_test_recipient",
]);
const ofTemplates: ReadonlySet<ErrorAction | null> = new Set(["use_template", "wait_24h"]);
const notAgain: ReadonlySet<ErrorAction | null> = new Set([
  "respect_choice",
  "unblock_user",
  "other_recipient",
  "other_channel",
  "take_over",
  "nothing",
]);

export function Failure({ message }: { message: Message }) {
  const text = useText();
  const { error, status } = message;
  const isUnknown = status === "unknown";
  const sentence = isUnknown ? text("unknown_sentence") : (error?.sentence ?? error?.title ?? text("failed_sentence"));
  const blame = error?.blame ?? null;
  return (
    <div className="mt-1.5 flex flex-col gap-1.5 rounded-lg bg-danger-soft px-2.5 py-2 text-sm text-danger">
      <p dir="auto" className="text-start">
        {plain(sentence)}
      </p>
      {error === null || error.actionSentence === null || isUnknown ? null : (
        <p dir="auto" className="text-start text-ink">
          {plain(error.actionSentence)}
        </p>
      )}
      <p className="flex flex-wrap gap-x-3 text-xs">
        {error?.code === null || error === null ? null : (
          <span>
            {text("error_code")} <bdi dir="ltr">{error.code}</bdi>
          </span>
        )}
        {blame === null ? null : <span>{text("error_blame", { blame })}</span>}
      </p>
      <FailureActions message={message} />
    </div>
  );
}

function FailureActions({ message }: { message: Message }) {
  const text = useText();
  const { api, threads } = useWorkspace();
  const thread = useThread();
  const navigate = useNavigate();
  const deed = useDeed();
  if (!thread.canSend) return null;
  const action = message.error?.action ?? null;
  const written = textOf(fieldsOf(message.content)["body"]);
  const isUnknown = message.status === "unknown";
  const resend = (): void =>
    deed(async () => {
      const queued = await api.call<QueuedMessage>(`messages/${message.id}/resend`, {
        method: "POST",
        headers: { "idempotency-key": `resend-${message.id}` },
      });
      await threads.refresh(message.conversationId, [queued.id]);
    });
  const buttons = [
    ofTemplates.has(action) ? { label: text("choose_template"), run: thread.openTemplates } : null,
    ofConnections.has(action) ? { label: text("to_connections"), run: () => void navigate({ to: "/connections" }) } : null,
    action === "change_template" ? { label: text("to_templates"), run: () => void navigate({ to: "/templates" }) } : null,
    (action === "fix_request" || action === "write_instead") && written !== null
      ? { label: text("edit_again"), run: () => thread.compose(written) }
      : null,
    isUnknown || !(ofTemplates.has(action) || notAgain.has(action)) ? { label: text("send_again"), run: resend } : null,
    isUnknown
      ? {
          label: text("mark_failed"),
          run: () =>
            deed(async () => {
              await api.call(`messages/${message.id}/mark-failed`, { method: "POST" });
            }),
        }
      : null,
  ].filter((button) => button !== null);
  return (
    <div className="flex flex-wrap gap-2">
      {buttons.map(({ label, run }) => (
        <button
          key={label}
          type="button"
          onClick={run}
          className="min-h-7 rounded-md bg-raised px-2.5 text-[0.82rem] font-medium text-ink shadow-card hover:bg-hover"
        >
          {label}
        </button>
      ))}
    </div>
  );
}
