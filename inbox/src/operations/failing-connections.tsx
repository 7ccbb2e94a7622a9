import { useNavigate } from "@tanstack/react-router";
import type { PlatformState } from "../../../src/contract/platform.ts";
import { useSentence } from "../app/sentence.ts";
import { useText } from "../app/text.tsx";
import { useSwitchTenant, useWorkspace } from "../app/workspace-context.tsx";
import { Bdi, shownPhone } from "../ui/bits.tsx";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { useAge } from "./use-age.ts";

/** Of all businesses; the number's own page says what to do. */
export function FailingConnections({ connections: { failing, list } }: { connections: PlatformState["connections"] }) {
  const text = useText();
  const inLanguage = useSentence();
  const age = useAge();
  const { tenantId: ownId } = useWorkspace();
  const switchTenant = useSwitchTenant();
  const navigate = useNavigate();
  if (list.length === 0) return null;
  const open = (tenantId: string, connectionId: string): void => {
    const gone = navigate({ to: "/connections/$connectionId", params: { connectionId } });
    if (tenantId !== ownId) void gone.then(() => switchTenant(tenantId));
  };
  return (
    <Card title={text("platform_failing_title", { count: failing })}>
      <ul aria-label={text("platform_failing_title", { count: failing })} className="divide-y divide-line">
        {list.map(({ tenantId, tenantName, connectionId, displayPhoneNumber, sentence, since }) => (
          <li key={connectionId} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2.5 text-sm">
            <span className="w-40 min-w-0 truncate font-medium">
              <Bdi>{tenantName}</Bdi>
            </span>
            <bdi dir="ltr" className="text-soft tabular-nums">
              {displayPhoneNumber === null ? "–" : shownPhone(displayPhoneNumber)}
            </bdi>
            <span className="min-w-40 grow text-danger">{inLanguage(sentence)}</span>
            <span className="text-xs text-faint">{age(since)}</span>
            <Button onClick={() => open(tenantId, connectionId)}>{text("platform_look")}</Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
