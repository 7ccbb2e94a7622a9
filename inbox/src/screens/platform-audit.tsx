/** Who did what on the whole platform, for its operator: of one business, of all, or what concerns none. */
import { useState } from "react";
import type { Tenant } from "../../../src/contract/tenants.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { OperatorOnly } from "../operations/operator-only.tsx";
import { OperationsTabs } from "../operations/tabs.tsx";
import { usePages } from "../operations/use-pages.ts";
import { AuditLog } from "../settings/audit.tsx";
import { Field, Select } from "../ui/field.tsx";
import { Page } from "../ui/page.tsx";

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  return <Page title={text("platform_audit")}>{session.isOperator ? <OfAll /> : <OperatorOnly />}</Page>;
}

const tenantsMax = 200;

function OfAll() {
  const text = useText();
  const [tenantId, setTenantId] = useState<string | null>(null);
  const { rows = [] } = usePages<Tenant>("tenants", "tenants", { tenantId: null, limit: tenantsMax });
  return (
    <>
      <OperationsTabs />
      <div className="flex max-w-3xl flex-col gap-4 pb-10">
        <Field
          label={text("platform_audit_of")}
          render={(control) => (
            <Select
              {...control}
              value={tenantId ?? ""}
              onChange={(event) => setTenantId(event.target.value === "" ? null : event.target.value)}
            >
              <option value="">{text("platform_audit_all")}</option>
              {rows.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        />
        <AuditLog key={tenantId} reach={{ tenantId }} />
      </div>
    </>
  );
}
