import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "../app/text.tsx";
import type { TextKey } from "../texts/keys.ts";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { showToast } from "../ui/toast.tsx";
import { control, type Waiting } from "./control.ts";
import { Switch } from "./switch.tsx";
import { useSandboxDeed } from "./use-sandbox-deed.ts";

const faults = {
  fails: { text: "sb_fault_fails", make: (code: number) => ({ kind: "fails", code }) },
  error: { text: "sb_fault_error", make: (code: number) => ({ kind: "error", code }) },
  status_500: { text: "sb_fault_status_500", make: () => ({ kind: "status", status: 500 }) },
  timeout: { text: "sb_fault_timeout", make: () => ({ kind: "timeout", accepts: false }) },
  timeout_accepted: { text: "sb_fault_timeout_accepted", make: () => ({ kind: "timeout", accepts: true }) },
  reset: { text: "sb_fault_reset", make: () => ({ kind: "reset", accepts: false }) },
  reset_accepted: { text: "sb_fault_reset_accepted", make: () => ({ kind: "reset", accepts: true }) },
  cut: { text: "sb_fault_cut", make: () => ({ kind: "cut" }) },
  late: { text: "sb_fault_late", make: () => ({ kind: "late", ms: 5_000 }) },
  status_first: { text: "sb_fault_status_first", make: () => ({ kind: "status_first" }) },
  no_statuses: { text: "sb_fault_no_statuses", make: () => ({ kind: "no_statuses" }) },
  wrong_wamid: { text: "sb_fault_wrong_wamid", make: () => ({ kind: "wrong_wamid" }) },
} as const satisfies Record<string, { text: TextKey; make: (code: number) => object }>;
type FaultName = keyof typeof faults;
const names = Object.keys(faults) as FaultName[];
const timesMax = 100;

function useWaiting() {
  return useQuery({
    queryKey: ["sandbox", "waiting"],
    queryFn: () => control<Waiting>("GET", "faults"),
    refetchInterval: 2_000,
    staleTime: 0,
  });
}

/** What becomes of the next messages of the business. */
export function Faults() {
  const text = useText();
  const deed = useSandboxDeed();
  const { data } = useWaiting();
  const [name, setName] = useState<FaultName>("fails");
  const [code, setCode] = useState(131_026);
  const [times, setTimes] = useState(1);
  const hasCode = name === "fails" || name === "error";
  const arm = (): void =>
    deed(async () => {
      await control("POST", "faults", { rules: [{ fault: faults[name].make(code), times }] });
      showToast("done", text("sb_fault_added"));
    });
  return (
    <Card title={text("sb_faults")}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          arm();
        }}
      >
        <p className="text-xs text-soft">{text("sb_faults_hint")}</p>
        <Field
          label={text("sb_fault_kind")}
          render={(control_) => (
            <Select {...control_} value={name} onChange={(event) => setName(names.find((one) => one === event.target.value) ?? "fails")}>
              {names.map((one) => (
                <option key={one} value={one}>
                  {text(faults[one].text)}
                </option>
              ))}
            </Select>
          )}
        />
        <div className="flex gap-3">
          {hasCode ? (
            <Field
              label={text("sb_fault_code")}
              render={(control_) => (
                <Input
                  {...control_}
                  type="number"
                  min={0}
                  max={9_999_999}
                  value={code}
                  onChange={(event) => setCode(event.target.valueAsNumber || 0)}
                />
              )}
            />
          ) : null}
          <Field
            label={text("sb_fault_times")}
            render={(control_) => (
              <Input
                {...control_}
                type="number"
                min={1}
                max={timesMax}
                value={times}
                onChange={(event) => setTimes(event.target.valueAsNumber || 1)}
              />
            )}
          />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button look="primary" type="submit">
            {text("sb_fault_add")}
          </Button>
          {data === undefined || data.waiting === 0 ? null : (
            <Button onClick={() => deed(() => control("DELETE", "faults"))}>{text("sb_fault_clear")}</Button>
          )}
        </div>
        <p role="status" className="text-xs text-soft">
          {text("sb_fault_waiting", { count: data?.waiting ?? 0 })}
        </p>
      </form>
    </Card>
  );
}

const withholdings = ["none", "statuses", "all"] as const;

/** How the sandbox's webhooks go out: held back, twice, in another order. */
export function Conduct() {
  const text = useText();
  const deed = useSandboxDeed();
  const { data } = useWaiting();
  const [conduct, setConduct] = useState({ withheld: "none" as (typeof withholdings)[number], copies: 1, isShuffled: false });
  const change = (next: Partial<typeof conduct>): void => {
    const wanted = { ...conduct, ...next };
    setConduct(wanted);
    // Only what is gathered can be shuffled.
    deed(() => control("POST", "conduct", { ...wanted, batchMs: wanted.isShuffled ? 400 : 0, batchMax: wanted.isShuffled ? 100 : 1 }));
  };
  return (
    <Card title={text("sb_conduct")}>
      <div className="flex flex-col gap-2.5 text-sm">
        <Select
          aria-label={text("sb_conduct")}
          value={conduct.withheld}
          onChange={(event) => change({ withheld: withholdings.find((one) => one === event.target.value) ?? "none" })}
        >
          {withholdings.map((one) => (
            <option key={one} value={one}>
              {text(`sb_conduct_${one}`)}
            </option>
          ))}
        </Select>
        <Switch label={text("sb_conduct_copies")} isOn={conduct.copies > 1} onChange={(isOn) => change({ copies: isOn ? 2 : 1 })} />
        <Switch label={text("sb_conduct_shuffled")} isOn={conduct.isShuffled} onChange={(isOn) => change({ isShuffled: isOn })} />
        <p role="status" className="flex items-center gap-2 text-xs text-soft">
          {text("sb_conduct_held", { count: data?.held ?? 0 })}
          {data === undefined || data.held === 0 ? null : (
            <Button onClick={() => deed(() => control("POST", "release"))}>{text("sb_conduct_release")}</Button>
          )}
        </p>
      </div>
    </Card>
  );
}
