/** Who works in this business, what each may do, and who is invited. */
import { UserPlus } from "lucide-react";
import { useState } from "react";
import type { Person } from "../../../src/contract/people.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { ListFrame, Rows, usePagedList } from "../ui/list-frame.tsx";
import { Invitations } from "./invitations.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { PersonRow } from "./person-row.tsx";
import { ReadOnlyNote } from "./read-only.tsx";

export function People() {
  const text = useText();
  const { session } = useWorkspace();
  const [isInviting, setIsInviting] = useState(false);
  const mayChange = can(session, "admin");
  const list = usePagedList<Person>(["people", "list"], "people");
  return (
    <>
      {mayChange ? null : <ReadOnlyNote />}
      <Card
        title={text("settings_people")}
        actions={
          mayChange ? (
            <Button look="primary" onClick={() => setIsInviting(true)}>
              <UserPlus size={16} aria-hidden />
              {text("invite")}
            </Button>
          ) : null
        }
      >
        <ListFrame list={list} empty={<p className="text-sm text-soft">{text("people_empty")}</p>}>
          {(people) => (
            <Rows label={text("settings_people")}>
              {people.map((person) => (
                <PersonRow key={person.id} person={person} />
              ))}
            </Rows>
          )}
        </ListFrame>
      </Card>
      <Card title={text("roles")}>
        <dl className="grid gap-x-4 gap-y-2 text-sm sm:grid-cols-[auto_1fr]">
          {(["owner", "admin", "agent", "viewer"] as const).map((role) => (
            <div key={role} className="contents">
              <dt className="font-medium">{text(`role_${role}`)}</dt>
              <dd className="text-soft max-sm:mb-1">{text(`role_${role}_hint`)}</dd>
            </div>
          ))}
        </dl>
      </Card>
      {mayChange ? (
        <>
          <Invitations onInvite={() => setIsInviting(true)} />
          <InviteDialog isOpen={isInviting} onClose={() => setIsInviting(false)} />
        </>
      ) : null}
    </>
  );
}
