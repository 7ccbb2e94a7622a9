import type { Workspace } from "../data/workspace.ts";
import { signInPath } from "./signed-out.tsx";

/** Ends the session here and on the server, and leaves nothing of it on this machine. */
export async function signOut(workspace: Workspace): Promise<void> {
  await fetch("/auth/sign-out", { method: "POST", credentials: "same-origin" }).catch(() => undefined);
  workspace.stop();
  await workspace.forget();
  location.assign(signInPath);
}
