import { useInfiniteQuery } from "@tanstack/react-query";
import { FileArchive, ShieldCheck, Trash2 } from "lucide-react";
import type { Page } from "../../../src/contract/json.ts";
import type { PrivacyJob } from "../../../src/contract/privacy.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { EmptyState } from "../ui/bits.tsx";
import { Card } from "../ui/card.tsx";
import { ListFrame, Row, Rows, type PagedList } from "../ui/list-frame.tsx";
import { JobState, jobReviewMs } from "./job-state.tsx";

/** What was exported and erased. Whom it was about is not kept, so it shows by id. */
export function PrivacyJobs() {
  const text = useText();
  const formats = useFormats();
  const list = useJobs();
  return (
    <Card title={text("privacy_jobs")}>
      <ListFrame
        list={list}
        empty={
          <EmptyState icon={<ShieldCheck size={30} aria-hidden />} title={text("privacy_jobs_empty")}>
            {text("privacy_jobs_empty_hint")}
          </EmptyState>
        }
      >
        {(jobs) => (
          <Rows label={text("privacy_jobs")}>
            {jobs.map((job) => {
              const Icon = job.kind === "export" ? FileArchive : Trash2;
              return (
                <Row
                  key={job.id}
                  icon={<Icon size={20} aria-hidden className="text-faint" />}
                  title={text(`job_${job.kind}`)}
                  below={
                    <>
                      <span>{formats.full(job.createdAt)}</span>
                      <span>
                        {text("job_contact")}{" "}
                        <bdi dir="ltr" className="font-mono">
                          {job.contactId.slice(-12)}
                        </bdi>
                      </span>
                    </>
                  }
                  actions={<JobState job={job} />}
                />
              );
            })}
          </Rows>
        )}
      </ListFrame>
    </Card>
  );
}

function useJobs(): PagedList<PrivacyJob> {
  const { api } = useWorkspace();
  const list = useInfiniteQuery({
    queryKey: ["privacy", "jobs"],
    queryFn: ({ pageParam, signal }) => api.call<Page<PrivacyJob>>("privacy/jobs", { query: { after: pageParam, limit: 20 }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    refetchInterval: ({ state }) => {
      const open = state.data?.pages.flatMap(({ data }) => data).find((job) => jobReviewMs(job) !== false);
      return jobReviewMs(open);
    },
  });
  return {
    items: list.data?.pages.flatMap(({ data }) => data) ?? null,
    hasFailed: list.isError,
    retry: () => void list.refetch(),
    hasMore: list.hasNextPage,
    isReadingMore: list.isFetchingNextPage,
    readMore: () => void list.fetchNextPage(),
  };
}
