/**
 * Rows of `whatsapp_messages`. Each wamid of a connection is one row by its unique key (I2). Should Meta send one wamid
 * with two contents, the same one is kept whatever came first (I3): a real type before `unsupported`, then the least (time, raw),
 * then what was not on standby, then the one that names more of its sender.
 */
import { bools, texts, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

export type MessageRow = {
  tenantId: string;
  id: string;
  connectionId: string;
  conversationId: string;
  waMessageId: string;
  direction: "inbound" | "outbound";
  origin: "customer" | "phone" | "api" | "inbox" | "automatic";
  type: string;
  role: string;
  content: string;
  raw: string;
  status: string;
  atMs: number;
  sentAtMs: number | null;
  senderPhone: string | null;
  senderUserId: string | null;
  targetWaMessageId: string | null;
  isStandby: boolean;
};

export type StoredMessage = {
  id: string;
  outcome: "stored" | "replaced" | "duplicate";
  /** Where the row lies: what replaces another stays in its place. */
  conversationId: string;
};

const rivalry = (row: "m" | "excluded"): string =>
  `(${row}.type = 'unsupported', ${row}.wa_timestamp, ${row}.raw, ${row}.is_standby, ${row}.sender_phone is null, ${row}.sender_user_id is null)`;

/** Answers only the rows that are not new, by their place in the arrays: to return each would cost as much as a small index. */
const insert = statement(
  "messages.insert",
  `with written as (
   insert into whatsapp_messages as m (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, raw,
     status, wa_timestamp, sent_at, sender_phone, sender_user_id, target_wa_message_id, is_standby, created_at)
   select u.tenant_id, u.id, u.connection_id, u.conversation_id, u.wa_message_id, u.direction, u.origin, u.type, u.role, u.content::jsonb, u.raw,
     u.status, u.at, u.sent_at, u.sender_phone, u.sender_user_id, u.target, u.is_standby, $19::timestamptz
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
     $12::text[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::bool[])
     as u (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, raw, status, at, sent_at,
       sender_phone, sender_user_id, target, is_standby)
   on conflict (tenant_id, connection_id, wa_message_id) do update set
     type = excluded.type, role = excluded.role, content = excluded.content, raw = excluded.raw, wa_timestamp = excluded.wa_timestamp,
     target_wa_message_id = excluded.target_wa_message_id, is_standby = excluded.is_standby, sent_at = excluded.sent_at,
     sender_phone = excluded.sender_phone, sender_user_id = excluded.sender_user_id
   where m.origin = excluded.origin and ${rivalry("excluded")} < ${rivalry("m")}
   returning m.id, m.connection_id, m.wa_message_id, old.id is null as is_new
   )
   select u.ordinal::int as ordinal, exists (
       select from written w where not w.is_new and w.connection_id = u.connection_id and w.wa_message_id = u.wa_message_id) as "isReplaced"
   from unnest($2::uuid[], $3::uuid[], $5::text[]) with ordinality as u (id, connection_id, wa_message_id, ordinal)
   where u.id not in (select id from written where is_new)`,
  { ordinal: "int", isReplaced: "bool" },
);

const selectIds = statement(
  "messages.ids",
  `select m.id, m.connection_id as "connectionId", m.wa_message_id as "waMessageId", m.conversation_id as "conversationId"
   from unnest($1::uuid[], $2::uuid[], $3::text[]) as u (tenant_id, connection_id, wa_message_id)
   join whatsapp_messages m using (tenant_id, connection_id, wa_message_id)`,
  { id: "uuid", connectionId: "uuid", waMessageId: "text", conversationId: "uuid" },
);

type Rival = Pick<MessageRow, "type" | "atMs" | "raw" | "isStandby" | "senderPhone" | "senderUserId">;

/** Whether `a` is kept before `b` when both carry one wamid. The statement above says the same in SQL. */
export function isKeptBefore(a: Rival, b: Rival): boolean {
  const aUnsupported = a.type === "unsupported";
  if (aUnsupported !== (b.type === "unsupported")) return !aUnsupported;
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  const order = Buffer.compare(Buffer.from(a.raw), Buffer.from(b.raw));
  if (order !== 0) return order < 0;
  if (a.isStandby !== b.isStandby) return !a.isStandby;
  if ((a.senderPhone === null) !== (b.senderPhone === null)) return a.senderPhone !== null;
  return a.senderUserId !== null && b.senderUserId === null;
}

/** Stores the rows, each wamid of a connection at most once in the call. Aligned with the input. */
export async function insertMessages(tx: Tx, rows: readonly MessageRow[], nowMs: number): Promise<StoredMessage[]> {
  if (rows.length === 0) return [];
  const order = rows.map((_, index) => index).toSorted((a, b) => compareKeys(rows[a], rows[b]));
  const sorted = order.flatMap((index) => rows[index] ?? []);
  const others = await tx.query(insert, [
    uuids(sorted.map((row) => row.tenantId)),
    uuids(sorted.map((row) => row.id)),
    uuids(sorted.map((row) => row.connectionId)),
    uuids(sorted.map((row) => row.conversationId)),
    texts(sorted.map((row) => row.waMessageId)),
    texts(sorted.map((row) => row.direction)),
    texts(sorted.map((row) => row.origin)),
    texts(sorted.map((row) => row.type)),
    texts(sorted.map((row) => row.role)),
    texts(sorted.map((row) => row.content)),
    texts(sorted.map((row) => row.raw)),
    texts(sorted.map((row) => row.status)),
    times(sorted.map((row) => row.atMs)),
    times(sorted.map((row) => row.sentAtMs)),
    texts(sorted.map((row) => row.senderPhone)),
    texts(sorted.map((row) => row.senderUserId)),
    texts(sorted.map((row) => row.targetWaMessageId)),
    bools(sorted.map((row) => row.isStandby)),
    new Date(nowMs).toISOString(),
  ]);
  const stored: StoredMessage[] = rows.map(({ id, conversationId }) => ({ id, outcome: "stored", conversationId }));
  if (others.length === 0) return stored;
  const known = await findMessageIds(
    tx,
    others.flatMap(({ ordinal }) => sorted[ordinal - 1] ?? []),
  );
  const byKey = new Map(known.map((row) => [`${row.connectionId} ${row.waMessageId}`, row]));
  for (const { ordinal, isReplaced } of others) {
    const index = order[ordinal - 1] ?? -1;
    const row = rows[index];
    const found = row === undefined ? undefined : byKey.get(`${row.connectionId} ${row.waMessageId}`);
    if (found === undefined) throw new Error("A message was neither stored nor found");
    stored[index] = { id: found.id, outcome: isReplaced ? "replaced" : "duplicate", conversationId: found.conversationId };
  }
  return stored;
}

function findMessageIds(tx: Tx, keys: readonly Pick<MessageRow, "tenantId" | "connectionId" | "waMessageId">[]) {
  return tx.query(selectIds, [
    uuids(keys.map((key) => key.tenantId)),
    uuids(keys.map((key) => key.connectionId)),
    texts(keys.map((key) => key.waMessageId)),
  ]);
}

function compareKeys(a: MessageRow | undefined, b: MessageRow | undefined): number {
  if (a === undefined || b === undefined) return 0;
  if (a.connectionId !== b.connectionId) return a.connectionId < b.connectionId ? -1 : 1;
  if (a.waMessageId !== b.waMessageId) return a.waMessageId < b.waMessageId ? -1 : 1;
  return 0;
}
