import { CornerUpLeft, X } from "lucide-react";
import type { Message } from "../../../src/contract/messages.ts";
import { useText } from "../app/text.tsx";
import { fieldsOf, textOf } from "../thread/fields.ts";
import { IconButton } from "../ui/button.tsx";
import { plainLine } from "../ui/plain.ts";

export function ReplyBar({ message, onClose }: { message: Message; onClose: () => void }) {
  const text = useText();
  const content = fieldsOf(message.content);
  const words =
    textOf(content["body"]) ??
    textOf(content["caption"]) ??
    textOf(content["filename"]) ??
    textOf(content["title"]) ??
    text("message_without_words");
  return (
    <div className="flex items-center gap-2 border-b border-line px-4 py-1.5">
      <CornerUpLeft size={17} aria-hidden className="directional shrink-0 text-accent" />
      <p dir="auto" className="min-w-0 grow truncate border-s-3 border-accent ps-2 text-start text-sm text-soft">
        {plainLine(words)}
      </p>
      <IconButton label={text("reply_cancel")} onClick={onClose}>
        <X size={16} aria-hidden />
      </IconButton>
    </div>
  );
}
