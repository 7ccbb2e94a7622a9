/** One conversation: its head, its messages, its composer. */
import { CircleAlert } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { Message } from "../../../src/contract/messages.ts";
import { useShortcuts } from "../app/keyboard.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Composer, type ComposerHandle } from "../composer/composer.tsx";
import { useWaiting } from "../composer/waiting.ts";
import { useStored } from "../data/store.ts";
import { useConversationDeeds } from "../team/deeds.ts";
import { useNotes } from "../team/notes.ts";
import { EmptyState, Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { useAction } from "../ui/use-action.ts";
import { ThreadProvider, type ThreadContext } from "./thread-context.tsx";
import { ThreadHeader } from "./thread-header.tsx";
import { ThreadView } from "./thread-view.tsx";
import { useMarkRead } from "./use-mark-read.ts";
import type { Conversation } from "../../../src/contract/conversations.ts";

const TimelineDialog = lazy(async () => ({ default: (await import("./timeline-dialog.tsx")).TimelineDialog }));
const ContactPanel = lazy(async () => ({ default: (await import("./contact-panel.tsx")).ContactPanel }));
const MediaViewer = lazy(async () => ({ default: (await import("./media-viewer.tsx")).MediaViewer }));

type ScreenProps = { conversationId: string; around: string | null; onBack: () => void; onNext: () => void };

/** From one conversation to the next the head stays and says another name: to make it anew costs more than the messages. */
export function ThreadScreen({ conversationId, around, onBack, onNext }: ScreenProps) {
  const { store } = useWorkspace();
  const conversation = useStored(store, "conversation", conversationId);
  const thread = useStored(store, "thread", conversationId);
  return (
    <>
      <Opening key={conversationId} conversationId={conversationId} around={around} />
      {conversation === undefined || thread === undefined ? null : (
        <OpenThread conversation={conversation} around={around} onBack={onBack} onNext={onNext} />
      )}
    </>
  );
}

/** Reads what is not here or may be old; until it is here, what one sees instead. */
function Opening({ conversationId, around }: Pick<ScreenProps, "conversationId" | "around">) {
  const text = useText();
  const { store, conversations, threads } = useWorkspace();
  const conversation = useStored(store, "conversation", conversationId);
  const thread = useStored(store, "thread", conversationId);
  const isGone = conversation === undefined && conversations.isGone(conversationId);
  const opening = useAction(async () => {
    await Promise.all([
      store.get("conversation", conversationId) === undefined ? conversations.read(conversationId) : null,
      threads.open(conversationId, around ?? undefined),
    ]);
  });
  const { run } = opening;
  const isStale = thread?.isStale ?? true;
  useEffect(() => {
    if (!isGone && (isStale || around !== null)) run();
  }, [run, isGone, isStale, around]);

  if (conversation !== undefined && thread !== undefined) return null;
  return (
    <main className="flex min-w-0 grow flex-col bg-thread">
      {isGone ? (
        <EmptyState icon={<CircleAlert size={36} aria-hidden />} title={text("thread_erased")} />
      ) : opening.error === null ? (
        <ThreadSkeleton />
      ) : (
        <EmptyState icon={<CircleAlert size={36} aria-hidden />} title={text("thread_failed")}>
          <Button className="mt-2" onClick={run}>
            {text("try_again")}
          </Button>
        </EmptyState>
      )}
    </main>
  );
}

function OpenThread({ conversation, around, onBack, onNext }: Omit<ScreenProps, "conversationId"> & { conversation: Conversation }) {
  const { session, store, threads } = useWorkspace();
  const thread = useStored(store, "thread", conversation.id);
  const notes = useNotes(conversation.id);
  const deeds = useConversationDeeds(conversation);
  const canSend = can(session, "send");
  const composer = useRef<ComposerHandle>(null);
  const [marked, setMarked] = useState<string | null>(around);
  const [timelineOf, setTimelineOf] = useState<string | null>(null);
  const [mediaOf, setMediaOf] = useState<string | null>(null);
  const [isAssigning, setIsAssigning] = useState(false);
  const [isContactOpen, setIsContactOpen] = useState(false);
  const waiting = useWaiting(conversation.id);
  useMarkRead(conversation, thread);
  // Of another conversation nothing is open yet.
  const [ofId, setOfId] = useState(conversation.id);
  if (ofId !== conversation.id) {
    setOfId(conversation.id);
    setMarked(around);
    setTimelineOf(null);
    setMediaOf(null);
    setIsAssigning(false);
    setIsContactOpen(false);
  }

  useEffect(() => {
    if (around !== null) setMarked(around);
  }, [around]);
  const finish = (): void => {
    deeds.done();
    onNext();
  };
  useShortcuts(
    canSend
      ? {
          e: () => (conversation.state === "open" ? finish() : deeds.reopen()),
          a: () => setIsAssigning(true),
          r: () => composer.current?.focus(),
          i: () => setIsContactOpen((before) => !before),
          Escape: onBack,
        }
      : { i: () => setIsContactOpen((before) => !before), Escape: onBack },
  );
  const context = useMemo(
    () =>
      ({
        conversation,
        canSend,
        replyTo: (message: Message) => composer.current?.replyTo(message),
        compose: (written: string) => composer.current?.compose(written),
        openTemplates: () => composer.current?.openTemplates(),
        attach: () => composer.current?.attach(),
        showContact: () => setIsContactOpen(true),
        waiting,
        showTimeline: setTimelineOf,
        showMedia: setMediaOf,
        goTo: (messageId: string) =>
          void threads.open(conversation.id, messageId).then(
            () => setMarked(messageId),
            () => undefined,
          ),
      }) satisfies ThreadContext,
    [conversation, canSend, threads, waiting],
  );
  if (thread === undefined) return null;
  return (
    <ThreadProvider value={context}>
      <main className="flex min-h-0 min-w-0 grow flex-col">
        <ThreadHeader
          conversation={conversation}
          canSend={canSend}
          isAssigning={isAssigning}
          onAssigning={setIsAssigning}
          onBack={onBack}
          onDone={finish}
          isContactOpen={isContactOpen}
          onContact={() => setIsContactOpen((before) => !before)}
        />
        <ThreadView key={`messages ${conversation.id}`} thread={thread} notes={notes} marked={marked} onMarked={() => setMarked(null)} />
        {canSend ? <Composer key={`composer ${conversation.id}`} ref={composer} conversation={conversation} /> : null}
      </main>
      <Suspense fallback={null}>
        {isContactOpen ? <ContactPanel conversation={conversation} onClose={() => setIsContactOpen(false)} /> : null}
        {timelineOf === null ? null : <TimelineDialog messageId={timelineOf} onClose={() => setTimelineOf(null)} />}
        {mediaOf === null ? null : <MediaViewer messageId={mediaOf} onClose={() => setMediaOf(null)} />}
      </Suspense>
    </ThreadProvider>
  );
}

function ThreadSkeleton() {
  return (
    <div aria-hidden className="flex grow flex-col justify-end gap-3 p-6">
      {[56, 40, 64, 30, 48].map((width, index) => (
        <Skeleton key={width} className={`h-12 rounded-2xl ${index % 2 === 0 ? "self-start" : "self-end"} ${widths[index] ?? ""}`} />
      ))}
    </div>
  );
}

const widths = ["w-1/2", "w-2/5", "w-3/5", "w-1/3", "w-5/12"];
