import { Copy } from "lucide-react";
import type { Connection } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { Time } from "../ui/bits.tsx";
import { IconButton } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { showToast } from "../ui/toast.tsx";
import { useDeed } from "../ui/use-action.ts";

/** Meta's ids, to be copied. */
export function Identifiers({ connection }: { connection: Connection }) {
  const text = useText();
  const deed = useDeed();
  const ids = [
    { name: text("phone_number_id"), value: connection.phoneNumberId },
    { name: text("waba_id"), value: connection.wabaId },
  ];
  return (
    <Card title={text("identifiers")}>
      <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-2">
        {ids.map(({ name, value }) => (
          <div key={name} className="flex flex-col">
            <dt className="text-xs text-soft">{name}</dt>
            <dd className="flex items-center gap-1">
              <bdi dir="ltr" className="min-w-0 font-mono text-[0.85rem] wrap-anywhere">
                {value}
              </bdi>
              <IconButton
                label={text("copy_value", { name })}
                onClick={() =>
                  deed(async () => {
                    await navigator.clipboard.writeText(value);
                    showToast("done", text("copied"));
                  })
                }
              >
                <Copy size={15} aria-hidden />
              </IconButton>
            </dd>
          </div>
        ))}
        <div className="flex flex-col">
          <dt className="text-xs text-soft">{text("connected_at")}</dt>
          <dd className="flex min-h-9 items-center">
            <Time at={connection.createdAt} as="full" />
          </dd>
        </div>
      </dl>
    </Card>
  );
}
