import { useQueryClient } from "@tanstack/react-query";
import { Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Template } from "../../../src/contract/templates.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { showToast } from "../ui/toast.tsx";
import { isEditable } from "./draft.ts";

/** What one may do with a template, and why not. */
export function TemplateDeeds({ template, onEdit, onDeleted }: { template: Template; onEdit: () => void; onDeleted: () => void }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const [question, setQuestion] = useState<Question | null>(null);
  const { id, name, waTemplateId, status } = template;
  if (!can(session, "manage") || waTemplateId === null || status === "deleted" || status === "pending_deletion") return null;
  const mayEdit = isEditable(template);
  const isWaiting = status === "pending" || status === "in_appeal";
  const ask = (): void =>
    setQuestion({
      title: text("draft_delete_title", { name: `\u2068${name}\u2069` }),
      hint: text("draft_delete_hint"),
      label: text("draft_delete"),
      known: { conflict: "draft_conflict", not_connected: "draft_no_token" },
      act: async () => {
        await api.call(`templates/${id}`, { method: "DELETE" });
        showToast("done", text("draft_deleted"));
        onDeleted();
        await queries.invalidateQueries({ queryKey: ["templates"] });
      },
    });
  return (
    <div className="flex flex-col gap-2 border-t border-line pt-4">
      <div className="flex flex-wrap gap-2">
        <Button disabled={!mayEdit} onClick={onEdit}>
          <Pencil size={15} aria-hidden />
          {text("edit")}
        </Button>
        <Button look="danger" onClick={ask}>
          <Trash2 size={15} aria-hidden />
          {text("draft_delete")}
        </Button>
      </div>
      {mayEdit ? null : <p className="text-xs text-soft">{text(isWaiting ? "draft_in_review" : "draft_elsewhere")}</p>}
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </div>
  );
}
