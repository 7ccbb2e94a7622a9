/** Conversations as they are read: canonical rows only, latest message first; of `closing_soon` what ends first. */
import type { Conversation, ConversationFilter, Window } from "../../contract/conversations.ts";
import type { ViewCounts } from "../../contract/inbox.ts";
import type { ListQuery, Page } from "../../contract/json.ts";
import { decodeCursor, encodeCursor, lastId } from "../../core/cursor.ts";
import { isUuid, nilId } from "../../core/ids.ts";
import { invalidRequest, notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf, type Value } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { conversationColumns, conversationJoins, conversationRow, shownConversation } from "./conversation-rows.ts";
import {
  selectAll,
  selectAssigned,
  selectByAddress,
  selectClosing,
  selectCounts,
  selectUnassigned,
  selectWaiting,
} from "./conversation-views.ts";

const selectById = statement(
  "conversation_list.by_id",
  `select ${conversationColumns} from whatsapp_conversations asked
   join whatsapp_conversations c on c.tenant_id = asked.tenant_id and c.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end ${conversationJoins}
   where asked.tenant_id = $1 and asked.id = $2`,
  conversationRow,
);

export type ConversationQuery = ListQuery & ConversationFilter;
type Row = RowOf<typeof conversationRow>;

/** `personId`: whose conversations `mine` are; null for whoever is no person. */
export async function listConversations(
  app: Db,
  scope: TenantScope,
  query: ConversationQuery,
  personId: string | null = null,
): Promise<Page<Conversation>> {
  const limit = query.limit ?? limits.listLimitDefault;
  const isClosing = query.view === "closing_soon";
  const read = isClosing ? readClosing : query.waId !== undefined || query.userId !== undefined ? readByAddress : readView;
  const rows = await tenantTransaction(app, scope, (tx) => read(tx, { tenantId: scope.tenantId, query, limit, personId }));
  const last = rows.at(-1);
  const key = last === undefined || rows.length < limit ? null : isClosing ? closingKey(last) : listKey(last);
  return { data: rows.map(shownConversation), next: key === null ? null : encodeCursor(key) };
}

/** Each view's size, up to `limits.viewCountMax`. */
export async function countViews(
  app: Db,
  scope: TenantScope,
  wanted: { personId: string | null; closingWithinHours?: number | undefined },
): Promise<ViewCounts> {
  const hours = wanted.closingWithinHours ?? limits.closingWithinHoursDefault;
  const values = [scope.tenantId, wanted.personId, hours, limits.viewCountMax];
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectCounts, values));
  if (row === undefined) throw new Error("A statement of counts answered no row");
  const { closingSoon, ...counts } = row;
  return { ...counts, closing_soon: closingSoon, countMax: limits.viewCountMax };
}

/** The id of a merged conversation gives the one that it became. */
export async function readConversation(app: Db, scope: TenantScope, id: string): Promise<Conversation> {
  const [row] = await tenantTransaction(app, scope, (tx) => tx.query(selectById, [scope.tenantId, id]));
  if (row === undefined) throw notFound();
  return shownConversation(row);
}

export async function readWindow(app: Db, scope: TenantScope, id: string): Promise<Window> {
  return (await readConversation(app, scope, id)).window;
}

type Wanted = { tenantId: string; query: ConversationQuery; limit: number; personId: string | null };

function readView(tx: Tx, { tenantId, query, limit, personId }: Wanted): Promise<Row[]> {
  const { view } = query;
  const values = [tenantId, ...keyAfter(query.after), limit, ...narrowing(query)];
  if (view === "waiting") return tx.query(selectWaiting, [...values, assigneeOf(query)]);
  const state = query.state ?? (view === undefined ? null : "open");
  const assigneeId = view === "mine" ? mineOf(personId) : assigneeOf(query);
  if (view === "unassigned") return tx.query(selectUnassigned, [...values, state]);
  return assigneeId === null ? tx.query(selectAll, [...values, state]) : tx.query(selectAssigned, [...values, state, assigneeId]);
}

function readClosing(tx: Tx, { tenantId, query, limit }: Wanted): Promise<Row[]> {
  const after = query.after === undefined ? ["-infinity", nilId] : closingKeyOf(query.after);
  const hours = query.closingWithinHours ?? limits.closingWithinHoursDefault;
  return tx.query(selectClosing, [tenantId, ...after, assigneeOf(query), limit, ...narrowing(query), hours]);
}

function readByAddress(tx: Tx, { tenantId, query, limit }: Wanted): Promise<Row[]> {
  const { waId = null, userId = null, connectionId = null, state = null } = query;
  if (query.view !== undefined || query.labelId !== undefined || query.unread !== undefined || query.assigneeId !== undefined) {
    throw invalidRequest("waId and userId go with connectionId and state only");
  }
  return tx.query(selectByAddress, [tenantId, waId, userId, ...keyAfter(query.after), connectionId, state, limit]);
}

function narrowing(query: ConversationQuery): Value[] {
  if ((query.view === "waiting" || query.view === "closing_soon") && (query.state ?? "open") !== "open") {
    throw invalidRequest("Whoever waits for an answer has an open conversation: leave `state` out");
  }
  return [query.connectionId ?? null, query.unread ?? null, query.labelId ?? null];
}

function assigneeOf(query: ConversationQuery): string | null {
  return query.assigneeId ?? null;
}

function mineOf(personId: string | null): string {
  if (personId === null) throw invalidRequest("`view=mine` is for people; a key asks with assigneeId");
  return personId;
}

function listKey(row: Row): (string | number | null)[] {
  return [row.lastMessageHour, row.lastMessageAtMs, row.id];
}

/** What waits has a word of the customer. */
function closingKey(row: Row): (string | number | null)[] {
  return [row.lastCustomerMessageAtMs ?? 0, row.id];
}

/** Without a cursor: above every key. */
function keyAfter(after: string | undefined): [number, string, string] {
  if (after === undefined) return [Number.MAX_SAFE_INTEGER, "infinity", lastId];
  const [hour, atMs, id] = decodeCursor(after, ["number", "number?", "text"]);
  if (!isUuid(id) || Math.abs(atMs ?? 0) > 8.64e15) throw invalidRequest("`after` is not a cursor of this list");
  return [hour, atMs === null ? "-infinity" : time(atMs), id];
}

function closingKeyOf(after: string): [string, string] {
  const [atMs, id] = decodeCursor(after, ["number", "text"]);
  if (!isUuid(id) || Math.abs(atMs) > 8.64e15) throw invalidRequest("`after` is not a cursor of this list");
  return [time(atMs), id];
}
