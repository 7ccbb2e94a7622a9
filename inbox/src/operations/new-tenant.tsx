import { useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import type { CreatedTenant } from "../../../src/contract/tenants.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { ApiError } from "../data/api.ts";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input, Select } from "../ui/field.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

const languages = { he: "עברית", en: "English", ar: "العربية" } as const;
const names = ["name", "slug", "ownerEmail", "timeZone"] as const;

/** Makes a business, and shows its secrets this once. */
export function NewTenant({ onClose }: { onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [made, setMade] = useState<CreatedTenant | null>(null);
  const [fields, setFields] = useState({ name: "", slug: "", ownerEmail: "", locale: "he", timeZone: "Asia/Jerusalem" });
  const { run, isRunning, error } = useAction(async () => {
    const { ownerEmail, ...rest } = fields;
    const body = { ...rest, ...(ownerEmail === "" ? {} : { ownerEmail }) };
    setMade(await api.call<CreatedTenant>("tenants", { method: "POST", query: { tenantId: null }, body }));
    await queries.invalidateQueries({ queryKey: ["tenants"] });
  });
  const detail = error === null ? null : error instanceof ApiError ? error.message : text("error_unreachable");
  // The server names the field that it refuses.
  const wrong = names.find((name) => detail?.includes(name) === true) ?? null;
  const input = (name: (typeof names)[number], label: string, hint?: string, more: React.ComponentProps<"input"> = {}) => (
    <Field
      label={label}
      {...(hint === undefined ? {} : { hint })}
      {...(wrong === name ? { error: detail } : {})}
      render={(control) => (
        <Input {...control} {...more} value={fields[name]} onChange={(event) => setFields({ ...fields, [name]: event.target.value })} />
      )}
    />
  );
  if (made !== null) return <Made made={made} onClose={onClose} />;
  return (
    <Dialog title={text("ops_tenant_new")} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event: SyntheticEvent) => {
          event.preventDefault();
          run();
        }}
      >
        {input("name", text("ops_tenant_name"), undefined, { required: true, maxLength: 200 })}
        {input("slug", text("ops_tenant_slug"), text("ops_tenant_slug_hint"), { required: true, dir: "ltr", autoCapitalize: "none" })}
        {input("ownerEmail", text("ops_tenant_owner"), text("ops_tenant_owner_hint"), { type: "email", dir: "ltr" })}
        <Field
          label={text("ops_tenant_language")}
          render={(control) => (
            <Select {...control} value={fields.locale} onChange={(event) => setFields({ ...fields, locale: event.target.value })}>
              {Object.entries(languages).map(([tag, name]) => (
                <option key={tag} value={tag} lang={tag}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        />
        {input("timeZone", text("ops_tenant_time_zone"), undefined, { required: true, dir: "ltr" })}
        {detail === null || wrong !== null ? null : (
          <p role="alert" className="text-sm text-danger">
            {detail}
          </p>
        )}
        <Button look="primary" type="submit" disabled={isRunning}>
          {text("ops_tenant_create")}
        </Button>
      </form>
    </Dialog>
  );
}

function Made({ made, onClose }: { made: CreatedTenant; onClose: () => void }) {
  const text = useText();
  const isNew = made.apiKey !== undefined;
  return (
    <Dialog title={text(isNew ? "ops_tenant_made" : "ops_tenant_new")} isOpen onClose={onClose}>
      <div className="flex flex-col gap-4">
        <p className="text-sm text-soft">{text(isNew ? "ops_tenant_secret_once" : "ops_tenant_exists")}</p>
        {made.ownerLink === undefined ? null : <Secret label={text("ops_tenant_link")} value={made.ownerLink} />}
        {made.apiKey === undefined ? null : <Secret label={text("ops_tenant_key")} value={made.apiKey} />}
        <Button look="primary" onClick={onClose}>
          {text("ops_done")}
        </Button>
      </div>
    </Dialog>
  );
}

function Secret({ label, value }: { label: string; value: string }) {
  const text = useText();
  const copy = (): void => {
    navigator.clipboard.writeText(value).then(
      () => showToast("done", text("ops_copied")),
      () => showToast("error", text("ops_copy_failed")),
    );
  };
  return (
    <Field
      label={label}
      render={(control) => (
        <span className="flex gap-2">
          <Input {...control} readOnly dir="ltr" value={value} onFocus={(event) => event.target.select()} className="font-mono text-xs" />
          <Button onClick={copy}>{text("ops_copy")}</Button>
        </span>
      )}
    />
  );
}
