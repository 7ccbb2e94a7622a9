/** Keys by which programs come in. */
import { useQueryClient } from "@tanstack/react-query";
import { KeyRound, MoreHorizontal, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import type { ApiKey } from "../../../src/contract/tenants.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useNow } from "../data/clock.ts";
import { useConnections } from "../team/connections.ts";
import { Badge, Bdi, EmptyState, shownPhone } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { showToast } from "../ui/toast.tsx";
import { KeyDialog } from "./key-dialog.tsx";
import { isScope } from "./scopes.ts";

export function Keys() {
  const text = useText();
  const [editing, setEditing] = useState<ApiKey | "new" | null>(null);
  const list = usePagedList<ApiKey>(["keys"], "api-keys");
  const add = (
    <Button look="primary" onClick={() => setEditing("new")}>
      <Plus size={16} aria-hidden />
      {text("key_create")}
    </Button>
  );
  return (
    <Card title={text("settings_keys")} actions={add}>
      <p className="text-sm text-soft">{text("keys_hint")}</p>
      <ListFrame
        list={list}
        empty={
          <EmptyState icon={<KeyRound size={32} aria-hidden />} title={text("keys_empty")}>
            {text("keys_empty_hint")}
          </EmptyState>
        }
      >
        {(keys) => (
          <Rows label={text("settings_keys")}>
            {keys.map((key) => (
              <KeyRow key={key.id} apiKey={key} onEdit={() => setEditing(key)} />
            ))}
          </Rows>
        )}
      </ListFrame>
      <KeyDialog editing={editing} onClose={() => setEditing(null)} />
    </Card>
  );
}

const minuteMs = 60_000;

function KeyRow({ apiKey, onEdit }: { apiKey: ApiKey; onEdit: () => void }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const nowMs = useNow(minuteMs);
  const [question, setQuestion] = useState<Question | null>(null);
  const connection = useConnections().find(({ id }) => id === apiKey.connectionId);
  const isOver = apiKey.expiresAt !== null && Date.parse(apiKey.expiresAt) <= nowMs;
  const name = `\u2068${apiKey.name}\u2069`;
  const askRevoke = (): void =>
    setQuestion({
      title: text("key_revoke_title", { name }),
      hint: text("key_revoke_hint"),
      label: text("revoke"),
      act: async () => {
        await api.call(`api-keys/${apiKey.id}`, { method: "DELETE" });
        await queries.invalidateQueries({ queryKey: ["keys"] });
        showToast("done", text("key_revoked_done"));
      },
    });
  return (
    <Row
      icon={<KeyRound size={20} aria-hidden className="text-faint" />}
      title={
        <>
          <Bdi>{apiKey.name}</Bdi>
          {apiKey.revokedAt !== null ? <Badge tone="danger">{text("key_revoked")}</Badge> : null}
          {apiKey.revokedAt === null && isOver ? <Badge tone="amber">{text("key_expired")}</Badge> : null}
          {apiKey.scopes.map((scope) => (
            <Badge key={scope}>{isScope(scope) ? text(`scope_${scope}`) : scope}</Badge>
          ))}
        </>
      }
      below={
        <>
          <span>
            {apiKey.lastUsedAt === null ? text("key_never_used") : text("key_last_used", { at: formats.list(apiKey.lastUsedAt) })}
          </span>
          {apiKey.madeBy === null ? null : <span>{text("made_by", { name: `\u2068${apiKey.madeBy.name}\u2069` })}</span>}
          {apiKey.expiresAt === null || isOver ? null : <span>{text("valid_until", { at: formats.day(apiKey.expiresAt) })}</span>}
          {apiKey.connectionId === null ? null : (
            <span>
              {text("key_only_number")}{" "}
              <bdi dir="ltr">{connection === undefined ? "…" : shownPhone(connection.displayPhoneNumber ?? connection.phoneNumberId)}</bdi>
            </span>
          )}
          <span>{text("key_rate_value", { count: apiKey.requestsPerMinute })}</span>
        </>
      }
      actions={
        apiKey.revokedAt === null ? (
          <>
            <Menu
              trigger={
                <IconButton label={text("more_about", { name })}>
                  <MoreHorizontal size={18} aria-hidden />
                </IconButton>
              }
            >
              <MenuItem icon={<Pencil size={16} aria-hidden />} onSelect={onEdit}>
                {text("edit")}
              </MenuItem>
              <MenuItem isDanger icon={<Trash2 size={16} aria-hidden />} onSelect={askRevoke}>
                {text("revoke")}
              </MenuItem>
            </Menu>
            <Confirm question={question} onClose={() => setQuestion(null)} />
          </>
        ) : null
      }
    />
  );
}
