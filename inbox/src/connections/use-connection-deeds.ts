/** What can be done to a number. Each answer is its state afterwards, so it shows at once. */
import { useQueryClient } from "@tanstack/react-query";
import type { ConnectionStatus, ConnectionStepName, ContinueSetup, Disconnected, ReplaceToken } from "../../../src/contract/connections.ts";
import { useText } from "../app/text.tsx";
import { useWorkspace } from "../app/workspace-context.tsx";
import { showToast } from "../ui/toast.tsx";
import { useAction, type Action } from "../ui/use-action.ts";
import { useRefusal } from "./problem-of.ts";

export type ConnectionDeeds = {
  probe: Action<[]>;
  /** What is left to do, or these steps again. */
  setUp: Action<[steps: readonly ConnectionStepName[] | null, pin: string | null]>;
  /** Keeps its error for the form. */
  replaceToken: Action<[accessToken: string, onDone: () => void]>;
  /** Throws: whoever asks says why. */
  disconnect: () => Promise<void>;
};

export function useConnectionDeeds(id: string): ConnectionDeeds {
  const text = useText();
  const { api } = useWorkspace();
  const queries = useQueryClient();
  const refusal = useRefusal();
  const path = `connections/${id}`;
  const shown = async (status: ConnectionStatus | null): Promise<void> => {
    if (status !== null) queries.setQueryData(["connections", id, "status"], status);
    await queries.invalidateQueries({ queryKey: ["connections"] });
  };
  const told = async (deed: () => Promise<void>): Promise<void> => {
    await deed().catch((error: unknown) => {
      showToast("error", refusal(error instanceof Error ? error : null)?.sentence ?? "");
    });
  };
  return {
    probe: useAction(() =>
      told(async () => {
        await shown(await api.call<ConnectionStatus>(`${path}/probe`, { method: "POST" }));
        showToast("done", text("probed"));
      }),
    ),
    setUp: useAction((steps: readonly ConnectionStepName[] | null, pin: string | null) =>
      told(async () => {
        const body: ContinueSetup = { ...(steps === null ? {} : { steps: [...steps] }), ...(pin === null ? {} : { pin }) };
        await shown(await api.call<ConnectionStatus>(`${path}/setup`, { method: "POST", body }));
        showToast("done", text("setup_went_on"));
      }),
    ),
    replaceToken: useAction(async (accessToken: string, onDone: () => void) => {
      await shown(await api.call<ConnectionStatus>(`${path}/token`, { method: "POST", body: { accessToken } satisfies ReplaceToken }));
      showToast("done", text("token_replaced"));
      onDone();
    }),
    disconnect: async () => {
      await api.call<Disconnected>(`${path}/disconnect`, { method: "POST" });
      await shown(null);
      showToast("done", text("disconnected"));
    },
  };
}
