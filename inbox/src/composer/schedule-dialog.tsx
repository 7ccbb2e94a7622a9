import { CalendarClock } from "lucide-react";
import { useState } from "react";
import { useText } from "../app/text.tsx";
import { nowMs } from "../data/clock.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, inputLook } from "../ui/field.tsx";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Day and hour of a message that goes out later, by this machine's clock. */
export function ScheduleDialog({ onChoose, onClose }: { onChoose: (atMs: number) => void; onClose: () => void }) {
  const text = useText();
  const [written, setWritten] = useState(() => localOf(nowMs() + hourMs));
  const atMs = Date.parse(written);
  const isPast = !(atMs > nowMs());
  return (
    <Dialog title={text("choose_time")} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isPast) return;
          onChoose(atMs);
          onClose();
        }}
      >
        <Field
          label={text("send_at")}
          hint={text("send_at_hint")}
          error={isPast ? text("send_at_past") : undefined}
          render={(control) => (
            <input
              {...control}
              type="datetime-local"
              required
              min={localOf(nowMs() + minuteMs)}
              value={written}
              onChange={(event) => setWritten(event.target.value)}
              className={`${inputLook} h-10`}
            />
          )}
        />
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            {text("cancel")}
          </Button>
          <Button type="submit" look="primary" disabled={isPast}>
            <CalendarClock size={16} aria-hidden />
            {text("schedule")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** As the browser's field writes it: local, without seconds. */
function localOf(ms: number): string {
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * minuteMs).toISOString().slice(0, 16);
}
