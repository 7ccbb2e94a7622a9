import { useState } from "react";
import { useText } from "../app/text.tsx";
import { ApiError } from "../data/api.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import type { Range } from "./replay.ts";
import { isoOf, localOf } from "./local-time.ts";

const dayMs = 86_400_000;

/** Asks for two times, replays what lies between them and shows how far it is. */
export function RangeDialog({
  hint,
  replay,
  onClose,
}: {
  hint: string;
  replay: (range: Range, onProgress: (done: number) => void) => Promise<number>;
  onClose: () => void;
}) {
  const text = useText();
  const [from, setFrom] = useState(() => localOf(Date.now() - dayMs));
  const [to, setTo] = useState(() => localOf(Date.now() + 60_000));
  const [done, setDone] = useState(0);
  const range = { from: isoOf(from), to: isoOf(to) };
  const isOrdered = range.from !== null && range.to !== null && range.from < range.to;
  const { run, isRunning, error } = useAction(async () => {
    if (range.from === null || range.to === null) return;
    setDone(0);
    const count = await replay({ from: range.from, to: range.to }, setDone);
    showToast("done", text("ops_replay_done", { count }));
    onClose();
  });
  return (
    <Dialog title={text("ops_replay_range")} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <p className="text-sm text-soft">{hint}</p>
        <Field
          label={text("ops_from")}
          render={(control) => (
            <Input {...control} type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} required />
          )}
        />
        <Field
          label={text("ops_to")}
          {...(isOrdered ? {} : { error: text("ops_range_order") })}
          render={(control) => (
            <Input {...control} type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} required />
          )}
        />
        <p role="status" className="min-h-5 text-sm text-soft">
          {isRunning ? text("ops_replay_running_open", { count: done }) : null}
        </p>
        {error === null ? null : (
          <p role="alert" className="text-sm text-danger">
            {error instanceof ApiError ? error.message : text("error_unreachable")}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{text("close")}</Button>
          <Button look="primary" type="submit" disabled={!isOrdered || isRunning}>
            {text("ops_replay")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
