import { ChevronDown, Copy, CornerUpLeft, History, SmilePlus, Undo2, XCircle } from "lucide-react";
import { useLayoutEffect, useRef, useState } from "react";
import type { Message } from "../../../src/contract/messages.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Menu, MenuItem, MenuLine } from "../ui/menu.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { useThread } from "./thread-context.tsx";

const quick = ["👍", "❤️", "😂", "🙏", "😮", "😢"] as const;

/**
 * What can be done with one message; on its corner, seen when the pointer or the focus is on it. Until then a button alone stands there: a menu
 * costs as much as the bubble, and a screen has thirty.
 */
export function MessageMenu({ message }: { message: Message }) {
  const text = useText();
  const [reached, setReached] = useState<Reached | null>(null);
  return (
    <span
      role="presentation"
      onPointerEnter={() => setReached((before) => before ?? "pointer")}
      // The press that opens the menu takes the button from under itself: the focus would go to the thread, and the menu would close at once.
      onMouseDown={(event) => event.preventDefault()}
      className="absolute end-1.5 top-1 opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 has-data-[state=open]:opacity-100"
    >
      {reached === null ? (
        <button
          type="button"
          aria-label={text("message_menu")}
          aria-haspopup="menu"
          aria-expanded={false}
          onFocus={() => setReached("focus")}
          onPointerDown={() => setReached("press")}
          className={buttonLook}
        >
          <ChevronDown size={16} aria-hidden />
        </button>
      ) : (
        <Deeds message={message} reached={reached} />
      )}
    </span>
  );
}

/** How: whoever came by the keyboard still has the focus afterwards, and a finger's first touch opens. */
type Reached = "pointer" | "focus" | "press";
const buttonLook = "grid size-7 place-items-center rounded-full bg-raised text-soft shadow-card hover:text-ink";

function Deeds({ message, reached }: { message: Message; reached: Reached }) {
  const text = useText();
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (reached === "focus") button.current?.focus();
    // Once, when it takes the place of the other button.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);
  const { api } = useWorkspace();
  const { canSend, replyTo, showTimeline, conversation } = useThread();
  const deed = useDeed();
  const content = fieldsOf(message.content);
  const words = textOf(content["body"]) ?? textOf(content["caption"]);
  const own = message.reactions.find(({ from }) => from === "business")?.emoji ?? null;
  const canReact = canSend && message.waMessageId !== null && conversation.window.isOpen && message.revokedAt === null;
  const react = (emoji: string): void =>
    deed(() =>
      api.call("messages", {
        method: "POST",
        headers: { "idempotency-key": crypto.randomUUID() },
        body: { conversationId: message.conversationId, content: { type: "reaction", waMessageId: message.waMessageId, emoji } },
      }),
    );
  return (
    <Menu
      isOpenAtFirst={reached === "press"}
      trigger={
        <button ref={button} type="button" aria-label={text("message_menu")} className={buttonLook}>
          <ChevronDown size={16} aria-hidden />
        </button>
      }
    >
      {canReact ? (
        <>
          <div role="group" aria-label={text("react")} className="flex gap-0.5 p-1">
            {quick.map((emoji) => (
              <ReactItem key={emoji} emoji={emoji} isOwn={emoji === own} onSelect={() => react(emoji === own ? "" : emoji)} />
            ))}
          </div>
          <MenuLine />
        </>
      ) : null}
      {canSend && message.waMessageId !== null ? (
        <MenuItem icon={<CornerUpLeft size={16} aria-hidden className="directional" />} onSelect={() => replyTo(message)}>
          {text("reply")}
        </MenuItem>
      ) : null}
      {words === null ? null : (
        <MenuItem
          icon={<Copy size={16} aria-hidden />}
          onSelect={() => deed(async () => navigator.clipboard.writeText(words).then(() => showToast("done", text("copied"))))}
        >
          {text("copy")}
        </MenuItem>
      )}
      <MenuItem icon={<History size={16} aria-hidden />} onSelect={() => showTimeline(message.id)}>
        {text("timeline")}
      </MenuItem>
      {own !== null && canReact ? (
        <MenuItem icon={<Undo2 size={16} aria-hidden className="directional" />} onSelect={() => react("")}>
          {text("reaction_back")}
        </MenuItem>
      ) : null}
      {message.status === "pending" && canSend ? (
        <MenuItem
          isDanger
          icon={<XCircle size={16} aria-hidden />}
          onSelect={() => deed(() => api.call(`messages/${message.id}/cancel`, { method: "POST" }))}
        >
          {text("cancel_send")}
        </MenuItem>
      ) : null}
    </Menu>
  );
}

function ReactItem({ emoji, isOwn, onSelect }: { emoji: string; isOwn: boolean; onSelect: () => void }) {
  const text = useText();
  return (
    <MenuItem onSelect={onSelect} icon={<SmilePlus size={0} aria-hidden className="hidden" />}>
      <span aria-label={text("react_with", { emoji })} className={isOwn ? "rounded-full bg-accent-soft text-xl" : "text-xl"}>
        {emoji}
      </span>
    </MenuItem>
  );
}
