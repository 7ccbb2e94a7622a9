/** What a new business does first, until it is done or put away: connect a number, let a message come, invite the others. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, ChevronRight, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useConnections } from "../team/connections.ts";
import { usePeople } from "../team/people.ts";
import { shownPhone } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";

const keyOf = (tenantId: string): string => `kesher.first-steps.${tenantId}`;

export function FirstSteps() {
  const { session, tenantId } = useWorkspace();
  const [isAway, setIsAway] = useState(() => localStorage.getItem(keyOf(tenantId)) !== null);
  if (isAway || !can(session, "manage")) return null;
  const putAway = (): void => {
    localStorage.setItem(keyOf(tenantId), "1");
    setIsAway(true);
  };
  return <Steps onPutAway={putAway} />;
}

function Steps({ onPutAway }: { onPutAway: () => void }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const connections = useConnections();
  const people = usePeople();
  // Its key begins with the word that every message makes stale.
  const first = useQuery({
    queryKey: ["overview", "first"],
    queryFn: async ({ signal }) => (await api.call<{ data: unknown[] }>("conversations", { query: { limit: 1 }, signal })).data.length > 0,
    refetchOnWindowFocus: true,
    staleTime: 0,
  });
  const number = connections.find(({ state }) => state === "connected");
  const phone = number?.displayPhoneNumber ?? null;
  const steps = [
    { isDone: number !== undefined, title: text("first_connect"), hint: text("first_connect_hint"), to: "/connections" },
    {
      isDone: first.data === true,
      title: text("first_message"),
      hint:
        session.isSandbox || phone === null
          ? text(session.isSandbox ? "first_message_sandbox" : "first_message_later")
          : text("first_message_hint", { number: `\u2066${shownPhone(phone)}\u2069` }),
      to: session.isSandbox ? "/sandbox" : null,
    },
    { isDone: people.length > 1, title: text("first_people"), hint: text("first_people_hint"), to: "people" },
    { isDone: false, title: text("first_replies"), hint: text("first_replies_hint"), to: "business", isOptional: true },
  ] as const;
  // Nothing is shown until it is known what is done; and what is done altogether needs no list.
  if (first.data === undefined || steps.every((step) => step.isDone || "isOptional" in step)) return null;
  return (
    <section aria-label={text("first_title")} className="flex w-full flex-col gap-1 rounded-2xl border border-line bg-raised p-3">
      <div className="flex items-center gap-2 ps-1">
        <h2 className="grow text-sm font-semibold">{text("first_title")}</h2>
        <IconButton label={text("first_hide")} onClick={onPutAway}>
          <X size={16} aria-hidden />
        </IconButton>
      </div>
      <ol className="flex flex-col">
        {steps.map(({ isDone, title, hint, to }, index) => (
          <Step key={title} isDone={isDone} ordinal={index + 1} title={title} to={to}>
            {hint}
          </Step>
        ))}
      </ol>
    </section>
  );
}

/** A screen, or a part of the settings. */
type StepPlace = "/connections" | "/sandbox" | "people" | "business" | null;

function Step({
  isDone,
  ordinal,
  title,
  to,
  children,
}: {
  isDone: boolean;
  ordinal: number;
  title: string;
  to: StepPlace;
  children: ReactNode;
}) {
  const text = useText();
  const inside = (
    <>
      <span
        aria-hidden
        className={cx(
          "mt-0.5 grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold",
          isDone ? "bg-accent text-accent-ink" : "bg-sunken text-soft",
        )}
      >
        {isDone ? <Check size={14} /> : ordinal}
      </span>
      <span className="min-w-0 grow text-start">
        <span className={cx("block text-sm font-medium", isDone && "text-soft line-through")}>
          {title}
          {isDone ? <span className="sr-only"> {text("first_done")}</span> : null}
        </span>
        {isDone ? null : <span className="block text-xs text-soft">{children}</span>}
      </span>
      {isDone || to === null ? null : <ChevronRight size={16} aria-hidden className="directional mt-1 shrink-0 text-faint" />}
    </>
  );
  const look = "flex items-start gap-3 rounded-xl p-2";
  return (
    <li>
      {isDone || to === null ? (
        <div className={look}>{inside}</div>
      ) : to === "people" || to === "business" ? (
        <Link to="/settings/$section" params={{ section: to }} className={cx(look, "hover:bg-hover")}>
          {inside}
        </Link>
      ) : (
        <Link to={to} className={cx(look, "hover:bg-hover")}>
          {inside}
        </Link>
      )}
    </li>
  );
}
