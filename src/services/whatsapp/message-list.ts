/** Messages as they are read. Reactions, edits and revokes are not listed: they show on the message that they name. */
import type { ListQuery, Page } from "../../contract/json.ts";
import type { Message, MessageError, MessageFilter, ThreadPage, ThreadQuery } from "../../contract/messages.ts";
import { decodeCursor, decodeIdCursor, encodeCursor, lastId, nextIdCursor } from "../../core/cursor.ts";
import { isUuid } from "../../core/ids.ts";
import { invalidRequest, notFound } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time, type RowOf } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { errorFact } from "./graph/errors.ts";
import { showMedia } from "./media/media.ts";
import { resolveReferences, type Resolved } from "./message-references.ts";

const messageRow = {
  id: "uuid",
  conversationId: "uuid",
  connectionId: "uuid",
  waMessageId: "text?",
  direction: "text",
  origin: "text",
  type: "text",
  role: "text",
  content: "json",
  status: "text",
  waTimestampMs: "time",
  senderPhone: "text?",
  senderUserId: "text?",
  sentAtMs: "time?",
  deliveredAtMs: "time?",
  readAtMs: "time?",
  playedAtMs: "time?",
  failedAtMs: "time?",
  errorCode: "int?",
  errorTitle: "text?",
  errorDetails: "text?",
  pricing: "json?",
  targetWaMessageId: "text?",
  isStandby: "bool",
  callback: "text?",
  resendOf: "uuid?",
  createdAtMs: "time",
  locale: "text?",
} as const;
type MessageRow = RowOf<typeof messageRow>;

/** The conversation shown is the canonical one. */
const columns = `m.id, coalesce(v.merged_into_id, v.id) as "conversationId", m.connection_id as "connectionId", m.wa_message_id as "waMessageId",
  m.direction, m.origin, m.type, m.role, m.content, m.status, m.wa_timestamp as "waTimestampMs",
  m.sender_phone as "senderPhone", m.sender_user_id as "senderUserId", m.sent_at as "sentAtMs", m.delivered_at as "deliveredAtMs",
  m.read_at as "readAtMs", m.played_at as "playedAtMs", m.failed_at as "failedAtMs", m.error_code as "errorCode", m.error_title as "errorTitle",
  m.error_details as "errorDetails", m.pricing, m.target_wa_message_id as "targetWaMessageId", m.is_standby as "isStandby", m.callback, m.resend_of as "resendOf",
  m.created_at as "createdAtMs", (select t.locale from tenants t where t.id = m.tenant_id) as locale`;
const conversationJoin = `join whatsapp_conversations v on v.tenant_id = m.tenant_id and v.id = m.conversation_id`;
const isListed = `role in ('message', 'system', 'call')`;

const selectById = statement(
  "message_list.by_id",
  `select ${columns} from whatsapp_messages m ${conversationJoin} where m.tenant_id = $1 and m.id = $2`,
  messageRow,
);
const selectPage = statement(
  "message_list.page",
  `select ${columns} from (
     select * from whatsapp_messages where tenant_id = $1 and id < $2::uuid and ${isListed} and ($4::uuid is null or connection_id = $4)
     order by id desc limit $3
   ) m ${conversationJoin} order by m.id desc`,
  messageRow,
);
const selectByWaMessageId = statement(
  "message_list.by_wa_message_id",
  `select ${columns} from whatsapp_connections n
   join whatsapp_messages m on m.tenant_id = n.tenant_id and m.connection_id = n.id and m.wa_message_id = $2::text and m.${isListed}
   ${conversationJoin}
   where n.tenant_id = $1 and m.id < $3::uuid and ($5::uuid is null or n.id = $5) order by m.id desc limit $4`,
  messageRow,
);
const selectOfConnection = statement(
  "message_list.of_connection",
  `select id from whatsapp_conversations where tenant_id = $1 and id = $2 and connection_id = $3`,
  { id: "uuid" },
);
const selectCanonical = statement(
  "message_list.canonical",
  `select coalesce(merged_into_id, id) as id from whatsapp_conversations where tenant_id = $1 and id = $2`,
  { id: "uuid" },
);
/** The threads of the conversation and of those merged into it, each read by its index no further than one page. */
const thread = (compare: "<" | ">" | "<=", direction: "asc" | "desc"): string => `select ${columns} from (
     select t.* from (
       select $2::uuid as id
       union all select id from whatsapp_conversations where tenant_id = $1 and merged_into_id = $2
     ) c cross join lateral (
       select * from whatsapp_messages x
       where x.tenant_id = $1 and x.conversation_id = c.id and x.${isListed} and (x.wa_timestamp, x.id) ${compare} ($3::timestamptz, $4::uuid)
       order by x.wa_timestamp ${direction}, x.id ${direction} limit $5
     ) t order by t.wa_timestamp ${direction}, t.id ${direction} limit $5
   ) m ${conversationJoin} order by m.wa_timestamp desc, m.id desc`;
const selectThread = statement("message_list.thread", thread("<", "desc"), messageRow);
const selectNewer = statement("message_list.newer", thread(">", "asc"), messageRow);
const selectFrom = statement("message_list.from", thread("<=", "desc"), messageRow);
const selectPlace = statement(
  "message_list.place",
  `select m.wa_timestamp as "atMs", m.id from whatsapp_messages m ${conversationJoin}
   where m.tenant_id = $1 and m.id = $2 and case when v.merged_into_id is null then v.id else v.merged_into_id end = $3`,
  { atMs: "time", id: "uuid" },
);

/** Newest first: by our ids, or within one conversation by Meta's time. */
export async function listMessages(app: Db, scope: TenantScope, query: ListQuery & MessageFilter): Promise<Page<Message>> {
  const { conversationId, waMessageId } = query;
  const connectionId = query.connectionId?.toLowerCase() ?? null;
  if (conversationId !== undefined) {
    if (waMessageId !== undefined) throw invalidRequest("waMessageId and conversationId exclude each other");
    if (connectionId !== null) await assertOfConnection(app, scope, conversationId.toLowerCase(), connectionId);
    return listConversationMessages(app, scope, conversationId.toLowerCase(), query);
  }
  const limit = query.limit ?? limits.listLimitDefault;
  const before = decodeIdCursor(query.after);
  return tenantTransaction(app, scope, async (tx) => {
    const rows = await (waMessageId === undefined
      ? tx.query(selectPage, [scope.tenantId, before, limit, connectionId])
      : tx.query(selectByWaMessageId, [scope.tenantId, waMessageId, before, limit, connectionId]));
    return { data: await shown(tx, scope, rows), next: nextIdCursor(rows, limit) };
  });
}

async function assertOfConnection(app: Db, scope: TenantScope, conversationId: string, connectionId: string): Promise<void> {
  const rows = await tenantTransaction(app, scope, (tx) => tx.query(selectOfConnection, [scope.tenantId, conversationId, connectionId]));
  if (rows.length === 0) throw notFound();
}

/**
 * A conversation's messages with those of the conversations merged into it, newest first: the latest, those `after` (older) or `before` (newer) a
 * page, or those `around` a message. Throws `not_found` without such a conversation, or such a message in it.
 */
export async function listConversationMessages(
  app: Db,
  scope: TenantScope,
  conversationId: string,
  query: ThreadQuery,
): Promise<ThreadPage> {
  const { after, before, around } = query;
  if ([after, before, around].filter((key) => key !== undefined).length > 1)
    throw invalidRequest("after, before and around exclude each other");
  const limit = query.limit ?? limits.listLimitDefault;
  return tenantTransaction(app, scope, async (tx) => {
    const [canonical] = await tx.query(selectCanonical, [scope.tenantId, conversationId]);
    if (canonical === undefined) throw notFound();
    const place = { tenantId: scope.tenantId, conversationId: canonical.id, limit };
    const { rows, isStart } =
      around !== undefined
        ? await rowsAround(tx, place, around.toLowerCase())
        : before === undefined
          ? await rowsBelow(tx, place, threadKeyAfter(after))
          : { rows: await tx.query(selectNewer, [scope.tenantId, canonical.id, ...threadKeyAfter(before), limit]), isStart: false };
    const [newest, oldest] = [rows[0], rows.at(-1)];
    const next = oldest === undefined || isStart ? null : encodeCursor([oldest.waTimestampMs, oldest.id]);
    const previous = newest === undefined ? (before ?? null) : encodeCursor([newest.waTimestampMs, newest.id]);
    return { data: await shown(tx, scope, rows), next, previous };
  });
}

type ThreadPlace = { tenantId: string; conversationId: string; limit: number };
/** `isStart`: nothing is older. */
type ThreadRows = { rows: MessageRow[]; isStart: boolean };

async function rowsBelow(tx: Tx, { tenantId, conversationId, limit }: ThreadPlace, key: readonly [string, string]): Promise<ThreadRows> {
  const rows = await tx.query(selectThread, [tenantId, conversationId, ...key, limit]);
  return { rows, isStart: rows.length < limit };
}

/** Half of them from the message downwards, and as many newer ones. */
async function rowsAround(tx: Tx, { tenantId, conversationId, limit }: ThreadPlace, messageId: string): Promise<ThreadRows> {
  const [anchor] = await tx.query(selectPlace, [tenantId, messageId, conversationId]);
  if (anchor === undefined) throw notFound();
  const key = [time(anchor.atMs), anchor.id] as const;
  const below = Math.ceil(limit / 2);
  const older = await tx.query(selectFrom, [tenantId, conversationId, ...key, below]);
  const newer = limit === below ? [] : await tx.query(selectNewer, [tenantId, conversationId, ...key, limit - below]);
  return { rows: [...newer, ...older], isStart: older.length < below };
}

/** Any message, also one that lists leave out. */
export async function getMessage(app: Db, scope: TenantScope, id: string): Promise<Message> {
  return tenantTransaction(app, scope, async (tx) => {
    const [message] = await shown(tx, scope, await tx.query(selectById, [scope.tenantId, id]));
    if (message === undefined) throw notFound();
    return message;
  });
}

function threadKeyAfter(after: string | undefined): [string, string] {
  if (after === undefined) return ["infinity", lastId];
  const [atMs, id] = decodeCursor(after, ["number", "text"]);
  if (!isUuid(id) || Math.abs(atMs) > 8.64e15) throw invalidRequest("`after` is not a cursor of this list");
  return [time(atMs), id];
}

async function shown(tx: Tx, scope: TenantScope, rows: readonly MessageRow[]): Promise<Message[]> {
  const resolved = await resolveReferences(tx, scope.tenantId, rows);
  const contents = await showMedia(
    tx,
    scope,
    resolved.map(({ content }) => content),
  );
  return rows.flatMap((row, index) => {
    const references = resolved[index];
    return references === undefined ? [] : [shownMessage(row, { ...references, content: contents[index] })];
  });
}

function shownMessage(row: MessageRow, resolved: Resolved): Message {
  return {
    id: row.id,
    conversationId: row.conversationId,
    connectionId: row.connectionId,
    waMessageId: row.waMessageId,
    // The columns' CHECKs allow no other words.
    direction: row.direction as Message["direction"],
    origin: row.origin as Message["origin"],
    type: row.type,
    content: resolved.content,
    status: row.status as Message["status"],
    waTimestamp: time(row.waTimestampMs),
    sentAt: time(row.sentAtMs),
    deliveredAt: time(row.deliveredAtMs),
    readAt: time(row.readAtMs),
    playedAt: time(row.playedAtMs),
    failedAt: time(row.failedAtMs),
    error: shownError({ code: row.errorCode, title: row.errorTitle, details: row.errorDetails }, row.locale),
    replyTo: resolved.replyTo,
    reactions: resolved.reactions,
    editedAt: resolved.editedAt,
    revokedAt: resolved.revokedAt,
    from: row.direction === "inbound" ? { waId: row.senderPhone, userId: row.senderUserId } : null,
    isStandby: row.isStandby,
    pricing: row.pricing,
    callback: row.callback,
    resendOf: row.resendOf,
    createdAt: time(row.createdAtMs),
  };
}

/** Whose doing it was, and what to do: in the tenant's language (English where there is no sentence in it), and in each of the three. */
export function shownError(
  error: { code: number | null; title: string | null; details: string | null },
  locale: string | null,
): MessageError | null {
  if (error.code === null) {
    const isNothing = error.title === null && error.details === null;
    return isNothing ? null : { ...error, blame: null, sentence: null, action: null, actionSentence: null, sentences: null };
  }
  const { blame, sentence, action, actionSentence } = errorFact(error.code);
  const language = locale?.split(/[-_]/)[0]?.toLowerCase();
  const shownIn = language === "he" || language === "ar" ? language : "en";
  const sentences = { what: sentence, action: actionSentence };
  return { ...error, blame, sentence: sentence[shownIn], action, actionSentence: actionSentence[shownIn], sentences };
}
