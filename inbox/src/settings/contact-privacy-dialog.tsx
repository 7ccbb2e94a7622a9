/** One customer's data: exported, or erased for good. Both run in the background; how far they are shows here. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Trash2 } from "lucide-react";
import { useState } from "react";
import type { PrivacyJob } from "../../../src/contract/privacy.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { useAction } from "../ui/use-action.ts";
import { JobState, jobReviewMs } from "./job-state.tsx";

/** `contact` null: closed. */
export function ContactPrivacyDialog({ contact, onClose }: { contact: { id: string; name: string } | null; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog
      title={contact === null ? "" : text("privacy_of", { name: `\u2068${contact.name}\u2069` })}
      isOpen={contact !== null}
      onClose={onClose}
    >
      {contact === null ? null : <Deeds contact={contact} />}
    </Dialog>
  );
}

function Deeds({ contact }: { contact: { id: string; name: string } }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [jobIds, setJobIds] = useState<{ export?: string; erase?: string }>({});
  const [question, setQuestion] = useState<Question | null>(null);
  const ask = async (what: "export" | "erase", body?: unknown): Promise<void> => {
    const job = await api.call<PrivacyJob>(`contacts/${contact.id}/${what}`, { method: "POST", ...(body === undefined ? {} : { body }) });
    queries.setQueryData(["privacy", "job", job.id], job);
    setJobIds((before) => ({ ...before, [what]: job.id }));
    await queries.invalidateQueries({ queryKey: ["privacy", "jobs"] });
  };
  const exporting = useAction(() => ask("export"));
  const problem = useProblem(exporting.error, { known: { conflict: "privacy_being_erased", too_many: "privacy_too_many" } });
  const askErase = (): void =>
    setQuestion({
      title: text("erase_title", { name: `\u2068${contact.name}\u2069` }),
      hint: text("erase_hint"),
      label: text("erase"),
      word: text("erase_word"),
      known: { too_many: "privacy_too_many", not_found: "privacy_is_gone" },
      act: () => ask("erase", { confirm: contact.id }),
    });
  return (
    <div className="flex flex-col gap-5">
      <section className="flex flex-col gap-2">
        <h3 className="text-sm font-semibold">{text("export")}</h3>
        <p className="text-sm text-soft">{text("export_hint")}</p>
        <FormTrouble>{problem.rest}</FormTrouble>
        {jobIds.export === undefined ? (
          <Button className="self-start" disabled={exporting.isRunning || jobIds.erase !== undefined} onClick={() => exporting.run()}>
            <Download size={16} aria-hidden />
            {text("export_do")}
          </Button>
        ) : (
          <LiveJob id={jobIds.export} />
        )}
      </section>
      <section className="flex flex-col gap-2 border-t border-line pt-4">
        <h3 className="text-sm font-semibold">{text("erase")}</h3>
        <p className="text-sm text-soft">{text("erase_hint")}</p>
        {jobIds.erase === undefined ? (
          <Button look="danger" className="self-start" onClick={askErase}>
            <Trash2 size={16} aria-hidden />
            {text("erase")}
          </Button>
        ) : (
          <LiveJob id={jobIds.erase} />
        )}
      </section>
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </div>
  );
}

/** Events tell when it begins and ends; between them its progress is asked for, as long as somebody looks. */
function LiveJob({ id }: { id: string }) {
  const { api } = useWorkspace();
  const job = useQuery({
    queryKey: ["privacy", "job", id],
    queryFn: ({ signal }) => api.call<PrivacyJob>(`privacy/jobs/${id}`, { signal }),
    refetchInterval: ({ state }) => jobReviewMs(state.data),
  });
  return job.data === undefined ? null : <JobState job={job.data} />;
}
