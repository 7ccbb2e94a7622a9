/** Two panes: the list of a view, and the conversation that is open. On a phone one after the other. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { MessageSquareText } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useShortcuts } from "../app/keyboard.ts";
import { viewOf, type ConversationsSearch } from "./search-params.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { listKey } from "../data/views.ts";
import { ThreadScreen } from "../thread/thread-screen.tsx";
import { EmptyState, Key } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { ConversationList } from "./conversation-list.tsx";
import { SearchBox } from "./search-box.tsx";
import { SearchResults } from "./search-results.tsx";
import { ViewsBar } from "./views-bar.tsx";

const searchCharsMin = 2;

export function ConversationsScreen() {
  const text = useText();
  const workspace = useWorkspace();
  const params = useParams({ strict: false });
  const search: ConversationsSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const view = viewOf(params.view);
  const openId = params.conversationId ?? null;
  const { message, ...given } = search;
  const key = listKey({ view, ...given });
  // The same object while it says the same: the rows are drawn again with a new one.
  // oxlint-disable-next-line react/exhaustive-deps
  const filters = useMemo(() => given, [key]);
  const [query, setQuery] = useState("");
  const isSearching = query.trim().length >= searchCharsMin;

  useEffect(() => {
    workspace.sync.setOpen(openId);
    return () => workspace.sync.setOpen(null);
  }, [workspace, openId]);

  const step = (by: number): void => {
    const ids = workspace.store.get("list", key)?.ids ?? [];
    const at = openId === null ? -1 : ids.indexOf(openId);
    const id = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
    if (id === undefined) return;
    void navigate({ to: "/inbox/$view/$conversationId", params: { view, conversationId: id }, search: filters });
    // The one after is read before it is asked for.
    const next = ids[ids.indexOf(id) + by];
    if (next !== undefined) void workspace.threads.open(next).catch(() => undefined);
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });
  const close = (): void => void navigate({ to: "/inbox/$view", params: { view }, search: filters });

  return (
    <>
      <section
        aria-label={text("nav_conversations")}
        className={cx(
          "flex min-h-0 w-full flex-col bg-panel sm:w-80 sm:shrink-0 sm:border-e sm:border-line lg:w-92",
          openId !== null && "max-sm:hidden",
        )}
      >
        <SearchBox query={query} onChange={setQuery} />
        {isSearching ? (
          <SearchResults query={query} view={view} />
        ) : (
          <>
            <ViewsBar view={view} search={filters} />
            <ConversationList listKey={key} view={view} search={filters} chosenId={openId} />
          </>
        )}
      </section>
      {openId === null ? (
        <main className="hidden min-w-0 grow bg-canvas sm:flex">
          <EmptyState icon={<MessageSquareText size={38} aria-hidden />} title={text("choose_conversation")}>
            <p className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1.5">
              <span>
                <Key>J</Key> <Key>K</Key> {text("key_move")}
              </span>
              <span>
                <Key>R</Key> {text("key_reply")}
              </span>
              <span>
                <Key>E</Key> {text("key_done")}
              </span>
              <span>
                <Key>A</Key> {text("key_assign")}
              </span>
              <span>
                <Key>⌘K</Key> {text("commands")}
              </span>
            </p>
          </EmptyState>
        </main>
      ) : (
        <ThreadScreen conversationId={openId} around={message ?? null} onBack={close} onNext={() => step(1)} />
      )}
    </>
  );
}
