/** What is done once for a number at Meta, and a button for what is left. */
import { Check, CircleAlert, Clock, Minus, type LucideIcon } from "lucide-react";
import { useState } from "react";
import type { ConnectionStatus, ConnectionStep, StepState } from "../../../src/contract/connections.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { Bdi } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { cx } from "../ui/cx.ts";
import { Field, Input } from "../ui/field.tsx";
import type { ConnectionDeeds } from "./use-connection-deeds.ts";

const icons: Readonly<Record<StepState, { icon: LucideIcon; color: string }>> = {
  done: { icon: Check, color: "text-accent" },
  pending: { icon: Clock, color: "text-amber" },
  failed: { icon: CircleAlert, color: "text-danger" },
  skipped: { icon: Minus, color: "text-faint" },
};

export function SetUpSteps({ status, deeds, isManager }: { status: ConnectionStatus; deeds: ConnectionDeeds; isManager: boolean }) {
  const text = useText();
  const [pin, setPin] = useState("");
  const steps = status.steps.filter(({ state }) => state !== "skipped");
  const isOpen = status.state === "connected" && steps.some(({ state }) => state !== "done");
  const needsPin = steps.some(({ step, state }) => step === "register" && state !== "done");
  const isPinWrong = pin !== "" && !/^\d{6}$/.test(pin);
  return (
    <Card title={text("steps")}>
      <ol className="flex flex-col">
        {steps.map((step) => (
          <StepLine key={step.step} step={step} />
        ))}
      </ol>
      {isOpen ? (
        <form
          className="flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            if (!isPinWrong) deeds.setUp.run(null, pin === "" ? null : pin);
          }}
        >
          {needsPin ? (
            <Field
              label={text("connect_pin")}
              hint={text("setup_pin_hint")}
              {...(isPinWrong ? { error: text("field_pin") } : {})}
              render={(control) => (
                <Input
                  {...control}
                  dir="ltr"
                  inputMode="numeric"
                  maxLength={6}
                  value={pin}
                  onChange={(event) => setPin(event.target.value)}
                  className="max-w-32 tracking-widest"
                />
              )}
            />
          ) : null}
          <Button
            type="submit"
            look="primary"
            className="self-start"
            disabled={!isManager || deeds.setUp.isRunning}
            title={isManager ? undefined : text("needs_manager")}
          >
            {text("setup_continue")}
          </Button>
        </form>
      ) : null}
    </Card>
  );
}

function StepLine({ step: { step, state, sentence, action, detail } }: { step: ConnectionStep }) {
  const text = useText();
  const inLanguage = useSentence();
  const { icon: Icon, color } = icons[state];
  return (
    <li data-step={step} data-state={state} className="flex gap-3 py-1.5 text-sm">
      <Icon size={17} aria-hidden className={cx("mt-0.5 shrink-0", color)} />
      <div className="flex min-w-0 flex-col gap-0.5">
        <span className="flex flex-wrap gap-x-2">
          {text(`step_${step}`)} <span className={color}>{text(`step_state_${state}`)}</span>
        </span>
        {sentence === null ? null : <span className="text-soft">{inLanguage(sentence)}</span>}
        {action === null ? null : <span className="text-soft">{inLanguage(action)}</span>}
        {detail === null ? null : <Bdi className="text-xs wrap-anywhere text-faint">{detail}</Bdi>}
      </div>
    </li>
  );
}
