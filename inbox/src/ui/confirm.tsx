/** Asks before a deed that cannot simply be undone, and does it. What the server refuses is said here. */
import { useState } from "react";
import { useText } from "../app/text.tsx";
import { plainLine } from "./plain.ts";
import { useAction } from "./use-action.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Field, Input } from "./field.tsx";
import { FormTrouble, useProblem, type KnownProblems } from "./form-trouble.tsx";

export type Question = {
  title: string;
  hint?: string;
  /** What the button says. */
  label: string;
  /** To be written by hand before the button works: for what is gravest. */
  word?: string;
  /** It can be undone: the button does not warn. */
  isMild?: boolean;
  known?: KnownProblems;
  act: () => Promise<unknown>;
};

/** Null: nothing is asked. */
export function Confirm({ question, onClose }: { question: Question | null; onClose: () => void }) {
  return question === null ? null : <Asking question={question} onClose={onClose} />;
}

function Asking({ question, onClose }: { question: Question; onClose: () => void }) {
  const text = useText();
  const [written, setWritten] = useState("");
  const { title, hint, label, word, isMild = false, known, act } = question;
  const deed = useAction(async () => {
    await act();
    onClose();
  });
  const problem = useProblem(deed.error, known === undefined ? {} : { known });
  const isReady = word === undefined || plainLine(written) === plainLine(word);
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) deed.run();
        }}
      >
        {hint === undefined ? null : <p className="text-sm text-soft">{hint}</p>}
        {word === undefined ? null : (
          <Field
            label={text("confirm_word", { word: `\u2068${word}\u2069` })}
            render={(control) => <Input {...control} value={written} onChange={(event) => setWritten(event.target.value)} />}
          />
        )}
        <FormTrouble>{problem.rest}</FormTrouble>
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            {text("cancel")}
          </Button>
          <Button type="submit" look={isMild ? "primary" : "danger"} disabled={!isReady || deed.isRunning}>
            {label}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
