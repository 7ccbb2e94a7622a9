/** `/{waba}/subscribed_apps`: whether an account's webhooks come to an app (PLATFORM sections 1 and 9). */
import type { Asked, SubscribedApps } from "../../../core/connection-health.ts";
import { askedOf, readSuccess } from "./asked.ts";
import { callGraph, type AccessToken, type Graph, type GraphCall } from "./call.ts";
import { readList, readRecord, readText } from "./wire.ts";

/** An account with a token that reaches it. */
export type AccountAccess = Pick<GraphCall, "appSecret" | "timeoutMs"> & { wabaId: string; accessToken: AccessToken | string };

export async function listSubscribedApps(graph: Graph, { wabaId, ...access }: AccountAccess): Promise<Asked<SubscribedApps>> {
  return askedOf(await callGraph(graph, { method: "GET", path: [wabaId, "subscribed_apps"], ...access }), ({ data }) =>
    Array.isArray(data) ? readList(data).flatMap((line) => appIdOf(line) ?? []) : null,
  );
}

function appIdOf(line: unknown): string | null {
  const app = readRecord(line);
  return readText(readRecord(app?.["whatsapp_business_api_data"])?.["id"]) ?? readText(app?.["id"]);
}

/** Subscribes the app that the token belongs to. Without a body an override of the account's callback is taken back, so look first. */
export async function subscribeApp(graph: Graph, { wabaId, ...access }: AccountAccess): Promise<Asked<true>> {
  return askedOf(await callGraph(graph, { method: "POST", path: [wabaId, "subscribed_apps"], ...access }), readSuccess);
}

export async function unsubscribeApp(graph: Graph, { wabaId, ...access }: AccountAccess): Promise<Asked<true>> {
  return askedOf(await callGraph(graph, { method: "DELETE", path: [wabaId, "subscribed_apps"], ...access }), readSuccess);
}
