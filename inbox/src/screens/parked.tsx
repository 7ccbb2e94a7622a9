/** What could not be applied, why, and trying it again. */
import { useQueryClient } from "@tanstack/react-query";
import { CheckCheck, RotateCcw } from "lucide-react";
import { useState } from "react";
import type { ParkedUpdate } from "../../../src/contract/webhooks.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { ListEnd, ListSkeleton } from "../operations/list-end.tsx";
import { ParkedItem } from "../operations/parked-item.tsx";
import { RangeDialog } from "../operations/range-dialog.tsx";
import { replayParked, replayRange, watchOutcome } from "../operations/replay.ts";
import { OperationsTabs } from "../operations/tabs.tsx";
import { usePages } from "../operations/use-pages.ts";
import { EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Page } from "../ui/page.tsx";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { useDeed } from "../ui/use-action.ts";

type Progress = { done: number; total: number } | { isWaiting: true } | null;

export function Screen() {
  const text = useText();
  const { session, api, tenantId: ownId } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const [ofAll, setOfAll] = useState(session.isOperator);
  const tenantId = ofAll ? null : ownId;
  const pages = usePages<ParkedUpdate>("parked", "parked", { tenantId });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [progress, setProgress] = useState<Progress>(null);
  const [isRanging, setIsRanging] = useState(false);
  const mayReplay = can(session, "manage");
  const rows = pages.rows ?? [];
  const selected = rows.filter(({ id }) => chosen.has(id));
  const readAgain = (): Promise<void> => queries.invalidateQueries({ queryKey: ["parked"] });

  const replay = (updates: readonly ParkedUpdate[]): void =>
    deed(async () => {
      setProgress({ done: 0, total: updates.length });
      try {
        const count = await replayParked(api, { updates, tenantId }, (done) => setProgress({ done, total: updates.length }));
        setProgress({ isWaiting: true });
        const outcome = await watchOutcome(api, { updates, tenantId });
        showToast("done", outcome === null ? text("ops_replay_done", { count }) : text("ops_replay_outcome", outcome));
        setChosen(new Set());
      } finally {
        setProgress(null);
        await readAgain();
      }
    });

  return (
    <Page
      title={text("nav_parked")}
      actions={
        <Button onClick={() => setIsRanging(true)} disabled={!mayReplay} title={mayReplay ? undefined : text("ops_replay_needs_manage")}>
          {text("ops_replay_range")}
        </Button>
      }
    >
      <OperationsTabs />
      <p className="mb-4 text-sm text-soft">{text("ops_parked_about")}</p>
      {mayReplay ? null : <p className="mb-4 text-sm text-amber">{text("ops_replay_needs_manage")}</p>}
      <div className="mb-3 flex min-h-9 flex-wrap items-center gap-x-4 gap-y-2 text-sm">
        {session.isOperator ? (
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4.5 accent-accent"
              checked={ofAll}
              onChange={(event) => setOfAll(event.target.checked)}
            />
            {text("ops_parked_of_all")}
          </label>
        ) : null}
        {rows.length > 0 && mayReplay ? (
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              className="size-4.5 accent-accent"
              checked={selected.length === rows.length}
              onChange={(event) => setChosen(new Set(event.target.checked ? rows.map(({ id }) => id) : []))}
            />
            {text("ops_select_all")}
          </label>
        ) : null}
        {selected.length > 0 ? (
          <Button look="primary" disabled={progress !== null} onClick={() => replay(selected)}>
            <RotateCcw size={15} aria-hidden className="directional" />
            {text("ops_replay_selected", { count: selected.length })}
          </Button>
        ) : null}
        <ProgressLine progress={progress} />
      </div>
      {pages.rows === undefined ? (
        pages.isFailed ? (
          <ReadTrouble title={text("ops_parked_failed")} onRetry={pages.retry} />
        ) : (
          <ListSkeleton />
        )
      ) : rows.length === 0 ? (
        <EmptyState icon={<CheckCheck size={36} aria-hidden />} title={text("ops_parked_empty")}>
          {text("ops_parked_empty_hint")}
        </EmptyState>
      ) : (
        <ul aria-label={text("nav_parked")} className="flex flex-col gap-3">
          {rows.map((update) => (
            <ParkedItem
              key={update.id}
              update={update}
              tenantName={ofAll ? (session.tenants.find(({ id }) => id === update.tenantId)?.name ?? null) : null}
              isChosen={chosen.has(update.id)}
              onChoose={(isChosen) => setChosen((before) => toggled(before, update.id, isChosen))}
              onReplay={mayReplay ? () => replay([update]) : null}
              isBusy={progress !== null}
            />
          ))}
        </ul>
      )}
      <ListEnd pages={pages} />
      {isRanging ? (
        <RangeDialog
          hint={text("ops_replay_range_hint")}
          onClose={() => setIsRanging(false)}
          replay={async (range, onProgress) => {
            const count = await replayRange(api, { path: "parked/replay", tenantId, range }, onProgress);
            if (rows.length > 0) await watchOutcome(api, { updates: rows.slice(0, 1), tenantId });
            await readAgain();
            return count;
          }}
        />
      ) : null}
    </Page>
  );
}

function toggled(before: ReadonlySet<string>, id: string, isIn: boolean): ReadonlySet<string> {
  const next = new Set(before);
  if (isIn) next.add(id);
  else next.delete(id);
  return next;
}

function ProgressLine({ progress }: { progress: Progress }) {
  const text = useText();
  return (
    <span role="status" className="flex items-center gap-2 text-soft">
      {progress === null ? null : "isWaiting" in progress ? (
        text("ops_replay_waiting")
      ) : (
        <>
          <progress max={progress.total} value={progress.done} className="w-24 accent-accent" aria-label={text("ops_replay")} />
          {text("ops_replay_running", { done: progress.done, total: progress.total })}
        </>
      )}
    </span>
  );
}
