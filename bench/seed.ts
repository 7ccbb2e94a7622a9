/** Rows that must be there before a run, made by SQL in sets. Contacts and conversations come from the introduction, through the program. */
import type { Pool, PoolClient } from "pg";
import type { Peer } from "./raw-limit.ts";
import { contactCount, customers, phoneNumberId, tenantCount, tenantOfBlock, wabaId } from "./world.ts";

const chunkRows = 200_000;

/** Which conversation belongs to which customer of the world. */
export async function notePeers(sql: Pool): Promise<void> {
  await sql.query(`
    create schema if not exists bench;
    drop table if exists bench.peers;
    create unlogged table bench.peers as
      select substr(a.value, 5)::int as contact, c.tenant_id, c.connection_id, c.id as conversation_id
      from whatsapp_contact_addresses a join whatsapp_conversations c on c.tenant_id = a.tenant_id and c.contact_id = a.contact_id
      where a.kind = 'phone' and a.value ~ '^9725[0-9]{8}$';
    alter table bench.peers add primary key (contact);
    analyze bench.peers`);
  await noteCustomers(sql);
  const { rows } = await sql.query<{ count: number }>("select count(*)::int as count from bench.peers");
  if (rows[0]?.count !== contactCount) throw new Error(`${rows[0]?.count} customers are known instead of ${contactCount}`);
}

async function noteCustomers(sql: Pool): Promise<void> {
  await sql.query("create unlogged table bench.customers (tenant int primary key, first int not null, count int not null)");
  await sql.query("insert into bench.customers select * from unnest($1::int[], $2::int[], $3::int[]) on conflict do nothing", [
    customers.map((_, tenant) => tenant),
    customers.map(({ first }) => first),
    customers.map(({ count }) => count),
  ]);
}

/** The whole world by SQL, for the raw limit: the same tenants, numbers, customers and conversations in a migrated database. */
export async function seedWorld(sql: Pool): Promise<Peer[]> {
  await sql.query("create schema bench");
  await noteCustomers(sql);
  const tenants = Array.from({ length: tenantCount }, (_, tenant) => tenant);
  await sql.query(
    "create unlogged table bench.ids as select tenant, uuidv7() as tenant_id, uuidv7() as account_id, uuidv7() as connection_id, waba_id, phone_number_id from unnest($1::int[], $2::text[], $3::text[]) as u (tenant, waba_id, phone_number_id)",
    [tenants, tenants.map(wabaId), tenants.map(phoneNumberId)],
  );
  await sql.query(`
    insert into tenants (id, name, slug) select tenant_id, 'Business ' || tenant, 'business-' || tenant from bench.ids;
    insert into whatsapp_accounts (tenant_id, id, waba_id) select tenant_id, account_id, waba_id from bench.ids;
    insert into whatsapp_connections (tenant_id, id, account_id, phone_number_id, state) select tenant_id, connection_id, account_id, phone_number_id, 'connected' from bench.ids;
    create unlogged table bench.peers as
      select n as contact, tenant_id, connection_id, uuidv7() as conversation_id, uuidv7() as contact_id
      from bench.customers c join bench.ids using (tenant) cross join lateral generate_series(c.first, c.first + c.count - 1) as n;
    alter table bench.peers add primary key (contact);
    insert into whatsapp_contacts (tenant_id, id, profile_name, profile_at, profile_wa_message_id, created_at) select tenant_id, contact_id, 'Somebody', now(), '', now() from bench.peers;
    insert into whatsapp_conversations (tenant_id, id, connection_id, contact_id, created_at) select tenant_id, conversation_id, connection_id, contact_id, now() from bench.peers`);
  await sql.query("vacuum analyze");
  const { rows } = await sql.query<Peer>(
    `select contact, tenant_id as "tenantId", connection_id as "connectionId", conversation_id as "conversationId", contact_id as "contactId" from bench.peers order by contact`,
  );
  return rows;
}

/** Messages that the business sent and Graph accepted, numbered from `first`; `waMessageId("out", n)` in `world.ts` makes the same ids. */
export async function seedOutbound(sql: Pool, range: { first: number; count: number; perBlock: number }): Promise<void> {
  for (let done = 0; done < range.count; done += chunkRows) {
    const first = range.first + done;
    const count = Math.min(chunkRows, range.count - done);
    const blocks = Array.from({ length: Math.ceil(count / range.perBlock) }, (_, index) => tenantOfBlock(first / range.perBlock + index));
    await withoutTriggers(sql, (client) =>
      client.query(
        `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
         select p.tenant_id, uuidv7(), p.connection_id, p.conversation_id, 'wamid.' || left(encode(sha384(('out:' || n)::bytea), 'base64'), 54),
           'outbound', 'api', 'text', 'message', '{"v": 1, "kind": "text", "text": "Your order is on its way and will arrive tomorrow between 10 and 12."}', 'accepted', now(), now()
         from generate_series($1::int, $2::int) as n
         join unnest($3::int[]) with ordinality as b (tenant, block) on b.block = (n - $1) / $4 + 1
         join bench.customers c using (tenant)
         join bench.peers p on p.contact = c.first + ((n::bigint * 7919) % c.count)`,
        [first, first + count - 1, blocks, range.perBlock],
      ),
    );
  }
}

/** Old messages of customers, with wamids as random as all others. */
export async function seedStored(sql: Pool, count: number, say: (line: string) => void): Promise<void> {
  for (let done = 0; done < count; done += chunkRows) {
    await withoutTriggers(sql, (client) =>
      client.query(
        `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, raw, status, wa_timestamp, sender_phone, created_at)
         select p.tenant_id, uuidv7(make_interval(secs => -86400 - (5000000 - n))), p.connection_id, p.conversation_id, 'wamid.' || left(encode(sha384(('old:' || n)::bytea), 'base64'), 54),
           'inbound', 'customer', 'text', 'message', jsonb_build_object('v', 1, 'kind', 'text', 'text', repeat(md5(n::text), 4)),
           repeat(md5(n::text), 9), 'received', now() - make_interval(secs => 86400 + (5000000 - n)), '9725' || lpad(p.contact::text, 8, '0'), now() - interval '1 day'
         from generate_series($1::int, $2::int) as n join bench.peers p on p.contact = (n::bigint * 7919) % $3`,
        [done, Math.min(done + chunkRows, count) - 1, contactCount],
      ),
    );
    if ((done / chunkRows) % 5 === 0) say(`seeded ${done + chunkRows} of ${count} messages`);
  }
  await sql.query("vacuum analyze whatsapp_messages");
}

export async function settle(sql: Pool): Promise<void> {
  await sql.query("analyze whatsapp_messages");
  await sql.query("checkpoint");
}

/** The conversations are known to be there: checking each row's foreign key would take most of the time. */
async function withoutTriggers(sql: Pool, work: (client: PoolClient) => Promise<unknown>): Promise<void> {
  const client = await sql.connect();
  try {
    await client.query("set session_replication_role = replica");
    await work(client);
    await client.query("reset session_replication_role");
  } finally {
    client.release();
  }
}
