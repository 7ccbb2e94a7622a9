import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";
import type { Delivery, DeliveryDetail } from "../../../src/contract/webhooks.ts";
import { useFormats, useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { Badge, Bdi, Skeleton, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { ReadTrouble } from "../ui/trouble.tsx";
import { JsonView, PlainView } from "./json-view.tsx";
import { readBody } from "./raw-body.ts";

const tones = { pending: "plain", applied: "accent", partly_parked: "amber", parked: "danger" } as const;
const counts = ["stored", "parked", "duplicates", "suppressed"] as const;

export function DeliveryItem({ delivery, onReplay }: { delivery: Delivery; onReplay: () => void }) {
  const text = useText();
  const formats = useFormats();
  const [isOpen, setIsOpen] = useState(false);
  const isPending = delivery.state === "pending";
  return (
    <li data-delivery-id={delivery.id} className="flex flex-col gap-3 rounded-xl border border-line bg-raised p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="flex min-w-0 grow basis-60 flex-col gap-1">
          <p className="flex flex-wrap items-center gap-2">
            <Badge tone={tones[delivery.state]}>{text(`ops_state_${delivery.state}`)}</Badge>
            <Time at={delivery.receivedAt} as="full" className="text-sm" />
          </p>
          <p className="flex flex-wrap gap-x-3 text-xs text-soft">
            <span>
              {text("ops_updates")} {formats.number(delivery.updates)}
            </span>
            {counts.map((name) =>
              delivery[name] === 0 ? null : (
                <span key={name}>
                  {text(`ops_${name}`)} {formats.number(delivery[name])}
                </span>
              ),
            )}
            <span>{text("ops_bytes", { count: delivery.bytes })}</span>
            <span>
              {delivery.appKey === null ? (
                text("ops_app_platform")
              ) : (
                <>
                  {text("ops_meta_app")} <Bdi>{delivery.appKey}</Bdi>
                </>
              )}
            </span>
          </p>
        </div>
        <div className="flex items-center gap-2">
          <Button look="quiet" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {text("ops_show_json")}
          </Button>
          <Button onClick={onReplay} disabled={isPending} title={isPending ? text("ops_replay_pending_reason") : undefined}>
            <RotateCcw size={15} aria-hidden className="directional" />
            {text("ops_replay")}
          </Button>
        </div>
      </div>
      {isOpen ? <Detail id={delivery.id} /> : null}
    </li>
  );
}

function Detail({ id }: { id: string }) {
  const text = useText();
  const formats = useFormats();
  const { api } = useWorkspace();
  const { data, isError, refetch } = useQuery({
    queryKey: ["deliveries", "one", id],
    queryFn: ({ signal }) => api.call<DeliveryDetail>(`deliveries/${id}`, { query: { tenantId: null }, signal }),
    staleTime: 0,
  });
  const [isRaw, setIsRaw] = useState(false);
  const body = useMemo(() => (data === undefined ? null : readBody(data.body)), [data]);
  if (isError) return <ReadTrouble title={text("ops_delivery_failed")} onRetry={() => void refetch()} />;
  if (data === undefined || body === null) return <Skeleton className="h-40" />;
  const label = text("ops_delivery_body");
  return (
    <div className="flex flex-col gap-3">
      {data.results.length === 0 ? null : (
        <div className="flex flex-col gap-1 text-xs">
          <p className="font-medium text-soft">{text("ops_delivery_results")}</p>
          <ul className="flex flex-col gap-0.5 text-soft">
            {data.results.map((result) => (
              <li key={result.kind} className="flex flex-wrap gap-x-3">
                <bdi dir="ltr" className="font-mono">
                  {result.kind}
                </bdi>
                {counts.map((name) =>
                  result[name] === 0 ? null : (
                    <span key={name}>
                      {text(`ops_${name}`)} {formats.number(result[name])}
                    </span>
                  ),
                )}
                <Time at={result.appliedAt} as="full" />
              </li>
            ))}
          </ul>
        </div>
      )}
      {body.isText ? null : <p className="text-xs text-amber">{text("ops_not_text")}</p>}
      {body.isJson ? (
        <div role="group" aria-label={label} className="flex gap-1">
          {([false, true] as const).map((one) => (
            <Button key={String(one)} look={one === isRaw ? "plain" : "quiet"} aria-pressed={one === isRaw} onClick={() => setIsRaw(one)}>
              {text(one ? "ops_as_received" : "ops_formatted")}
            </Button>
          ))}
        </div>
      ) : null}
      {body.isJson && !isRaw ? (
        <JsonView label={label} value={body.json} copied={body.text} />
      ) : (
        <PlainView label={label} text={body.text} />
      )}
    </div>
  );
}
