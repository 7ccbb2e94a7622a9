/** What a tenant's people and bots read: contacts, conversations, messages. */
import { Type, type TSchema } from "typebox";
import { Contact, ContactFilter, Conversation, ConversationFilter, Window } from "../contract/conversations.ts";
import { IdParams, ListOf, ListQuery, TenantQuery } from "../contract/json.ts";
import { Message, MessageFilter, ThreadPage, ThreadQuery, TimelineEntry } from "../contract/messages.ts";
import type { TenantScope } from "../core/scope.ts";
import { getContact, listContacts } from "../services/whatsapp/contacts/list.ts";
import { listConversations, readConversation, readWindow } from "../services/whatsapp/conversation-list.ts";
import { getMessage, listConversationMessages, listMessages } from "../services/whatsapp/message-list.ts";
import { readTimeline, type TimelineDeps } from "../services/whatsapp/message-timeline.ts";
import { receivedWhen } from "../webhooks/received-when.ts";
import { idOf, requireScope, tenantOf } from "./authenticate.ts";
import { personOf, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";
import type { FastifyRequest } from "fastify";

const list = { ...ListQuery.properties, ...TenantQuery.properties };

export function registerConversationRoutes(api: Api, deps: RouteDeps): void {
  const { app, platform } = deps;
  const timeline: TimelineDeps = { app, receivedWhen: (message) => receivedWhen(platform, message) };

  api.get(
    "/contacts",
    {
      schema: {
        tags: ["conversations"],
        summary: "List contacts",
        querystring: Type.Object({ ...list, ...ContactFilter.properties }),
        response: { ...problemResponses, 200: ListOf(Contact) },
      },
    },
    async (request) => listContacts(app, readerOf(request, request.query), request.query),
  );
  api.get("/contacts/:id", { schema: one("Read a contact", Contact) }, async (request) =>
    getContact(app, readerOf(request, request.query), idOf(request.params.id)),
  );

  api.get(
    "/conversations",
    {
      config: { oneConnection: "filter" },
      schema: {
        tags: ["conversations"],
        summary: "List conversations, latest message first",
        querystring: Type.Object({ ...list, ...ConversationFilter.properties }),
        response: { ...problemResponses, 200: ListOf(Conversation) },
      },
    },
    async (request) => listConversations(app, readerOf(request, request.query), request.query, personOf(principalOf(request))),
  );
  api.get("/conversations/:id", { config: ofConversation, schema: one("Read a conversation", Conversation) }, async (request) =>
    readConversation(app, readerOf(request, request.query), idOf(request.params.id)),
  );
  api.get(
    "/conversations/:id/window",
    { config: ofConversation, schema: one("Read a conversation's 24-hour window", Window) },
    async (request) => readWindow(app, readerOf(request, request.query), idOf(request.params.id)),
  );
  api.get(
    "/conversations/:id/messages",
    {
      config: ofConversation,
      schema: {
        ...one("List a conversation's messages, newest first by Meta's time", ThreadPage),
        querystring: Type.Object({ ...ThreadQuery.properties, ...TenantQuery.properties }),
      },
    },
    async (request) => listConversationMessages(app, readerOf(request, request.query), idOf(request.params.id), request.query),
  );

  api.get(
    "/messages",
    {
      config: { oneConnection: "filter" },
      schema: {
        tags: ["messages"],
        summary: "List messages",
        querystring: Type.Object({ ...list, ...MessageFilter.properties }),
        response: { ...problemResponses, 200: ListOf(Message) },
      },
    },
    async (request) => listMessages(app, readerOf(request, request.query), request.query),
  );
  api.get("/messages/:id", { config: ofMessage, schema: { ...one("Read a message", Message), tags: ["messages"] } }, async (request) =>
    getMessage(app, readerOf(request, request.query), idOf(request.params.id)),
  );
  api.get(
    "/messages/:id/timeline",
    { config: ofMessage, schema: { ...one("Read what became of a message", ListOf(TimelineEntry)), tags: ["messages"] } },
    async (request) => readTimeline(timeline, readerOf(request, request.query), idOf(request.params.id)),
  );
}

const ofConversation = { oneConnection: "conversation" } as const;
const ofMessage = { oneConnection: "message" } as const;

function one<Answer extends TSchema>(summary: string, answer: Answer) {
  return {
    tags: ["conversations"],
    summary,
    params: IdParams,
    querystring: TenantQuery,
    response: { ...problemResponses, 200: answer },
  };
}

function readerOf(request: FastifyRequest, query: { tenantId?: string }): TenantScope {
  const principal = principalOf(request);
  requireScope(principal, "read");
  return tenantOf(principal, query.tenantId);
}
