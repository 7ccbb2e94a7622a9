import { useState } from "react";
import type { CreateConnection, CreatedConnection } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Field, Input } from "../ui/field.tsx";
import { useAction } from "../ui/use-action.ts";
import { useRefusal } from "./problem-of.ts";
import { TokenField } from "./token-and-end.tsx";

const fields = ["wabaId", "phoneNumberId", "accessToken", "pin"] as const;
type Name = (typeof fields)[number];
const empty: Readonly<Record<Name, string>> = { wabaId: "", phoneNumberId: "", accessToken: "", pin: "" };

export function ConnectByToken({ onConnected }: { onConnected: (connection: CreatedConnection) => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const [given, setGiven] = useState(empty);
  const [hasTried, setHasTried] = useState(false);
  const connecting = useAction(async () => {
    const { pin, ...ids } = Object.fromEntries(fields.map((name) => [name, given[name].trim()])) as Record<Name, string>;
    const body: CreateConnection = { ...ids, ...(pin === "" ? {} : { pin }) };
    onConnected(await api.call<CreatedConnection>("connections", { method: "POST", body }));
  });
  const refused = useRefusal()(connecting.error);
  const faultOf = (name: Name): string | null => {
    const value = given[name].trim();
    if (value === "" && name !== "pin") return text("field_missing");
    if (name === "pin" && value !== "" && !/^\d{6}$/.test(value)) return text("field_pin");
    return (name === "wabaId" || name === "phoneNumberId") && !/^\d{1,64}$/.test(value) ? text("field_digits") : null;
  };
  const errorOf = (name: Name): string | null => {
    const fault = hasTried ? faultOf(name) : null;
    if (fault !== null || refused === null || refused.field !== name) return fault;
    return [refused.sentence, refused.action].filter((part) => part !== null).join(" ");
  };
  const set = (name: Name, value: string): void => setGiven({ ...given, [name]: value });
  const inputOf = (name: "wabaId" | "phoneNumberId" | "pin") => (
    <Field
      label={text(({ wabaId: "waba_id", phoneNumberId: "phone_number_id", pin: "connect_pin" } as const)[name])}
      {...(errorOf(name) === null ? (name === "pin" ? { hint: text("setup_pin_hint") } : {}) : { error: errorOf(name) })}
      render={(control) => (
        <Input
          {...control}
          dir="ltr"
          inputMode="numeric"
          maxLength={name === "pin" ? 6 : 64}
          value={given[name]}
          onChange={(event) => set(name, event.target.value)}
          className="tabular-nums"
        />
      )}
    />
  );
  const isElsewhere = refused !== null && !fields.some((name) => name === refused.field);
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        setHasTried(true);
        if (fields.every((name) => faultOf(name) === null)) connecting.run();
      }}
    >
      <p className="text-sm text-soft">{text("connect_token_hint")}</p>
      {inputOf("wabaId")}
      {inputOf("phoneNumberId")}
      <TokenField value={given.accessToken} onChange={(value) => set("accessToken", value)} error={errorOf("accessToken")} />
      {inputOf("pin")}
      {isElsewhere ? (
        <p role="alert" dir="auto" className="aligned text-sm text-danger">
          {refused.sentence}
        </p>
      ) : null}
      <Button type="submit" look="primary" className="self-end" disabled={connecting.isRunning}>
        {text(connecting.isRunning ? "connect_finishing" : "connect_submit")}
      </Button>
    </form>
  );
}
