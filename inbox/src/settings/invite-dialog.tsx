import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { CreatedInvitation, Role } from "../../../src/contract/people.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { useAction } from "../ui/use-action.ts";

/** Makes a link for one person. It is shown once, and passed on by whoever made it. */
export function InviteDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog title={text("invite")} isOpen={isOpen} onClose={onClose}>
      <Steps onClose={onClose} />
    </Dialog>
  );
}

function Steps({ onClose }: { onClose: () => void }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<{ email: string; role: Role }>({ email: "", role: "agent" });
  const [made, setMade] = useState<CreatedInvitation | null>(null);
  const inviting = useAction(async () => {
    setMade(await api.call<CreatedInvitation>("invitations", { method: "POST", body: { ...wanted, email: wanted.email.trim() } }));
    await queries.invalidateQueries({ queryKey: ["people", "invitations"] });
  });
  const problem = useProblem(inviting.error, { fields: ["email", "role"], known: { conflict: "invite_conflict" } });
  const roles: readonly Role[] = [
    "agent",
    "viewer",
    "admin",
    ...(session.role === "owner" || session.isOperator ? (["owner"] as const) : []),
  ];
  if (made !== null) {
    return (
      <div className="flex flex-col gap-4">
        <p className="text-sm text-soft">{text("invite_ready", { email: `\u2068${made.email}\u2069` })}</p>
        <CopyField label={text("link")} value={made.link} hint={text("invite_link_hint")} />
        <Button look="primary" className="self-end" onClick={onClose}>
          {text("close_done")}
        </Button>
      </div>
    );
  }
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!inviting.isRunning) inviting.run();
      }}
    >
      <Field
        label={text("email")}
        error={problem.at("email")}
        render={(control) => (
          <Input
            {...control}
            type="email"
            dir="ltr"
            required
            maxLength={254}
            value={wanted.email}
            onChange={(event) => setWanted({ ...wanted, email: event.target.value })}
          />
        )}
      />
      <Field
        label={text("role")}
        hint={text(`role_${wanted.role}_hint`)}
        error={problem.at("role")}
        render={(control) => (
          <Select
            {...control}
            value={wanted.role}
            onChange={(event) => setWanted({ ...wanted, role: roles.find((role) => role === event.target.value) ?? wanted.role })}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {text(`role_${role}`)}
              </option>
            ))}
          </Select>
        )}
      />
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={inviting.isRunning || wanted.email.trim() === ""}>
          {text("invite_make")}
        </Button>
      </div>
    </form>
  );
}
