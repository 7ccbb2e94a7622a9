/**
 * Meta's dialogue for connecting a number, without Meta's script, which our policy does not let in: a window is opened at the dialogue's plain
 * address, and Meta sends it back to a page of ours with a code (as nyaruka/rapidpro and ChatbotX do, 2026-07). That page hands the code over
 * by a channel that only pages of our origin hear, since the way over Meta has cut it off from its opener. The ids come by `postMessage`
 * where Meta's window says them (`embedded-signup.ts`); where it does not, the server finds them by the code.
 */
import { channelName, type Returned } from "./dialogue-url.ts";
import { readSignupEvent, type SignupEvent } from "./embedded-signup.ts";

export type DialogueEnd =
  | { kind: "blocked" }
  | { kind: "cancelled" }
  | { kind: "failed"; reason: string }
  | { kind: "code"; code: string; ids: Extract<SignupEvent, { kind: "finished" }> | null };

const closedMs = 700;
/** A window that is gone may have handed its code over a moment before. */
const graceMs = 2_500;

/** Opens it (only inside a click: browsers block it otherwise) and waits for its end. `signal` gives up. */
export function openDialogue(url: string, state: string, signal: AbortSignal): Promise<DialogueEnd> {
  const popup = open(url, "kesher-connect", "popup,width=720,height=840");
  if (popup === null) return Promise.resolve({ kind: "blocked" });
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(channelName);
    const listening = new AbortController();
    let ids: Extract<SignupEvent, { kind: "finished" }> | null = null;
    let closedAtMs: number | null = null;
    const end = (result: DialogueEnd): void => {
      listening.abort();
      channel.close();
      clearInterval(timer);
      resolve(result);
    };
    const timer = setInterval(() => {
      if (!popup.closed) return;
      closedAtMs ??= Date.now();
      if (Date.now() - closedAtMs > graceMs) end({ kind: "cancelled" });
    }, closedMs);
    channel.addEventListener("message", ({ data }: MessageEvent<Returned>) => {
      // Another tab's dialogue.
      if (data.state !== state) return;
      if (data.code !== null) end({ kind: "code", code: data.code, ids });
      else end(data.error === null || data.error === "access_denied" ? { kind: "cancelled" } : { kind: "failed", reason: data.error });
    });
    addEventListener(
      "message",
      (event) => {
        const said = event.source === popup ? readSignupEvent(event) : null;
        if (said?.kind === "finished") ids = said;
        if (said?.kind === "failed") end({ kind: "failed", reason: said.message ?? said.errorId ?? "?" });
      },
      { signal: listening.signal },
    );
    signal.addEventListener(
      "abort",
      () => {
        popup.close();
        end({ kind: "cancelled" });
      },
      { signal: listening.signal },
    );
  });
}
