import { useQueryClient } from "@tanstack/react-query";
import { ListOrdered, MoreHorizontal, Pause, Pencil, Play, RefreshCw, RotateCcw, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Endpoint, EndpointPing, EndpointWithSecret } from "../../../src/contract/endpoints.ts";
import { can } from "../app/session.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Bdi } from "../ui/bits.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Confirm, type Question } from "../ui/confirm.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Row } from "../ui/list-frame.tsx";
import { Menu, MenuItem, MenuLine } from "../ui/menu.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";
import { EndpointDeliveries } from "./endpoint-deliveries.tsx";
import { EndpointReplay } from "./endpoint-replay.tsx";

export function EndpointRow({ endpoint, onEdit }: { endpoint: Endpoint; onEdit: () => void }) {
  const text = useText();
  const formats = useFormats();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const [question, setQuestion] = useState<Question | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const [open, setOpen] = useState<"deliveries" | "replay" | null>(null);
  const [isTesting, setIsTesting] = useState(false);
  const name = `\u2068${endpoint.name}\u2069`;
  const path = `endpoints/${endpoint.id}`;
  const isPaused = endpoint.state === "paused";
  const changed = (): Promise<void> => queries.invalidateQueries({ queryKey: ["endpoints"] });

  const test = (): void => {
    setIsTesting(true);
    deed(async () => {
      try {
        const { ok, status, error, ms } = await api.call<EndpointPing>(`${path}/test`, { method: "POST" });
        const reason = error ?? (status === null ? "" : `HTTP ${status}`);
        if (ok) showToast("done", text("endpoint_test_ok", { status: status ?? 200, ms }));
        else showToast("error", text("endpoint_test_failed", { reason: `\u2068${reason}\u2069` }));
      } finally {
        setIsTesting(false);
      }
    });
  };
  const setState = (state: "active" | "paused"): void =>
    deed(async () => {
      await api.call(path, { method: "PATCH", body: { state } });
      await changed();
      showToast("done", text(state === "active" ? "endpoint_resumed" : "endpoint_is_paused"));
    });
  const askRotate = (): void =>
    setQuestion({
      title: text("endpoint_rotate_title", { name }),
      hint: text(endpoint.form === "events" ? "endpoint_rotate_events_hint" : "endpoint_rotate_meta_hint"),
      label: text("endpoint_rotate"),
      act: async () => {
        const rotated = await api.call<EndpointWithSecret>(`${path}/rotate-secret`, { method: "POST" });
        setSecret(rotated.secret);
        await changed();
      },
    });
  const askDelete = (): void =>
    setQuestion({
      title: text("endpoint_delete_title", { name }),
      hint: text("endpoint_delete_hint"),
      label: text("delete"),
      act: async () => {
        await api.call(path, { method: "DELETE" });
        await changed();
        showToast("done", text("deleted"));
      },
    });

  return (
    <Row
      title={
        <>
          <Bdi>{endpoint.name}</Bdi>
          {isPaused ? (
            <Badge tone={endpoint.pausedReason === "asked" ? "plain" : "danger"}>
              {text(`endpoint_paused_${endpoint.pausedReason ?? "asked"}`)}
            </Badge>
          ) : endpoint.failingSince !== null ? (
            <Badge tone="amber">{text("endpoint_failing", { at: formats.list(endpoint.failingSince) })}</Badge>
          ) : (
            <Badge tone="accent">{text("endpoint_active")}</Badge>
          )}
          <Badge>{text(`endpoint_form_${endpoint.form}`)}</Badge>
        </>
      }
      below={
        <>
          <bdi dir="ltr" className="aligned block w-full truncate font-mono">
            {endpoint.url}
          </bdi>
          {endpoint.lastSuccessAt === null ? null : (
            <span>{text("endpoint_last_success", { at: formats.list(endpoint.lastSuccessAt) })}</span>
          )}
          {endpoint.lastFailureAt === null ? null : (
            <span>{text("endpoint_last_failure", { at: formats.list(endpoint.lastFailureAt) })}</span>
          )}
          {endpoint.lastError === null || (endpoint.failingSince === null && !isPaused) ? null : (
            <span dir="auto" className="aligned w-full text-danger">
              {endpoint.lastError}
            </span>
          )}
        </>
      }
      actions={
        <>
          {can(session, "manage") ? (
            <Button disabled={isTesting} onClick={test}>
              <Send size={15} aria-hidden className="directional" />
              {text("endpoint_test")}
            </Button>
          ) : null}
          <Menu
            trigger={
              <IconButton label={text("more_about", { name })}>
                <MoreHorizontal size={18} aria-hidden />
              </IconButton>
            }
          >
            <MenuItem icon={<ListOrdered size={16} aria-hidden />} onSelect={() => setOpen("deliveries")}>
              {text("endpoint_deliveries")}
            </MenuItem>
            {can(session, "manage") ? (
              <>
                <MenuItem icon={<Pencil size={16} aria-hidden />} onSelect={onEdit}>
                  {text("edit")}
                </MenuItem>
                {isPaused ? (
                  <MenuItem icon={<Play size={16} aria-hidden className="directional" />} onSelect={() => setState("active")}>
                    {text("endpoint_resume")}
                  </MenuItem>
                ) : (
                  <MenuItem icon={<Pause size={16} aria-hidden />} onSelect={() => setState("paused")}>
                    {text("endpoint_pause")}
                  </MenuItem>
                )}
                <MenuItem icon={<RotateCcw size={16} aria-hidden className="directional" />} onSelect={() => setOpen("replay")}>
                  {text("endpoint_replay")}
                </MenuItem>
                <MenuItem icon={<RefreshCw size={16} aria-hidden />} onSelect={askRotate}>
                  {text("endpoint_rotate")}
                </MenuItem>
                <MenuLine />
                <MenuItem isDanger icon={<Trash2 size={16} aria-hidden />} onSelect={askDelete}>
                  {text("delete")}
                </MenuItem>
              </>
            ) : null}
          </Menu>
          <Confirm question={question} onClose={() => setQuestion(null)} />
          <Dialog title={text("endpoint_secret")} isOpen={secret !== null} onClose={() => setSecret(null)}>
            {secret === null ? null : <CopyField label={text("endpoint_secret")} value={secret} hint={text("shown_once")} />}
          </Dialog>
          <Dialog title={text("endpoint_deliveries")} isWide isOpen={open === "deliveries"} onClose={() => setOpen(null)}>
            <EndpointDeliveries endpointId={endpoint.id} />
          </Dialog>
          <Dialog title={text("endpoint_replay")} isOpen={open === "replay"} onClose={() => setOpen(null)}>
            <EndpointReplay endpointId={endpoint.id} onClose={() => setOpen(null)} />
          </Dialog>
        </>
      }
    />
  );
}
