/** Notes to colleagues. The customer never sees them, and neither does the activity hold their text. */
import type { ChangeNote, CreateNote, Note } from "../../contract/inbox.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import type { Actor } from "../../core/actor.ts";
import { decodeIdCursor, nextIdCursor } from "../../core/cursor.ts";
import { invalidRequest, notFound, Rejection } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { cleanText } from "../../core/text.ts";
import { uuids } from "../../db/arrays.ts";
import { newId } from "../../db/new-id.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { appendActivity } from "../activity/append.ts";
import type { By } from "../audit/append.ts";
import { lockConversation, type InboxTools } from "./conversation-state.ts";
import { eventActor, inboxEvent } from "./event.ts";

const noteRow = {
  id: "uuid",
  conversationId: "uuid",
  body: "text",
  mentions: "uuids",
  authorKind: "text",
  authorId: "uuid?",
  authorName: "text",
  createdAtMs: "time",
  editedAtMs: "time?",
} as const;
const columns = `n.id, n.conversation_id as "conversationId", n.body, n.mentions, n.author_kind as "authorKind", n.author_id as "authorId",
  n.author_name as "authorName", n.created_at as "createdAtMs", n.edited_at as "editedAtMs"`;
/** Of the conversation and those merged into it: $2 is any of them. */
const family = `
  select f.id from whatsapp_conversations asked
  join whatsapp_conversations f on f.tenant_id = asked.tenant_id
    and (f.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
      or f.merged_into_id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end)
  where asked.tenant_id = $1 and asked.id = $2`;

const selectFamily = statement("notes.family", family, { id: "uuid" });
const selectPage = statement(
  "notes.page",
  `select ${columns} from conversation_notes n where n.tenant_id = $1 and n.conversation_id = any($2::uuid[]) and n.id < $3::uuid
   order by n.id desc limit $4`,
  noteRow,
);
const insert = statement(
  "notes.insert",
  `insert into conversation_notes as n (tenant_id, id, conversation_id, body, mentions, author_kind, author_id, author_name, created_at)
   select $1, $2, $3, $4, $5::uuid[], $6, $7::uuid, $8, $9::timestamptz
   where (select count(*) from conversation_notes o where o.tenant_id = $1 and o.conversation_id = $3) < $10
   returning ${columns}`,
  noteRow,
);
const lock = statement(
  "notes.lock",
  `select ${columns} from conversation_notes n where n.tenant_id = $1 and n.conversation_id = any($2::uuid[]) and n.id = $3 for update`,
  noteRow,
);
const update = statement(
  "notes.update",
  `update conversation_notes n set body = coalesce($3, n.body), mentions = coalesce($4::uuid[], n.mentions), edited_at = $5::timestamptz
   where n.tenant_id = $1 and n.id = $2 returning ${columns}`,
  noteRow,
);
const remove = statement("notes.delete", `delete from conversation_notes where tenant_id = $1 and id = $2`, {});

/** Newest first. */
export async function listNotes(app: Db, scope: TenantScope, conversationId: string, query: ListQuery): Promise<Page<Note>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  return tenantTransaction(app, scope, async (tx) => {
    const ids = await familyOf(tx, scope, conversationId);
    const data = (await tx.query(selectPage, [scope.tenantId, uuids(ids), before, limit])).map(shown);
    return { data, next: nextIdCursor(data, limit) };
  });
}

/** Throws `not_found`, `invalid_request` for a mention of nobody, `too_many`. */
export async function createNote(
  tools: InboxTools,
  scope: TenantScope,
  { conversationId, wanted }: { conversationId: string; wanted: CreateNote },
  by: By,
): Promise<Note> {
  const mentions = await mentionsOf(tools, scope, wanted.mentions ?? []);
  return tenantTransaction(tools.app, scope, async (tx) => {
    const conversation = await lockConversation(tx, scope, conversationId);
    const { kind, id, name } = by.actor;
    const [row] = await tx.query(insert, [
      scope.tenantId,
      newId(by.nowMs),
      conversation.id,
      cleanText(wanted.body),
      uuids(mentions),
      kind,
      id,
      name,
      time(by.nowMs),
      limits.notesPerConversationMax,
    ]);
    if (row === undefined) throw new Rejection("too_many", 409, `A conversation has at most ${limits.notesPerConversationMax} notes`);
    await tell(tx, scope, { what: "note.created", note: row }, by);
    return shown(row);
  });
}

export type NoteKey = { conversationId: string; noteId: string };

/** By its author, or by whoever may manage. Throws `forbidden` for anybody else. */
export async function changeNote(
  tools: InboxTools,
  scope: TenantScope,
  { wanted, mayManage, ...key }: NoteKey & { wanted: ChangeNote; mayManage: boolean },
  by: By,
): Promise<Note> {
  const mentions = wanted.mentions === undefined ? null : await mentionsOf(tools, scope, wanted.mentions);
  return tenantTransaction(tools.app, scope, async (tx) => {
    const before = await lockNote(tx, scope, key);
    assertMay(before, by.actor, mayManage);
    const body = wanted.body === undefined ? null : cleanText(wanted.body);
    const [row] = await tx.query(update, [scope.tenantId, before.id, body, mentions === null ? null : uuids(mentions), time(by.nowMs)]);
    if (row === undefined) throw notFound();
    await tell(tx, scope, { what: "note.changed", note: row }, by);
    return shown(row);
  });
}

export async function deleteNote(
  app: Db,
  scope: TenantScope,
  { mayManage, ...key }: NoteKey & { mayManage: boolean },
  by: By,
): Promise<void> {
  await tenantTransaction(app, scope, async (tx) => {
    const before = await lockNote(tx, scope, key);
    assertMay(before, by.actor, mayManage);
    await tx.query(remove, [scope.tenantId, before.id]);
    const of = { tenantId: scope.tenantId, conversationId: before.conversationId };
    await appendActivity(tx, [inboxEvent("note.deleted", of, { noteId: before.id, by: eventActor(by.actor) })], by.nowMs);
  });
}

type NoteRow = RowOf<typeof noteRow>;

async function familyOf(tx: Tx, scope: TenantScope, conversationId: string): Promise<string[]> {
  const rows = await tx.query(selectFamily, [scope.tenantId, conversationId]);
  if (rows.length === 0) throw notFound();
  return rows.map(({ id }) => id);
}

async function lockNote(tx: Tx, scope: TenantScope, { conversationId, noteId }: NoteKey): Promise<NoteRow> {
  const ids = await familyOf(tx, scope, conversationId);
  const [row] = await tx.query(lock, [scope.tenantId, uuids(ids), noteId]);
  if (row === undefined) throw notFound();
  return row;
}

async function mentionsOf({ isPerson }: InboxTools, { tenantId }: TenantScope, ids: readonly string[]): Promise<string[]> {
  const mentions = [...new Set(ids.map((id) => id.toLowerCase()))];
  for (const id of mentions) if (!(await isPerson(tenantId, id))) throw invalidRequest("mentions: nobody of this tenant has this id");
  return mentions;
}

function assertMay(note: NoteRow, actor: Actor, mayManage: boolean): void {
  const isAuthor = note.authorKind === actor.kind && note.authorId === actor.id;
  if (!isAuthor && !mayManage) throw new Rejection("forbidden", 403, "Only its author, or whoever may manage, changes a note");
}

async function tell(
  tx: Tx,
  { tenantId }: TenantScope,
  { what, note }: { what: "note.created" | "note.changed"; note: NoteRow },
  by: By,
): Promise<void> {
  const of = { tenantId, conversationId: note.conversationId };
  const data = { noteId: note.id, mentions: note.mentions, by: eventActor(by.actor) };
  await appendActivity(tx, [inboxEvent(what, of, data)], by.nowMs);
}

function shown({ authorKind, authorId, authorName, createdAtMs, editedAtMs, ...note }: NoteRow): Note {
  // A key's id is no person's.
  const author = { id: authorKind === "person" ? authorId : null, name: authorName };
  return { ...note, author, createdAt: time(createdAtMs), editedAt: time(editedAtMs) };
}
