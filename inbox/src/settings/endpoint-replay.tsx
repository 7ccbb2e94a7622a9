import { useState } from "react";
import type { Replayed } from "../../../src/contract/webhooks.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** Sends again what happened in a time, call after call, and says how much. */
export function EndpointReplay({ endpointId, onClose }: { endpointId: string; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const [range, setRange] = useState(() => ({ from: localTime(Date.now() - dayMs), to: localTime(Date.now()) }));
  const [count, setCount] = useState(0);
  const replaying = useAction(async () => {
    const [from, to] = [new Date(range.from).toISOString(), new Date(range.to).toISOString()];
    let after: string | null = null;
    let sum = 0;
    do {
      const body: object = { from, to, ...(after === null ? {} : { after }) };
      const done: Replayed = await api.call<Replayed>(`endpoints/${endpointId}/replay`, { method: "POST", body });
      sum += done.replayed;
      setCount(sum);
      after = done.next;
    } while (after !== null);
    showToast("done", text("endpoint_replayed", { count: sum }));
    onClose();
  });
  const problem = useProblem(replaying.error, { fields: ["from", "to"] });
  const isSound = range.from !== "" && range.to !== "" && range.from < range.to;
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (isSound && !replaying.isRunning) replaying.run();
      }}
    >
      <p className="text-sm text-soft">{text("endpoint_replay_hint")}</p>
      {(["from", "to"] as const).map((end) => (
        <Field
          key={end}
          label={text(end === "from" ? "time_from" : "time_to")}
          error={problem.at(end)}
          render={(control) => (
            <Input
              {...control}
              type="datetime-local"
              dir="ltr"
              value={range[end]}
              onChange={(event) => setRange({ ...range, [end]: event.target.value })}
            />
          )}
        />
      ))}
      <p role="status" className="text-sm text-soft">
        {replaying.isRunning ? text("endpoint_replaying", { count }) : null}
      </p>
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={!isSound || replaying.isRunning}>
          {text("endpoint_replay_do")}
        </Button>
      </div>
    </form>
  );
}

/** As the field wants it: by this machine's clock, to the minute. */
function localTime(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * minuteMs).toISOString().slice(0, 16);
}
