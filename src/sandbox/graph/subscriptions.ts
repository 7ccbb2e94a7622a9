/** `GET|POST|DELETE /{waba}/subscribed_apps`: whether webhooks come at all, and where to. */
import { randomBytes } from "node:crypto";
import { readText, type Wire } from "../../services/whatsapp/graph/wire.ts";
import type { Account } from "../accounts.ts";
import type { World } from "../world.ts";
import { json, refuseParameter, type Reply } from "./answer.ts";
import type { Call } from "./call.ts";
import { needUrl } from "./check.ts";

export async function answerSubscribedApps(world: World, call: Call, account: Account): Promise<Reply | null> {
  switch (call.method) {
    case "GET": {
      const app = { whatsapp_business_api_data: { id: account.app.id ?? world.appId, name: "Sandbox", link: "https://example.com/" } };
      const override = account.overrideUrl === null ? {} : { override_callback_uri: account.overrideUrl };
      return json({ data: account.isSubscribed ? [{ ...app, ...override }] : [] });
    }
    case "POST":
      // Without a body the override is taken back.
      account.overrideUrl = call.body?.["override_callback_uri"] === undefined ? null : await readCallbackUrl(call.body);
      account.isSubscribed = true;
      return json({ success: true });
    case "DELETE":
      account.isSubscribed = false;
      account.overrideUrl = null;
      return json({ success: true });
    default:
      return null;
  }
}

/** Meta asks the address at once whether it is one of ours. Nothing leaves this machine: only loopback addresses are taken. */
export async function readCallbackUrl(body: Wire): Promise<string> {
  const url = needUrl(body["override_callback_uri"], "override_callback_uri");
  const host = URL.parse(url)?.hostname ?? "";
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)) throw refuseParameter("The sandbox posts to this machine only.");
  const challenge = randomBytes(8).toString("hex");
  const query = new URLSearchParams({
    "hub.mode": "subscribe",
    "hub.challenge": challenge,
    "hub.verify_token": readText(body["verify_token"]) ?? "",
  });
  const answer = await fetch(`${url}?${query.toString()}`, { redirect: "manual", signal: AbortSignal.timeout(5_000) })
    .then((response) => (response.status === 200 ? response.text() : null))
    .catch(() => null);
  if (answer !== challenge) throw refuseParameter("Override Callback URI verification failed.");
  return url;
}
