/**
 * The one page at `/`, and in the sandbox the form behind which a customer writes. The files are read once and served with a policy
 * that allows nothing from elsewhere, no inline script or style, and no HTML from strings.
 */
import { readFile } from "node:fs/promises";
import type { FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import { Rejection } from "../core/rejection.ts";
import { limits } from "../limits.ts";
import type { Api } from "./route.ts";

export type PageOptions = {
  /** Whether the request carries a living session (cookie `kesher_session`). */
  isSignedIn: (request: FastifyRequest) => boolean | Promise<boolean>;
  /** Null outside of the sandbox: then there is no form. */
  sandbox: {
    /** What the form offers. */
    types: readonly string[];
    /** `status` is what the webhook was answered with. */
    sendCustomerMessage: (message: CustomerMessageBody) => Promise<{ waMessageId: string; status: number }>;
    /** Everything else that it can do, by JSON: the customer's phone, its chat, the ledger, faults. */
    control: (request: {
      method: string;
      path: string;
      query: URLSearchParams;
      body: unknown;
    }) => Promise<{ status: number; json: unknown }>;
  } | null;
};

const CustomerMessageBody = Type.Object(
  {
    type: Type.String({ minLength: 1, maxLength: 40, pattern: "^[a-z_]+$" }),
    from: Type.String({ pattern: "^[0-9]{5,20}$" }),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    text: Type.Optional(Type.String({ maxLength: 4_096 })),
    targetWaMessageId: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
    emoji: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    hidesPhone: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type CustomerMessageBody = Static<typeof CustomerMessageBody>;

const pageHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
};

const files = [
  ["page.css", "text/css; charset=utf-8"],
  ["page.js", "text/javascript; charset=utf-8"],
  ["texts.js", "text/javascript; charset=utf-8"],
  ["view.js", "text/javascript; charset=utf-8"],
] as const;

/** The files are the same for everybody and hold nothing secret; only the page itself asks for a session. */
export async function registerPage(fastify: Api, { isSignedIn, sandbox }: PageOptions): Promise<void> {
  const [page, signIn] = await Promise.all([readOwn("index.html"), readOwn("sign-in.html")]);
  const hidden = { schema: { hide: true } };

  fastify.get("/", hidden, async (request, reply) => {
    const signedIn = await isSignedIn(request);
    return reply
      .code(signedIn ? 200 : 401)
      .headers(pageHeaders)
      .header("cache-control", "no-store")
      .type("text/html; charset=utf-8")
      .send(signedIn ? page : signIn);
  });
  for (const [name, type] of files) {
    const content = await readOwn(name);
    fastify.get(`/page/${name}`, hidden, (_, reply) => reply.headers(pageHeaders).type(type).send(content));
  }
  if (sandbox === null) return;

  fastify.get("/sandbox", hidden, async (request, reply) => {
    if (!(await isSignedIn(request))) throw signedOut();
    return reply.header("cache-control", "no-store").send({ types: sandbox.types });
  });
  const schema = { ...hidden.schema, body: CustomerMessageBody };
  fastify.post("/sandbox/messages", { schema, bodyLimit: limits.sandboxFormBytesMax }, async (request, reply) => {
    if (!(await isSignedIn(request))) throw signedOut();
    if (!isSameOrigin(request)) throw new Rejection("forbidden", 403, "Only this program's own page may send this.");
    const { waMessageId, status } = await sandbox.sendCustomerMessage(request.body);
    if (status !== 200) throw new Rejection("unavailable", 503, `The webhook was answered with ${status}.`);
    return reply.code(201).send({ waMessageId });
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

function readOwn(name: string): Promise<Buffer> {
  return readFile(new URL(`page/${name}`, import.meta.url));
}
