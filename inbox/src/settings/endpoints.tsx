/** Endpoints: other programs to which this business has its updates sent. */
import { Plus, Webhook } from "lucide-react";
import { useState } from "react";
import type { Endpoint } from "../../../src/contract/endpoints.ts";
import { can } from "../app/session.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { ListFrame, Rows, usePagedList } from "../ui/list-frame.tsx";
import { EndpointDialog } from "./endpoint-dialog.tsx";
import { EndpointRow } from "./endpoint-row.tsx";
import { ReadOnlyNote } from "./read-only.tsx";

export function Endpoints() {
  const text = useText();
  const { session } = useWorkspace();
  const [editing, setEditing] = useState<Endpoint | "new" | null>(null);
  const mayManage = can(session, "manage");
  const list = usePagedList<Endpoint>(["endpoints", "list"], "endpoints");
  const add = mayManage ? (
    <Button look="primary" onClick={() => setEditing("new")}>
      <Plus size={16} aria-hidden />
      {text("endpoint_create")}
    </Button>
  ) : null;
  return (
    <>
      {mayManage ? null : <ReadOnlyNote />}
      <Card title={text("settings_endpoints")} actions={add}>
        <p className="text-sm text-soft">{text("endpoints_hint")}</p>
        <ListFrame
          list={list}
          empty={
            <EmptyState icon={<Webhook size={32} aria-hidden />} title={text("endpoints_empty")}>
              {text("endpoints_empty_hint")}
            </EmptyState>
          }
        >
          {(endpoints) => (
            <Rows label={text("settings_endpoints")}>
              {endpoints.map((endpoint) => (
                <EndpointRow key={endpoint.id} endpoint={endpoint} onEdit={() => setEditing(endpoint)} />
              ))}
            </Rows>
          )}
        </ListFrame>
        <EndpointDialog editing={editing} onClose={() => setEditing(null)} />
      </Card>
    </>
  );
}
