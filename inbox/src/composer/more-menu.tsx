import { CalendarClock, FileText, Timer } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useText } from "../app/text.tsx";
import { nowMs } from "../data/clock.ts";
import { IconButton } from "../ui/button.tsx";
import { Menu, MenuItem, MenuLabel } from "../ui/menu.tsx";
import type { When } from "./composer.tsx";

const ScheduleDialog = lazy(async () => ({ default: (await import("./schedule-dialog.tsx")).ScheduleDialog }));
const hourMs = 3_600_000;

/** Templates, and sending at another time. */
export function MoreMenu({
  isEmpty,
  isLater,
  onTemplates,
  onSend,
}: {
  isEmpty: boolean;
  isLater: boolean;
  onTemplates: () => void;
  onSend: (when: When) => void;
}) {
  const text = useText();
  const [isChoosing, setIsChoosing] = useState(false);
  const at = (label: "in_an_hour" | "tomorrow_morning", atMs: () => number) => (
    <MenuItem isDisabled={isEmpty} icon={<CalendarClock size={16} aria-hidden />} onSelect={() => onSend({ kind: "at", atMs: atMs() })}>
      {text(label)}
    </MenuItem>
  );
  return (
    <>
      <Menu
        trigger={
          <IconButton label={text("composer_more")}>
            <CalendarClock size={19} aria-hidden />
          </IconButton>
        }
      >
        <MenuItem icon={<FileText size={16} aria-hidden />} onSelect={onTemplates}>
          {text("choose_template")}
        </MenuItem>
        {isLater ? null : (
          <>
            <MenuLabel>{text(isEmpty ? "send_later_empty" : "send_later")}</MenuLabel>
            {at("in_an_hour", () => nowMs() + hourMs)}
            {at("tomorrow_morning", tomorrowMorningMs)}
            <MenuItem isDisabled={isEmpty} icon={<CalendarClock size={16} aria-hidden />} onSelect={() => setIsChoosing(true)}>
              {text("choose_time")}
            </MenuItem>
            <MenuItem isDisabled={isEmpty} icon={<Timer size={16} aria-hidden />} onSelect={() => onSend({ kind: "when_they_write" })}>
              {text("send_when_they_write")}
            </MenuItem>
          </>
        )}
      </Menu>
      <Suspense fallback={null}>
        {isChoosing ? <ScheduleDialog onClose={() => setIsChoosing(false)} onChoose={(atMs) => onSend({ kind: "at", atMs })} /> : null}
      </Suspense>
    </>
  );
}

/** By this machine's clock: mornings are the reader's own. */
function tomorrowMorningMs(): number {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 8).getTime();
}
