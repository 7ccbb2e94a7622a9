/** The business's own Meta app: what to paste where at Meta, its secret in two steps so that no webhook is refused, and taking it back. */
import { useQueryClient } from "@tanstack/react-query";
import { AppWindow, KeyRound, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Account, MetaApp } from "../../../src/contract/connections.ts";
import { can } from "../app/session.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useAccounts } from "../templates/queries.ts";
import { Badge, EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { ListFrame, usePagedList } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { AppDialog, type AppDeed } from "./app-dialog.tsx";

export function MetaApps() {
  const text = useText();
  const { session } = useWorkspace();
  const accounts = useAccounts();
  const [deed, setDeed] = useState<AppDeed | null>(null);
  const list = usePagedList<MetaApp>(["apps"], "apps");
  return (
    <Card
      title={text("settings_apps")}
      actions={
        session.isOperator ? (
          <Button look="primary" onClick={() => setDeed({ kind: "add" })}>
            <Plus size={16} aria-hidden />
            {text("app_add")}
          </Button>
        ) : null
      }
    >
      <p className="text-sm text-soft">{text("apps_hint")}</p>
      <ListFrame
        list={list}
        empty={
          <EmptyState icon={<AppWindow size={32} aria-hidden />} title={text("apps_empty")}>
            {text(session.isOperator ? "apps_empty_hint" : "apps_ask_operator")}
          </EmptyState>
        }
      >
        {(apps) => (
          <ul aria-label={text("settings_apps")} className="flex flex-col gap-3">
            {apps.map((app) => (
              <App key={app.id} app={app} users={accounts.filter(({ appKey }) => appKey === app.appKey)} onDeed={setDeed} />
            ))}
          </ul>
        )}
      </ListFrame>
      {deed === null ? null : <AppDialog deed={deed} onClose={() => setDeed(null)} />}
    </Card>
  );
}

function App({ app, users, onDeed }: { app: MetaApp; users: readonly Account[]; onDeed: (deed: AppDeed) => void }) {
  const text = useText();
  const formats = useFormats();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const [question, setQuestion] = useState<Question | null>(null);
  const mayManage = can(session, "manage");
  const isRotating = app.secrets !== null && app.secrets > 1;
  const ask = (): void =>
    setQuestion({
      title: text("app_remove_title", { id: `\u2066${app.appId}\u2069` }),
      hint: text("app_remove_hint"),
      label: text("app_remove"),
      known: { conflict: "app_in_use" },
      act: async () => {
        await api.call(`apps/${app.id}`, { method: "DELETE" });
        await queries.invalidateQueries({ queryKey: ["apps"] });
        showToast("done", text("app_removed"));
      },
    });
  return (
    <li className="flex flex-col gap-3 rounded-xl border border-line p-4">
      <div className="flex flex-wrap items-center gap-2">
        <AppWindow size={18} aria-hidden className="text-faint" />
        <span className="font-medium">
          {text("app_id")} <bdi dir="ltr">{app.appId}</bdi>
        </span>
        {isRotating ? <Badge tone="amber">{text("app_rotating")}</Badge> : null}
        <span className="grow text-end text-xs text-faint">{formats.day(app.createdAt)}</span>
      </div>
      <CopyField label={text("app_callback")} hint={text("app_callback_hint")} value={new URL(app.webhookPath, location.origin).href} />
      <p className="text-sm text-soft">
        {text("app_accounts", { count: users.length })}{" "}
        {users.map(({ id, wabaId }) => (
          <bdi key={id} dir="ltr" className="me-2 font-mono text-xs">
            {wabaId}
          </bdi>
        ))}
      </p>
      {isRotating ? <p className="text-sm text-amber">{text("app_rotating_hint")}</p> : null}
      {mayManage ? (
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => onDeed({ kind: "rotate", app })}>
            <KeyRound size={16} aria-hidden />
            {text(isRotating ? "app_finish" : "app_rotate")}
          </Button>
          <Button look="danger" disabled={users.length > 0} title={users.length > 0 ? text("app_in_use") : undefined} onClick={ask}>
            <Trash2 size={16} aria-hidden />
            {text("app_remove")}
          </Button>
        </div>
      ) : null}
      <Confirm question={question} onClose={() => setQuestion(null)} />
    </li>
  );
}
