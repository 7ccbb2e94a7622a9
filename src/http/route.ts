/** What the files with routes share. */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Type } from "typebox";
import { Problem } from "../contract/problem.ts";
import type { Actor } from "../core/actor.ts";
import { Rejection } from "../core/rejection.ts";
import type { SecretContext } from "../core/secret-box.ts";
import type { Db } from "../db/pool.ts";
import type { ActivityHub } from "../services/activity/hub.ts";
import type { IsPerson } from "../services/inbox/conversation-state.ts";
import type { Hasher } from "../services/privacy/marks.ts";
import type { ConnectionTools } from "../services/whatsapp/connections/tools.ts";
import type { SyncTemplates } from "../services/whatsapp/templates/sync.ts";
import type { Connector } from "../webhooks/forward-connector.ts";
import type { Destinations } from "../webhooks/forward-secrets.ts";
import type { EndpointRules } from "../core/ssrf.ts";
import type { Graph } from "../services/whatsapp/graph/call.ts";
import type { AccessTokens } from "../services/whatsapp/outbox/access-tokens.ts";
import type { Answers } from "../services/whatsapp/outbox/answers.ts";
import type { ReadTools } from "../services/whatsapp/read-receipts.ts";
import type { Principal } from "./authenticate.ts";

export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

export type RouteDeps = {
  /** Role kesher_app: one tenant at a time. */
  app: Db;
  /** Role kesher_platform: the operator's scope. */
  platform: Db;
  hub: ActivityHub;
  seal: (context: SecretContext, plain: string) => Buffer;
  /** How Meta is asked about numbers; null where nothing asks. */
  connections: ConnectionTools | null;
  /** Null where nothing asks Meta. */
  syncTemplates: SyncTemplates | null;
  /** How tenants' endpoints are reached; null where nobody does. */
  forwarding: ForwardTools | null;
  /** A key was revoked. */
  forgetKeys: () => void;
  /** Of this tenant, on all nodes. */
  openStreams: (tenantId: string) => Promise<number>;
  /** Something was put into the queue. */
  wakeWorkers: () => void;
  /** A message of ours was queued, or may go on. */
  wakeSends: () => void;
  /** Knows who opted out and was erased; null where nobody can be. */
  hasher: Hasher | null;
  answers: Answers;
  /** How long the route in Meta's shape waits for Graph's answer. */
  answerMsMax: number;
  reads: ReadTools;
  /** Whether somebody is of a tenant: conversations are given to people, and notes mention them. */
  isPerson: IsPerson;
  /** Makes the link by which somebody becomes owner of a new tenant; null where people cannot sign in. */
  inviteOwner: InviteOwner | null;
  nowMs: () => number;
  /** Of the program; empty where nobody said. */
  version: string;
};

export type InviteOwner = (request: FastifyRequest, wanted: { tenantId: string; email: string; actor: Actor }) => Promise<string>;

/** What the routes that send need of the rest of the program. */
export type SendDeps = { graph: Graph; tokens: AccessTokens; answers: Answers; wake: () => void; answerMsMax?: number; hasher?: Hasher };

export type ForwardTools = { connector: Connector; destinations: Destinations; rules: EndpointRules };

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Set by the hook of the API's routes, before any handler runs. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Rejection("unauthorized", 401, "A valid key is needed");
  return request.principal;
}

/** Whose conversations `mine` are; null for a key. */
export function personOf({ actor }: Principal): string | null {
  return actor.kind === "person" ? actor.id : null;
}

/** Every route of the API may answer with these. */
export const problemResponses = {
  400: Problem,
  401: Problem,
  403: Problem,
  404: Problem,
  429: Problem,
  503: Problem,
} as const;

export const NoContent = Type.Null({ description: "Done" });
