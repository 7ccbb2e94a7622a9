/** Whether a number sends, how fast and what waits; pausing and going on. */
import { useQueryClient } from "@tanstack/react-query";
import { Pause, Play } from "lucide-react";
import { useState } from "react";
import type { ChangeSending, Sending } from "../../../src/contract/sends.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";

import { Confirm } from "../ui/confirm.tsx";
import { cx } from "../ui/cx.ts";
import { Field, Select } from "../ui/field.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import type { TextKey } from "../texts/keys.ts";
import { useSending } from "./queries.ts";

const paces = [5, 10, 20, 40, 80, 250, 500, 1_000];

export function SendingCard({ connectionId, isManager }: { connectionId: string; isManager: boolean }) {
  const text = useText();
  const { data, isError, refetch } = useSending(connectionId);
  return (
    <Card title={text("sending")}>
      {data === undefined ? (
        isError ? (
          <p role="alert" className="flex items-center gap-3 text-sm text-danger">
            {text("sending_failed_to_read")}
            <Button onClick={() => void refetch()}>{text("try_again")}</Button>
          </p>
        ) : (
          <Skeleton className="h-28" />
        )
      ) : (
        <Known connectionId={connectionId} sending={data} isManager={isManager} />
      )}
    </Card>
  );
}

function Known({ connectionId, sending, isManager }: { connectionId: string; sending: Sending; isManager: boolean }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const [isAsking, setIsAsking] = useState(false);
  const put = async (body: ChangeSending, done: TextKey): Promise<void> => {
    const after = await api.call<Sending>(`connections/${connectionId}/sending`, { method: "PATCH", body });
    queries.setQueryData(["connections", connectionId, "sending"], after);
    showToast("done", text(done));
  };
  const change = (body: ChangeSending, done: TextKey): void => deed(() => put(body, done));
  const { state, reason, until } = sending;
  const isActive = state === "active";
  const why = isManager ? undefined : text("needs_manager");
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <div role="status" className="flex min-w-0 grow flex-col">
          <span className={cx("font-medium", isActive ? "text-accent" : "text-amber")}>
            {text(`sending_${state}`, until === null ? {} : { at: formats.clock(until) })}
          </span>
          {reason === null ? null : <span className="text-sm text-soft">{text(`sending_because_${reason}`)}</span>}
        </div>
        {isActive ? (
          <Button disabled={!isManager} title={why} onClick={() => setIsAsking(true)}>
            <Pause size={16} aria-hidden />
            {text("sending_pause")}
          </Button>
        ) : (
          <Button look="primary" disabled={!isManager} title={why} onClick={() => change({ paused: false }, "sending_is_resumed")}>
            <Play size={16} aria-hidden className="directional" />
            {text("sending_resume")}
          </Button>
        )}
      </div>
      <dl className="grid grid-cols-3 gap-2">
        {(["queued", "scheduled", "waiting"] as const).map((which) => (
          <div key={which} className="flex flex-col rounded-xl bg-canvas px-3 py-2">
            <dt className="text-xs text-soft">{text(`sending_${which}`)}</dt>
            <dd className="text-lg font-semibold tabular-nums">{formats.number(sending[which])}</dd>
          </div>
        ))}
      </dl>
      <Field
        label={text("sending_pace")}
        hint={text("sending_pace_hint")}
        render={(control) => (
          <Select
            {...control}
            disabled={!isManager}
            title={why}
            value={sending.messagesPerSecond}
            onChange={(event) => change({ messagesPerSecond: Number(event.target.value) }, "sending_pace_changed")}
          >
            {[...new Set([...paces, sending.messagesPerSecond])]
              .toSorted((a, b) => a - b)
              .map((pace) => (
                <option key={pace} value={pace}>
                  {text("sending_pace_value", { count: formats.number(pace) })}
                </option>
              ))}
          </Select>
        )}
      />
      <Confirm
        question={
          isAsking
            ? {
                title: text("pause_confirm"),
                hint: text("pause_confirm_hint"),
                label: text("sending_pause"),
                isMild: true,
                act: () => put({ paused: true }, "sending_is_paused"),
              }
            : null
        }
        onClose={() => setIsAsking(false)}
      />
    </>
  );
}
