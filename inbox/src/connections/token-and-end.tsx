/** A new access token, and the end of a connection. */
import { KeyRound, Unplug } from "lucide-react";
import { useState } from "react";
import type { Connection } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { shownPhone } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";

import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { useRefusal } from "./problem-of.ts";
import { useSending } from "./queries.ts";
import type { ConnectionDeeds } from "./use-connection-deeds.ts";

export type Asked = "token" | "end" | null;

/** `asked`: which of the two dialogs is open. */
export function TokenAndEnd({
  connection,
  deeds,
  isManager,
  asked,
  setAsked,
}: {
  connection: Connection;
  deeds: ConnectionDeeds;
  isManager: boolean;
  asked: Asked;
  setAsked: (asked: Asked) => void;
}) {
  const text = useText();
  const isConnected = connection.state === "connected";
  const why = isManager ? undefined : text("needs_manager");
  const close = (): void => setAsked(null);
  return (
    <div className="flex flex-wrap gap-2">
      <Button look={isConnected ? "plain" : "primary"} disabled={!isManager} title={why} onClick={() => setAsked("token")}>
        <KeyRound size={16} aria-hidden />
        {text(isConnected ? "token_replace" : "token_give")}
      </Button>
      {isConnected ? (
        <Button look="danger" disabled={!isManager} title={why} onClick={() => setAsked("end")}>
          <Unplug size={16} aria-hidden />
          {text("disconnect")}
        </Button>
      ) : null}
      {asked === "token" ? <TokenDialog isConnected={isConnected} deeds={deeds} onClose={close} /> : null}
      {asked === "end" ? <EndDialog connection={connection} deeds={deeds} onClose={close} /> : null}
    </div>
  );
}

function TokenDialog({ isConnected, deeds, onClose }: { isConnected: boolean; deeds: ConnectionDeeds; onClose: () => void }) {
  const text = useText();
  const refused = useRefusal()(deeds.replaceToken.error);
  const [token, setToken] = useState("");
  return (
    <Dialog title={text(isConnected ? "token_replace" : "token_give")} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          deeds.replaceToken.run(token.trim(), onClose);
        }}
      >
        {isConnected ? <p className="text-sm text-soft">{text("token_replace_hint")}</p> : null}
        <TokenField
          value={token}
          onChange={setToken}
          error={refused === null ? null : [refused.sentence, refused.action].filter((part) => part !== null).join(" ")}
        />
        <Button type="submit" look="primary" className="self-end" disabled={token.trim() === "" || deeds.replaceToken.isRunning}>
          {text(deeds.replaceToken.isRunning ? "probing" : "token_save")}
        </Button>
      </form>
    </Dialog>
  );
}

/** Not shown while it is typed, and kept by no browser. */
export function TokenField({ value, onChange, error }: { value: string; onChange: (value: string) => void; error: string | null }) {
  const text = useText();
  return (
    <Field
      label={text("token")}
      hint={<bdi>{text("token_hint")}</bdi>}
      {...(error === null ? {} : { error })}
      render={(control) => (
        <Input
          {...control}
          type="password"
          dir="ltr"
          autoComplete="off"
          spellCheck={false}
          required
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    />
  );
}

function EndDialog({ connection, deeds, onClose }: { connection: Connection; deeds: ConnectionDeeds; onClose: () => void }) {
  const text = useText();
  const { data } = useSending(connection.id);
  const number = `\u2066${shownPhone(connection.displayPhoneNumber ?? connection.phoneNumberId)}\u2069`;
  const waiting = data === undefined ? "" : text("disconnect_waiting", { count: data.queued + data.scheduled + data.waiting });
  const question = {
    title: text("disconnect_title", { number }),
    hint: `${text("disconnect_hint")} ${waiting}`.trim(),
    label: text("disconnect"),
    act: deeds.disconnect,
  };
  return <Confirm question={question} onClose={onClose} />;
}
