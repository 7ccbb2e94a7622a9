import { useQueryClient } from "@tanstack/react-query";
import { useText } from "../app/text.tsx";
import { showToast } from "../ui/toast.tsx";
import { SandboxError, type Written } from "./control.ts";

/** Does something with the sandbox, reads anew what is shown, and says what went wrong. */
export function useSandboxDeed(): (deed: () => Promise<unknown>) => void {
  const text = useText();
  const queries = useQueryClient();
  return (deed) => {
    void (async () => {
      try {
        await deed();
      } catch (error) {
        showToast("error", error instanceof SandboxError ? text("error_refused", { detail: error.message }) : text("error_unreachable"));
      } finally {
        await queries.invalidateQueries({ queryKey: ["sandbox"] });
      }
    })();
  };
}

/** Tells what the program answered the webhook with. */
export function useTold(): (written: Written) => void {
  const text = useText();
  return ({ status }) => {
    if (status === 200) return;
    if (status === 0) showToast("done", text("sb_phone_withheld"));
    else showToast("error", text("sb_phone_refused", { status }));
  };
}
