import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { CreateEndpoint, Endpoint, EndpointForm, EndpointWithSecret } from "../../../src/contract/endpoints.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { useConnections } from "../team/connections.ts";
import { shownPhone } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, Input, Select, TextArea } from "../ui/field.tsx";
import { FormTrouble, useProblem } from "../ui/form-trouble.tsx";
import { showToast } from "../ui/toast.tsx";
import { Chip } from "../ui/toggle.tsx";
import { useAction } from "../ui/use-action.ts";

export function EndpointDialog({ editing, onClose }: { editing: Endpoint | "new" | null; onClose: () => void }) {
  const text = useText();
  return (
    <Dialog title={text(editing === "new" ? "endpoint_create" : "endpoint_edit")} isOpen={editing !== null} onClose={onClose}>
      {editing === null ? null : <Form endpoint={editing === "new" ? null : editing} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ endpoint, onClose }: { endpoint: Endpoint | null; onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const connections = useConnections();
  const [name, setName] = useState(endpoint?.name ?? "");
  const [url, setUrl] = useState(endpoint?.url ?? "");
  const [form, setForm] = useState<EndpointForm>(endpoint?.form ?? "events");
  const [topics, setTopics] = useState((endpoint?.topics ?? []).join("\n"));
  const [connectionIds, setConnectionIds] = useState<readonly string[]>(endpoint?.connectionIds ?? []);
  const [secret, setSecret] = useState<string | null>(null);
  const saving = useAction(async () => {
    const words = topics.split(/[\s,]/).filter((word) => word !== "");
    const common = {
      name,
      url: url.trim(),
      topics: words.length === 0 ? null : words,
      connectionIds: connectionIds.length === 0 ? null : [...connectionIds],
    };
    if (endpoint === null) {
      const body: CreateEndpoint = { ...common, form };
      setSecret((await api.call<EndpointWithSecret>("endpoints", { method: "POST", body })).secret);
    } else {
      await api.call(`endpoints/${endpoint.id}`, { method: "PATCH", body: common });
      showToast("done", text("saved"));
      onClose();
    }
    await queries.invalidateQueries({ queryKey: ["endpoints"] });
  });
  const problem = useProblem(saving.error, { fields: ["name", "url", "topics", "connectionIds"] });
  if (secret !== null) {
    return (
      <div className="flex flex-col gap-4">
        <p className="text-sm text-soft">{text("endpoint_ready")}</p>
        <CopyField label={text("endpoint_secret")} value={secret} hint={text("shown_once")} />
        <Button look="primary" className="self-end" onClick={onClose}>
          {text("close_done")}
        </Button>
      </div>
    );
  }
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!saving.isRunning) saving.run();
      }}
    >
      <Field
        label={text("name")}
        error={problem.at("name")}
        render={(control) => <Input {...control} required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />}
      />
      <Field
        label={text("endpoint_url")}
        hint={text("endpoint_url_hint")}
        error={problem.at("url")}
        render={(control) => (
          <Input
            {...control}
            required
            dir="ltr"
            inputMode="url"
            placeholder="https://"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
          />
        )}
      />
      {endpoint !== null ? null : (
        <Field
          label={text("endpoint_form")}
          hint={text(`endpoint_form_${form}_hint`)}
          render={(control) => (
            <Select {...control} value={form} onChange={(event) => setForm(event.target.value === "meta" ? "meta" : "events")}>
              <option value="events">{text("endpoint_form_events")}</option>
              <option value="meta">{text("endpoint_form_meta")}</option>
            </Select>
          )}
        />
      )}
      <Field
        label={text("endpoint_topics")}
        hint={text(form === "events" ? "endpoint_topics_events_hint" : "endpoint_topics_meta_hint")}
        error={problem.at("topics")}
        render={(control) => (
          <TextArea
            {...control}
            dir="ltr"
            rows={2}
            placeholder={form === "events" ? "message.received" : "messages"}
            value={topics}
            onChange={(event) => setTopics(event.target.value)}
          />
        )}
      />
      {connections.length < 2 ? null : (
        <div role="group" aria-label={text("endpoint_numbers")} className="flex flex-col gap-1.5">
          <p className="text-sm font-medium text-soft">{text("endpoint_numbers")}</p>
          <div className="flex flex-wrap gap-2">
            {connections.map((one) => (
              <Chip
                key={one.id}
                isOn={connectionIds.includes(one.id)}
                onChange={(isOn) => setConnectionIds(isOn ? [...connectionIds, one.id] : connectionIds.filter((id) => id !== one.id))}
              >
                <bdi dir="ltr">{shownPhone(one.displayPhoneNumber ?? one.phoneNumberId)}</bdi>
              </Chip>
            ))}
          </div>
          <p className="text-xs text-faint">{problem.at("connectionIds") ?? text("endpoint_numbers_hint")}</p>
        </div>
      )}
      <FormTrouble>{problem.rest}</FormTrouble>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          {text("cancel")}
        </Button>
        <Button type="submit" look="primary" disabled={saving.isRunning || name.trim() === "" || url.trim() === ""}>
          {text(endpoint === null ? "endpoint_create" : "save")}
        </Button>
      </div>
    </form>
  );
}
