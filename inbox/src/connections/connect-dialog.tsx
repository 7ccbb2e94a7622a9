/** Connecting a number: through Meta's dialogue, or by ids and a token. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { CreatedConnection } from "../../../src/contract/connections.ts";
import { useQueryClient } from "@tanstack/react-query";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { cx } from "../ui/cx.ts";
import { Dialog } from "../ui/dialog.tsx";
import { showToast } from "../ui/toast.tsx";
import { ConnectByMeta } from "./connect-by-meta.tsx";
import { ConnectByToken } from "./connect-by-token.tsx";

const ways = ["meta", "token"] as const;

export function ConnectDialog({ onClose }: { onClose: () => void }) {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [way, setWay] = useState<(typeof ways)[number]>("meta");
  const onConnected = ({ id, steps }: CreatedConnection): void => {
    const isWhole = steps.every(({ state }) => state === "done" || state === "skipped");
    showToast("done", text(isWhole ? "connect_done" : "connect_done_open"));
    const readAgain = () => queries.invalidateQueries({ queryKey: ["connections"] });
    void readAgain();
    // Its name and how it is: a first look that finds nothing wrong is no news in the activity.
    void api
      .call(`connections/${id}/probe`, { method: "POST" })
      .then(readAgain)
      .catch(() => undefined);
    onClose();
    void navigate({ to: "/connections/$connectionId", params: { connectionId: id } });
  };
  return (
    <Dialog title={text("connect")} isOpen onClose={onClose}>
      <div className="flex flex-col gap-4">
        <div role="group" aria-label={text("connect")} className="grid grid-cols-2 gap-1 rounded-xl bg-sunken p-1">
          {ways.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === way}
              onClick={() => setWay(one)}
              className={cx(
                "min-h-9 rounded-lg px-2 text-sm",
                one === way ? "bg-raised font-medium shadow-card" : "text-soft hover:text-ink",
              )}
            >
              {text(`connect_by_${one}`)}
            </button>
          ))}
        </div>
        {way === "meta" ? <ConnectByMeta onConnected={onConnected} /> : <ConnectByToken onConnected={onConnected} />}
      </div>
    </Dialog>
  );
}
