/** For the platform underneath: alive, ready, measured. `/livez` asks nobody, so that a blip of the database restarts nothing. */
import { Type } from "typebox";
import { Problem } from "../contract/problem.ts";
import { Rejection } from "../core/rejection.ts";
import type { Api } from "./route.ts";

export type HealthDeps = { isReady: () => Promise<boolean>; metricsText: () => Promise<string> };

const plain = (description: string) => ({ description, content: { "text/plain": { schema: Type.String() } } });

export function registerHealth(api: Api, deps: HealthDeps): void {
  api.get(
    "/livez",
    { schema: { tags: ["health"], summary: "Alive?", security: [], response: { 200: plain("Alive") } } },
    async (_request, reply) => reply.type("text/plain; charset=utf-8").send("ok\n"),
  );
  api.get(
    "/readyz",
    { schema: { tags: ["health"], summary: "Ready for traffic?", security: [], response: { 200: plain("Ready"), 503: Problem } } },
    async (_request, reply) => {
      if (!(await ready(deps))) throw new Rejection("unavailable", 503, "Not ready: starting, stopping, or the database takes no writes");
      return reply.type("text/plain; charset=utf-8").send("ready\n");
    },
  );
  api.get(
    "/metrics",
    { schema: { tags: ["health"], summary: "Metrics for Prometheus", security: [], response: { 200: plain("Prometheus text") } } },
    async (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(await deps.metricsText()),
  );
}

/** Not being able to tell is not being ready. */
async function ready(deps: HealthDeps): Promise<boolean> {
  try {
    return await deps.isReady();
  } catch {
    return false;
  }
}
