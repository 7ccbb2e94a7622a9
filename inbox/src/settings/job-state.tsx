import { CircleAlert, CircleCheck, Download } from "lucide-react";
import type { PrivacyJob } from "../../../src/contract/privacy.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useNow } from "../data/clock.ts";

const minuteMs = 60_000;
const reviewMs = 1_500;

/** When to look again; false: never. */
export function jobReviewMs(job: PrivacyJob | undefined): number | false {
  return job === undefined || job.state === "done" || job.state === "failed" ? false : reviewMs;
}

/** How far a job is, why it waits, and the file once it is written. */
export function JobState({ job }: { job: PrivacyJob }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const nowMs = useNow(minuteMs);
  const isOpen = job.state === "queued" || job.state === "running";
  const hasFile = job.kind === "export" && job.state === "done" && job.expiresAt !== null && Date.parse(job.expiresAt) > nowMs;
  return (
    <div role="status" className="flex flex-col gap-1.5 text-sm">
      {isOpen ? (
        <>
          <span className="text-soft">{text(job.state === "queued" ? "job_queued" : "job_running", { share: job.progress })}</span>
          <progress
            aria-label={text(`job_${job.kind}`)}
            max={100}
            value={job.progress}
            className="h-1.5 w-full overflow-hidden rounded-full accent-accent"
          />
        </>
      ) : null}
      {isOpen && job.error !== null ? <span className="text-xs text-amber">{text("job_tried_again")}</span> : null}
      {job.state === "failed" ? (
        <span className="flex items-center gap-1.5 text-danger">
          <CircleAlert size={15} aria-hidden />
          {text("job_failed")}
        </span>
      ) : null}
      {job.state === "done" ? (
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <span className="flex items-center gap-1.5 text-accent">
            <CircleCheck size={15} aria-hidden />
            {text(job.kind === "export" ? "job_export_done" : "job_erasure_done")}
          </span>
          {hasFile ? (
            <a
              href={api.url(`privacy/jobs/${job.id}/file`)}
              download
              className="inline-flex min-h-8 items-center gap-1.5 rounded-lg border border-line bg-raised px-3 font-medium hover:bg-hover"
            >
              <Download size={15} aria-hidden />
              {text("download_size", { size: sizeText(job.bytes ?? 0, formats.number) })}
            </a>
          ) : null}
          {job.kind === "export" && !hasFile ? <span className="text-xs text-faint">{text("job_file_gone")}</span> : null}
          {hasFile && job.expiresAt !== null ? (
            <span className="text-xs text-faint">{text("valid_until", { at: formats.day(job.expiresAt) })}</span>
          ) : null}
        </span>
      ) : null}
    </div>
  );
}

function sizeText(bytes: number, number: (value: number) => string): string {
  const size =
    bytes < 1_000_000 ? `${number(Math.max(1, Math.round(bytes / 1_000)))} kB` : `${number(Math.round(bytes / 100_000) / 10)} MB`;
  return `\u2066${size}\u2069`;
}
