/** Texts that are written once and sent often, opened in the composer by `/` and their shortcut. */
import { useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, Reply, Trash2 } from "lucide-react";
import { useState } from "react";
import type { CannedReply } from "../../../src/contract/inbox.ts";
import { useAppearance } from "../app/appearance.tsx";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Bdi, EmptyState } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { plainLine } from "../ui/plain.ts";
import { showToast } from "../ui/toast.tsx";
import { CannedReplyForm } from "./canned-reply-form.tsx";
import { languageNames } from "./languages.ts";
import { ReadOnlyNote } from "./read-only.tsx";

export function CannedReplies() {
  const text = useText();
  const { locale } = useAppearance();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const [editing, setEditing] = useState<CannedReply | "new" | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const mayManage = can(session, "manage");
  const list = usePagedList<CannedReply>(["canned", "list"], "canned-replies");
  const askDelete = ({ id, shortcut }: CannedReply): void =>
    setQuestion({
      title: text("reply_delete_title", { name: `\u2068/${shortcut}\u2069` }),
      label: text("delete"),
      act: async () => {
        await api.call(`canned-replies/${id}`, { method: "DELETE" });
        await queries.invalidateQueries({ queryKey: ["canned"] });
        showToast("done", text("deleted"));
      },
    });
  const add = mayManage ? (
    <Button look="primary" onClick={() => setEditing("new")}>
      <Plus size={16} aria-hidden />
      {text("reply_create")}
    </Button>
  ) : null;
  return (
    <>
      {mayManage ? null : <ReadOnlyNote />}
      <Card title={text("settings_replies")} actions={add}>
        <p className="text-sm text-soft">{text("replies_hint")}</p>
        <ListFrame
          list={list}
          empty={
            <EmptyState icon={<Reply size={30} aria-hidden className="directional" />} title={text("replies_empty")}>
              {text("replies_empty_hint")}
            </EmptyState>
          }
        >
          {(replies) => (
            <Rows label={text("settings_replies")}>
              {replies.map((reply) => {
                const name = `\u2068/${reply.shortcut}\u2069`;
                const first = reply.texts[locale] ?? Object.values(reply.texts)[0];
                return (
                  <Row
                    key={reply.id}
                    title={
                      <>
                        <Bdi>{`/${reply.shortcut}`}</Bdi>
                        {Object.keys(reply.texts).map((one) => (
                          <Badge key={one}>{languageNames[one] ?? one}</Badge>
                        ))}
                      </>
                    }
                    below={
                      <span dir="auto" className="aligned line-clamp-2 w-full">
                        {plainLine(first ?? "")}
                      </span>
                    }
                    actions={
                      mayManage ? (
                        <>
                          <IconButton label={text("edit_one", { name })} onClick={() => setEditing(reply)}>
                            <Pencil size={17} aria-hidden />
                          </IconButton>
                          <IconButton label={text("delete_one", { name })} onClick={() => askDelete(reply)}>
                            <Trash2 size={17} aria-hidden />
                          </IconButton>
                        </>
                      ) : null
                    }
                  />
                );
              })}
            </Rows>
          )}
        </ListFrame>
        <Confirm question={question} onClose={() => setQuestion(null)} />
        <Dialog
          title={text(editing === "new" ? "reply_create" : "reply_edit")}
          isWide
          isOpen={editing !== null}
          onClose={() => setEditing(null)}
        >
          {editing === null ? null : <CannedReplyForm reply={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
        </Dialog>
      </Card>
    </>
  );
}
