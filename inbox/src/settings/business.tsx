/** The business: its name and clock, what it answers by itself, and by which words customers end its marketing. One form, one button. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Tenant } from "../../../src/contract/tenants.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useSwitchTenant, useWorkspace } from "../app/workspace-context.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { ListSkeleton } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { useAction } from "../ui/use-action.ts";
import { AutoReplyCard } from "./business-auto-reply.tsx";
import { changesOf, draftOf, type Draft } from "./business-draft.ts";
import { IdentityFields } from "./business-identity.tsx";
import { OptOutCard } from "./business-opt-out.tsx";
import { CloseTenant } from "./close-tenant.tsx";
import { ReadOnlyNote } from "./read-only.tsx";

export type PartProps = {
  draft: Draft;
  isDisabled: boolean;
  change: (changes: Partial<Draft>) => void;
  errorAt: (field: keyof Draft) => string | undefined;
};

const fields: readonly (keyof Draft)[] = [
  "name",
  "locale",
  "timeZone",
  "supportedTypes",
  "autoReplyInterval",
  "autoReplyText",
  "optOutWords",
  "optInWords",
  "optOutReply",
];

export function Business() {
  const text = useText();
  const { api, session, tenantId } = useWorkspace();
  const tenant = useQuery({ queryKey: ["tenant"], queryFn: ({ signal }) => api.call<Tenant>(`tenants/${tenantId}`, { signal }) });
  if (tenant.data !== undefined) {
    return (
      <>
        <Form tenant={tenant.data} />
        {session.role === "owner" ? <CloseTenant name={tenant.data.name} /> : null}
      </>
    );
  }
  if (tenant.isError) return <ReadTrouble title={text("settings_failed")} onRetry={() => void tenant.refetch()} />;
  return <ListSkeleton />;
}

function Form({ tenant }: { tenant: Tenant }) {
  const text = useText();
  const { api, session, tenantId } = useWorkspace();
  const switchTenant = useSwitchTenant();
  const queries = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(tenant));
  const mayManage = can(session, "manage");
  const changes = changesOf(tenant, draft);
  const isChanged = Object.keys(changes).length > 0;
  const saving = useAction(async () => {
    const after = await api.call<Tenant>(`tenants/${tenantId}`, { method: "PATCH", body: changes });
    queries.setQueryData(["tenant"], after);
    setDraft(draftOf(after));
    showToast("done", text("saved"));
    // The session tells every screen the name and the clock.
    if ("name" in changes || "locale" in changes || "timeZone" in changes) switchTenant(tenantId);
  });
  const problem = useProblem(saving.error, { fields });
  useLeaveWarning(isChanged);
  const part: PartProps = {
    draft,
    isDisabled: !mayManage,
    change: (some) => setDraft((before) => ({ ...before, ...some })),
    errorAt: problem.at,
  };
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged && !saving.isRunning) saving.run();
      }}
    >
      {mayManage ? null : <ReadOnlyNote />}
      <Card title={text("business_identity")}>
        <IdentityFields {...part} />
      </Card>
      <AutoReplyCard {...part} />
      <OptOutCard {...part} />
      <div role="status" className="sticky bottom-3 z-10">
        {isChanged ? (
          <div className="flex flex-wrap items-center gap-3 rounded-2xl border border-line bg-raised px-4 py-3 shadow-pop">
            <span className="grow text-sm font-medium">{text("unsaved")}</span>
            <Button look="quiet" onClick={() => setDraft(draftOf(tenant))}>
              {text("discard_changes")}
            </Button>
            <Button type="submit" look="primary" disabled={saving.isRunning}>
              {text("save")}
            </Button>
            {problem.rest === undefined ? null : (
              <div className="w-full">
                <FormTrouble>{problem.rest}</FormTrouble>
              </div>
            )}
          </div>
        ) : null}
      </div>
    </form>
  );
}

/** The browser asks before it closes the page. */
function useLeaveWarning(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return undefined;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isChanged]);
}
