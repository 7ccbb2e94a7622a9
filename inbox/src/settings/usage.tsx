/** What the business has had today of what it may have. */
import { useQuery } from "@tanstack/react-query";
import { useIntl } from "react-intl";
import type { Usage as UsageFacts } from "../../../src/contract/tenants.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { cx } from "../ui/cx.ts";
import { ListSkeleton } from "../ui/list-frame.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

export function Usage() {
  const text = useText();
  const intl = useIntl();
  const { api } = useWorkspace();
  const usage = useQuery({ queryKey: ["usage"], queryFn: ({ signal }) => api.call<UsageFacts>("usage", { signal }), staleTime: 0 });
  if (usage.data === undefined) {
    if (usage.isError) return <ReadTrouble title={text("settings_failed")} onRetry={() => void usage.refetch()} />;
    return <ListSkeleton />;
  }
  const { sends, streams } = usage.data;
  const resets = intl.formatTime(sends.resetsAt, { hour: "2-digit", minute: "2-digit" });
  return (
    <Card
      title={text("settings_usage")}
      actions={
        <Button disabled={usage.isFetching} onClick={() => void usage.refetch()}>
          {text("refresh")}
        </Button>
      }
    >
      <Meter label={text("usage_sends")} value={sends.today} max={sends.quota} hint={text("usage_sends_hint", { at: resets })} />
      <Meter label={text("usage_streams")} value={streams.open} max={streams.quota} hint={text("usage_streams_hint")} />
      <p className="text-xs text-faint">{text("usage_hint")}</p>
    </Card>
  );
}

function Meter({ label, value, max, hint }: { label: string; value: number; max: number | null; hint: string }) {
  const text = useText();
  const formats = useFormats();
  const share = max === null || max === 0 ? 0 : Math.min(1, value / max);
  const isTight = share >= 0.8;
  return (
    <div className="flex flex-col gap-1.5 rounded-xl bg-sunken p-4">
      <div className="flex flex-wrap items-baseline gap-x-2">
        <span className="grow text-sm font-medium">{label}</span>
        <span className={cx("text-xl font-semibold tabular-nums", isTight && "text-amber")}>{formats.number(value)}</span>
        <span className="text-sm text-soft">{max === null ? text("usage_no_quota") : text("usage_of", { max: formats.number(max) })}</span>
      </div>
      {max === null ? null : (
        <div
          role="meter"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={max}
          aria-valuenow={value}
          className="h-2 rounded-full bg-line"
        >
          <div className={cx("h-full rounded-full", isTight ? "bg-amber" : "bg-accent")} style={{ inlineSize: `${share * 100}%` }} />
        </div>
      )}
      <span className="text-xs text-faint">{hint}</span>
    </div>
  );
}
