/** An inbox that has been worked in for years: 10,000 conversations, one of them with 50,000 messages. Made by SQL in sets. */
import type { Pool } from "pg";
import { createRandom } from "../src/sandbox/random.ts";
import { arabic, english, hebrew, sentence } from "./texts.ts";

export const conversationCount = 10_000;
export const bigThreadMessages = 50_000;
/** The newest conversations have a thread worth reading; the others a few words. */
const longThreads = 40;
const textCount = 512;

/** The number of a conversation that is `n` places below the top: the newest comes first. */
const firstNames = [
  "נועה",
  "Yossi",
  "דניאל",
  "Maya",
  "אורי",
  "محمد",
  "תמר",
  "فاطمة",
  "רוני",
  "Lior",
  "أحمد",
  "שירה",
  "Dana",
  "יעל",
  "ليلى",
  "עומר",
];
const lastNames = ["לוי", "Cohen", "מזרחי", "حداد", "ביטון", "Katz", "פרידמן", "خوري", "אברהם", "Peretz", "דהן", "منصور", "אזולאי"];

/** What the demo tenant's inbox holds, and which conversation is the big one: the second from the top. */
export async function seedInbox(
  sql: Pool,
  mediaId: string | null,
): Promise<{ bigId: string; middleMessageId: string; words: readonly string[] }> {
  const random = createRandom(11);
  const texts = Array.from({ length: textCount }, (_, index) =>
    sentence(random, [hebrew, english, arabic, hebrew][index % 4] ?? hebrew, 4 + (index % 7) ** 2 * 4),
  );
  await sql.query("create schema bench; create unlogged table bench.texts (n int primary key, body text not null)");
  await sql.query("insert into bench.texts select ordinality - 1, body from unnest($1::text[]) with ordinality as u (body)", [texts]);
  await sql.query(
    `create unlogged table bench.people as
     select n, uuidv7() as contact_id, uuidv7() as conversation_id, t.id as tenant_id, w.id as connection_id,
       ($1::text[])[1 + n % $3] || ' ' || ($2::text[])[1 + (n / $3) % $4] as name, date_trunc('second', now()) - make_interval(secs => n * 60 + (n % 7)) as last_at
     from generate_series(0, $5::int - 1) n, tenants t join whatsapp_connections w on w.tenant_id = t.id where t.slug = 'demo'`,
    [firstNames, lastNames, firstNames.length, lastNames.length, conversationCount],
  );
  await sql.query(`
    insert into whatsapp_contacts (tenant_id, id, profile_name, profile_at, profile_wa_message_id, created_at)
      select tenant_id, contact_id, name, last_at, '', last_at - interval '90 days' from bench.people;
    insert into whatsapp_contact_addresses (tenant_id, kind, scope, value, contact_id, from_at)
      select tenant_id, 'phone', '', '9725' || lpad((10000000 + n)::text, 8, '0'), contact_id, last_at - interval '90 days' from bench.people;
    insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at)
      select tenant_id, conversation_id, connection_id, contact_id, last_at - interval '90 days' from bench.people`);
  await seedMessages(sql, mediaId);
  await sql.query(`
    update whatsapp_conversations c set
      last_message_id = l.id, last_message_at = l.wa_timestamp, last_message_wa_message_id = l.wa_message_id,
      last_message_hour = floor(extract(epoch from l.wa_timestamp) / 3600), inbound_count = m.inbound, outbound_count = m.outbound,
      last_customer_message_at = m.inbound_at, last_answer_at = m.outbound_at, unread_count = case when l.direction = 'inbound' then least(m.inbound, 1 + p.n % 4) else 0 end
    from bench.people p
    cross join lateral (select * from whatsapp_messages x where x.tenant_id = p.tenant_id and x.conversation_id = p.conversation_id order by x.wa_timestamp desc, x.id desc limit 1) l
    cross join lateral (
      select count(*) filter (where direction = 'inbound') as inbound, count(*) filter (where direction = 'outbound') as outbound,
        max(wa_timestamp) filter (where direction = 'inbound') as inbound_at, max(wa_timestamp) filter (where direction = 'outbound') as outbound_at
      from whatsapp_messages x where x.tenant_id = p.tenant_id and x.conversation_id = p.conversation_id) m
    where c.tenant_id = p.tenant_id and c.id = p.conversation_id;
    update follower_cursors set fill_before_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff', fill_contacts_before_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' where follower = 'search'`);
  await sql.query("vacuum analyze");
  const { rows } = await sql.query<{ bigId: string; middleMessageId: string }>(
    `select conversation_id as "bigId", (select id from whatsapp_messages m where m.tenant_id = p.tenant_id and m.conversation_id = p.conversation_id
       and m.type = 'text' order by wa_timestamp, id offset $1 limit 1) as "middleMessageId" from bench.people p where n = 1`,
    [Math.floor(bigThreadMessages / 3)],
  );
  const [found] = rows;
  if (found === undefined) throw new Error("There is no demo tenant");
  return { ...found, words: [...hebrew.slice(4, 9), ...english.slice(4, 9), ...arabic.slice(4, 7), "לוי", "Katz", "حداد"] };
}

/** Runs of a few on each side, over weeks; of every kind that shows in a bubble of its own. */
async function seedMessages(sql: Pool, mediaId: string | null): Promise<void> {
  await sql.query(
    `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, sender_phone,
       sent_at, delivered_at, read_at, created_at)
     select p.tenant_id, uuidv7(m.at - now()), p.connection_id, p.conversation_id, 'wamid.' || left(encode(sha384((p.n || ':' || m.i)::bytea), 'base64'), 54),
       case when is_out then 'outbound' else 'inbound' end, case when is_out then 'inbox' else 'customer' end, kind.name, 'message',
       jsonb_build_object('v', 1, 'kind', kind.name) || case kind.name
         when 'text' then jsonb_build_object('body', t.body)
         when 'image' then case when $3::text is null or not is_out then jsonb_build_object('mediaId', 'gone-' || m.i, 'mimeType', 'image/jpeg', 'sha256', null, 'caption', left(t.body, 60))
           else jsonb_build_object('media', jsonb_build_object('mediaId', $3::text), 'mediaId', $3::text, 'mimeType', null, 'sha256', null, 'caption', left(t.body, 60)) end
         when 'audio' then jsonb_build_object('mediaId', 'gone-' || m.i, 'mimeType', 'audio/ogg', 'sha256', null, 'voice', true)
         when 'document' then jsonb_build_object('mediaId', 'gone-' || m.i, 'mimeType', 'application/pdf', 'sha256', null, 'filename', 'חשבונית ' || m.i || '.pdf')
         when 'location' then jsonb_build_object('latitude', 32.08, 'longitude', 34.78, 'name', 'המשרד', 'address', 'רחוב הרצל 1, תל אביב', 'url', null)
         when 'contacts' then jsonb_build_object('contacts', jsonb_build_array(jsonb_build_object('name', p.name, 'phones', jsonb_build_array(jsonb_build_object('phone', '+972501234567', 'waId', '972501234567', 'type', 'CELL')), 'emails', '[]'::jsonb, 'org', null, 'origin', null)))
         when 'button' then jsonb_build_object('text', left(t.body, 18), 'payload', 'x')
         else '{}'::jsonb end,
       case when is_out then 'read' else 'received' end, m.at, case when is_out then null else '9725' || lpad((10000000 + p.n)::text, 8, '0') end,
       case when is_out then m.at + interval '1 second' end, case when is_out then m.at + interval '2 seconds' end, case when is_out then m.at + interval '60 seconds' end, m.at
     from bench.people p
     cross join lateral (
       select i, p.last_at - make_interval(secs => i * case when p.n = 1 then 211 else 397 end) as at, (i / 3) % 2 = 1 as is_out, (i * 31 + p.n * 7) % 40 as dice
       from generate_series(0, case when p.n = 1 then $1::int - 1 when p.n < $2::int then 59 else p.n % 3 end) i
     ) m
     cross join lateral (select case m.dice when 1 then 'image' when 2 then 'image' when 3 then 'audio' when 4 then 'document' when 5 then 'location' when 6 then 'contacts' when 7 then 'button' else 'text' end as name) kind
     join bench.texts t on t.n = (m.i * 37 + p.n * 11) % ${textCount}`,
    [bigThreadMessages, longThreads, mediaId],
  );
}
