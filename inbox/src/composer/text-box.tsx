import { CalendarClock, FileText, Paperclip, SendHorizontal, Smile, StickyNote, Timer } from "lucide-react";
import { lazy, Suspense, useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { nowMs } from "../data/clock.ts";
import { IconButton } from "../ui/button.tsx";
import { directionOf } from "../ui/field.tsx";
import { cx } from "../ui/cx.ts";
import { Menu, MenuItem, MenuLabel } from "../ui/menu.tsx";
import { Popover } from "../ui/popover.tsx";
import { CannedList } from "./canned-list.tsx";
import { cannedMatches, cannedText } from "./canned-match.ts";
import { useCannedReplies } from "./canned.ts";
import type { Mode, When } from "./composer.tsx";

const EmojiPicker = lazy(async () => ({ default: (await import("./emoji-picker.tsx")).EmojiPicker }));

export type TextBoxHandle = { focus: () => void };
const charsMax = 4_096;
const linesPxMax = 200;
const hourMs = 3_600_000;

type Props = {
  ref: Ref<TextBoxHandle>;
  conversation: Conversation;
  value: string;
  onChange: (value: string) => void;
  mode: Mode;
  onMode: (mode: Mode) => void;
  /** It will go out when the customer writes. */
  isLater: boolean;
  hasFiles: boolean;
  onFiles: (files: Iterable<File>) => void;
  onTemplates: () => void;
  onSend: (when: When) => void;
};

export function TextBox({ ref, conversation, value, onChange, mode, onMode, isLater, hasFiles, onFiles, onTemplates, onSend }: Props) {
  const text = useText();
  const { locale } = useAppearance();
  const { session } = useWorkspace();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [isEmoji, setIsEmoji] = useState(false);
  const [chosen, setChosen] = useState(0);
  const isNote = mode === "note";
  const replies = useCannedReplies();
  const matches = isNote ? null : cannedMatches(value, replies);
  const isEmpty = value.trim() === "" && (isNote || !hasFiles);

  useImperativeHandle(ref, () => ({ focus: () => area.current?.focus() }));
  useEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(linesPxMax, element.scrollHeight)}px`;
  }, [value, mode]);
  useEffect(() => setChosen(0), [value]);

  function insertCanned(reply: CannedReply): void {
    const { contact } = conversation;
    const values = {
      name: contact === null ? "" : (contactName(contact) ?? ""),
      phone: contact?.waId ?? "",
      agent: session.person?.name ?? "",
      business: session.tenant?.name ?? "",
    };
    onChange(cannedText(reply, [locale, session.tenant?.locale ?? ""], values));
    area.current?.focus();
  }
  function insert(piece: string): void {
    const element = area.current;
    const at = element?.selectionStart ?? value.length;
    onChange(value.slice(0, at) + piece + value.slice(element?.selectionEnd ?? at));
    setIsEmoji(false);
    requestAnimationFrame(() => {
      element?.focus();
      element?.setSelectionRange(at + piece.length, at + piece.length);
    });
  }
  function onKeyDown(event: React.KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.nativeEvent.isComposing) return;
    if (matches !== null && matches.length > 0) {
      const picked = matches[chosen];
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        setChosen((chosen + (event.key === "ArrowDown" ? 1 : matches.length - 1)) % matches.length);
        return;
      }
      if ((event.key === "Enter" || event.key === "Tab") && picked !== undefined) {
        event.preventDefault();
        insertCanned(picked);
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (!isEmpty) onSend({ kind: "now" });
    }
    if (event.key === "Escape") {
      if (isNote) onMode("message");
      else event.currentTarget.blur();
    }
  }
  return (
    <div className={cx("relative flex flex-col gap-1 px-2 py-2 sm:px-3", isNote && "bg-note")}>
      {matches === null || matches.length === 0 ? null : <CannedList replies={matches} chosen={chosen} onPick={insertCanned} />}
      <div className="flex items-end gap-1">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            onFiles([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
        {isNote ? null : (
          <IconButton label={text("attach")} onClick={() => picker.current?.click()}>
            <Paperclip size={19} aria-hidden />
          </IconButton>
        )}
        <Popover
          label={text("emoji")}
          isOpen={isEmoji}
          onOpenChange={setIsEmoji}
          trigger={
            <IconButton label={text("emoji")} className="max-sm:hidden">
              <Smile size={19} aria-hidden />
            </IconButton>
          }
        >
          <Suspense fallback={null}>
            <EmojiPicker onPick={insert} />
          </Suspense>
        </Popover>
        <textarea
          ref={area}
          dir={directionOf(value)}
          rows={1}
          value={value}
          maxLength={charsMax}
          aria-label={text(isNote ? "note_write" : "message_write")}
          placeholder={text(isNote ? "note_write" : isLater ? "later_write" : "message_write")}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            if (isNote || event.clipboardData.files.length === 0) return;
            event.preventDefault();
            onFiles(event.clipboardData.files);
          }}
          className="min-h-10 min-w-0 grow resize-none rounded-xl border border-line bg-raised px-3 py-2 text-base leading-snug placeholder:text-start placeholder:text-faint focus-visible:border-accent focus-visible:outline-offset-0 sm:text-[0.97rem]"
        />
        <IconButton label={text("note")} isOn={isNote} onClick={() => onMode(isNote ? "message" : "note")}>
          <StickyNote size={19} aria-hidden />
        </IconButton>
        {isNote ? null : <MoreMenu isEmpty={isEmpty} isLater={isLater} onTemplates={onTemplates} onSend={onSend} />}
        <button
          type="button"
          disabled={isEmpty}
          onClick={() => onSend({ kind: "now" })}
          aria-label={text(isNote ? "note_save" : isLater ? "send_when_they_write" : "send")}
          title={text(isNote ? "note_save" : isLater ? "send_when_they_write" : "send")}
          className="grid size-10 shrink-0 place-items-center rounded-xl bg-accent text-accent-ink transition-colors hover:bg-accent-strong disabled:bg-sunken disabled:text-faint"
        >
          {isLater && !isNote ? <Timer size={19} aria-hidden /> : <SendHorizontal size={19} aria-hidden className="directional" />}
        </button>
      </div>
    </div>
  );
}

function MoreMenu({
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
  return (
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
          <MenuLabel>{text("send_later")}</MenuLabel>
          <MenuItem
            isDisabled={isEmpty}
            icon={<CalendarClock size={16} aria-hidden />}
            onSelect={() => onSend({ kind: "at", atMs: nowMs() + hourMs })}
          >
            {text("in_an_hour")}
          </MenuItem>
          <MenuItem
            isDisabled={isEmpty}
            icon={<CalendarClock size={16} aria-hidden />}
            onSelect={() => onSend({ kind: "at", atMs: tomorrowMorningMs() })}
          >
            {text("tomorrow_morning")}
          </MenuItem>
          <MenuItem isDisabled={isEmpty} icon={<Timer size={16} aria-hidden />} onSelect={() => onSend({ kind: "when_they_write" })}>
            {text("send_when_they_write")}
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

/** By this machine's clock: mornings are the reader's own. */
function tomorrowMorningMs(): number {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 8).getTime();
}
