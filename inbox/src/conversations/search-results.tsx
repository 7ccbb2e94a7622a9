import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { useDeferredValue } from "react";
import type { SearchResult } from "../../../src/contract/search.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import type { ViewName } from "../data/views.ts";
import { Avatar, Bdi, EmptyState, Phone, Time } from "../ui/bits.tsx";
import { plain } from "../ui/plain.ts";
import { nameOf } from "./names.ts";

const rowLook = "flex items-center gap-3 rounded-xl px-2.5 py-2 outline-offset-[-2px] hover:bg-hover";

export function SearchResults({ query, view }: { query: string; view: ViewName }) {
  const text = useText();
  const { api } = useWorkspace();
  const q = useDeferredValue(query.trim());
  const { data, isPending, isError } = useQuery({
    queryKey: ["search", q],
    queryFn: ({ signal }) => api.call<SearchResult>("search", { query: { q }, signal }),
    placeholderData: (before) => before,
    staleTime: 10_000,
  });
  if (isPending) return <p className="px-5 py-4 text-sm text-soft">{text("searching")}</p>;
  if (isError) return <p className="px-5 py-4 text-sm text-danger">{text("search_failed")}</p>;
  if (data.contacts.length === 0 && data.messages.length === 0)
    return (
      <div className="flex grow">
        <EmptyState icon={<SearchX size={34} aria-hidden />} title={text("search_nothing")} />
      </div>
    );
  return (
    <div className="min-h-0 grow overflow-y-auto px-1.5 pb-4">
      {data.contacts.length === 0 ? null : <h2 className="px-3 pt-3 pb-1 text-xs font-semibold text-faint">{text("search_people")}</h2>}
      <ul>
        {data.contacts.map(({ contact, conversationId, lastMessageAt, nameRanges }) =>
          conversationId === null ? null : (
            <li key={contact.id}>
              <Link to="/inbox/$view/$conversationId" params={{ view, conversationId }} className={rowLook}>
                <Avatar name={contact.profileName ?? ""} seed={conversationId} size={38} />
                <span className="flex min-w-0 grow flex-col">
                  {contact.profileName === null ? (
                    <Bdi className="aligned truncate font-medium">{nameOf({ contact, group: null }, text("unknown_contact"))}</Bdi>
                  ) : (
                    <Marked text={contact.profileName} ranges={nameRanges} className="aligned truncate font-medium" />
                  )}
                  {contact.waId === null ? null : <Phone digits={contact.waId} className="text-start text-xs text-soft" />}
                </span>
                <Time at={lastMessageAt} className="shrink-0 text-xs text-faint" />
              </Link>
            </li>
          ),
        )}
      </ul>
      {data.messages.length === 0 ? null : <h2 className="px-3 pt-3 pb-1 text-xs font-semibold text-faint">{text("search_messages")}</h2>}
      <ul>
        {data.messages.map((hit) => (
          <li key={hit.messageId}>
            <Link
              to="/inbox/$view/$conversationId"
              params={{ view, conversationId: hit.conversationId }}
              search={{ message: hit.messageId }}
              className={rowLook}
            >
              <span className="flex min-w-0 grow flex-col gap-0.5">
                <span className="flex items-baseline gap-2">
                  <Bdi className="min-w-0 grow aligned truncate font-medium">{nameOf(hit, text("unknown_contact"))}</Bdi>
                  <Time at={hit.at} className="shrink-0 text-xs text-faint" />
                </span>
                <Marked text={hit.snippet} ranges={hit.ranges} className="aligned line-clamp-2 text-sm text-soft" />
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {data.isComplete ? null : <p className="px-4 py-3 text-xs text-faint">{text("search_indexing")}</p>}
    </div>
  );
}

/** The hits of a search, set off. Ranges are the server's; what does not fit the text is left out. */
function Marked({ text, ranges, className }: { text: string; ranges: readonly (readonly number[])[]; className: string }) {
  const parts: React.ReactNode[] = [];
  let at = 0;
  for (const [from = 0, to = 0] of ranges) {
    if (from < at || to <= from) continue;
    parts.push(plain(text.slice(at, from)));
    parts.push(
      <mark key={from} className="rounded-sm bg-amber-soft text-ink">
        {plain(text.slice(from, to))}
      </mark>,
    );
    at = to;
  }
  parts.push(plain(text.slice(at)));
  return (
    <bdi dir="auto" className={className}>
      {parts}
    </bdi>
  );
}
