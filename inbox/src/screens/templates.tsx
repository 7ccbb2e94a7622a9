/** The templates of all accounts: which can be sent, and what is the matter with the others. */
import { useQueryClient } from "@tanstack/react-query";
import { ExternalLink, FileText, Plus, RefreshCw } from "lucide-react";
import { lazy, Suspense, useDeferredValue, useState } from "react";
import { useIntl } from "react-intl";
import type { Account } from "../../../src/contract/connections.ts";
import type { SyncedTemplates, Template } from "../../../src/contract/templates.ts";
import { useSentence } from "../app/sentence.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { FilterBar, noFilter, type Filter } from "../templates/filter-bar.tsx";
import { useAccounts, useTemplatePages } from "../templates/queries.ts";
import { TemplateDialog } from "../templates/template-dialog.tsx";
import { categoryKey, toneOf } from "../templates/words.ts";
import { Badge, EmptyState, Skeleton } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Page } from "../ui/page.tsx";
import { plain } from "../ui/plain.ts";
import { showToast } from "../ui/toast.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { useAction, useDeed } from "../ui/use-action.ts";
import { useRefusal } from "../connections/problem-of.ts";

/** Rarely needed, so it comes when it is. */
const TemplateForm = lazy(async () => ({ default: (await import("../templates/template-form.tsx")).TemplateForm }));

type Written = { template: Template | null };

export function Screen() {
  const text = useText();
  const accounts = useAccounts();
  const { locale } = useIntl();
  const [filter, setFilter] = useState(noFilter);
  const [written, setWritten] = useState<Written | null>(null);
  return (
    <Page
      title={text("nav_templates")}
      actions={<Actions accounts={accounts} accountId={filter.accountId} onNew={() => setWritten({ template: null })} />}
    >
      <div className="flex flex-col gap-4">
        <FilterBar filter={filter} onChange={setFilter} accounts={accounts} />
        <List filter={useDeferredValue(filter)} onEdit={(template) => setWritten({ template })} />
      </div>
      {written === null ? null : (
        <Suspense>
          <TemplateForm template={written.template} accounts={accounts} language={locale.slice(0, 2)} onClose={() => setWritten(null)} />
        </Suspense>
      )}
    </Page>
  );
}

/** Of the account that is looked at, or of each in turn. */
function Actions({ accounts, accountId, onNew }: { accounts: readonly Account[]; accountId: string; onNew: () => void }) {
  const text = useText();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const refusal = useRefusal();
  const isManager = can(session, "manage");
  const those = accountId === "" ? accounts : accounts.filter(({ id }) => id === accountId);
  const syncing = useAction(async () => {
    const sum = { listed: 0, added: 0, changed: 0, removed: 0 };
    try {
      for (const { id } of those) {
        const counts = await api.call<SyncedTemplates>("templates/sync", { method: "POST", body: { accountId: id } });
        for (const name of ["listed", "added", "changed", "removed"] as const) sum[name] += counts[name];
      }
      showToast("done", text("templates_synced", sum));
    } catch (error) {
      showToast("error", refusal(error instanceof Error ? error : null)?.sentence ?? "");
    }
    await queries.invalidateQueries({ queryKey: ["templates"] });
  });
  const [only] = those;
  const why = isManager ? (those.length === 0 ? text("templates_needs_account") : undefined) : text("needs_manager");
  return (
    <>
      {only === undefined || !isManager ? null : (
        <a
          href={`https://business.facebook.com/latest/whatsapp_manager/message_templates?asset_id=${encodeURIComponent(only.wabaId)}`}
          target="_blank"
          rel="noopener noreferrer"
          title={text("templates_at_meta_hint")}
          className="inline-flex min-h-9 items-center gap-2 rounded-lg px-3 text-sm font-medium text-soft hover:bg-hover hover:text-ink"
        >
          <ExternalLink size={16} aria-hidden className="directional" />
          {text("templates_create")}
        </a>
      )}
      <Button disabled={why !== undefined || syncing.isRunning} title={why} onClick={syncing.run}>
        <RefreshCw size={16} aria-hidden className={syncing.isRunning ? "animate-spin" : ""} />
        {text(syncing.isRunning ? "templates_syncing" : "templates_sync")}
      </Button>
      <Button look="primary" disabled={why !== undefined} title={why} onClick={onNew}>
        <Plus size={16} aria-hidden />
        {text("draft_new")}
      </Button>
    </>
  );
}

function List({ filter, onEdit }: { filter: Filter; onEdit: (template: Template) => void }) {
  const text = useText();
  const deed = useDeed();
  const { data, isError, isPlaceholderData, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useTemplatePages(filter);
  const [openId, setOpenId] = useState<string | null>(null);
  if (data === undefined) {
    if (isError) return <ReadTrouble title={text("templates_list_failed")} onRetry={() => void refetch()} />;
    return (
      <div aria-hidden className="grid gap-3 sm:grid-cols-2">
        {[0, 1, 2, 3].map((index) => (
          <Skeleton key={index} className="h-32 rounded-2xl" />
        ))}
      </div>
    );
  }
  const rows = data.pages.flatMap((page) => page.data);
  const isFiltered = Object.values(filter).some((value) => value !== "");
  if (rows.length === 0) {
    return (
      <div className="flex py-10">
        <EmptyState icon={<FileText size={36} aria-hidden />} title={text(isFiltered ? "templates_nothing" : "templates_empty")}>
          {isFiltered ? null : text("templates_empty_hint")}
        </EmptyState>
      </div>
    );
  }
  // The newest of it, since news may have come while it is open.
  const opened = rows.find(({ id }) => id === openId);
  return (
    <>
      <ul aria-label={text("nav_templates")} aria-busy={isPlaceholderData} className="grid gap-3 sm:grid-cols-2">
        {rows.map((one) => (
          <li key={one.id} className="min-w-0">
            <TemplateCard template={one} onOpen={() => setOpenId(one.id)} />
          </li>
        ))}
      </ul>
      {hasNextPage ? (
        <div className="flex justify-center">
          <Button disabled={isFetchingNextPage} onClick={() => deed(() => fetchNextPage())}>
            {text("templates_more")}
          </Button>
        </div>
      ) : null}
      {opened === undefined ? null : (
        <TemplateDialog
          key={opened.id}
          template={opened}
          onClose={() => setOpenId(null)}
          onEdit={() => {
            setOpenId(null);
            onEdit(opened);
          }}
        />
      )}
    </>
  );
}

function TemplateCard({ template, onOpen }: { template: Template; onOpen: () => void }) {
  const text = useText();
  const inLanguage = useSentence();
  const { name, language, status, sentence, category, body } = template;
  const categoryWord = categoryKey(category);
  return (
    <button
      type="button"
      onClick={onOpen}
      className="flex h-full w-full flex-col gap-2 rounded-2xl border border-line bg-raised p-4 text-start transition-colors hover:border-accent"
    >
      <span className="flex w-full items-center gap-2">
        <bdi dir="ltr" className="min-w-0 grow truncate text-start font-semibold">
          {name}
        </bdi>
        <Badge tone={toneOf(template)}>{text(`template_status_${status}`)}</Badge>
      </span>
      <span dir="auto" className="aligned line-clamp-2 w-full text-sm text-soft">
        {plain(body ?? "")}
      </span>
      {sentence === null ? null : <span className="text-sm text-amber">{inLanguage(sentence)}</span>}
      <span className="mt-auto flex flex-wrap gap-2 text-xs text-faint">
        <bdi>{language}</bdi>
        {category === null ? null : <span>{categoryWord === null ? category : text(categoryWord)}</span>}
      </span>
    </button>
  );
}
