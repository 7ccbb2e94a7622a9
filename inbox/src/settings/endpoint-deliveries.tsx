import { useQueryClient } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import { useState } from "react";
import type { EndpointDelivery } from "../../../src/contract/endpoints.ts";
import { can } from "../app/session.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, EmptyState } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Select } from "../ui/field.tsx";
import { ListFrame, Row, Rows, usePagedList } from "../ui/list-frame.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";

const tones = { pending: "amber", delivered: "accent", dead: "danger" } as const;

/** What became of what was sent there. */
export function EndpointDeliveries({ endpointId }: { endpointId: string }) {
  const text = useText();
  const formats = useFormats();
  const { api, session } = useWorkspace();
  const queries = useQueryClient();
  const deed = useDeed();
  const [state, setState] = useState("");
  const query = { limit: 20, ...(state === "" ? {} : { state }) };
  const list = usePagedList<EndpointDelivery>(["endpoints", endpointId, "deliveries"], `endpoints/${endpointId}/deliveries`, query);
  const again = (id: string): void =>
    deed(async () => {
      await api.call(`endpoints/${endpointId}/deliveries/${id}/replay`, { method: "POST" });
      await queries.invalidateQueries({ queryKey: ["endpoints", endpointId] });
      showToast("done", text("endpoint_replay_one"));
    });
  return (
    <div className="flex flex-col gap-3">
      <Select aria-label={text("state")} value={state} onChange={(event) => setState(event.target.value)} className="max-w-56">
        <option value="">{text("state_any")}</option>
        {(["pending", "delivered", "dead"] as const).map((one) => (
          <option key={one} value={one}>
            {text(`endpoint_delivery_${one}`)}
          </option>
        ))}
      </Select>
      <ListFrame list={list} empty={<EmptyState icon={<Inbox size={30} aria-hidden />} title={text("endpoint_deliveries_none")} />}>
        {(deliveries) => (
          <Rows label={text("endpoint_deliveries")}>
            {deliveries.map((delivery) => (
              <Row
                key={delivery.id}
                title={
                  <>
                    <Badge tone={tones[delivery.state]}>{text(`endpoint_delivery_${delivery.state}`)}</Badge>
                    <span className="text-sm font-normal text-soft">{formats.full(delivery.createdAt)}</span>
                  </>
                }
                below={
                  <>
                    <span>{text("attempts", { count: delivery.attempts })}</span>
                    {delivery.status === null ? null : <bdi dir="ltr">{`HTTP ${delivery.status}`}</bdi>}
                    {delivery.error === null ? null : (
                      <span dir="auto" className="aligned text-danger">
                        {delivery.error}
                      </span>
                    )}
                  </>
                }
                actions={can(session, "manage") ? <Button onClick={() => again(delivery.id)}>{text("endpoint_replay_do")}</Button> : null}
              />
            ))}
          </Rows>
        )}
      </ListFrame>
    </div>
  );
}
