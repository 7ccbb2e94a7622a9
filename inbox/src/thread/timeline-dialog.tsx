import { useQuery } from "@tanstack/react-query";
import type { TimelineEntry } from "../../../src/contract/messages.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useStored } from "../data/store.ts";
import { Bdi, Skeleton } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { plain } from "../ui/plain.ts";
import type { TextKey } from "../texts/keys.ts";

const names: Record<TimelineEntry["type"], TextKey> = {
  "message.created": "timeline_created",
  "message.status": "timeline_status",
  "message.edited": "edited",
  "message.revoked": "revoked",
  "reaction.changed": "timeline_reaction",
};
const statuses = ["received", "pending", "unknown", "accepted", "sent", "failed", "delivered", "read", "played", "cancelled"] as const;

/** What became of a message, step by step: what Meta said happened when, and when we learnt it. */
export function TimelineDialog({ messageId, onClose }: { messageId: string; onClose: () => void }) {
  const text = useText();
  const formats = useFormats();
  const { api, store } = useWorkspace();
  const message = useStored(store, "message", messageId);
  const { data, isError } = useQuery({
    queryKey: ["timeline", messageId, message?.status],
    queryFn: async () => (await api.call<{ data: TimelineEntry[] }>(`messages/${messageId}/timeline`)).data,
    staleTime: 0,
  });
  const nameOf = (entry: TimelineEntry): string => {
    const status = statuses.find((one) => one === entry.status);
    return status === undefined ? text(names[entry.type]) : text(`status_${status}`);
  };
  return (
    <Dialog title={text("timeline")} isOpen onClose={onClose}>
      {isError ? <p className="text-sm text-danger">{text("timeline_failed")}</p> : null}
      {data === undefined && !isError ? <Skeleton className="h-24" /> : null}
      <ol className="flex flex-col">
        {data?.map((entry, index) => (
          <li key={index} className="relative flex flex-col gap-0.5 border-s-2 border-line py-2 ps-4 text-sm">
            <span className="absolute -start-[5px] top-3.5 size-2 rounded-full bg-accent" />
            <span className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium">{nameOf(entry)}</span>
              {entry.participant === null ? null : <Bdi className="text-xs text-soft">{entry.participant}</Bdi>}
              <time dateTime={entry.at} className="text-xs text-soft tabular-nums">
                {formats.full(entry.at)}
              </time>
            </span>
            <span className="text-xs text-faint">
              {text("timeline_learnt", {
                seconds: formats.number(Math.max(0, (Date.parse(entry.createdAt) - Date.parse(entry.at)) / 1_000)),
              })}
            </span>
            {entry.error === null ? null : (
              <span dir="auto" className="text-start text-danger">
                {plain(entry.error.sentence ?? entry.error.title ?? "")} <bdi dir="ltr">{entry.error.code}</bdi>
              </span>
            )}
          </li>
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
