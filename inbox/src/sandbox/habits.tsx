import { useState } from "react";
import { useText } from "../app/text.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Input } from "../ui/field.tsx";
import { control, type PersonState, type SandboxNumber } from "./control.ts";
import type { Customer } from "./customers.ts";
import { Switch } from "./switch.tsx";
import { useSandboxDeed } from "./use-sandbox-deed.ts";

/** How this customer is: known by number or by name, readable, reachable, willing. */
export function Habits({
  customer,
  number,
  person,
  onMoved,
}: {
  customer: Customer;
  number: SandboxNumber;
  person: PersonState | null;
  onMoved: (digits: string) => void;
}) {
  const text = useText();
  const deed = useSandboxDeed();
  const [to, setTo] = useState("");
  const act = (verb: string, body: object = {}): void =>
    deed(() => control("POST", `phones/${customer.digits}/${verb}`, { phoneNumberId: number.phoneNumberId, ...body }));
  const move = (): void =>
    deed(async () => {
      await control("POST", `phones/${customer.digits}/number`, { phoneNumberId: number.phoneNumberId, to });
      onMoved(to);
      setTo("");
    });
  const isOff = person === null;
  return (
    <Card title={text("sb_habits")}>
      <div className="flex flex-col gap-2 text-sm">
        <Switch
          isOn={person?.hidesPhone ?? false}
          isOff={isOff}
          label={text("sb_habit_hides")}
          onChange={(isOn) => act(isOn ? "hide" : "show")}
        />
        <Switch
          isOn={person?.showsReceipts ?? true}
          isOff={isOff}
          label={text("sb_habit_receipts")}
          onChange={(isOn) => act("habits", { showsReceipts: isOn })}
        />
        <Switch
          isOn={person?.isReachable ?? true}
          isOff={isOff}
          label={text("sb_habit_reachable")}
          onChange={(isOn) => act("habits", { isReachable: isOn })}
        />
        <Switch
          isOn={person?.isBlocked ?? false}
          isOff={isOff}
          label={text("sb_habit_blocks")}
          onChange={(isOn) => act(isOn ? "block" : "unblock")}
        />
        <form
          className="mt-1 flex gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            if (/^\d{5,20}$/.test(to)) move();
          }}
        >
          <Input
            aria-label={`${text("sb_habit_number")}: ${text("sb_habit_number_to")}`}
            placeholder={text("sb_habit_number_to")}
            inputMode="numeric"
            dir="ltr"
            value={to}
            onChange={(event) => setTo(event.target.value.replaceAll(/\D/g, ""))}
            className="h-9 text-sm"
          />
          <Button type="submit" disabled={!/^\d{5,20}$/.test(to)}>
            {text("sb_habit_number_do")}
          </Button>
        </form>
      </div>
    </Card>
  );
}
