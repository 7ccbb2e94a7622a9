/**
 * Looking for contacts and messages. The functions of migration 0018 find ids by the index; everything else is read as the tenant, under its row-level
 * security, and shown only if it still has the words: what was revoked, edited or erased since is not found by what it was.
 */
import type { ContactSummary } from "../../contract/conversations.ts";
import type { ContactHit, MessageHit, SearchQuery, SearchResult } from "../../contract/search.ts";
import { decodeCursor, encodeCursor, lastId } from "../../core/cursor.ts";
import { isUuid } from "../../core/ids.ts";
import { invalidRequest } from "../../core/rejection.ts";
import type { TenantScope } from "../../core/scope.ts";
import { searchableText } from "../../core/search-content.ts";
import {
  hasAll,
  phonePartDigitsMin,
  rangesOf,
  readQuery,
  snippetOf,
  type Range,
  type Wanted,
  type WantedWord,
} from "../../core/search-text.ts";
import { uuids } from "../../db/arrays.ts";
import type { Db } from "../../db/pool.ts";
import { statement, time } from "../../db/statement.ts";
import { tenantTransaction, type Tx } from "../../db/transaction.ts";
import { limits } from "../../limits.ts";
import { contactColumns, contactJoins, contactSummary } from "../whatsapp/contacts/list.ts";

const findMessages = statement(
  "search.messages",
  `select message_id as id, at as "atMs" from search_messages_of($1, $2::text[], $3::uuid[], $4::timestamptz, $5::uuid, $6)`,
  { id: "uuid", atMs: "time" },
);
const latest = (role: "edit" | "revoke"): string => `
  left join lateral (
    select r.id, r.content from whatsapp_messages r
    where r.tenant_id = m.tenant_id and r.connection_id = m.connection_id and r.target_wa_message_id = m.wa_message_id
      and r.role = '${role}' and r.direction = m.direction
    order by r.wa_timestamp desc, r.wa_message_id desc limit 1
  ) ${role} on true`;
const readMessages = statement(
  "search.read_messages",
  `select m.id, m.connection_id as "connectionId", v.id as "conversationId", m.direction, m.type, m.wa_timestamp as "atMs",
     case when revoke.id is not null then null else coalesce(edit.content -> 'message', m.content) end as content,
     ${contactColumns}, v.group_id as "groupId", v.group_subject as "groupSubject"
   from unnest($2::uuid[]) as u (id)
   join whatsapp_messages m on m.tenant_id = $1 and m.id = u.id
   join whatsapp_conversations own on own.tenant_id = m.tenant_id and own.id = m.conversation_id
   join whatsapp_conversations v on v.tenant_id = own.tenant_id and v.id = case when own.merged_into_id is null then own.id else own.merged_into_id end
   left join whatsapp_contacts p on p.tenant_id = v.tenant_id and p.id = v.contact_id ${contactJoins}
   ${latest("edit")} ${latest("revoke")}`,
  {
    id: "uuid",
    connectionId: "uuid",
    conversationId: "uuid",
    direction: "text",
    type: "text",
    atMs: "time",
    content: "json?",
    contactId: "uuid?",
    waId: "text?",
    userId: "text?",
    username: "text?",
    profileName: "text?",
    groupId: "text?",
    groupSubject: "text?",
  },
);
/** Whoever was merged is shown as what they became, the latest to write or be written to first. */
const findContacts = statement(
  "search.contacts",
  `select ${contactColumns}, found."conversationId", found.last_message_at as "lastMessageAtMs"
   from (
     select canonical.id, latest.id as "conversationId", latest.last_message_at
     from (
       select distinct case when c.merged_into_id is null then c.id else c.merged_into_id end as id
       from search_contacts_of($1, $2::text[], $3) f join whatsapp_contacts c on c.tenant_id = $1 and c.id = f.contact_id
     ) canonical
     left join lateral (
       select v.id, v.last_message_at from whatsapp_conversations v where v.tenant_id = $1 and v.contact_id = canonical.id and v.merged_into_id is null
       order by v.last_message_at desc nulls last, v.id desc limit 1
     ) latest on true
     order by latest.last_message_at desc nulls last, canonical.id desc limit $4
   ) found
   join whatsapp_contacts p on p.tenant_id = $1 and p.id = found.id ${contactJoins}
   order by found.last_message_at desc nulls last, p.id desc`,
  {
    contactId: "uuid",
    waId: "text?",
    userId: "text?",
    username: "text?",
    profileName: "text?",
    conversationId: "uuid?",
    lastMessageAtMs: "time?",
  },
);
const selectFamily = statement(
  "search.family",
  `select f.id from whatsapp_conversations asked
   join whatsapp_conversations f on f.tenant_id = asked.tenant_id
     and (f.id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end
       or f.merged_into_id = case when asked.merged_into_id is null then asked.id else asked.merged_into_id end)
   where asked.tenant_id = $1 and asked.id = $2`,
  { id: "uuid" },
);
const selectProgress = statement(
  "search.progress",
  `select coalesce(fill_before_id, fill_contacts_before_id) is null as "isComplete" from follower_cursors where tenant_id = $1 and follower = 'search'`,
  { isComplete: "bool" },
);

/** Newest first. What was written less than about a second ago may not be found yet. */
export async function search(app: Db, scope: TenantScope, query: SearchQuery): Promise<SearchResult> {
  const wanted = readQuery(query.q);
  const limit = query.limit ?? limits.searchLimitDefault;
  const key = keyAfter(query.after);
  return tenantTransaction(app, scope, async (tx) => {
    const [progress] = await tx.query(selectProgress, [scope.tenantId]);
    const isComplete = progress?.isComplete ?? false;
    if (wanted === null) return { contacts: [], messages: [], next: null, isComplete };
    const wantsContacts = query.in !== "messages" && query.after === undefined && query.conversationId === undefined;
    const contacts = wantsContacts ? await contactHits(tx, scope, wanted, limit) : [];
    const found = query.in === "contacts" ? { messages: [], next: null } : await messageHits(tx, scope, { wanted, limit, key, query });
    return { contacts, ...found, isComplete };
  });
}

type Asked = { wanted: Wanted; limit: number; key: readonly [string, string]; query: SearchQuery };

/** Reads on while what was found shows the words no longer, within a bound: then the page is short, and has a next one. */
async function messageHits(
  tx: Tx,
  scope: TenantScope,
  { wanted, limit, key, query }: Asked,
): Promise<{ messages: MessageHit[]; next: string | null }> {
  const family = query.conversationId === undefined ? null : await familyOf(tx, scope, query.conversationId.toLowerCase());
  const words = wanted.words.map(({ word, isPrefix }) => (isPrefix ? `${word}*` : word));
  const messages: MessageHit[] = [];
  let place = key;
  for (let looked = 0; looked < limits.searchCandidatesMax; looked += limit) {
    const missing = limit - messages.length;
    const ids = await tx.query(findMessages, [scope.tenantId, words, family, ...place, missing]);
    const last = ids.at(-1);
    messages.push(...(await shownMessages(tx, scope, { ids: ids.map(({ id }) => id), wanted })));
    if (last === undefined || ids.length < missing) return { messages, next: null };
    place = [time(last.atMs), last.id];
    if (messages.length === limit) break;
  }
  return { messages, next: encodeCursor([Date.parse(place[0]), place[1]]) };
}

async function shownMessages(
  tx: Tx,
  scope: TenantScope,
  { ids, wanted }: { ids: readonly string[]; wanted: Wanted },
): Promise<MessageHit[]> {
  if (ids.length === 0) return [];
  const rows = new Map((await tx.query(readMessages, [scope.tenantId, uuids(ids)])).map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = rows.get(id);
    const text = row === undefined ? "" : searchableText(row.content);
    if (row === undefined || !hasAll(text, wanted.words)) return [];
    const { conversationId, connectionId, type, atMs, groupId, groupSubject } = row;
    return [
      {
        messageId: id,
        conversationId,
        connectionId,
        direction: row.direction === "inbound" ? "inbound" : "outbound",
        type,
        at: time(atMs),
        contact: contactSummary(row),
        group: groupId === null ? null : { id: groupId, subject: groupSubject },
        ...snippetOf(text, wanted.words),
      },
    ];
  });
}

async function contactHits(tx: Tx, scope: TenantScope, wanted: Wanted, limit: number): Promise<ContactHit[]> {
  const words = wanted.digits === null ? wanted.words.map(alternatives) : [`#${wanted.digits}*`];
  const rows = await tx.query(findContacts, [scope.tenantId, words, limits.searchContactsMax, limit]);
  return rows.flatMap(({ conversationId, lastMessageAtMs, ...row }) => {
    const contact = contactSummary(row);
    if (contact === null) return [];
    return [{ contact, conversationId, lastMessageAt: time(lastMessageAtMs), ...highlighted(contact, wanted) }];
  });
}

/** Digits beside other words may be a part of the number, too. */
function alternatives({ word, isPrefix }: WantedWord): string {
  const whole = isPrefix ? `${word}*` : word;
  const digits = /^[0-9]+$/.test(word) ? word.replace(/^0+/, "") : "";
  return digits.length < phonePartDigitsMin ? whole : `${whole} #${digits}*`;
}

/** Nothing is marked where somebody is found by what they were called or reached by before. */
function highlighted(contact: ContactSummary, { words, digits }: Wanted) {
  const at = digits === null ? -1 : (contact.waId ?? "").indexOf(digits);
  const waIdRanges: Range[] = at < 0 || digits === null ? rangesOf(contact.waId ?? "", words) : [[at, at + digits.length]];
  return { nameRanges: rangesOf(contact.profileName ?? "", words), waIdRanges, usernameRanges: rangesOf(contact.username ?? "", words) };
}

async function familyOf(tx: Tx, scope: TenantScope, conversationId: string): Promise<string[]> {
  return (await tx.query(selectFamily, [scope.tenantId, conversationId])).map(({ id }) => id);
}

function keyAfter(after: string | undefined): [string, string] {
  if (after === undefined) return ["infinity", lastId];
  const [atMs, id] = decodeCursor(after, ["number", "text"]);
  if (!isUuid(id) || Math.abs(atMs) > 8.64e15) throw invalidRequest("`after` is not a cursor of this list");
  return [time(atMs), id];
}
