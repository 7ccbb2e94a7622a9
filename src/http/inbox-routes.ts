/** What people do with conversations: views, state, assignment, labels, notes. */
import { Type } from "typebox";
import type { FastifyRequest } from "fastify";
import { Conversation } from "../contract/conversations.ts";
import {
  ChangeConversation,
  ChangeNote,
  ConversationLabels,
  CreateNote,
  LabelConversation,
  Note,
  NoteParams,
  ReadConversation,
  ReadState,
  ViewCounts,
  ViewCountsQuery,
} from "../contract/inbox.ts";
import { IdParams, ListOf, ListQuery, Nullable, TenantQuery } from "../contract/json.ts";
import { Problem } from "../contract/problem.ts";
import { changeConversation, markConversationRead, markConversationUnread } from "../services/inbox/conversation-state.ts";
import { labelConversation } from "../services/inbox/labels.ts";
import { changeNote, createNote, deleteNote, listNotes } from "../services/inbox/notes.ts";
import { countViews, readConversation } from "../services/whatsapp/conversation-list.ts";
import { idOf } from "./authenticate.ts";
import { byOf, changed, scopeOf } from "./inbox-request.ts";
import { NoContent, personOf, principalOf, problemResponses, type Api, type RouteDeps } from "./route.ts";

const tags = ["inbox"];
const ofConversation = { oneConnection: "conversation" } as const;
const list = { ...ListQuery.properties, ...TenantQuery.properties };

export function registerInboxRoutes(api: Api, deps: RouteDeps): void {
  registerConversationDeeds(api, deps);
  registerNotes(api, deps);
}

function registerConversationDeeds(api: Api, deps: RouteDeps): void {
  const { app, nowMs } = deps;

  api.get(
    "/conversations/counts",
    {
      schema: {
        tags,
        summary: "Count the views of the inbox",
        querystring: Type.Object({ ...ViewCountsQuery.properties, ...TenantQuery.properties }),
        response: { ...problemResponses, 200: ViewCounts },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "read");
      const { closingWithinHours } = request.query;
      return countViews(app, scope, { personId: personOf(principalOf(request)), closingWithinHours });
    },
  );

  api.patch(
    "/conversations/:id",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Set a conversation aside, take it up again, or give it to somebody",
        description: "`done` and `snoozed` end by themselves when the customer writes or calls.",
        params: IdParams,
        querystring: TenantQuery,
        body: ChangeConversation,
        response: { ...problemResponses, 200: Conversation },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "send");
      const id = idOf(request.params.id);
      await changeConversation(deps, scope, { id, wanted: request.body }, byOf(request, deps));
      changed(deps, scope);
      return readConversation(app, scope, id);
    },
  );

  api.post(
    "/conversations/:id/read",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Count a conversation's messages as read, up to one of them",
        params: IdParams,
        querystring: TenantQuery,
        body: Nullable(ReadConversation),
        response: { ...problemResponses, 200: ReadState },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "send");
      const messageId = request.body?.messageId?.toLowerCase() ?? null;
      const state = await markConversationRead(app, scope, { id: idOf(request.params.id), messageId }, nowMs());
      changed(deps, scope);
      return state;
    },
  );
  api.post(
    "/conversations/:id/unread",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Show a conversation as unread",
        params: IdParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 200: ReadState },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "send");
      const state = await markConversationUnread(app, scope, idOf(request.params.id), nowMs());
      changed(deps, scope);
      return state;
    },
  );

  api.post(
    "/conversations/:id/labels",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Put labels on a conversation and take others off",
        params: IdParams,
        querystring: TenantQuery,
        body: LabelConversation,
        response: { ...problemResponses, 200: ConversationLabels },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "send");
      const wanted = { id: idOf(request.params.id), wanted: request.body };
      const labels = await labelConversation(app, scope, wanted, byOf(request, deps));
      changed(deps, scope);
      return labels;
    },
  );
}

function registerNotes(api: Api, deps: RouteDeps): void {
  const { app } = deps;

  api.get(
    "/conversations/:id/notes",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "List the notes of a conversation, newest first",
        params: IdParams,
        querystring: Type.Object(list),
        response: { ...problemResponses, 200: ListOf(Note) },
      },
    },
    async (request) => listNotes(app, scopeOf(request, "read"), idOf(request.params.id), request.query),
  );
  api.post(
    "/conversations/:id/notes",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Write a note to colleagues",
        params: IdParams,
        querystring: TenantQuery,
        body: CreateNote,
        response: { ...problemResponses, 201: Note, 409: Problem },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, "send");
      const wanted = { conversationId: idOf(request.params.id), wanted: request.body };
      const note = await createNote(deps, scope, wanted, byOf(request, deps));
      changed(deps, scope);
      return reply.code(201).send(note);
    },
  );
  api.patch(
    "/conversations/:id/notes/:noteId",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Change a note: its author, or whoever may manage",
        params: NoteParams,
        querystring: TenantQuery,
        body: ChangeNote,
        response: { ...problemResponses, 200: Note },
      },
    },
    async (request) => {
      const scope = scopeOf(request, "send");
      const wanted = { ...noteKeyOf(request.params), wanted: request.body, mayManage: mayManage(request) };
      const note = await changeNote(deps, scope, wanted, byOf(request, deps));
      changed(deps, scope);
      return note;
    },
  );
  api.delete(
    "/conversations/:id/notes/:noteId",
    {
      config: ofConversation,
      schema: {
        tags,
        summary: "Delete a note: its author, or whoever may manage",
        params: NoteParams,
        querystring: TenantQuery,
        response: { ...problemResponses, 204: NoContent },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request, "send");
      await deleteNote(app, scope, { ...noteKeyOf(request.params), mayManage: mayManage(request) }, byOf(request, deps));
      changed(deps, scope);
      return reply.code(204).send(null);
    },
  );
}

function mayManage(request: FastifyRequest): boolean {
  return principalOf(request).scopes.has("manage");
}

function noteKeyOf({ id, noteId }: { id: string; noteId: string }): { conversationId: string; noteId: string } {
  return { conversationId: idOf(id), noteId: idOf(noteId) };
}
