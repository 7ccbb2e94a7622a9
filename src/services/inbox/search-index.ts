/**
 * The index of the search: of each message the words that it shows now (edits and revokes applied, in whatever order they came), of each contact its
 * names and everything it is known by. Before each word stands the tenant's ordinal, so that no tenant's words lie among another's. Whoever
 * writes here holds the tenant's place as a follower; so does whoever erases (`services/privacy`).
 */
import { searchableText } from "../../core/search-content.ts";
import { phonePartDigitsMin, wordsOf } from "../../core/search-text.ts";
import { texts, times, uuids } from "../../db/arrays.ts";
import { statement } from "../../db/statement.ts";
import type { Tx } from "../../db/transaction.ts";

const latest = (role: "edit" | "revoke"): string => `
  left join lateral (
    select r.id, r.content from whatsapp_messages r
    where r.tenant_id = m.tenant_id and r.connection_id = m.connection_id and r.target_wa_message_id = m.wa_message_id
      and r.role = '${role}' and r.direction = m.direction
    order by r.wa_timestamp desc, r.wa_message_id desc limit 1
  ) ${role} on true`;
/** An edit or a revoke stands for the message that it names. */
const selectMessages = statement(
  "search_index.messages",
  `select m.tenant_id as "tenantId", m.id, m.conversation_id as "conversationId", m.wa_timestamp as "atMs",
     case when revoke.id is not null then null else coalesce(edit.content -> 'message', m.content) end as content
   from (
     select distinct case when r.role in ('edit', 'revoke') then target.tenant_id else r.tenant_id end as tenant_id,
       case when r.role in ('edit', 'revoke') then target.id else r.id end as id
     from unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id)
     join whatsapp_messages r on r.tenant_id = u.tenant_id and r.id = u.id
     left join whatsapp_messages target on r.role in ('edit', 'revoke') and target.tenant_id = r.tenant_id and target.connection_id = r.connection_id
       and target.wa_message_id = r.target_wa_message_id
   ) named
   join whatsapp_messages m on m.tenant_id = named.tenant_id and m.id = named.id and m.role = 'message' ${latest("edit")} ${latest("revoke")}
   order by m.tenant_id, m.id`,
  { tenantId: "uuid", id: "uuid", conversationId: "uuid", atMs: "time", content: "json?" },
);
/** Words come as one text for each message, parted by spaces: they hold none. */
const upsertMessages = statement(
  "search_index.upsert_messages",
  `insert into search_messages as s (tenant_id, message_id, conversation_id, at, words)
   select u.tenant_id, u.id, u.conversation_id, u.at, array_to_tsvector(string_to_array(u.words, ' '))
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[]) as u (tenant_id, id, conversation_id, at, words)
   where u.words <> ''
   on conflict (tenant_id, message_id) do update set conversation_id = excluded.conversation_id, at = excluded.at, words = excluded.words
     where (s.conversation_id, s.at, s.words) is distinct from (excluded.conversation_id, excluded.at, excluded.words)`,
  {},
);
const deleteMessages = statement(
  "search_index.delete_messages",
  `delete from search_messages s using unnest($1::uuid[], $2::uuid[]) as u (tenant_id, id) where s.tenant_id = u.tenant_id and s.message_id = u.id`,
  {},
);

/** Everybody who is one person with them is indexed anew, too: a merge moves names. */
const selectContacts = statement(
  "search_index.contacts",
  `select c.tenant_id as "tenantId", c.id, c.profile_name as "profileName", c.own_profile_name as "ownProfileName", c.username, c.own_username as "ownUsername",
     array(select a.value from whatsapp_contact_addresses a where a.tenant_id = c.tenant_id and a.contact_id = c.id and a.kind = 'phone') as phones,
     array(select a.value from whatsapp_contact_addresses a where a.tenant_id = c.tenant_id and a.contact_id = c.id and a.kind <> 'phone') as "userIds"
   from (
     select named.tenant_id, named.id from unnest($1::uuid[], $2::uuid[]) as named (tenant_id, id)
     union
     select v.tenant_id, v.contact_id from unnest($1::uuid[], $3::uuid[]) as k (tenant_id, conversation_id)
     join whatsapp_conversations v on v.tenant_id = k.tenant_id and v.id = k.conversation_id and v.contact_id is not null
   ) u
   join whatsapp_contacts c on c.tenant_id = u.tenant_id and c.id = u.id
   order by c.tenant_id, c.id`,
  {
    tenantId: "uuid",
    id: "uuid",
    profileName: "text?",
    ownProfileName: "text?",
    username: "text?",
    ownUsername: "text?",
    phones: "texts",
    userIds: "texts",
  },
);
const upsertContacts = statement(
  "search_index.upsert_contacts",
  `insert into search_contacts as s (tenant_id, contact_id, words)
   select u.tenant_id, u.id, array_to_tsvector(string_to_array(u.words, ' '))
   from unnest($1::uuid[], $2::uuid[], $3::text[]) as u (tenant_id, id, words)
   on conflict (tenant_id, contact_id) do update set words = excluded.words where s.words is distinct from excluded.words`,
  {},
);

export type MessageKey = { tenantId: string; messageId: string };
export type ContactKey = { tenantId: string; contactId: string | null; conversationId: string | null };
/** By tenant. */
export type Ordinals = ReadonlyMap<string, number>;

/** Indexes these messages, or what they edit or revoke, as they are now. Answers how many there were. */
export async function indexMessages(tx: Tx, keys: readonly MessageKey[], ordinals: Ordinals): Promise<number> {
  if (keys.length === 0) return 0;
  const rows = await tx.query(selectMessages, [uuids(keys.map(({ tenantId }) => tenantId)), uuids(keys.map(({ messageId }) => messageId))]);
  const found = rows.map((row) => ({ ...row, words: placed(wordsOf(searchableText(row.content)), ordinals.get(row.tenantId)) }));
  const [written, silent] = [found.filter(({ words }) => words !== ""), found.filter(({ words }) => words === "")];
  if (written.length > 0) {
    await tx.query(upsertMessages, [
      uuids(written.map(({ tenantId }) => tenantId)),
      uuids(written.map(({ id }) => id)),
      uuids(written.map(({ conversationId }) => conversationId)),
      times(written.map(({ atMs }) => atMs)),
      texts(written.map(({ words }) => words)),
    ]);
  }
  if (silent.length > 0) {
    await tx.query(deleteMessages, [uuids(silent.map(({ tenantId }) => tenantId)), uuids(silent.map(({ id }) => id))]);
  }
  return rows.length;
}

/** By their own ids, or as those of conversations. */
export async function indexContacts(tx: Tx, keys: readonly ContactKey[], ordinals: Ordinals): Promise<number> {
  if (keys.length === 0) return 0;
  const rows = await tx.query(selectContacts, [
    uuids(keys.map(({ tenantId }) => tenantId)),
    uuids(keys.map(({ contactId }) => contactId)),
    uuids(keys.map(({ conversationId }) => conversationId)),
  ]);
  if (rows.length === 0) return 0;
  await tx.query(upsertContacts, [
    uuids(rows.map(({ tenantId }) => tenantId)),
    uuids(rows.map(({ id }) => id)),
    texts(rows.map((row) => placed([...wordsOf(namesOf(row)), ...row.phones.flatMap(phoneParts)], ordinals.get(row.tenantId)))),
  ]);
  return rows.length;
}

type Named = {
  profileName: string | null;
  ownProfileName: string | null;
  username: string | null;
  ownUsername: string | null;
  phones: readonly string[];
  userIds: readonly string[];
};

function namesOf(row: Named): string {
  const names = [row.profileName, row.ownProfileName, row.username, row.ownUsername, ...row.phones, ...row.userIds];
  return names.filter((name) => name !== null).join("\n");
}

/** A number from each of its digits on: what begins one of these stands anywhere in the number. `#` is in no word. */
function phoneParts(phone: string): string[] {
  const parts: string[] = [];
  for (let from = 0; from + phonePartDigitsMin <= phone.length; from += 1) parts.push(`#${phone.slice(from)}`);
  return parts;
}

function placed(words: readonly string[], ordinal: number | undefined): string {
  if (ordinal === undefined) throw new Error("A tenant without a place in the index");
  return words.map((word) => `${ordinal}:${word}`).join(" ");
}
