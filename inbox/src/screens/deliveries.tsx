/** Every request of Meta's, raw: for the operator of the platform. */
import { useQueryClient } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import { useState } from "react";
import type { Delivery, DeliveryState, Replayed } from "../../../src/contract/webhooks.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { DeliveryItem } from "../operations/delivery-item.tsx";
import { ListEnd, ListSkeleton } from "../operations/list-end.tsx";
import { isoOf } from "../operations/local-time.ts";
import { OperatorOnly } from "../operations/operator-only.tsx";
import { RangeDialog } from "../operations/range-dialog.tsx";
import { replayRange } from "../operations/replay.ts";
import { OperationsTabs } from "../operations/tabs.tsx";
import { usePages } from "../operations/use-pages.ts";
import { EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { Page } from "../ui/page.tsx";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { useDeed } from "../ui/use-action.ts";

const states: readonly DeliveryState[] = ["pending", "applied", "partly_parked", "parked"];

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  return <Page title={text("ops_deliveries")}>{session.isOperator ? <Deliveries /> : <OperatorOnly />}</Page>;
}

function Deliveries() {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const [state, setState] = useState<DeliveryState | null>(null);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [isRanging, setIsRanging] = useState(false);
  const bounds = { from: isoOf(from), to: isoOf(to) };
  const isWrong = bounds.from !== null && bounds.to !== null && bounds.from >= bounds.to;
  const pages = usePages<Delivery>("deliveries", "deliveries", { tenantId: null, state, ...bounds }, (one) => one.state !== "pending");
  const rows = pages.rows ?? [];
  const readAgain = (): Promise<void> => queries.invalidateQueries({ queryKey: ["deliveries"] });
  const replay = (id: string): void =>
    deed(async () => {
      const { replayed } = await api.call<Replayed>(`deliveries/${id}/replay`, { method: "POST", query: { tenantId: null } });
      showToast("done", text("ops_replay_done", { count: replayed }));
      await readAgain();
    });
  return (
    <>
      <OperationsTabs />
      <p className="mb-4 text-sm text-soft">{text("ops_deliveries_about")}</p>
      <div className="mb-4 grid items-end gap-3 sm:grid-cols-[1fr_1fr_1fr_auto]">
        <Field
          label={text("ops_state")}
          render={(control) => (
            <Select
              {...control}
              value={state ?? ""}
              onChange={(event) => setState(states.find((one) => one === event.target.value) ?? null)}
            >
              <option value="">{text("ops_state_any")}</option>
              {states.map((one) => (
                <option key={one} value={one}>
                  {text(`ops_state_${one}`)}
                </option>
              ))}
            </Select>
          )}
        />
        <Field
          label={text("ops_from")}
          render={(control) => <Input {...control} type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />}
        />
        <Field
          label={text("ops_to")}
          {...(isWrong ? { error: text("ops_range_order") } : {})}
          render={(control) => <Input {...control} type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} />}
        />
        <Button className="min-h-10" onClick={() => setIsRanging(true)}>
          {text("ops_replay_range")}
        </Button>
      </div>
      {pages.rows === undefined ? (
        pages.isFailed ? (
          <ReadTrouble title={text("ops_deliveries_failed")} onRetry={pages.retry} />
        ) : (
          <ListSkeleton />
        )
      ) : rows.length === 0 ? (
        <EmptyState icon={<Inbox size={36} aria-hidden />} title={text(pages.hasMore ? "ops_deliveries_looked" : "ops_deliveries_empty")}>
          {pages.hasMore ? null : text("ops_deliveries_empty_hint")}
        </EmptyState>
      ) : (
        <ul aria-label={text("ops_deliveries")} className="flex flex-col gap-3">
          {rows.map((delivery) => (
            <DeliveryItem key={delivery.id} delivery={delivery} onReplay={() => replay(delivery.id)} />
          ))}
        </ul>
      )}
      <ListEnd pages={pages} label={text(state === null ? "ops_load_more" : "ops_look_further")} />
      {isRanging ? (
        <RangeDialog
          hint={text("ops_replay_deliveries_hint")}
          onClose={() => setIsRanging(false)}
          replay={async (range, onProgress) => {
            const count = await replayRange(api, { path: "deliveries/replay", tenantId: null, range }, onProgress);
            await readAgain();
            return count;
          }}
        />
      ) : null}
    </>
  );
}
