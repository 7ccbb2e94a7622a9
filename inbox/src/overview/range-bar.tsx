/** Which time and which number are looked at. */
import type { Connection } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { shownPhone } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { Field, Input, Select } from "../ui/field.tsx";
import { daysMax, rangeNames, type RangeChoice } from "./range.ts";

type Days = { first: string; last: string };

export function RangeBar({
  choice,
  onChoose,
  days,
  isWrong,
  connections,
  connectionId,
  onConnection,
}: {
  choice: RangeChoice;
  onChoose: (choice: RangeChoice) => void;
  /** What is looked at now, where the choice of days begins. */
  days: Days;
  isWrong: boolean;
  connections: readonly Connection[];
  connectionId: string | null;
  onConnection: (id: string | null) => void;
}) {
  const text = useText();
  const kinds = [...rangeNames, "custom"] as const;
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <div role="group" aria-label={text("overview_range")} className="flex flex-wrap gap-0.5 rounded-xl bg-sunken p-1">
          {kinds.map((kind) => (
            <button
              key={kind}
              type="button"
              aria-pressed={choice.kind === kind}
              onClick={() => onChoose(kind === "custom" ? { kind, ...days } : { kind })}
              className={cx(
                "min-h-8 rounded-lg px-3 text-sm transition-colors",
                choice.kind === kind ? "bg-raised font-medium text-ink shadow-card" : "text-soft hover:text-ink",
              )}
            >
              {text(`overview_${kind}`)}
            </button>
          ))}
        </div>
        {connections.length < 2 ? null : (
          <Select
            aria-label={text("number")}
            value={connectionId ?? ""}
            onChange={(event) => onConnection(event.target.value === "" ? null : event.target.value)}
            className="max-w-60"
          >
            <option value="">{text("overview_all_numbers")}</option>
            {connections.map((one) => (
              <option key={one.id} value={one.id}>
                {`\u2066${shownPhone(one.displayPhoneNumber ?? one.phoneNumberId)}\u2069`}
              </option>
            ))}
          </Select>
        )}
      </div>
      {choice.kind === "custom" ? <DayFields choice={choice} onChoose={onChoose} isWrong={isWrong} /> : null}
    </div>
  );
}

function DayFields({
  choice,
  onChoose,
  isWrong,
}: {
  choice: Extract<RangeChoice, { kind: "custom" }>;
  onChoose: (choice: RangeChoice) => void;
  isWrong: boolean;
}) {
  const text = useText();
  return (
    <div className="flex flex-col gap-1">
      <div className="flex flex-wrap gap-3">
        {(["first", "last"] as const).map((end) => (
          <Field
            key={end}
            label={text(`overview_${end}_day`)}
            render={(control) => (
              <Input
                {...control}
                type="date"
                dir="ltr"
                {...(isWrong ? { "aria-invalid": true } : {})}
                value={choice[end]}
                onChange={(event) => onChoose({ ...choice, [end]: event.target.value })}
                className="w-44"
              />
            )}
          />
        ))}
      </div>
      <p role="status" className="text-xs text-danger">
        {isWrong ? text("overview_range_wrong", { days: daysMax }) : null}
      </p>
    </div>
  );
}
