import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { ChangeRetention, Retention } from "../../../src/contract/privacy.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { ListSkeleton } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { useAction } from "../ui/use-action.ts";

const kinds = ["messages", "media", "activity", "statuses", "parked", "accountEvents", "forwarding", "audit"] as const;
type Kind = (typeof kinds)[number];
/** In days, empty: as long as the platform keeps it. */
type Draft = Readonly<Record<Kind, string>>;
const daysMax = 3_650;
const daysMinOf = (kind: Kind): number => (["messages", "statuses", "accountEvents"].includes(kind) ? 15 : kind === "audit" ? 365 : 8);

export function RetentionCard({ isDisabled }: { isDisabled: boolean }) {
  const text = useText();
  const { api } = useWorkspace();
  const retention = useQuery({
    queryKey: ["privacy", "retention"],
    queryFn: ({ signal }) => api.call<Retention>("privacy/retention", { signal }),
  });
  return (
    <Card title={text("retention")}>
      <p className="text-sm text-soft">{text("retention_hint")}</p>
      {retention.data !== undefined ? (
        <Form retention={retention.data} isDisabled={isDisabled} />
      ) : retention.isError ? (
        <ReadTrouble title={text("settings_failed")} onRetry={() => void retention.refetch()} />
      ) : (
        <ListSkeleton />
      )}
    </Card>
  );
}

function Form({ retention, isDisabled }: { retention: Retention; isDisabled: boolean }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(() => draftOf(retention));
  const [question, setQuestion] = useState<Question | null>(null);
  const changes = changesOf(retention, draft);
  const isChanged = Object.keys(changes).length > 0;
  const save = async (): Promise<void> => {
    const after = await api.call<Retention>("privacy/retention", { method: "PATCH", body: changes });
    queries.setQueryData(["privacy", "retention"], after);
    setDraft(draftOf(after));
    showToast("done", text("saved"));
  };
  const saving = useAction(save);
  const problem = useProblem(saving.error, { fields: kinds });
  const wrong = (kind: Kind): string | undefined => {
    const days = Number(draft[kind]);
    if (draft[kind] === "" || (Number.isInteger(days) && days >= daysMinOf(kind) && days <= daysMax)) return undefined;
    return text("retention_between", { min: daysMinOf(kind), max: daysMax });
  };
  const isSound = kinds.every((kind) => wrong(kind) === undefined);
  const submit = (): void => {
    if (!isChanged || !isSound || saving.isRunning) return;
    if (!isShorter(retention, changes)) return saving.run();
    setQuestion({ title: text("retention_confirm"), hint: text("retention_confirm_hint"), label: text("retention_confirm_do"), act: save });
  };
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        {kinds.map((kind) => (
          <Field
            key={kind}
            label={text(`retention_${kind}`)}
            hint={text(`retention_${kind}_hint`)}
            error={wrong(kind) ?? problem.at(kind)}
            render={(control) => (
              <span className="flex items-center gap-2">
                <Input
                  {...control}
                  type="number"
                  dir="ltr"
                  inputMode="numeric"
                  disabled={isDisabled}
                  placeholder={text("retention_default")}
                  value={draft[kind]}
                  onChange={(event) => setDraft({ ...draft, [kind]: event.target.value })}
                  className="aligned max-w-40"
                />
                <span aria-hidden className="text-sm text-soft">
                  {text("days")}
                </span>
              </span>
            )}
          />
        ))}
      </div>
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" look="primary" disabled={isDisabled || !isChanged || !isSound || saving.isRunning}>
          {text("save")}
        </Button>
        {retention.enforcedAt === null ? null : (
          <span className="text-xs text-faint">{text("retention_enforced", { at: formats.full(retention.enforcedAt) })}</span>
        )}
      </div>
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </form>
  );
}

function draftOf(retention: Retention): Draft {
  const of = (kind: Kind): string => String(retention[kind] ?? "");
  return {
    messages: of("messages"),
    media: of("media"),
    activity: of("activity"),
    statuses: of("statuses"),
    parked: of("parked"),
    accountEvents: of("accountEvents"),
    forwarding: of("forwarding"),
    audit: of("audit"),
  };
}

function changesOf(retention: Retention, draft: Draft): ChangeRetention {
  const changes: ChangeRetention = {};
  for (const kind of kinds) {
    const days = draft[kind] === "" ? null : Number(draft[kind]);
    if (days !== retention[kind]) changes[kind] = days;
  }
  return changes;
}

/** Something that is there today will be gone. */
function isShorter(retention: Retention, changes: ChangeRetention): boolean {
  return kinds.some((kind) => {
    const [before, after] = [retention[kind], changes[kind]];
    return typeof after === "number" && (before === null || after < before);
  });
}
