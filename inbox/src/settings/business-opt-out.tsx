/** The words by which customers end marketing messages, and ask for them again. */
import { RotateCcw } from "lucide-react";
import { useText } from "../app/text.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Field, TextArea } from "../ui/field.tsx";
import type { PartProps } from "./business.tsx";

export function OptOutCard({ draft, isDisabled, change, errorAt }: PartProps) {
  const text = useText();
  return (
    <Card title={text("opt_out")}>
      <p className="text-sm text-soft">{text("opt_out_hint")}</p>
      <div className="grid gap-4 sm:grid-cols-2">
        {(["optOutWords", "optInWords"] as const).map((field) => (
          <div key={field} className="flex flex-col gap-1.5">
            <Field
              label={text(field === "optOutWords" ? "opt_out_words" : "opt_in_words")}
              hint={text("words_hint")}
              error={errorAt(field)}
              render={(control) => (
                <TextArea
                  {...control}
                  rows={7}
                  disabled={isDisabled}
                  placeholder={text("words_ours")}
                  value={draft[field] ?? ""}
                  onChange={(event) => change({ [field]: event.target.value })}
                />
              )}
            />
            {isDisabled ? null : (
              <Button look="quiet" className="self-start" disabled={draft[field] === null} onClick={() => change({ [field]: null })}>
                <RotateCcw size={15} aria-hidden className="directional" />
                {text("words_reset")}
              </Button>
            )}
          </div>
        ))}
      </div>
      <Field
        label={text("opt_out_reply")}
        hint={text("opt_out_reply_hint")}
        error={errorAt("optOutReply")}
        render={(control) => (
          <TextArea
            {...control}
            rows={2}
            maxLength={1_024}
            disabled={isDisabled}
            value={draft.optOutReply}
            onChange={(event) => change({ optOutReply: event.target.value })}
          />
        )}
      />
    </Card>
  );
}
