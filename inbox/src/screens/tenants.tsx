/** The businesses of this server, for its operator: who is there, making one, looking into one. */
import { useNavigate } from "@tanstack/react-router";
import { Building2, Plus } from "lucide-react";
import { useState } from "react";
import type { TenantUsage } from "../../../src/contract/platform.ts";
import type { Tenant } from "../../../src/contract/tenants.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useSwitchTenant, useWorkspace } from "../app/workspace-context.tsx";
import { ListEnd, ListSkeleton } from "../operations/list-end.tsx";
import { NewTenant } from "../operations/new-tenant.tsx";
import { OperatorOnly } from "../operations/operator-only.tsx";
import { QuotaDialog } from "../operations/quota-dialog.tsx";
import { OperationsTabs } from "../operations/tabs.tsx";
import { usePages } from "../operations/use-pages.ts";
import { Badge, Bdi, EmptyState, Time } from "../ui/bits.tsx";
import { cx } from "../ui/cx.ts";
import { Button } from "../ui/button.tsx";
import { Page, Table } from "../ui/page.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";

export function Screen() {
  const text = useText();
  const { session } = useWorkspace();
  const [isMaking, setIsMaking] = useState(false);
  if (!session.isOperator) {
    return (
      <Page title={text("ops_tenants")}>
        <OperatorOnly />
      </Page>
    );
  }
  return (
    <Page
      title={text("ops_tenants")}
      actions={
        <Button look="primary" onClick={() => setIsMaking(true)}>
          <Plus size={16} aria-hidden />
          {text("ops_tenant_new")}
        </Button>
      }
    >
      <OperationsTabs />
      <p className="mb-4 text-sm text-soft">{text("ops_tenants_about")}</p>
      <Tenants />
      {isMaking ? <NewTenant onClose={() => setIsMaking(false)} /> : null}
    </Page>
  );
}

function Tenants() {
  const text = useText();
  const { tenantId } = useWorkspace();
  const switchTenant = useSwitchTenant();
  const navigate = useNavigate();
  const pages = usePages<Tenant>("tenants", "tenants", { tenantId: null });
  // In the same order and in pages of the same size.
  const usages = usePages<TenantUsage>("platform", "platform/usage", { tenantId: null });
  const [setting, setSetting] = useState<TenantUsage | null>(null);
  if (pages.rows === undefined) {
    return pages.isFailed ? <ReadTrouble title={text("ops_tenants_failed")} onRetry={pages.retry} /> : <ListSkeleton />;
  }
  if (pages.rows.length === 0) {
    return (
      <EmptyState icon={<Building2 size={36} aria-hidden />} title={text("ops_tenants_empty")}>
        {text("ops_tenants_empty_hint")}
      </EmptyState>
    );
  }
  const open = (id: string): void => {
    void navigate({ to: "/inbox/$view", params: { view: "all" } }).then(() => switchTenant(id));
  };
  const usageOf = new Map((usages.rows ?? []).map((usage) => [usage.tenantId, usage]));
  const both = {
    ...pages,
    hasMore: pages.hasMore,
    more: () => {
      pages.more();
      usages.more();
    },
  };
  return (
    <>
      <Table
        caption={text("ops_tenants")}
        rows={pages.rows}
        keyOf={({ id }) => id}
        columns={[
          { title: text("ops_tenant_name"), show: nameOf },
          { title: text("ops_tenant_slug"), show: ({ slug }) => ltr(slug) },
          { title: text("ops_tenant_language"), show: ({ locale }) => ltr(locale) },
          { title: text("ops_tenant_time_zone"), show: ({ timeZone }) => ltr(timeZone) },
          { title: text("ops_created_at"), show: madeAt },
          { title: text("quota_sends_today"), show: ({ id }) => usedOf(usageOf.get(id), setSetting) },
          { title: text("ops_tenant_open"), show: (tenant) => opener(tenant, tenant.id === tenantId ? null : open) },
        ]}
      />
      <ListEnd pages={both} />
      {setting === null ? null : <QuotaDialog usage={setting} onClose={() => setSetting(null)} />}
    </>
  );
}

function usedOf(usage: TenantUsage | undefined, onSet: (usage: TenantUsage) => void) {
  return usage === undefined ? "–" : <Used usage={usage} onSet={() => onSet(usage)} />;
}

function Used({ usage: { name, sendsToday, sendsPerDay }, onSet }: { usage: TenantUsage; onSet: () => void }) {
  const text = useText();
  const formats = useFormats();
  const isTight = sendsPerDay !== null && sendsToday >= sendsPerDay * 0.8;
  return (
    <span className="flex items-center gap-2">
      <span className={cx("tabular-nums", isTight && "font-medium text-amber")}>
        {sendsPerDay === null
          ? formats.number(sendsToday)
          : text("quota_of", { used: formats.number(sendsToday), max: formats.number(sendsPerDay) })}
      </span>
      <Button look="quiet" onClick={onSet} aria-label={`${text("quota_set")}: ${name}`}>
        {text("quota_set")}
      </Button>
    </span>
  );
}

function nameOf({ name }: Tenant) {
  return <Bdi className="font-medium">{name}</Bdi>;
}

function ltr(word: string) {
  return <bdi dir="ltr">{word}</bdi>;
}

function madeAt({ createdAt }: Tenant) {
  return <Time at={createdAt} />;
}

function opener(tenant: Tenant, onOpen: ((id: string) => void) | null) {
  return <Opener tenant={tenant} onOpen={onOpen} />;
}

/** `onOpen` null: it is open. */
function Opener({ tenant: { id, name }, onOpen }: { tenant: Tenant; onOpen: ((id: string) => void) | null }) {
  const text = useText();
  if (onOpen === null) return <Badge tone="accent">{text("ops_tenant_here")}</Badge>;
  return (
    <Button onClick={() => onOpen(id)} aria-label={`${text("ops_tenant_open")}: ${name}`}>
      {text("ops_tenant_open")}
    </Button>
  );
}
