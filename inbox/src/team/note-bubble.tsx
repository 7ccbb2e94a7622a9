import { useQueryClient } from "@tanstack/react-query";
import { MoreHorizontal, Pencil, StickyNote, Trash2 } from "lucide-react";
import { useState } from "react";
import type { ChangeNote, Note } from "../../../src/contract/inbox.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { FormattedText } from "../thread/formatted-text.tsx";
import { Bdi, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { cx } from "../ui/cx.ts";
import { TextArea } from "../ui/field.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { useDeed } from "../ui/use-action.ts";
import { mentionsIn } from "./mentions.ts";
import { usePeople } from "./people.ts";

/** Seen by colleagues only; looks like nothing that a customer could read. */
export function NoteBubble({ note }: { note: Note }) {
  return (
    <div className="flex justify-center px-3 py-1.5 sm:px-10">
      <NoteCard note={note} as="clock" />
    </div>
  );
}

export function NoteCard({ note, as }: { note: Note; as: "clock" | "full" }) {
  const text = useText();
  const { personId, session } = useWorkspace();
  const [isEditing, setIsEditing] = useState(false);
  const people = usePeople();
  const isForMe = personId !== null && note.mentions.includes(personId);
  const mayChange = (note.author.id !== null && note.author.id === personId && can(session, "send")) || can(session, "manage");
  return (
    <article
      aria-label={text("note")}
      data-note-id={note.id}
      className={cx(
        "w-fit max-w-[34rem] min-w-56 rounded-xl border bg-note px-3 py-1.5",
        as === "full" && "w-full max-w-full min-w-0",
        isForMe ? "border-amber" : "border-amber/25",
      )}
    >
      <p className="flex items-center gap-1.5 text-xs font-medium text-amber">
        <StickyNote size={13} aria-hidden className="shrink-0" />
        <Bdi className="truncate">{people.find(({ id }) => id === note.author.id)?.name ?? note.author.name}</Bdi>
        {isForMe ? <span className="shrink-0 rounded-full bg-amber-soft px-1.5">{text("mentions_you")}</span> : null}
        <span className="grow" />
        {note.editedAt === null ? null : <span className="font-normal">{text("edited")}</span>}
        <Time at={note.createdAt} as={as === "clock" ? "clock" : "list"} className="shrink-0 font-normal" />
        {mayChange && !isEditing ? <NoteMenu note={note} onEdit={() => setIsEditing(true)} /> : null}
      </p>
      {isEditing ? <NoteForm note={note} onClose={() => setIsEditing(false)} /> : <FormattedText text={note.body} />}
    </article>
  );
}

function NoteMenu({ note, onEdit }: { note: Note; onEdit: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  return (
    <Menu
      trigger={
        <button type="button" aria-label={text("note_menu")} className="grid size-6 place-items-center rounded-full hover:bg-hover">
          <MoreHorizontal size={15} aria-hidden />
        </button>
      }
    >
      <MenuItem icon={<Pencil size={16} aria-hidden />} onSelect={onEdit}>
        {text("note_edit")}
      </MenuItem>
      <MenuItem
        isDanger
        icon={<Trash2 size={16} aria-hidden />}
        onSelect={() =>
          deed(async () => {
            await api.call(`conversations/${note.conversationId}/notes/${note.id}`, { method: "DELETE" });
            await queries.invalidateQueries({ queryKey: ["notes"] });
          })
        }
      >
        {text("note_delete")}
      </MenuItem>
    </Menu>
  );
}

function NoteForm({ note, onClose }: { note: Note; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const people = usePeople();
  const [body, setBody] = useState(note.body);
  const save = (): void => {
    const wanted: ChangeNote = { body: body.trim(), mentions: mentionsIn(body, people) };
    deed(async () => {
      await api.call<Note>(`conversations/${note.conversationId}/notes/${note.id}`, { method: "PATCH", body: wanted });
      await queries.invalidateQueries({ queryKey: ["notes"] });
      onClose();
    });
  };
  return (
    <form
      className="flex w-72 max-w-full flex-col gap-2 py-1"
      onSubmit={(event) => {
        event.preventDefault();
        if (body.trim() !== "") save();
      }}
    >
      <TextArea
        // It was asked for by the menu that has just closed.
        // oxlint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        aria-label={text("note_edit")}
        value={body}
        onChange={(event) => setBody(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation();
          onClose();
        }}
      />
      <div className="flex justify-end gap-2">
        <Button look="quiet" className="min-h-7 text-xs" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" className="min-h-7 text-xs" disabled={body.trim() === ""}>
          {text("note_save")}
        </Button>
      </div>
    </form>
  );
}
