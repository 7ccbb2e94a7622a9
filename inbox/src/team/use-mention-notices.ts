/** Says so when a colleague leaves a note for this person, wherever they are; also what came while the page was away, when the stream catches up. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { listenForNotes } from "../app/notifications.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { fieldsOf, listOf, textOf } from "../thread/fields.ts";
import { plainLine } from "../ui/plain.ts";
import { showToast } from "../ui/toast.tsx";

export function useMentionNotices(): void {
  const text = useText();
  const { personId } = useWorkspace();
  const navigate = useNavigate();
  useEffect(
    () =>
      listenForNotes(({ type, conversationId, data }) => {
        const by = fieldsOf(fieldsOf(data)["by"]);
        const isForMe = personId !== null && listOf(fieldsOf(data)["mentions"]).includes(personId);
        if (type !== "note.created" || conversationId === null || !isForMe || by["id"] === personId) return;
        showToast("done", text("mentioned_you", { name: `\u2068${plainLine(textOf(by["name"]) ?? "")}\u2069` }), {
          label: text("open"),
          run: () => void navigate({ to: "/inbox/$view/$conversationId", params: { view: "all", conversationId } }),
        });
      }),
    [personId, text, navigate],
  );
}
