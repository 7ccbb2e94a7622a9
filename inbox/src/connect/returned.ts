/** The page that Meta's dialogue comes back to: hands its code to the page that opened it, and goes. The inbox is not started here. */
import { channelName, returnPath, type Returned } from "./dialogue-url.ts";

export function isReturn(path: string): boolean {
  return path === returnPath;
}

export async function handOver(): Promise<void> {
  const query = new URLSearchParams(location.search);
  // A code stands in no history.
  history.replaceState(null, "", returnPath);
  const returned: Returned = { code: query.get("code"), state: query.get("state") ?? "", error: query.get("error") };
  const channel = new BroadcastChannel(channelName);
  // A channel has no other side to name: only pages of our origin hear it.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  channel.postMessage(returned);
  channel.close();
  window.close();
  const main = document.createElement("main");
  main.className = "grid h-full place-items-center p-8 text-center";
  main.textContent = await farewell(document.documentElement.lang);
  document.body.replaceChildren(main);
}

async function farewell(locale: string): Promise<string> {
  if (locale === "en") return (await import("../texts/en/connections.ts")).connections.returned_done;
  if (locale === "ar") return (await import("../texts/ar/connections.ts")).connections.returned_done;
  return (await import("../texts/he/connections.ts")).connections.returned_done;
}
