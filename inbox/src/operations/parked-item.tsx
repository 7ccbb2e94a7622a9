import { RotateCcw } from "lucide-react";
import { useState } from "react";
import type { ParkedUpdate } from "../../../src/contract/webhooks.ts";
import { useText } from "../app/text.tsx";
import { Badge, Bdi, Time } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { plain } from "../ui/plain.ts";
import { JsonView } from "./json-view.tsx";

export function ParkedItem({
  update,
  tenantName,
  isChosen,
  onChoose,
  onReplay,
  isBusy,
}: {
  update: ParkedUpdate;
  /** Of another business; the operator's list alone. */
  tenantName: string | null;
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
  /** Null: not allowed. */
  onReplay: (() => void) | null;
  isBusy: boolean;
}) {
  const text = useText();
  const [isOpen, setIsOpen] = useState(false);
  const reason = text(`ops_reason_${update.reason}`);
  return (
    <li className="flex flex-col gap-2 rounded-xl border border-line bg-raised p-4">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <input
          type="checkbox"
          checked={isChosen}
          disabled={onReplay === null}
          onChange={(event) => onChoose(event.target.checked)}
          aria-label={text("ops_select_one", { name: `${reason}, ${update.id.slice(-6)}` })}
          className="mt-1 size-4.5 accent-accent"
        />
        <div className="flex min-w-0 grow basis-60 flex-col gap-0.5">
          <p className="font-medium">{reason}</p>
          <p className="text-sm text-soft">{text(`ops_reason_${update.reason}_hint`)}</p>
        </div>
        <div className="flex items-center gap-2 max-sm:ms-7">
          <Button look="quiet" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {text("ops_show_json")}
          </Button>
          <Button onClick={onReplay ?? undefined} disabled={onReplay === null || isBusy}>
            <RotateCcw size={15} aria-hidden className="directional" />
            {text("ops_replay")}
          </Button>
        </div>
      </div>
      <dl className="ms-7 flex flex-wrap gap-x-5 gap-y-1 text-xs text-soft">
        <Fact name={text("ops_received_at")}>
          <Time at={update.receivedAt} as="full" />
        </Fact>
        {update.phoneNumberId === null ? null : (
          <Fact name={text("ops_number_id")}>
            <bdi dir="ltr">{plain(update.phoneNumberId)}</bdi>
          </Fact>
        )}
        {update.wabaId === null ? null : (
          <Fact name={text("ops_account")}>
            <bdi dir="ltr">{plain(update.wabaId)}</bdi>
          </Fact>
        )}
        {tenantName === null ? null : (
          <Badge>
            <Bdi>{tenantName}</Bdi>
          </Badge>
        )}
      </dl>
      {isOpen ? (
        <div className="ms-7 flex flex-col gap-3 max-sm:ms-0">
          <dl className="text-xs text-soft">
            <Fact name={text("ops_detail")}>
              <span dir="auto" className="wrap-anywhere">
                {plain(update.detail)}
              </span>
            </Fact>
          </dl>
          <JsonView label={text("ops_json_of_update")} value={update.update} />
        </div>
      ) : null}
    </li>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex min-w-0 gap-1.5">
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
