/**
 * The HTTP server. `POST /webhook/whatsapp` goes straight to its handler on node:http, since its raw bytes are what is signed and it
 * is the hot path; all else goes through Fastify. Every time and size is bounded (I11).
 */
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { LogController, type FastifyBaseLogger } from "fastify";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { notFound } from "../core/rejection.ts";
import type { SecretContext } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import type { ActivityHub } from "../services/activity/hub.ts";
import type { MediaStore } from "../services/media-store.ts";
import type { VerifyConnection } from "../services/whatsapp/connections.ts";
import type { SyncTemplates } from "../services/whatsapp/templates-sync.ts";
import { registerActivityRoutes } from "./activity-routes.ts";
import { createAuthenticator, sessionCookie } from "./authenticate.ts";
import { registerConnectionRoutes } from "./connection-routes.ts";
import { registerConversationRoutes } from "./conversation-routes.ts";
import { registerDeliveryRoutes } from "./delivery-routes.ts";
import { registerEndpointRoutes } from "./endpoint-routes.ts";
import { registerHealth } from "./health.ts";
import { createKeyCache } from "./key-cache.ts";
import { registerGraphMediaRoutes } from "./graph-media-routes.ts";
import { registerGraphRoutes } from "./graph-routes.ts";
import { registerMediaRoutes } from "./media-routes.ts";
import { registerMessageRoutes } from "./message-routes.ts";
import { registerOpenApi } from "./openapi.ts";
import { registerProblems } from "./problems.ts";
import type { Api, ForwardTools, RouteDeps, SendDeps } from "./route.ts";
import type { SessionStore } from "./session.ts";
import { createStreams, type Streams } from "./stream.ts";
import { registerTemplateRoutes } from "./template-routes.ts";
import { registerTenantRoutes } from "./tenant-routes.ts";
import { webhookAppKey } from "./webhook.ts";
import { registerWebhookRoutes, type VerifyToken } from "./webhook-routes.ts";

export type HttpDeps = {
  /** Role kesher_app. */
  app: Db;
  /** Role kesher_platform. */
  platform: Db;
  hub: ActivityHub;
  /** Answers POSTs of the webhook; '' is the platform's app. */
  webhook: (request: IncomingMessage, response: ServerResponse, appKey: string) => void;
  adminKey: string | null;
  /** In constant time; null is the platform's app. */
  verifyToken: VerifyToken;
  secrets: { seal(context: SecretContext, plain: string): Buffer };
  /** Asks Graph about a new connection; left out, nobody asks. */
  verifyConnection?: VerifyConnection;
  /** Reads an account's templates from Meta; left out, nobody does on request. */
  syncTemplates?: SyncTemplates;
  /** How tenants' endpoints are reached; left out, nobody does. */
  forwarding?: ForwardTools;
  log: Logger;
  isReady: () => Promise<boolean>;
  metricsText: () => Promise<string>;
  nowMs: () => number;
  /** Only the sandbox has one. */
  sessions?: SessionStore;
  /** A replay or a new account put work into the queue. */
  wakeWorkers?: () => void;
  sends: SendDeps;
  /** Where files of messages lie, and how callers reach this program; left out, there are no such routes. */
  media?: { store: MediaStore; publicUrl: string | null };
  /** `/` and what belongs to the page. Runs before everything else is found missing. */
  registerPage?: (fastify: Api) => void | Promise<void>;
};

export type HttpServer = {
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  /** Stops accepting, ends streams with a hint, waits for answers under way, and cuts what is left after `limits.httpCloseMsMax`. */
  close(): Promise<void>;
  streamCount(): number;
};

export async function createServer(deps: HttpDeps): Promise<HttpServer> {
  let isClosing = false;
  const fastify = createFastify(deps, () => isClosing);
  const streams = createStreams({ app: deps.app, hub: deps.hub, onError: (error) => deps.log.warn({ err: error }, "stream ended") });
  await registerAll(fastify, deps, streams, () => isClosing);
  await fastify.ready();

  return {
    async listen(address) {
      await fastify.listen(address);
      const bound = fastify.server.address() as AddressInfo;
      return { port: bound.port };
    },
    async close() {
      isClosing = true;
      const cut = setTimeout(() => fastify.server.closeAllConnections(), limits.httpCloseMsMax);
      // A connection that becomes idle while we wait would otherwise keep the server open.
      const sweep = setInterval(() => fastify.server.closeIdleConnections(), limits.httpCloseSweepMs);
      try {
        await Promise.all([streams.close(), fastify.close()]);
      } finally {
        clearTimeout(cut);
        clearInterval(sweep);
      }
    },
    streamCount: () => streams.count(),
  };
}

function createFastify(deps: HttpDeps, isClosing: () => boolean): Api {
  const log: FastifyBaseLogger = deps.log;
  const fastify = Fastify({
    loggerInstance: log,
    // Paths and queries hold phone numbers: requests are not logged.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.apiBodyBytesMax,
    routerOptions: { maxParamLength: limits.apiTextCharsMax },
    forceCloseConnections: "idle",
    serverFactory: (handler) => createNodeServer(deps, handler, isClosing),
  });
  fastify.setValidatorCompiler(TypeBoxValidatorCompiler);
  fastify.removeContentTypeParser("text/plain");
  fastify.decorateRequest("principal", null);
  return fastify.withTypeProvider<TypeBoxTypeProvider>();
}

function createNodeServer(
  deps: HttpDeps,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  isClosing: () => boolean,
): Server {
  const server = createHttpServer(
    {
      connectionsCheckingInterval: limits.httpConnectionsCheckMs,
      requestTimeout: limits.httpRequestMsMax,
      headersTimeout: limits.httpHeadersMsMax,
    },
    (request, response) => {
      if (isClosing()) response.setHeader("connection", "close");
      const appKey = request.method === "POST" ? webhookAppKey(request.url ?? "") : null;
      if (appKey === null) handler(request, response);
      else deps.webhook(request, response, appKey);
    },
  );
  server.keepAliveTimeout = limits.httpKeepAliveMs;
  server.maxRequestsPerSocket = 0;
  return server;
}

async function registerAll(fastify: Api, deps: HttpDeps, streams: Streams, isClosing: () => boolean): Promise<void> {
  const keys = createKeyCache(deps.platform, deps.nowMs);
  const authenticate = createAuthenticator({ adminKey: deps.adminKey, keys, sessions: deps.sessions ?? null });
  const routeDeps: RouteDeps = {
    app: deps.app,
    platform: deps.platform,
    hub: deps.hub,
    seal: (context, plain) => deps.secrets.seal(context, plain),
    verifyConnection: deps.verifyConnection ?? null,
    syncTemplates: deps.syncTemplates ?? null,
    forwarding: deps.forwarding ?? null,
    forgetKeys: () => keys.forget(),
    wakeWorkers: () => deps.wakeWorkers?.(),
    wakeSends: deps.sends.wake,
    answers: deps.sends.answers,
    answerMsMax: deps.sends.answerMsMax ?? limits.sendAnswerMsMax,
    reads: { app: deps.app, graph: deps.sends.graph, tokens: deps.sends.tokens, nowMs: deps.nowMs },
    nowMs: deps.nowMs,
  };
  registerProblems(fastify);
  fastify.addHook("onSend", async (_request, reply) => {
    reply.header("x-content-type-options", "nosniff").header("referrer-policy", "no-referrer");
    if (isClosing()) reply.header("connection", "close");
  });
  await registerOpenApi(fastify);
  registerHealth(fastify, deps);
  registerWebhookRoutes(fastify, deps.verifyToken);
  if (deps.sessions !== undefined) registerSignIn(fastify, deps.sessions);
  await fastify.register(
    async (scoped) => {
      const api = scoped.withTypeProvider<TypeBoxTypeProvider>();
      api.addHook("onRequest", async (request, reply) => {
        reply.header("cache-control", "no-store");
        request.principal = await authenticate(request);
      });
      registerTenantRoutes(api, routeDeps);
      registerConnectionRoutes(api, routeDeps);
      registerConversationRoutes(api, routeDeps);
      registerMessageRoutes(api, routeDeps);
      registerTemplateRoutes(api, routeDeps);
      registerActivityRoutes(api, routeDeps, streams);
      registerDeliveryRoutes(api, routeDeps);
      registerEndpointRoutes(api, routeDeps);
      if (deps.media !== undefined) await registerMediaRoutes(api, routeDeps, deps.media.store);
    },
    { prefix: "/api/v1" },
  );
  registerGraphRoutes(fastify, routeDeps, authenticate);
  if (deps.media !== undefined) await registerGraphMediaRoutes(fastify, routeDeps, { authenticate, ...deps.media });
  fastify.setNotFoundHandler(() => {
    throw notFound();
  });
  // The page may claim all other paths, but not these.
  fastify.all("/api/*", { schema: { hide: true } }, () => {
    throw notFound();
  });
  await deps.registerPage?.(fastify);
}

/** Where the link on the console leads. */
function registerSignIn(fastify: Api, sessions: SessionStore): void {
  fastify.get<{ Params: { token: string } }>("/sign-in/:token", { exposeHeadRoute: false, schema: { hide: true } }, (request, reply) => {
    const cookie = sessions.signIn(request.params.token);
    reply.header("cache-control", "no-store");
    if (cookie === null) {
      return reply.code(403).type("text/html; charset=utf-8").header("content-security-policy", "default-src 'none'").send(usedLinkPage);
    }
    // No `Secure`: the sandbox listens on loopback, without TLS.
    return reply.header("set-cookie", `${sessionCookie}=${cookie}; HttpOnly; SameSite=Strict; Path=/`).redirect("/", 303);
  });
}

const usedLinkPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Kesher</title>
<h1>This sign-in link no longer works</h1>
<p>Each link works once. Restart the program to get a new one on its console.</p></html>
`;
