import { Lock, StickyNote, Timer } from "lucide-react";
import { useText } from "../app/text.tsx";
import { Button } from "../ui/button.tsx";

/** Why there is no place to write, and the ways round it. */
export function ClosedBar({
  isNever,
  isLater,
  onLater,
  onNote,
}: {
  isNever: boolean;
  isLater: boolean;
  onLater: (isLater: boolean) => void;
  onNote: () => void;
}) {
  const text = useText();
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line bg-canvas px-4 py-2 text-sm text-soft">
      <Lock size={16} aria-hidden className="shrink-0" />
      <p className="min-w-48 flex-1">{text(isLater ? "later_hint" : isNever ? "window_never" : "window_closed_hint")}</p>
      <Button look="quiet" onClick={onNote}>
        <StickyNote size={15} aria-hidden />
        {text("note")}
      </Button>
      <Button look="plain" onClick={() => onLater(!isLater)}>
        <Timer size={15} aria-hidden />
        {text(isLater ? "choose_template" : "send_when_they_write")}
      </Button>
    </div>
  );
}
