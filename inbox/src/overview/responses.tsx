import { useIntl } from "react-intl";
import type { Overview } from "../../../src/contract/overview.ts";
import { useText } from "../app/text.tsx";
import { Card } from "../ui/card.tsx";
import { durationText } from "./figures.ts";

/** How long customers waited. */
export function Responses({ responses }: { responses: Overview["responses"] }) {
  const text = useText();
  const { locale } = useIntl();
  const shown = (ms: number | null): string => (ms === null ? "–" : durationText(ms, locale));
  return (
    <Card title={text("overview_responses")}>
      {(["first", "all"] as const).map((which) => {
        const { answers, medianMs, p90Ms } = responses[which];
        return (
          <div key={which} className="flex flex-col gap-2 rounded-xl bg-canvas p-3">
            <h3 className="flex flex-wrap items-baseline gap-x-2 text-sm font-medium">
              <span className="grow">{text(`overview_responses_${which}`)}</span>
              <span className="text-xs font-normal text-soft">{text("overview_answers", { count: answers })}</span>
            </h3>
            <dl className="grid grid-cols-2 gap-2">
              {(
                [
                  ["overview_median", medianMs],
                  ["overview_p90", p90Ms],
                ] as const
              ).map(([key, ms]) => (
                <div key={key} className="flex flex-col">
                  <dt className="text-xs text-soft">{text(key)}</dt>
                  <dd className="text-lg font-semibold tabular-nums">{shown(ms)}</dd>
                </div>
              ))}
            </dl>
          </div>
        );
      })}
    </Card>
  );
}
