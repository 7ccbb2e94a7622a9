/**
 * The HTTP server. `POST /webhook/whatsapp` goes straight to its handler on node:http, since its raw bytes are what is signed and it
 * is the hot path; all else goes through Fastify. Every time and size is bounded (I11).
 */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { LogController, type FastifyBaseLogger } from "fastify";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { notFound } from "../core/rejection.ts";
import type { SecretContext } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import { limits } from "../limits.ts";
import { makeFirstTenant } from "../people/first-tenant.ts";
import { isPersonOf } from "../people/members.ts";
import type { People } from "../people/people.ts";
import type { ActivityHub } from "../services/activity/hub.ts";
import type { IsPerson } from "../services/inbox/conversation-state.ts";
import type { MediaStore } from "../services/media-store.ts";
import type { ExportStore } from "../services/privacy/export-store.ts";
import type { ConnectionTools } from "../services/whatsapp/connections/tools.ts";
import type { SyncTemplates } from "../services/whatsapp/templates/sync.ts";
import { registerActivityRoutes } from "./activity-routes.ts";
import { registerAuditRoutes } from "./audit-routes.ts";
import { createAuthenticator } from "./authenticate.ts";
import { registerAppRoutes } from "./app-routes.ts";
import { registerConnectionRoutes } from "./connection-routes.ts";
import { registerConversationRoutes } from "./conversation-routes.ts";
import { registerDeliveryRoutes } from "./delivery-routes.ts";
import { answerUnreadable, boundServer, judgeHead, refuse, serverOptions } from "./edge.ts";
import { registerEndpointRoutes } from "./endpoint-routes.ts";
import { securityHeaders, setSecurityHeaders, type SecurityHeaders } from "./headers.ts";
import { createMetricsGate, registerHealth } from "./health.ts";
import { registerJsonBody } from "./json-body.ts";
import { createKeyCache } from "./key-cache.ts";
import { registerGraphMediaRoutes } from "./graph-media-routes.ts";
import { registerGraphRoutes } from "./graph-routes.ts";
import { registerMediaRoutes } from "./media-routes.ts";
import { registerInboxRoutes } from "./inbox-routes.ts";
import { registerInboxSettingsRoutes } from "./inbox-settings-routes.ts";
import { registerMessageRoutes } from "./message-routes.ts";
import { registerOpenApi } from "./openapi.ts";
import { registerPrivacyRoutes } from "./privacy-routes.ts";
import { createInviteOwner, registerPeopleRoutes } from "./people-routes.ts";
import { keepToConnection } from "./one-connection.ts";
import { requireOwnHost } from "./own-host.ts";
import { registerOptOutRoutes } from "./opt-out-routes.ts";
import { registerOverviewRoutes } from "./overview-routes.ts";
import { registerProblems } from "./problems.ts";
import { limitRates, setRateHeaders } from "./rate-limits.ts";
import type { Api, ForwardTools, RouteDeps, SendDeps } from "./route.ts";
import { registerSessionRoutes } from "./session-routes.ts";
import { createSessionCookie, type SessionCookie } from "./session.ts";
import { registerSignInPage } from "./sign-in-page.ts";
import { registerSignInRoutes } from "./sign-in-routes.ts";
import { registerSearchRoutes } from "./search-routes.ts";
import { serializersOnFirstUse } from "./serializers.ts";
import { createStreams, type Streams } from "./stream.ts";
import { registerTemplateRoutes } from "./template-routes.ts";
import { registerTenantRoutes } from "./tenant-routes.ts";
import { compileValidator } from "./validate.ts";
import { createWebNode, type WebNode } from "./web-node.ts";
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
  /** How Meta is asked about numbers; left out, nothing asks, and only the operator connects. */
  connections?: ConnectionTools;
  /** Reads an account's templates from Meta; left out, nobody does on request. */
  syncTemplates?: SyncTemplates;
  /** How tenants' endpoints are reached; left out, nobody does. */
  forwarding?: ForwardTools;
  log: Logger;
  isReady: () => Promise<boolean>;
  metricsText: () => Promise<string>;
  /** Who may read the metrics besides the operator: whoever has this key; "all" where only this machine can ask; left out, nobody. */
  metrics?: { key: string } | "all";
  /** How the world reaches this program. */
  publicUrl?: string | null;
  /** Addresses and networks whose X-Forwarded-For says where a request comes from; left out, none. */
  trustedProxies?: readonly string[];
  nowMs: () => number;
  /** Of the program, for its operator. */
  version?: string;
  /** Who may sign in; left out, keys alone are let in. */
  people?: People;
  /** Left out, there are no people: nobody can be assigned or mentioned. */
  isPerson?: IsPerson;
  /** A replay or a new account put work into the queue. */
  wakeWorkers?: () => void;
  sends: SendDeps;
  /** Where files of messages lie, and how callers reach this program; left out, there are no such routes. */
  media?: { store: MediaStore; publicUrl: string | null };
  /** Where exports of contacts lie; left out, none can be fetched. */
  exports?: ExportStore;
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
  const node = createWebNode({
    platform: deps.platform,
    nowMs: deps.nowMs,
    openOf: (tenantId) => streams.openOf(tenantId),
    onError: (error) => deps.log.warn({ err: error }, "other nodes were not told"),
  });
  const onError = (error: unknown): void => deps.log.warn({ err: error }, "stream ended");
  const streams: Streams = createStreams({ app: deps.app, hub: deps.hub, onError, node });
  await registerAll(fastify, deps, { streams, node }, () => isClosing);
  await fastify.ready();

  return {
    async listen(address) {
      await fastify.listen(address);
      const bound = fastify.server.address() as AddressInfo;
      node.start();
      return { port: bound.port };
    },
    async close() {
      isClosing = true;
      const cut = setTimeout(() => fastify.server.closeAllConnections(), limits.httpCloseMsMax);
      // A connection that becomes idle while we wait would otherwise keep the server open.
      const sweep = setInterval(() => fastify.server.closeIdleConnections(), limits.httpCloseSweepMs);
      try {
        await Promise.all([streams.close(), fastify.close(), node.stop()]);
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
  const headers = securityHeaders(deps.publicUrl ?? null);
  const fastify = Fastify({
    loggerInstance: log,
    // Paths and queries hold phone numbers: requests are not logged.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.apiBodyBytesMax,
    trustProxy: deps.trustedProxies === undefined || deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, headers),
    routerOptions: { maxParamLength: limits.apiTextCharsMax },
    forceCloseConnections: "idle",
    schemaController: { compilersFactory: { buildSerializer: serializersOnFirstUse() } },
    serverFactory: (handler) => createNodeServer(deps, { handler, headers, isClosing }),
  });
  fastify.setValidatorCompiler(compileValidator);
  fastify.removeContentTypeParser("text/plain");
  fastify.decorateRequest("principal", null);
  fastify.decorateRequest("rate", null);
  return fastify.withTypeProvider<TypeBoxTypeProvider>();
}

function createNodeServer(
  deps: HttpDeps,
  { handler, headers, isClosing }: { handler: RequestListener; headers: SecurityHeaders; isClosing: () => boolean },
): Server {
  const server = createHttpServer(serverOptions, (request, response) => {
    setSecurityHeaders(response, headers);
    if (isClosing()) response.setHeader("connection", "close");
    const refused = judgeHead(request);
    if (refused !== null) {
      refuse(response, refused);
      return;
    }
    const appKey = request.method === "POST" ? webhookAppKey(request.url ?? "") : null;
    if (appKey === null) handler(request, response);
    else deps.webhook(request, response, appKey);
  });
  boundServer(server, headers);
  return server;
}

async function registerAll(
  fastify: Api,
  deps: HttpDeps,
  { streams, node }: { streams: Streams; node: WebNode },
  isClosing: () => boolean,
): Promise<void> {
  const keys = createKeyCache(deps.platform, deps.nowMs);
  const cookie = createSessionCookie(deps.publicUrl ?? null);
  const known = createAuthenticator({
    adminKey: deps.adminKey,
    keys,
    people: deps.people === undefined ? null : { sessions: deps.people.sessions, cookie },
  });
  // What a key may not reach costs it as much as what it may.
  const authenticate = keepToConnection(limitRates(known, deps.nowMs, node), deps.app);
  const routeDeps: RouteDeps = {
    app: deps.app,
    platform: deps.platform,
    hub: deps.hub,
    seal: (context, plain) => deps.secrets.seal(context, plain),
    connections: deps.connections ?? null,
    syncTemplates: deps.syncTemplates ?? null,
    forwarding: deps.forwarding ?? null,
    forgetKeys: () => {
      keys.forget();
      deps.people?.sessions.forget();
    },
    openStreams: async (tenantId) => streams.openOf(tenantId) + (await node.streamsElsewhere(tenantId)),
    wakeWorkers: () => deps.wakeWorkers?.(),
    wakeSends: deps.sends.wake,
    hasher: deps.sends.hasher ?? null,
    answers: deps.sends.answers,
    answerMsMax: deps.sends.answerMsMax ?? limits.sendAnswerMsMax,
    reads: { app: deps.app, graph: deps.sends.graph, tokens: deps.sends.tokens, nowMs: deps.nowMs },
    isPerson: deps.isPerson ?? isPersonOf(deps.people),
    inviteOwner:
      deps.people === undefined ? null : createInviteOwner({ people: deps.people, publicUrl: deps.publicUrl ?? null }, deps.nowMs),
    nowMs: deps.nowMs,
    version: deps.version ?? "",
  };
  registerProblems(fastify);
  fastify.addHook("onRequest", async (request) => requireOwnHost(request, deps.publicUrl ?? null));
  registerJsonBody(fastify);
  fastify.addHook("onSend", async (request, reply) => {
    setRateHeaders(request, reply);
    if (isClosing()) reply.header("connection", "close");
  });
  await registerOpenApi(fastify);
  registerHealth(fastify, { ...deps, mayReadMetrics: createMetricsGate(deps.metrics ?? null, authenticate) });
  registerWebhookRoutes(fastify, deps.verifyToken);
  if (deps.people !== undefined) await registerSignIn(fastify, { ...deps, people: deps.people, cookie });
  await fastify.register(
    async (scoped) => {
      const api = scoped.withTypeProvider<TypeBoxTypeProvider>();
      api.addHook("onRequest", async (request, reply) => {
        reply.header("cache-control", "no-store");
        request.principal = await authenticate(request);
      });
      registerTenantRoutes(api, routeDeps);
      registerConnectionRoutes(api, routeDeps);
      registerAppRoutes(api, routeDeps);
      registerConversationRoutes(api, routeDeps);
      registerInboxRoutes(api, routeDeps);
      registerInboxSettingsRoutes(api, routeDeps);
      registerSearchRoutes(api, routeDeps);
      registerOverviewRoutes(api, routeDeps);
      registerMessageRoutes(api, routeDeps);
      registerTemplateRoutes(api, routeDeps);
      registerActivityRoutes(api, routeDeps, streams);
      registerDeliveryRoutes(api, routeDeps);
      registerEndpointRoutes(api, routeDeps);
      registerPrivacyRoutes(api, routeDeps, deps.exports ?? null);
      registerAuditRoutes(api, routeDeps);
      registerOptOutRoutes(api, routeDeps);
      if (deps.people !== undefined) {
        registerSessionRoutes(api, routeDeps, { people: deps.people, cookie });
        registerPeopleRoutes(api, routeDeps, { people: deps.people, publicUrl: deps.publicUrl ?? null });
      }
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

async function registerSignIn(fastify: Api, deps: HttpDeps & { people: People; cookie: SessionCookie }): Promise<void> {
  await registerSignInRoutes(fastify, {
    people: deps.people,
    cookie: deps.cookie,
    makeTenant: (name, actor) => makeFirstTenant(deps.platform, { name, actor, nowMs: deps.nowMs() }),
    publish: (tenantIds) => deps.hub.publish(tenantIds),
    nowMs: deps.nowMs,
  });
  await registerSignInPage(fastify);
}
