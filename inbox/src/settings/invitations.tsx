import { useQueryClient } from "@tanstack/react-query";
import { Mail } from "lucide-react";
import { useState } from "react";
import type { Invitation } from "../../../src/contract/people.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Bdi, EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";

/** Who was invited and has not come yet. */
export function Invitations({ onInvite }: { onInvite: () => void }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [question, setQuestion] = useState<Question | null>(null);
  const list = usePagedList<Invitation>(["people", "invitations"], "invitations");
  const askRevoke = ({ id, email }: Invitation): void =>
    setQuestion({
      title: text("invitation_revoke_title", { email: `\u2068${email}\u2069` }),
      hint: text("invitation_revoke_hint"),
      label: text("revoke"),
      act: async () => {
        await api.call(`invitations/${id}`, { method: "DELETE" });
        await queries.invalidateQueries({ queryKey: ["people", "invitations"] });
        showToast("done", text("invitation_revoked"));
      },
    });
  return (
    <Card title={text("invitations")}>
      <ListFrame
        list={list}
        empty={
          <EmptyState icon={<Mail size={30} aria-hidden />} title={text("invitations_none")}>
            <Button className="mt-1" onClick={onInvite}>
              {text("invite")}
            </Button>
          </EmptyState>
        }
      >
        {(invitations) => (
          <Rows label={text("invitations")}>
            {invitations.map((invitation) => (
              <Row
                key={invitation.id}
                icon={<Mail size={20} aria-hidden className="text-faint" />}
                title={
                  <>
                    <Bdi>{invitation.email}</Bdi>
                    <Badge>{text(`role_${invitation.role}`)}</Badge>
                  </>
                }
                below={
                  <>
                    {invitation.invitedBy === null ? null : (
                      <span>{text("invited_by", { name: `\u2068${invitation.invitedBy}\u2069` })}</span>
                    )}
                    <span>{text("valid_until", { at: formats.day(invitation.expiresAt) })}</span>
                  </>
                }
                actions={<Button onClick={() => askRevoke(invitation)}>{text("revoke")}</Button>}
              />
            ))}
          </Rows>
        )}
      </ListFrame>
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </Card>
  );
}
