/**
 * Where one answers. Inside the window a text; when the window closes this becomes the choice of a template, and when the customer writes it is a
 * text again, by itself: which of them shows follows from the conversation and the clock, and nothing else.
 */
import { useQueryClient } from "@tanstack/react-query";
import { Hourglass, Upload } from "lucide-react";
import { lazy, Suspense, useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";
import type { Conversation } from "../../../src/contract/conversations.ts";
import type { CreateNote, Note } from "../../../src/contract/inbox.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { OutgoingContent } from "../../../src/contract/outgoing.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useNow } from "../data/clock.ts";
import { useStored } from "../data/store.ts";
import { windowNow } from "../data/window.ts";
import { mentionsIn } from "../team/mentions.ts";
import { usePeople } from "../team/people.ts";
import { Skeleton } from "../ui/bits.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { contentOfFile, contentOfVoice, FilesBar, useFiles } from "./attachments.tsx";
import { ClosedBar } from "./closed-bar.tsx";
import { useNoteDraft } from "./note-draft.ts";
import { ReplyBar } from "./reply-bar.tsx";
import { TextBox, type TextBoxHandle } from "./text-box.tsx";
import { WaitingBar } from "./waiting-bar.tsx";

const TemplatePicker = lazy(async () => ({ default: (await import("./template-picker.tsx")).TemplatePicker }));

export type ComposerHandle = {
  focus: () => void;
  replyTo: (message: Message) => void;
  compose: (text: string) => void;
  openTemplates: () => void;
  attach: () => void;
};

/** Meta's. */
const captionCharsMax = 1_024;

export type Mode = "message" | "note";
/** When it goes out. */
export type When = { kind: "now" } | { kind: "at"; atMs: number } | { kind: "when_they_write" };

export function Composer({ conversation, ref }: { conversation: Conversation; ref: Ref<ComposerHandle> }) {
  const text = useText();
  const { api, store, sends } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const { id } = conversation;
  const draft = useStored(store, "draft", id) ?? "";
  const [note, setNote] = useNoteDraft(id);
  const box = useRef<TextBoxHandle>(null);
  const files = useFiles();
  const people = usePeople();
  const [isDragged, setIsDragged] = useState(false);
  const [mode, setMode] = useState<Mode>(note === "" ? "message" : "note");
  const [replyTo, setReplyTo] = useState<Message | null>(null);
  const [panel, setPanel] = useState<"templates" | "later" | null>(null);
  const { state } = windowNow(conversation.window, useNow());
  const isClosed = state === "closed" || state === "never";

  // The customer wrote, or the window ended: what was opened for the other case is over.
  useEffect(() => {
    setPanel(null);
  }, [isClosed]);

  const setDraft = (next: string): void => (next === "" ? store.delete("draft", id) : store.set("draft", id, next));
  /** What was begun as a message may become a note, never the other way about. */
  const changeMode = (next: Mode): void => {
    if (next === "note" && note === "") {
      setNote(draft);
      setDraft("");
    }
    setMode(next);
  };
  const show = (): void => {
    if (isClosed && mode === "message") setPanel("later");
    requestAnimationFrame(() => box.current?.focus());
  };
  useImperativeHandle(ref, () => ({
    focus: () => {
      if (!isClosed || panel === "later" || mode === "note") box.current?.focus();
    },
    replyTo(message) {
      setMode("message");
      setReplyTo(message);
      show();
    },
    compose(written) {
      setMode("message");
      setDraft(written);
      show();
    },
    openTemplates: () => setPanel("templates"),
    attach() {
      setMode("message");
      show();
      requestAnimationFrame(() => box.current?.attach());
    },
  }));

  function saveNote(written: string): void {
    if (written === "") return;
    setNote("");
    setMode("message");
    deed(async () => {
      const body: CreateNote = { body: written, mentions: mentionsIn(written, people) };
      await api.call<Note>(`conversations/${id}/notes`, { method: "POST", body }).catch((error: unknown) => {
        // Back to where only colleagues would read it, before what was begun meanwhile.
        setNote((before) => (before === "" ? written : `${written}\n${before}`));
        setMode("note");
        throw error;
      });
      await queries.invalidateQueries({ queryKey: ["notes", id] });
    });
  }

  function send(when: When): void {
    if (mode === "note") return saveNote(note.trim());
    const written = draft.trim();
    const body = {
      ...(replyTo === null ? {} : { replyToMessageId: replyTo.id }),
      ...(when.kind === "at" ? { sendAt: new Date(when.atMs).toISOString() } : {}),
      ...(when.kind === "when_they_write" ? { whenTheyWrite: {} } : {}),
    };
    const add = (content: OutgoingContent, file: { blob: Blob; name: string } | null): void =>
      sends.add({ conversationId: id, connectionId: conversation.connectionId, body, content, file });
    // With one picture the text is its caption; with several, or where it is too long for one, it comes after them.
    const [only] = files.list;
    const isCaption = files.list.length === 1 && only !== undefined && !only.type.startsWith("audio/") && written.length <= captionCharsMax;
    for (const file of files.list) add(contentOfFile(file, isCaption ? written : ""), { blob: file, name: file.name });
    if (written !== "" && !isCaption) add({ type: "text", body: written }, null);
    if (written === "" && files.list.length === 0) return;
    if (when.kind !== "now") showToast("done", text(when.kind === "at" ? "scheduled" : "waits_for_word"));
    files.clear();
    setDraft("");
    setReplyTo(null);
    setPanel(null);
  }

  const isTemplates = panel === "templates" || (isClosed && panel === null && mode === "message");
  const takesFiles = !isTemplates && mode === "message";
  return (
    // Files may be dropped here; the button beside the text does the same.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section
      aria-label={text("composer")}
      className="relative flex shrink-0 flex-col border-t border-line bg-panel pb-[env(safe-area-inset-bottom)]"
      onDragOver={(event) => {
        event.preventDefault();
        setIsDragged(takesFiles);
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node) || !event.currentTarget.contains(event.relatedTarget)) setIsDragged(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setIsDragged(false);
        if (takesFiles) files.add(event.dataTransfer.files);
      }}
    >
      {isDragged ? (
        <div className="pointer-events-none absolute inset-1 z-20 grid place-items-center rounded-xl border-2 border-dashed border-accent bg-accent-soft text-accent">
          <p className="flex flex-wrap items-center justify-center gap-2 px-4 text-center text-sm font-medium">
            <Upload size={18} aria-hidden />
            {text("drop_here")} <span className="font-normal">{text("file_limits")}</span>
          </p>
        </div>
      ) : null}
      <WaitingBar conversation={conversation} />
      {state === "closing" ? <ClosingBar conversation={conversation} /> : null}
      {isClosed && mode === "message" ? (
        <ClosedBar
          isNever={state === "never"}
          isLater={panel === "later"}
          onLater={(next) => setPanel(next ? "later" : null)}
          onNote={() => changeMode("note")}
        />
      ) : null}
      {isTemplates ? (
        <Suspense fallback={<Skeleton className="m-4 h-24" />}>
          <TemplatePicker conversation={conversation} {...(isClosed ? {} : { onClose: () => setPanel(null) })} />
        </Suspense>
      ) : (
        <>
          {replyTo === null || mode === "note" ? null : <ReplyBar message={replyTo} onClose={() => setReplyTo(null)} />}
          {mode === "message" ? <FilesBar files={files} /> : null}
          <TextBox
            ref={box}
            conversation={conversation}
            value={mode === "note" ? note : draft}
            onChange={mode === "note" ? setNote : setDraft}
            mode={mode}
            onMode={changeMode}
            isLater={isClosed}
            hasFiles={files.list.length > 0}
            onFiles={files.add}
            onTemplates={() => setPanel("templates")}
            onVoice={(file) => {
              const content = contentOfVoice();
              sends.add({ conversationId: id, connectionId: conversation.connectionId, body: wishOf(isClosed), content, file });
            }}
            onSend={(when) => send(isClosed && mode === "message" ? { kind: "when_they_write" } : when)}
          />
        </>
      )}
    </section>
  );
}

function wishOf(isClosed: boolean): { whenTheyWrite?: Record<string, never> } {
  return isClosed ? { whenTheyWrite: {} } : {};
}

/** The last hour. */
function ClosingBar({ conversation }: { conversation: Conversation }) {
  const text = useText();
  const formats = useFormats();
  const { leftMs } = windowNow(conversation.window, useNow());
  return (
    <p className="flex items-center gap-2 bg-amber-soft px-4 py-1.5 text-sm text-amber">
      <Hourglass size={15} aria-hidden />
      {text("window_closes_in", { left: `\u2066${formats.countdown(leftMs)}\u2069` })}
    </p>
  );
}
