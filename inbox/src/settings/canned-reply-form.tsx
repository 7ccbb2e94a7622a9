import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { CannedReply, CannedVariable } from "../../../src/contract/inbox.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Field, Input, TextArea } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { languageNames } from "./languages.ts";

const variables: readonly CannedVariable[] = ["name", "phone", "agent", "business"];
const isShortcut = /^[\p{L}\p{N}_-]{1,40}$/u;

/** A text for each language; those that are left empty are left out. */
export function CannedReplyForm({ reply, onClose }: { reply: CannedReply | null; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [shortcut, setShortcut] = useState(reply?.shortcut ?? "");
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(reply?.texts ?? {});
  const written = Object.fromEntries(Object.entries(texts).filter(([, words]) => words.trim() !== ""));
  const languages = [...new Set([...Object.keys(languageNames), ...Object.keys(reply?.texts ?? {})])];
  const saving = useAction(async () => {
    const body = { shortcut, texts: written };
    await api.call(reply === null ? "canned-replies" : `canned-replies/${reply.id}`, { method: reply === null ? "POST" : "PATCH", body });
    await queries.invalidateQueries({ queryKey: ["canned"] });
    showToast("done", text("saved"));
    onClose();
  });
  const problem = useProblem(saving.error, { fields: ["shortcut", "texts"], known: { conflict: "reply_taken" } });
  const isWrong = shortcut !== "" && !isShortcut.test(shortcut);
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!saving.isRunning) saving.run();
      }}
    >
      <Field
        label={text("shortcut")}
        hint={text("shortcut_hint")}
        error={problem.at("shortcut") ?? (isWrong ? text("shortcut_wrong") : undefined)}
        render={(control) => (
          <Input {...control} required maxLength={40} value={shortcut} onChange={(event) => setShortcut(event.target.value)} />
        )}
      />
      {languages.map((language) => (
        <Field
          key={language}
          label={<span lang={language}>{languageNames[language] ?? language}</span>}
          render={(control) => (
            <TextArea
              {...control}
              lang={language}
              maxLength={4_096}
              value={texts[language] ?? ""}
              onChange={(event) => setTexts({ ...texts, [language]: event.target.value })}
            />
          )}
        />
      ))}
      <p className="text-xs text-faint">
        {text("reply_variables")}{" "}
        {variables.map((name) => (
          <span key={name}>
            <code dir="ltr" className="rounded bg-sunken px-1">
              {`{{${name}}}`}
            </code>{" "}
            {text(`variable_${name}`)}{" "}
          </span>
        ))}
      </p>
      <FormTrouble>{problem.at("texts") ?? problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={saving.isRunning || !isShortcut.test(shortcut) || Object.keys(written).length === 0}>
          {text("save")}
        </Button>
      </div>
    </form>
  );
}
