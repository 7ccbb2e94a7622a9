import { Clock3, RotateCw, Trash2 } from "lucide-react";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import type { PendingSend } from "../data/sends.ts";
import { Bdi, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { plain } from "../ui/plain.ts";
import { bubbleLook } from "./bubble.tsx";
import { FormattedText } from "./formatted-text.tsx";
import { useThread } from "./thread-context.tsx";

/** Written, and not with the server yet. */
export function PendingBubble({ pending }: { pending: PendingSend }) {
  const text = useText();
  const { sends } = useWorkspace();
  const { compose, openTemplates } = useThread();
  const { content, file, state, problem } = pending;
  const words = content.type === "text" ? content.body : "caption" in content ? (content.caption ?? null) : null;
  const isRefused = state === "refused";
  return (
    <article aria-label={text("message_ours")} data-pending={state} className="flex flex-col items-end px-3 pt-1 sm:px-6">
      <div className={cx(bubbleLook, "bg-out", !isRefused && "opacity-80")}>
        {file === null ? null : <Bdi className="block text-start text-sm font-medium">{`📎 ${file.name}`}</Bdi>}
        {content.type === "template" ? <Bdi className="block text-start text-sm">{`📝 ${content.name}`}</Bdi> : null}
        {words === null ? null : <FormattedText text={words} />}
        {isRefused ? (
          <div className="mt-1.5 flex flex-col gap-1.5 rounded-lg bg-danger-soft px-2.5 py-2 text-sm text-danger">
            <p dir="auto">
              {problem?.code === "window_closed" ? text("window_closed_hint") : plain(problem?.detail ?? text("failed_sentence"))}
            </p>
            <div className="flex flex-wrap gap-2">
              {problem?.code === "window_closed" ? (
                <Button className="min-h-7 text-xs" onClick={openTemplates}>
                  {text("choose_template")}
                </Button>
              ) : (
                <Button className="min-h-7 text-xs" onClick={() => sends.retry(pending)}>
                  <RotateCw size={13} aria-hidden /> {text("send_again")}
                </Button>
              )}
              {words === null ? null : (
                <Button
                  className="min-h-7 text-xs"
                  onClick={() => {
                    compose(words);
                    sends.drop(pending);
                  }}
                >
                  {text("edit_again")}
                </Button>
              )}
              <Button className="min-h-7 text-xs" onClick={() => sends.drop(pending)}>
                <Trash2 size={13} aria-hidden /> {text("discard")}
              </Button>
            </div>
          </div>
        ) : null}
        <p className="mt-0.5 flex items-center justify-end gap-1 text-[0.7rem] text-faint">
          <Time at={pending.createdAt} as="clock" />
          {isRefused ? null : <Clock3 size={14} role="img" aria-label={text(state === "waiting" ? "status_waiting" : "status_pending")} />}
        </p>
      </div>
    </article>
  );
}
