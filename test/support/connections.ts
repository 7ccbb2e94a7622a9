/** The API with the sandbox as its Meta, for connecting numbers and looking at them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openSecret, sealSecret, type SecretContext } from "../../src/core/secret-box.ts";
import { startSandbox, type Sandbox, type SandboxNumber } from "../../src/sandbox/sandbox.ts";
import { createMetaApps } from "../../src/services/tenants/apps.ts";
import type { ConnectionTools } from "../../src/services/whatsapp/connections/tools.ts";
import { AccessTokens } from "../../src/services/whatsapp/outbox/access-tokens.ts";
import { adminKey, startApi, type AfterAll, type Answer, type Api } from "./api.ts";

export const platformSecret = "sandbox-secret";
const keys = [{ id: "k1", key: Buffer.alloc(32, 7) }];

export type ConnectionRig = {
  api: Api;
  sandbox: Sandbox;
  clock: { nowMs: number };
  tools: ConnectionTools;
  /** What the program asked of Graph since it was last emptied: method and path. */
  asked: string[];
  /** False: Graph is not there. */
  network: { isUp: boolean };
  open: (context: SecretContext, sealed: Uint8Array) => string;
  /** As a tenant's key, or the operator's. */
  as(key: string): {
    (method: string, path: string, body?: object): Promise<Answer>;
  };
  /** Another number of the sandbox's, connected by the operator for the tenant. */
  connected(tenantId: string, number?: Parameters<Sandbox["addNumber"]>[0]): Promise<SandboxNumber & { id: string }>;
  tenant: Api["tenant"];
};

export async function startConnectionRig(t: AfterAll): Promise<ConnectionRig> {
  const clock = { nowMs: Date.UTC(2026, 10, 22, 12) };
  // Takes the sandbox's webhooks; what is in them is of no interest here.
  const ingress = createServer((request, response) => {
    request.resume();
    response.end(new URL(request.url ?? "/", "http://ingress").searchParams.get("hub.challenge") ?? "");
  });
  ingress.listen(0, "127.0.0.1");
  await once(ingress, "listening");
  // Listening on TCP, so the address is no path.
  const publicUrl = `http://127.0.0.1:${(ingress.address() as AddressInfo).port}`;
  const sandbox = await startSandbox({
    appSecret: platformSecret,
    ingressUrl: `${publicUrl}/webhook/whatsapp`,
    nowMs: () => clock.nowMs,
    log: () => undefined,
    statusDelaysMs: null,
  });
  t.after(async () => {
    await sandbox.stop();
    ingress.closeAllConnections();
    ingress.close();
  });
  const asked: string[] = [];
  const network = { isUp: true };
  const graph = {
    url: sandbox.graphUrl,
    version: "v26.0",
    fetch: ((input, init) => {
      asked.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname.replace("/v26.0/", "")}`);
      return network.isUp ? fetch(input, init) : Promise.reject(new TypeError("fetch failed"));
    }) satisfies typeof fetch,
  };
  const open = (context: SecretContext, sealed: Uint8Array): string => openSecret(keys, context, sealed);
  const seal = (context: SecretContext, plain: string): Buffer => sealSecret(keys, context, plain);
  let made: { api: Api; tokens: AccessTokens; apps: ConnectionTools["apps"] } | null = null;
  const parts = () => made ?? assert.fail("The API has not started");
  // The databases are there only once the API is.
  const tools: ConnectionTools = {
    get app() {
      return parts().api.app;
    },
    get platform() {
      return parts().api.platform;
    },
    graph,
    tokens: {
      read: (tenantId, connectionId) => parts().tokens.read(tenantId, connectionId),
      forget: (connectionId) => parts().tokens.forget(connectionId),
    },
    apps: { find: (appKey) => parts().apps.find(appKey) },
    seal,
    open,
    publicUrl: () => publicUrl,
    configId: "a-configuration",
    nowMs: () => clock.nowMs,
    onActivity: () => undefined,
  };
  const api = await startApi(t, { secrets: { seal }, connections: tools });
  const apps = createMetaApps({ platform: { appId: sandbox.appId, secrets: [platformSecret] }, db: api.platform, open });
  const appSecretsOf = async (appKey: string): Promise<readonly string[]> => (await apps.find(appKey))?.secrets ?? [];
  made = { api, apps, tokens: new AccessTokens(api.app, open, appSecretsOf) };
  const rig: ConnectionRig = {
    api,
    sandbox,
    clock,
    tools,
    asked,
    network,
    open,
    as: (key) => (method, path, body) => api.call(method, `/api/v1/${path}`, body === undefined ? { key } : { key, body }),
    async connected(tenantId, wanted) {
      const number = sandbox.addNumber(wanted);
      const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = number;
      const body = { tenantId, wabaId, phoneNumberId, displayPhoneNumber, accessToken };
      const answer = await rig.as(adminKey)("POST", "connections", body);
      assert.equal(answer.status, 201, answer.text);
      return { ...number, id: String(answer.json.id) };
    },
    tenant: () => api.tenant(),
  };
  return rig;
}

/** What is shown of a connection's health, on one line: `problem quality_low`. */
export function verdictOf({ state, code }: { state: string; code: string | null }): string {
  return code === null ? state : `${state} ${code}`;
}
