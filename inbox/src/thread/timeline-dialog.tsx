import { useQuery } from "@tanstack/react-query";
import type { TimelineEntry } from "../../../src/contract/messages.ts";
import { useSentence } from "../app/sentence.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored } from "../data/store.ts";
import { Bdi, Skeleton } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { plain } from "../ui/plain.ts";
import { drawnAtMs } from "./drawn.ts";
import { timelineSteps, type TimelineStep } from "./timeline-steps.ts";

/** What became of a message, step by step: the POST that brought it, when it was stored and drawn here, and what Meta said happened when. */
export function TimelineDialog({ messageId, onClose }: { messageId: string; onClose: () => void }) {
  const text = useText();
  const { api, store } = useWorkspace();
  const message = useStored(store, "message", messageId);
  const { data, isError } = useQuery({
    queryKey: ["timeline", messageId, message?.status],
    queryFn: async () => (await api.call<{ data: TimelineEntry[] }>(`messages/${messageId}/timeline`)).data,
    staleTime: 0,
  });
  const steps = data === undefined ? undefined : timelineSteps(data, drawnAtMs(messageId));
  return (
    <Dialog title={text("timeline")} isOpen onClose={onClose}>
      {isError ? <p className="text-sm text-danger">{text("timeline_failed")}</p> : null}
      {data === undefined && !isError ? <Skeleton className="h-24" /> : null}
      <ol className="flex flex-col" data-testid="timeline">
        {steps?.map((step, index) => (
          <Step key={index} step={step} />
        ))}
      </ol>
      {message === undefined ? null : (
        <dl className="mt-3 flex flex-col gap-1 border-t border-line pt-3 text-xs text-soft">
          {[
            ["ID", message.id],
            ["wamid", message.waMessageId ?? "–"],
          ].map(([name, value]) => (
            <div key={name} className="flex gap-2">
              <dt>{name}</dt>
              <dd dir="ltr" className="min-w-0 font-mono wrap-anywhere select-all">
                {value}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Dialog>
  );
}

function Step({ step }: { step: TimelineStep }) {
  const text = useText();
  const formats = useFormats();
  const sentenceIn = useSentence();
  const { name, at, afterMs, learntMs, entry } = step;
  const error = entry?.error ?? null;
  return (
    <li data-step={name} className="relative flex flex-col gap-0.5 border-s-2 border-line py-2 ps-4 text-sm">
      <span className="absolute -start-[5px] top-3.5 size-2 rounded-full bg-accent" />
      <span className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-medium">{text(name)}</span>
        {entry === null || entry.participant === null ? null : <Bdi className="text-xs text-soft">{entry.participant}</Bdi>}
        <time dateTime={at} className="text-xs text-soft tabular-nums">
          {formats.full(at)}
        </time>
      </span>
      {afterMs === null ? null : (
        <span className="text-xs text-faint">{text("timeline_after", { ms: formats.number(Math.round(afterMs)) })}</span>
      )}
      {learntMs === null ? null : (
        <span className="text-xs text-faint">{text("timeline_learnt", { seconds: formats.number(Math.max(0, learntMs / 1_000)) })}</span>
      )}
      {step.before === null ? null : (
        <span className="text-xs text-soft">
          {text("timeline_before")} <Bdi>{step.before}</Bdi>
        </span>
      )}
      {error === null ? null : (
        <span dir="auto" className="text-start text-danger">
          {plain(error.sentences === null ? (error.sentence ?? error.title ?? "") : sentenceIn(error.sentences.what))}{" "}
          <bdi dir="ltr">{error.code}</bdi>
        </span>
      )}
    </li>
  );
}
