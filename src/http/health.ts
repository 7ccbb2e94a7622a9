/**
 * For the platform underneath: alive, ready, measured. `/livez` asks nobody, so that a blip of the database restarts nothing. Both are open
 * to all and say one word. The metrics tell of the business and are not: `decisions/0029`.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { Problem } from "../contract/problem.ts";
import { Rejection } from "../core/rejection.ts";
import type { Authenticator } from "./authenticate.ts";
import { problemResponses, type Api } from "./route.ts";

export type HealthDeps = { isReady: () => Promise<boolean>; metricsText: () => Promise<string>; mayReadMetrics: MetricsGate };
export type MetricsGate = (request: FastifyRequest) => Promise<boolean>;

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
    {
      schema: {
        tags: ["health"],
        summary: "Metrics for Prometheus",
        description: "For the operator, and for whoever has METRICS_KEY. In the sandbox for all on this machine.",
        response: { ...problemResponses, 200: plain("Prometheus text") },
      },
    },
    async (request, reply) => {
      if (!(await deps.mayReadMetrics(request))) throw new Rejection("forbidden", 403, "Metrics are the operator's");
      return reply
        .header("cache-control", "no-store")
        .type("text/plain; version=0.0.4; charset=utf-8")
        .send(await deps.metricsText());
    },
  );
}

/** A peer's address proves nothing: behind a proxy on the same machine the whole world is loopback. */
export function createMetricsGate(readers: { key: string } | "all" | null, authenticate: Authenticator): MetricsGate {
  if (readers === "all") return () => Promise.resolve(true);
  const wanted = readers === null ? null : sha256(readers.key);
  return async (request) => {
    const key = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (wanted !== null && key !== undefined && timingSafeEqual(sha256(key), wanted)) return true;
    return (await authenticate(request)).isPlatform;
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** Not being able to tell is not being ready. */
async function ready(deps: HealthDeps): Promise<boolean> {
  try {
    return await deps.isReady();
  } catch {
    return false;
  }
}
