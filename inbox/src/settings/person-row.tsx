import { useQueryClient } from "@tanstack/react-query";
import { KeyRound, MoreHorizontal, UserRoundX } from "lucide-react";
import { useState } from "react";
import type { Person, ResetLink, Role } from "../../../src/contract/people.ts";
import { can } from "../app/session.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Avatar, Badge, Bdi } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Select } from "../ui/field.tsx";
import { Row } from "../ui/list-frame.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { showToast } from "../ui/toast.tsx";

const roles: readonly Role[] = ["owner", "admin", "agent", "viewer"];

export function PersonRow({ person }: { person: Person }) {
  const text = useText();
  const formats = useFormats();
  const { api, session, personId } = useWorkspace();
  const queries = useQueryClient();
  const [question, setQuestion] = useState<Question | null>(null);
  const [link, setLink] = useState<ResetLink | null>(null);
  const isMe = person.id === personId;
  const isByOwner = session.role === "owner" || session.isOperator;
  const mayChange = can(session, "admin") && (person.role !== "owner" || isByOwner);
  const name = `\u2068${person.name}\u2069`;
  const changed = (): Promise<void> => queries.invalidateQueries({ queryKey: ["people"] });
  const known = { conflict: "people_last_owner", forbidden: "people_only_owner" } as const;

  const askRole = (role: Role): void =>
    setQuestion({
      title: text("role_change", { name, role: text(`role_${role}`) }),
      hint: text(isMe ? "role_change_own_hint" : "role_change_hint"),
      label: text("role_change_do"),
      known,
      act: async () => {
        await api.call(`people/${person.id}`, { method: "PATCH", body: { role } });
        await changed();
        showToast("done", text("role_changed"));
      },
    });
  const askRemove = (): void =>
    setQuestion({
      title: text(isMe ? "person_leave" : "person_remove_title", { name }),
      hint: text(isMe ? "person_leave_hint" : "person_remove_hint"),
      label: text(isMe ? "person_leave" : "person_remove"),
      known,
      act: async () => {
        await api.call(`people/${person.id}`, { method: "DELETE" });
        await changed();
        showToast("done", text("person_removed"));
      },
    });
  const askReset = (): void =>
    setQuestion({
      title: text("reset_link_title", { name }),
      hint: text("reset_link_hint"),
      label: text("reset_link_make"),
      known: { forbidden: "reset_link_elsewhere" },
      act: async () => setLink(await api.call<ResetLink>(`people/${person.id}/reset-link`, { method: "POST" })),
    });

  return (
    <Row
      icon={<Avatar name={person.name} seed={person.id} size={38} />}
      title={
        <>
          <Bdi>{person.name}</Bdi>
          {isMe ? <span className="text-xs font-normal text-faint">({text("you")})</span> : null}
        </>
      }
      below={
        <>
          <Bdi>{person.email}</Bdi>
          {person.lastSeenAt === null ? null : <span>{text("last_seen", { at: formats.list(person.lastSeenAt) })}</span>}
        </>
      }
      actions={
        <>
          {mayChange ? (
            <span className="w-32">
              <Select
                aria-label={text("role_of", { name })}
                value={person.role}
                onChange={(event) => {
                  const role = roles.find((one) => one === event.target.value);
                  if (role !== undefined) askRole(role);
                }}
                className="h-9"
              >
                {roles.map((role) => (
                  <option key={role} value={role} disabled={role === "owner" && !isByOwner}>
                    {text(`role_${role}`)}
                  </option>
                ))}
              </Select>
            </span>
          ) : (
            <Badge>{text(`role_${person.role}`)}</Badge>
          )}
          {mayChange || isMe ? (
            <Menu
              trigger={
                <IconButton label={text("more_about", { name })}>
                  <MoreHorizontal size={18} aria-hidden />
                </IconButton>
              }
            >
              {mayChange && !isMe ? (
                <MenuItem icon={<KeyRound size={16} aria-hidden />} onSelect={askReset}>
                  {text("reset_link")}
                </MenuItem>
              ) : null}
              <MenuItem isDanger icon={<UserRoundX size={16} aria-hidden />} onSelect={askRemove}>
                {text(isMe ? "person_leave" : "person_remove")}
              </MenuItem>
            </Menu>
          ) : null}
          <Confirm question={question} onClose={() => setQuestion(null)} />
          <Dialog title={text("reset_link_ready")} isOpen={link !== null} onClose={() => setLink(null)}>
            {link === null ? null : <CopyField label={text("link")} value={link.link} hint={text("reset_link_ready_hint")} />}
          </Dialog>
        </>
      }
    />
  );
}
