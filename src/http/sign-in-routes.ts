/**
 * How people come in and go out, below `/auth`: for our own pages only, so they are no part of the API's description. Nothing of the
 * identity library is mounted; whatever else is asked for below `/auth` is not found. Links carry their token behind `#`, which browsers send
 * to nobody; reading one has no effect, since GETs have none. The exceptions are what others lead a browser to: the provider's answer, which is
 * bound to the browser that asked, and in the sandbox the link on the console.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { AcceptInvitation, FirstAccount, OpenLink, ResetPassword, SignIn, type LinkFacts, type SignInOptions } from "../contract/people.ts";
import type { Actor } from "../core/actor.ts";
import { notFound, Rejection } from "../core/rejection.ts";
import { transaction } from "../db/transaction.ts";
import { acceptAsPerson } from "../people/invitations.ts";
import { actorOf, type Asker, type People } from "../people/people.ts";
import { endSession, type Session } from "../people/sessions.ts";
import { requireOwnPage } from "./authenticate.ts";
import type { Api } from "./route.ts";
import type { SessionCookie } from "./session.ts";

export type SignInDeps = {
  people: People;
  cookie: SessionCookie;
  /** A first tenant of this name; answers its id. */
  makeTenant: (name: string, actor: Actor) => Promise<string>;
  /** Somebody joined: these tenants' streams have news. */
  publish: (tenantIds: Iterable<string>) => void;
  nowMs: () => number;
};

export async function registerSignInRoutes(fastify: Api, deps: SignInDeps): Promise<void> {
  await fastify.register(async (scoped) => registerAll(scoped as Api, deps), { prefix: "/auth" });
  if (deps.people.isSandbox) registerSandboxLink(fastify, deps);
}

function registerAll(api: Api, deps: SignInDeps): void {
  const { people, cookie, nowMs } = deps;
  const schema = { hide: true };

  api.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store");
    if (request.method !== "GET") requireOwnPage(request);
  });
  const welcome = (reply: FastifyReply, token: string): FastifyReply => reply.header("set-cookie", cookie.set(token)).code(204).send(null);

  api.get("/options", { schema }, (): SignInOptions => ({ hasOidc: people.hasOidc, isSandbox: people.isSandbox }));

  api.post("/sign-in", { schema: { ...schema, body: SignIn } }, async (request, reply) =>
    welcome(reply, await people.signIn(request.body, askerOf(request))),
  );

  api.post("/sign-out", { schema }, async (request, reply) => {
    const token = cookie.read(request.headers.cookie);
    const session = token === null ? null : await people.sessions.find(token);
    if (token !== null) {
      const { ip, id: requestId } = request;
      const actorFor = (personId: string) => actorOf(session?.person ?? { id: personId, email: "" }, { ip, requestId });
      await endSession(people.auth, token, { actorOf: actorFor, nowMs: nowMs() });
      people.sessions.forget();
    }
    return reply.header("set-cookie", cookie.clear()).code(204).send(null);
  });

  api.post("/links", { schema: { ...schema, body: OpenLink } }, (request): Promise<LinkFacts> => people.lookAt(request.body.token));

  api.post("/invitations/accept", { schema: { ...schema, body: AcceptInvitation } }, async (request, reply) => {
    const { token, name, password } = request.body;
    if (name !== undefined && password !== undefined) {
      const opened = await people.accept({ token, name, password }, askerOf(request));
      deps.publish((await people.sessions.find(opened))?.roles.keys() ?? []);
      return welcome(reply, opened);
    }
    const session = await sessionOf(request);
    if (session === null) throw new Rejection("unauthorized", 401, "Sign in first, or give a name and a password for a new account");
    const by = { actor: actorOf(session.person, { ip: request.ip, requestId: request.id }), nowMs: nowMs() };
    const tenantId = await transaction(people.auth, (tx) => acceptAsPerson(tx, { token, person: session.person }, by));
    people.sessions.forget();
    deps.publish([tenantId]);
    return reply.code(204).send(null);
  });

  api.post("/password/reset", { schema: { ...schema, body: ResetPassword } }, async (request, reply) =>
    welcome(reply, await people.reset(request.body, askerOf(request))),
  );

  api.post("/first-account", { schema: { ...schema, body: FirstAccount } }, async (request, reply) =>
    welcome(reply, await people.makeFirst(request.body, askerOf(request), deps.makeTenant)),
  );

  api.post("/oidc", { schema }, async (_request, reply) => {
    if (!people.hasOidc) throw notFound();
    const begun = await people.beginOidc();
    if (begun === null) throw new Rejection("unavailable", 503, "The identity provider does not answer. Try again.");
    return reply.header("set-cookie", begun.cookies.filter(isState)).send({ url: begun.url });
  });

  api.get<{ Querystring: Record<string, unknown> }>("/callback/oidc", { exposeHeadRoute: false, schema }, async (request, reply) => {
    if (!people.hasOidc) throw notFound();
    const query = Object.fromEntries(Object.entries(request.query).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
    const { token, error, cookies } = await finish(query, request);
    void reply.header("set-cookie", [...cookies.filter(isState), ...(token === null ? [] : [cookie.set(token)])]);
    return reply.redirect(token === null ? `/sign-in?error=${encodeURIComponent(error ?? "refused")}` : "/", 303);
  });

  /** Whoever is led here by a provider sees a page, not a problem. */
  async function finish(query: Readonly<Record<string, string>>, request: FastifyRequest) {
    try {
      return await people.finishOidc(query, request.headers.cookie ?? "", askerOf(request));
    } catch (error) {
      if (error instanceof Rejection && error.status < 500) return { token: null, error: error.code, cookies: [] };
      throw error;
    }
  }

  async function sessionOf(request: FastifyRequest): Promise<Session | null> {
    const token = cookie.read(request.headers.cookie);
    return token === null ? null : people.sessions.find(token);
  }

  function askerOf(request: FastifyRequest): Asker {
    return askerFrom(request, cookie);
  }
}

export function askerFrom(request: FastifyRequest, cookie: SessionCookie): Asker {
  const agent = request.headers["user-agent"];
  const userAgent = agent === undefined ? null : agent.slice(0, 300);
  return { ip: request.ip, userAgent, requestId: request.id, replaced: cookie.read(request.headers.cookie) };
}

/** Of the library's cookies only the one that binds a sign-in to its browser leaves the program: its session cookie is not ours. */
function isState(setCookie: string): boolean {
  return /^(?:__Secure-)?kesher\.(?:oauth_)?state=/.test(setCookie);
}

function registerSandboxLink(fastify: Api, { people, cookie }: SignInDeps): void {
  const schema = { hide: true };
  fastify.get<{ Params: { token: string } }>("/sign-in/:token", { exposeHeadRoute: false, schema }, async (request, reply) => {
    reply.header("cache-control", "no-store");
    try {
      const token = await people.signInByLink(request.params.token, askerFrom(request, cookie));
      return await reply.header("set-cookie", cookie.set(token)).redirect("/", 303);
    } catch (error) {
      if (!(error instanceof Rejection) || error.status >= 500) throw error;
      return reply.code(403).type("text/html; charset=utf-8").header("content-security-policy", "default-src 'none'").send(usedLinkPage);
    }
  });
}

const usedLinkPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Kesher</title>
<h1>This sign-in link no longer works</h1>
<p>Each link works once. Restart the program to get a new one on its console.</p></html>
`;
