import { Ban, Check, CheckCheck, CircleAlert, CircleHelp, Clock3 } from "lucide-react";
import type { Message } from "../../../src/contract/messages.ts";
import { useFormats, useText, type Formats } from "../app/text.tsx";
import { titled } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";

const icons = {
  received: null,
  pending: Clock3,
  unknown: CircleHelp,
  accepted: Check,
  sent: Check,
  failed: CircleAlert,
  delivered: CheckCheck,
  read: CheckCheck,
  played: CheckCheck,
  cancelled: Ban,
} as const;
const times = ["sent", "delivered", "read", "played", "failed"] as const;

/** How far a message got; hovering tells when. */
export function Ticks({ message }: { message: Message }) {
  const text = useText();
  const formats = useFormats();
  const { status } = message;
  const Icon = icons[status];
  if (Icon === null) return null;
  const isRead = status === "read" || status === "played";
  const isBad = status === "failed" || status === "unknown";
  return (
    <span
      role="img"
      aria-label={text(`status_${status}`)}
      onPointerEnter={titled(() => whenText(message, text, formats))}
      data-status={status}
      className={cx("inline-flex", isRead ? "text-read" : isBad ? "text-danger" : "text-faint", status === "accepted" && "opacity-60")}
    >
      <Icon size={16} strokeWidth={2.2} aria-hidden />
    </span>
  );
}

function whenText(message: Message, text: ReturnType<typeof useText>, formats: Formats): string {
  const lines = times.flatMap((name) => {
    const at = message[`${name}At`];
    return at === null ? [] : [`${text(`status_${name}`)}: ${formats.full(at)}`];
  });
  return [text(`status_${message.status}`), ...lines].join("\n");
}
