/** What the settings, or in their place the sandbox, say of the platform: its Meta app, and who may read the metrics. Part of the composition. */
import type { Config } from "./config.ts";
import type { Demo } from "./demo.ts";
import type { HttpDeps } from "./http/server.ts";
import type { AppCredentials } from "./services/whatsapp/graph/tokens-client.ts";

/** The version, and who reads the metrics. The sandbox listens on this machine only. */
export function forOperators({ mode, metricsKey }: Config, version: string): Pick<HttpDeps, "metrics" | "version"> {
  if (metricsKey !== null) return { version, metrics: { key: metricsKey } };
  return mode === "sandbox" ? { version, metrics: "all" } : { version };
}

export function platformApp(config: Config, demo: Demo | null): AppCredentials | null {
  if (config.mode === "live") return { appId: config.meta.appId, secrets: config.meta.appSecrets };
  return demo === null ? null : { appId: demo.appId, secrets: [demo.appSecret] };
}

export function platformSecrets(config: Config, demo: Demo | null): { secrets: readonly string[]; verifyToken: string } {
  if (config.mode === "live") return { secrets: config.meta.appSecrets, verifyToken: config.meta.verifyToken };
  if (demo === null) throw new Error("The sandbox has no secrets of its own");
  return { secrets: [demo.appSecret], verifyToken: demo.verifyToken };
}
