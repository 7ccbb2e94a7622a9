/**
 * The customer's side of the sandbox, for the inbox's screen at `/sandbox`: behind the session's cookie, and for this program's own page alone.
 */
import type { FastifyRequest } from "fastify";
import { Rejection } from "../core/rejection.ts";
import { limits } from "../limits.ts";
import type { Api } from "./route.ts";

export type SandboxRoutesOptions = {
  /** Whether the request carries a living session (cookie `kesher_session`). */
  isSignedIn: (request: FastifyRequest) => boolean | Promise<boolean>;
  sandbox: {
    /** The kinds of messages that a customer can write. */
    types: readonly string[];
    /** What it can do, by JSON: the customer's phone, its chat, the ledger, faults. */
    control: (request: {
      method: string;
      path: string;
      query: URLSearchParams;
      body: unknown;
    }) => Promise<{ status: number; json: unknown }>;
  };
};

/** What the inbox's sandbox screen asks for. The screen itself, at `/sandbox`, is the inbox's like every other. */
export async function registerSandboxRoutes(fastify: Api, { isSignedIn, sandbox }: SandboxRoutesOptions): Promise<void> {
  const hidden = { schema: { hide: true } };

  fastify.get("/sandbox/types", hidden, async (request, reply) => {
    if (!(await isSignedIn(request))) throw signedOut();
    return reply.header("cache-control", "no-store").send({ types: sandbox.types });
  });
  fastify.route<{ Params: { "*": string } }>({
    method: ["GET", "POST", "DELETE"],
    url: "/sandbox/control/*",
    ...hidden,
    bodyLimit: limits.sandboxControlBytesMax,
    handler: async (request, reply) => {
      if (!(await isSignedIn(request))) throw signedOut();
      if (request.method !== "GET" && !isSameOrigin(request)) {
        throw new Rejection("forbidden", 403, "Only this program's own page may send this.");
      }
      const query = new URLSearchParams(request.url.split("?", 2)[1] ?? "");
      const { status, json } = await sandbox.control({ method: request.method, path: request.params["*"], query, body: request.body });
      return reply.code(status).header("cache-control", "no-store").send(json);
    },
  });
}

function signedOut(): Rejection {
  return new Rejection("unauthorized", 401, "Open the sign-in link that was printed on the console.");
}

/** Browsers tell where a request comes from; what does not is no browser and has no business here. */
function isSameOrigin(request: FastifyRequest): boolean {
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin, host } = request.headers;
  return origin !== undefined && host !== undefined && URL.parse(origin)?.host === host;
}
