import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { MetaApp } from "../../../src/contract/connections.ts";
import type { CreatedApp } from "../../../src/contract/tenants.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

export type AppDeed = { kind: "add" } | { kind: "rotate"; app: MetaApp };

export function AppDialog({ deed, onClose }: { deed: AppDeed; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog title={text(deed.kind === "add" ? "app_add" : "app_rotate")} isOpen onClose={onClose}>
      {deed.kind === "add" ? <Add onClose={onClose} /> : <Rotate app={deed.app} onClose={onClose} />}
    </Dialog>
  );
}

function Add({ onClose }: { onClose: () => void }) {
  const text = useText();
  const { api, tenantId } = useWorkspace();
  const queries = useQueryClient();
  const [fields, setFields] = useState(() => ({ appId: "", appSecret: "", verifyToken: newWord() }));
  const [made, setMade] = useState<CreatedApp | null>(null);
  const adding = useAction(async () => {
    setMade(await api.call("apps", { method: "POST", query: { tenantId: null }, body: { tenantId, ...trimmed(fields) } }));
    await queries.invalidateQueries({ queryKey: ["apps"] });
  });
  const problem = useProblem(adding.error, { fields: ["appId", "appSecret", "verifyToken"] });
  if (made !== null) {
    return (
      <div className="flex flex-col gap-4">
        <p className="text-sm text-soft">{text("app_ready")}</p>
        <CopyField label={text("app_callback")} value={new URL(made.webhookPath, location.origin).href} />
        <CopyField label={text("app_verify_token")} hint={text("app_verify_hint")} value={fields.verifyToken.trim()} />
        <Button look="primary" className="self-end" onClick={onClose}>
          {text("close_done")}
        </Button>
      </div>
    );
  }
  const input = (name: keyof typeof fields, label: string, hint: string, more: React.ComponentProps<"input"> = {}) => (
    <Field
      label={label}
      hint={hint}
      error={problem.at(name)}
      render={(control) => (
        <Input
          {...control}
          {...more}
          required
          dir="ltr"
          value={fields[name]}
          onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
        />
      )}
    />
  );
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!adding.isRunning) adding.run();
      }}
    >
      {input("appId", text("app_id"), text("app_id_hint"), { inputMode: "numeric", pattern: "\\s*[0-9]{1,32}\\s*" })}
      {input("appSecret", text("app_secret"), text("app_secret_hint"), { type: "password" })}
      {input("verifyToken", text("app_verify_token"), text("app_verify_hint"))}
      <FormTrouble>{problem.rest}</FormTrouble>
      <Button type="submit" look="primary" className="self-end" disabled={adding.isRunning}>
        {text("app_add")}
      </Button>
    </form>
  );
}

/** First the new secret beside the old one, then it is changed at Meta, then the old one goes. */
function Rotate({ app, onClose }: { app: MetaApp; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [appSecret, setAppSecret] = useState("");
  const isLast = app.secrets !== null && app.secrets > 1;
  const rotating = useAction(async () => {
    await api.call(`apps/${app.id}/secret`, { method: "POST", body: { appSecret: appSecret.trim(), keepOld: !isLast } });
    await queries.invalidateQueries({ queryKey: ["apps"] });
    showToast("done", text(isLast ? "app_rotated" : "app_both"));
    onClose();
  });
  const problem = useProblem(rotating.error, { fields: ["appSecret"] });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!rotating.isRunning && appSecret.trim() !== "") rotating.run();
      }}
    >
      <p className="text-sm text-soft">{text(isLast ? "app_rotate_last" : "app_rotate_first")}</p>
      <Field
        label={text("app_new_secret")}
        error={problem.at("appSecret")}
        render={(control) => (
          <Input {...control} type="password" required dir="ltr" value={appSecret} onChange={(event) => setAppSecret(event.target.value)} />
        )}
      />
      <FormTrouble>{problem.rest}</FormTrouble>
      <Button type="submit" look="primary" className="self-end" disabled={rotating.isRunning || appSecret.trim() === ""}>
        {text(isLast ? "app_finish" : "app_keep_both")}
      </Button>
    </form>
  );
}

function trimmed(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.trim()]));
}

/** Anything that nobody guesses: Meta repeats it once. */
function newWord(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
