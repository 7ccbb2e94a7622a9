import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { TenantUsage } from "../../../src/contract/platform.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

/** What the operator lets a business have; empty is no quota. */
export function QuotaDialog({ usage, onClose }: { usage: TenantUsage; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const [fields, setFields] = useState({ sendsPerDay: shown(usage.sendsPerDay), openStreams: shown(usage.openStreams) });
  const saving = useAction(async () => {
    const quotas = { sendsPerDay: numberOf(fields.sendsPerDay), openStreams: numberOf(fields.openStreams) };
    await api.call(`tenants/${usage.tenantId}`, { method: "PATCH", query: { tenantId: null }, body: { quotas } });
    await queries.invalidateQueries({ queryKey: ["platform"] });
    showToast("done", text("saved"));
    onClose();
  });
  const problem = useProblem(saving.error);
  const isWrong = (value: string): boolean => value.trim() !== "" && !/^\d{1,9}$/.test(value.trim());
  const input = (name: keyof typeof fields, label: string, hint: string) => (
    <Field
      label={label}
      hint={hint}
      error={isWrong(fields[name]) ? text("quota_whole") : undefined}
      render={(control) => (
        <Input
          {...control}
          dir="ltr"
          inputMode="numeric"
          placeholder="∞"
          value={fields[name]}
          onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
        />
      )}
    />
  );
  return (
    <Dialog title={text("quota_title", { name: `\u2068${usage.name}\u2069` })} isOpen onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!saving.isRunning && !Object.values(fields).some(isWrong)) saving.run();
        }}
      >
        {input("sendsPerDay", text("quota_sends"), text("quota_sends_hint"))}
        {input("openStreams", text("quota_streams"), text("quota_streams_hint"))}
        <FormTrouble>{problem.rest}</FormTrouble>
        <Button type="submit" look="primary" className="self-end" disabled={saving.isRunning || Object.values(fields).some(isWrong)}>
          {text("save")}
        </Button>
      </form>
    </Dialog>
  );
}

function shown(quota: number | null): string {
  return quota === null ? "" : String(quota);
}

function numberOf(text: string): number | null {
  return text.trim() === "" ? null : Number(text);
}
