import { ShieldAlert, ShieldCheck } from "lucide-react";
import { useState } from "react";
import type { AuditVerdict } from "../../../src/contract/audit.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { useAction } from "../ui/use-action.ts";

/** Whose log: left out the session's tenant; null, for the operator, everybody's to read, and what concerns no tenant to verify. */
export type AuditReach = { tenantId?: string | null };

type Sum = Pick<AuditVerdict, "isIntact" | "events" | "faults" | "head" | "unsealed">;

/** Reads all seals, call after call. */
export function AuditVerify({ reach = {} }: { reach?: AuditReach }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const [sum, setSum] = useState<Sum | null>(null);
  const verifying = useAction(async () => {
    let after: string | null = null;
    let all: Sum = { isIntact: true, events: 0, faults: [], head: null, unsealed: 0 };
    do {
      const one: AuditVerdict = await api.call<AuditVerdict>("audit/verify", { query: { ...reach, after } });
      all = {
        isIntact: all.isIntact && one.isIntact,
        events: all.events + one.events,
        faults: [...all.faults, ...one.faults],
        head: one.head ?? all.head,
        unsealed: one.unsealed,
      };
      after = one.next;
    } while (after !== null);
    setSum(all);
  });
  const problem = useProblem(verifying.error);
  const Icon = sum?.isIntact === false ? ShieldAlert : ShieldCheck;
  return (
    <Card
      title={text("audit_verify")}
      actions={
        <Button disabled={verifying.isRunning} onClick={() => verifying.run()}>
          {text(verifying.isRunning ? "audit_verifying" : "audit_verify_do")}
        </Button>
      }
    >
      <p className="text-sm text-soft">{text("audit_verify_hint")}</p>
      <FormTrouble>{problem.rest}</FormTrouble>
      <div role="status" className="flex flex-col gap-3">
        {sum === null ? null : (
          <>
            <p className={`flex items-center gap-2 text-sm font-medium ${sum.isIntact ? "text-accent" : "text-danger"}`}>
              <Icon size={18} aria-hidden className="shrink-0" />
              {sum.isIntact
                ? text("audit_intact", { count: sum.events, later: sum.unsealed })
                : text("audit_broken", { count: sum.faults.length })}
            </p>
            {sum.faults.slice(0, 10).map((fault) => (
              <p key={`${fault.seq} ${fault.kind}`} className="text-xs text-danger">
                {text(`audit_fault_${fault.kind}`, { from: formats.full(fault.from), through: formats.full(fault.through) })}
              </p>
            ))}
            {sum.head === null ? null : (
              <CopyField label={text("audit_head")} hint={text("audit_head_hint")} value={`${sum.head.seq} ${sum.head.sha256}`} />
            )}
          </>
        )}
      </div>
    </Card>
  );
}
