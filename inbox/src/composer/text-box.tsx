import { Mic, Paperclip, SendHorizontal, Smile, StickyNote, Timer } from "lucide-react";
import { lazy, Suspense, useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useAppearance } from "../app/appearance.tsx";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { contactName } from "../conversations/names.ts";
import { IconButton } from "../ui/button.tsx";
import { directionOf } from "../ui/field.tsx";
import { cx } from "../ui/cx.ts";
import { Popover } from "../ui/popover.tsx";
import { acceptedFiles } from "./attachments.tsx";
import { CannedList } from "./canned-list.tsx";
import { cannedMatches, cannedText } from "./canned-match.ts";
import { useCannedReplies } from "./canned.ts";
import { mentionTyped } from "../team/mentions.ts";
import { usePeople } from "../team/people.ts";
import type { Mode, When } from "./composer.tsx";
import { MentionList } from "./mention-list.tsx";
import { MoreMenu } from "./more-menu.tsx";
import { canRecord, type VoiceFile } from "./voice.ts";

const VoiceRecorder = lazy(async () => ({ default: (await import("./voice-recorder.tsx")).VoiceRecorder }));
const EmojiPicker = lazy(async () => ({ default: (await import("./emoji-picker.tsx")).EmojiPicker }));

export type TextBoxHandle = { focus: () => void; attach: () => void };
const charsMax = 4_096;
const linesPxMax = 200;

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
  onVoice: (file: VoiceFile) => void;
  onSend: (when: When) => void;
};

export function TextBox({
  ref,
  conversation,
  value,
  onChange,
  mode,
  onMode,
  isLater,
  hasFiles,
  onFiles,
  onTemplates,
  onVoice,
  onSend,
}: Props) {
  const text = useText();
  const { locale } = useAppearance();
  const { session } = useWorkspace();
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [isEmoji, setIsEmoji] = useState(false);
  const [chosen, setChosen] = useState(0);
  const [cursor, setCursor] = useState(0);
  const [isRecording, setIsRecording] = useState(false);
  const isNote = mode === "note";
  const replies = useCannedReplies();
  const matches = isNote ? null : cannedMatches(value, replies);
  const people = usePeople();
  const mention = isNote ? mentionTyped(value, cursor, people) : null;
  const isEmpty = value.trim() === "" && (isNote || !hasFiles);

  useImperativeHandle(ref, () => ({ focus: () => area.current?.focus(), attach: () => picker.current?.click() }));
  useEffect(() => {
    const element = area.current;
    if (element === null) return;
    // Empty it has one line by itself; to ask the page what stands in it costs each switch a layout.
    element.style.height = value === "" ? "" : "auto";
    if (value !== "") element.style.height = `${Math.min(linesPxMax, element.scrollHeight)}px`;
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
  function insertMention({ name }: { name: string }): void {
    if (mention === null) return;
    const before = `${value.slice(0, mention.from)}@${name} `;
    onChange(before + value.slice(cursor));
    setCursor(before.length);
    requestAnimationFrame(() => {
      area.current?.focus();
      area.current?.setSelectionRange(before.length, before.length);
    });
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
    const [reply, person] = [matches?.[chosen], mention?.matches[chosen]];
    const count = matches?.length ?? mention?.matches.length ?? 0;
    if (count > 0) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        setChosen((chosen + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
        return;
      }
      if ((event.key === "Enter" || event.key === "Tab") && (reply !== undefined || person !== undefined)) {
        event.preventDefault();
        if (reply !== undefined) insertCanned(reply);
        else if (person !== undefined) insertMention(person);
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
  if (isRecording)
    return (
      <Suspense fallback={null}>
        <VoiceRecorder
          onDone={(file) => {
            setIsRecording(false);
            if (file !== null) onVoice(file);
            requestAnimationFrame(() => area.current?.focus());
          }}
        />
      </Suspense>
    );
  return (
    <div className={cx("relative flex flex-col gap-1 px-2 py-2 sm:px-3", isNote && "bg-note")}>
      {matches === null || matches.length === 0 ? null : <CannedList replies={matches} chosen={chosen} onPick={insertCanned} />}
      {mention === null ? null : <MentionList people={mention.matches} chosen={chosen} onPick={insertMention} />}
      <div className="flex items-end gap-1">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          accept={acceptedFiles}
          data-testid="files"
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
          onChange={(event) => {
            onChange(event.target.value);
            setCursor(event.target.selectionStart);
          }}
          onSelect={(event) => setCursor(event.currentTarget.selectionStart)}
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
        {isNote || !canRecord || !isEmpty ? null : (
          <IconButton label={text("voice_record")} onClick={() => setIsRecording(true)}>
            <Mic size={19} aria-hidden />
          </IconButton>
        )}
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
