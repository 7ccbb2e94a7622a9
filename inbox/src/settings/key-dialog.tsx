/** Makes a key and shows its secret this once; or changes the name and the rate of one that is there. */
import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import type { ApiKey, CreateApiKey, CreatedApiKey, Scope } from "../../../src/contract/tenants.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useConnections } from "../team/connections.ts";
import { shownPhone } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { scopeWords } from "./scopes.ts";

export function KeyDialog({ editing, onClose }: { editing: ApiKey | "new" | null; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog title={text(editing === "new" ? "key_create" : "key_edit")} isOpen={editing !== null} onClose={onClose}>
      {editing === null ? null : editing === "new" ? <Create onClose={onClose} /> : <Edit apiKey={editing} onClose={onClose} />}
    </Dialog>
  );
}

const dayMs = 86_400_000;
const expiries = { month: 30, quarter: 90, year: 365, never: null } as const;
type Expiry = keyof typeof expiries;

function Create({ onClose }: { onClose: () => void }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const connections = useConnections();
  const id = useId();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read", "send"]);
  const [expiry, setExpiry] = useState<Expiry>("year");
  const [connectionId, setConnectionId] = useState("");
  const [rate, setRate] = useState("");
  const [made, setMade] = useState<CreatedApiKey | null>(null);
  const creating = useAction(async () => {
    const days = expiries[expiry];
    const body: CreateApiKey = {
      name,
      scopes: [...scopes],
      expiresAt: days === null ? null : new Date(Date.now() + days * dayMs).toISOString(),
      connectionId: connectionId === "" ? null : connectionId,
      requestsPerMinute: rate === "" ? null : Number(rate),
    };
    setMade(await api.call<CreatedApiKey>("api-keys", { method: "POST", body }));
    await queries.invalidateQueries({ queryKey: ["keys"] });
  });
  const problem = useProblem(creating.error, { fields: ["name", "requestsPerMinute"] });
  if (made !== null) {
    return (
      <div className="flex flex-col gap-4">
        <p className="text-sm text-soft">{text("key_ready")}</p>
        <CopyField label={text("key_secret")} value={made.apiKey} />
        <Button look="primary" className="self-end" onClick={onClose}>
          {text("close_done")}
        </Button>
      </div>
    );
  }
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!creating.isRunning) creating.run();
      }}
    >
      <Field
        label={text("name")}
        hint={text("key_name_hint")}
        error={problem.at("name")}
        render={(control) => <Input {...control} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />}
      />
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 text-sm font-medium text-soft">{text("scopes")}</legend>
        {scopeWords.map((scope) => (
          <div key={scope} className="flex items-start gap-2.5 text-sm">
            <input
              id={`${id}-${scope}`}
              type="checkbox"
              aria-describedby={`${id}-${scope}-said`}
              className="mt-0.5 size-4 accent-accent"
              checked={scopes.includes(scope)}
              disabled={!can(session, scope)}
              onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))}
            />
            <span>
              <label htmlFor={`${id}-${scope}`} className="font-medium">
                {text(`scope_${scope}`)}
              </label>{" "}
              <span id={`${id}-${scope}-said`} className="text-soft">
                {text(`scope_${scope}_hint`)}
              </span>
            </span>
          </div>
        ))}
      </fieldset>
      <Field
        label={text("expiry")}
        render={(control) => (
          <Select
            {...control}
            value={expiry}
            onChange={(event) =>
              setExpiry((["month", "quarter", "year", "never"] as const).find((one) => one === event.target.value) ?? expiry)
            }
          >
            {(["month", "quarter", "year", "never"] as const).map((one) => (
              <option key={one} value={one}>
                {text(`expiry_${one}`)}
              </option>
            ))}
          </Select>
        )}
      />
      <Field
        label={text("key_number")}
        render={(control) => (
          <Select {...control} value={connectionId} onChange={(event) => setConnectionId(event.target.value)}>
            <option value="">{text("key_all_numbers")}</option>
            {connections.map((one) => (
              <option key={one.id} value={one.id}>
                {`\u2066${shownPhone(one.displayPhoneNumber ?? one.phoneNumberId)}\u2069`}
              </option>
            ))}
          </Select>
        )}
      />
      <RateField value={rate} onChange={setRate} error={problem.at("requestsPerMinute")} />
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={creating.isRunning || name.trim() === "" || scopes.length === 0}>
          {text("key_create")}
        </Button>
      </div>
    </form>
  );
}

function Edit({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [name, setName] = useState(apiKey.name);
  const [rate, setRate] = useState(String(apiKey.requestsPerMinute));
  const saving = useAction(async () => {
    await api.call(`api-keys/${apiKey.id}`, { method: "PATCH", body: { name, requestsPerMinute: rate === "" ? null : Number(rate) } });
    await queries.invalidateQueries({ queryKey: ["keys"] });
    showToast("done", text("saved"));
    onClose();
  });
  const problem = useProblem(saving.error, { fields: ["name", "requestsPerMinute"] });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!saving.isRunning) saving.run();
      }}
    >
      <Field
        label={text("name")}
        error={problem.at("name")}
        render={(control) => <Input {...control} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />}
      />
      <RateField value={rate} onChange={setRate} error={problem.at("requestsPerMinute")} />
      <p className="text-xs text-faint">{text("key_edit_hint")}</p>
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={saving.isRunning || name.trim() === ""}>
          {text("save")}
        </Button>
      </div>
    </form>
  );
}

function RateField({ value, onChange, error }: { value: string; onChange: (value: string) => void; error: string | undefined }) {
  const text = useText();
  return (
    <Field
      label={text("key_rate")}
      hint={text("key_rate_hint")}
      error={error}
      render={(control) => (
        <Input
          {...control}
          type="number"
          dir="ltr"
          min={1}
          max={120_000}
          inputMode="numeric"
          placeholder="12000"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    />
  );
}
