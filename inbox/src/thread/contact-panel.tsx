/** Who the customer is, beside the conversation: addresses, labels, whether marketing may be sent, notes, other conversations, their data. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ShieldCheck, Tag, X } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState, type ReactNode } from "react";
import type { Contact, Conversation } from "../../../src/contract/conversations.ts";
import { can } from "../app/session.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { nameOf } from "../conversations/names.ts";
import { useConnections } from "../team/connections.ts";
import { LabelChip } from "../team/label-chip.tsx";
import { LabelMenu } from "../team/label-menu.tsx";
import { useLabels } from "../team/labels.ts";
import { NoteCard } from "../team/note-bubble.tsx";
import { useNotes } from "../team/notes.ts";
import { usePeople } from "../team/people.ts";
import { Avatar, Bdi, Phone, Skeleton, Time } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Toggle } from "../ui/toggle.tsx";
import { useDeed } from "../ui/use-action.ts";

const ContactPrivacyDialog = lazy(async () => ({
  default: (await import("../settings/contact-privacy-dialog.tsx")).ContactPrivacyDialog,
}));
const notesShown = 20;

export function ContactPanel({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const text = useText();
  const { session } = useWorkspace();
  const { contact, group } = conversation;
  const name = nameOf(conversation, text(group === null ? "unknown_contact" : "group"));
  const closer = useRef<HTMLButtonElement>(null);
  // Whoever opened it by a key goes on in it, and back to where they were.
  useEffect(() => {
    const before = document.activeElement;
    closer.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    // Escape closes it from wherever the focus is in it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      aria-label={text("contact")}
      data-testid="contact"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
      className="flex min-h-0 w-80 shrink-0 flex-col border-s border-line bg-panel max-xl:absolute max-xl:inset-y-0 max-xl:end-0 max-xl:z-30 max-xl:shadow-pop max-sm:w-full"
    >
      <header className="flex min-h-16 items-center gap-2 border-b border-line px-4">
        <h2 className="grow text-base font-semibold">{text("contact")}</h2>
        <IconButton ref={closer} label={text("close")} onClick={onClose}>
          <X size={18} aria-hidden />
        </IconButton>
      </header>
      <div className="flex min-h-0 grow flex-col gap-5 overflow-y-auto p-4">
        <div className="flex flex-col items-center gap-2 text-center">
          <Avatar name={name} seed={conversation.id} size={64} />
          <Bdi className="text-lg font-semibold wrap-anywhere">{name}</Bdi>
          <Assignee assigneeId={conversation.assigneeId} />
        </div>
        {contact === null ? null : <Addresses contact={contact} />}
        <Labels conversation={conversation} />
        {contact === null ? null : <OfContact contactId={contact.id} />}
        {contact === null ? null : <OtherConversations conversation={conversation} />}
        <Notes conversationId={conversation.id} />
        {contact !== null && can(session, "admin") ? <Privacy contact={{ id: contact.id, name }} /> : null}
      </div>
    </aside>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2">
      <h3 className="text-xs font-semibold text-soft">{title}</h3>
      {children}
    </section>
  );
}

function Assignee({ assigneeId }: { assigneeId: string | null }) {
  const text = useText();
  const person = usePeople().find(({ id }) => id === assigneeId);
  if (assigneeId === null) return <p className="text-sm text-soft">{text("view_unassigned")}</p>;
  return <p className="text-sm text-soft">{text("assigned_to", { name: `\u2068${person?.name ?? text("former_person")}\u2069` })}</p>;
}

function Addresses({ contact }: { contact: NonNullable<Conversation["contact"]> }) {
  const text = useText();
  const { waId, username, userId } = contact;
  return (
    <Section title={text("addresses")}>
      {waId === null ? (
        <p className="text-sm text-soft">{text("phone_hidden")}</p>
      ) : (
        <a href={`tel:+${waId}`} className="text-start text-read">
          <Phone digits={waId} />
        </a>
      )}
      {username === null ? null : <Bdi className="text-start text-sm">{`@${username}`}</Bdi>}
      {waId === null ? null : <CopyField label={text("phone_digits")} value={waId} />}
      {userId === null ? null : <CopyField label={text("user_id")} value={userId} />}
    </Section>
  );
}

function Labels({ conversation }: { conversation: Conversation }) {
  const text = useText();
  const { session } = useWorkspace();
  const labels = useLabels().filter(({ id }) => conversation.labelIds.includes(id));
  return (
    <Section title={text("labels")}>
      <div className="flex flex-wrap items-center gap-1.5">
        {labels.map((label) => (
          <LabelChip key={label.id} label={label} />
        ))}
        {can(session, "send") ? (
          <LabelMenu
            conversation={conversation}
            trigger={
              <IconButton label={text("labels")} className="size-7">
                <Tag size={15} aria-hidden />
              </IconButton>
            }
          />
        ) : null}
      </div>
    </Section>
  );
}

const sources = { keyword: "opted_out_keyword", meta: "opted_out_meta", person: "opted_out_person" } as const;

function OfContact({ contactId }: { contactId: string }) {
  const text = useText();
  const formats = useFormats();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const key = ["contact", contactId];
  const { data: contact } = useQuery({ queryKey: key, queryFn: () => api.call<Contact>(`contacts/${contactId}`), staleTime: 0 });
  if (contact === undefined) return <Skeleton className="h-16" />;
  const { optedOutAt, optOutSource } = contact;
  const change = (isOptedOut: boolean): void =>
    deed(async () => {
      const changed = await api.call<Contact>(`contacts/${contactId}/opt-out`, { method: isOptedOut ? "PUT" : "DELETE" });
      queries.setQueryData(key, changed);
    });
  return (
    <Section title={text("marketing")}>
      <Toggle
        label={text("marketing_allowed")}
        hint={
          optedOutAt === null
            ? text("marketing_hint")
            : text(optOutSource === null ? "opted_out" : sources[optOutSource], { at: formats.moment(optedOutAt) })
        }
        isOn={optedOutAt === null}
        isDisabled={!can(session, "manage")}
        onChange={(isAllowed) => change(!isAllowed)}
      />
      <p className="text-xs text-faint">{text("contact_since", { at: formats.moment(contact.createdAt) })}</p>
    </Section>
  );
}

/** The same customer at another number of the business. */
function OtherConversations({ conversation }: { conversation: Conversation }) {
  const text = useText();
  const { api } = useWorkspace();
  const connections = useConnections();
  const { contact } = conversation;
  const by =
    contact === null ? null : contact.waId !== null ? { waId: contact.waId } : contact.userId !== null ? { userId: contact.userId } : null;
  const { data } = useQuery({
    queryKey: ["contact", contact?.id, "conversations"],
    queryFn: async () => (await api.call<{ data: Conversation[] }>("conversations", { query: { ...by, limit: 20 } })).data,
    enabled: by !== null,
  });
  const others = (data ?? []).filter(({ id }) => id !== conversation.id);
  if (others.length === 0) return null;
  return (
    <Section title={text("other_conversations")}>
      <ul className="flex flex-col gap-1">
        {others.map((other) => {
          const number = connections.find(({ id }) => id === other.connectionId);
          return (
            <li key={other.id}>
              <Link
                to="/inbox/$view/$conversationId"
                params={{ view: "all", conversationId: other.id }}
                className="flex items-baseline gap-2 rounded-lg border border-line px-3 py-2 text-sm hover:bg-hover"
              >
                <Bdi className="min-w-0 grow truncate text-start">
                  {number?.verifiedName ?? number?.displayPhoneNumber ?? other.lastMessagePreview ?? ""}
                </Bdi>
                <Time at={other.lastMessageAt} className="text-xs text-faint" />
              </Link>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Notes({ conversationId }: { conversationId: string }) {
  const text = useText();
  const notes = useNotes(conversationId).toReversed().slice(0, notesShown);
  if (notes.length === 0) return null;
  return (
    <Section title={text("notes")}>
      {notes.map((note) => (
        <NoteCard key={note.id} note={note} as="full" />
      ))}
    </Section>
  );
}

function Privacy({ contact }: { contact: { id: string; name: string } }) {
  const text = useText();
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Section title={text("privacy_menu")}>
      <Button onClick={() => setIsOpen(true)}>
        <ShieldCheck size={16} aria-hidden />
        {text("export_or_erase")}
      </Button>
      <Suspense fallback={null}>{isOpen ? <ContactPrivacyDialog contact={contact} onClose={() => setIsOpen(false)} /> : null}</Suspense>
    </Section>
  );
}
