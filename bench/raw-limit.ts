/**
 * The raw limit: what one connection can write of the same rows into the same tables and indexes, with neither HTTP nor JSON.
 * Fixed: arrays of about 1,000 updates (of the mix 250 messages and the 750 statuses of 250 others) are encoded before the clock runs; one
 * transaction each: journal, contacts, conversations, messages, status facts, projection, activity.
 */
import { bigints, byteas, ints, texts, times, uuids } from "../src/db/arrays.ts";
import { newId } from "../src/db/new-id.ts";
import { openPool, runStatement, type Server } from "../src/db/pool.ts";
import { statement, type Value } from "../src/db/statement.ts";
import { createRandom } from "../src/sandbox/random.ts";
import { plainBodies, shapes } from "./bodies.ts";
import { makeTexts, profileName } from "./texts.ts";
import { contactOfOutbound, phone, pickContact, tenantOfBlock, userId, waMessageId } from "./world.ts";

/** Ids of a customer in the database, numbered as in `world.ts`. */
export type Peer = { contact: number; tenantId: string; connectionId: string; conversationId: string; contactId: string };

const journal = statement(
  "bench.journal",
  `insert into webhook_deliveries (id, app_key, received_at, lanes, body)
   select id, '', now(), 1, body from unnest($1::uuid[], $2::bytea[]) as d (id, body)`,
  {},
);
const contacts = statement(
  "bench.contacts",
  `insert into whatsapp_contacts as c (tenant_id, id, profile_name, profile_at, profile_wa_message_id, created_at)
   select tenant_id, id, name, at, wa_message_id, now() from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[]) as u (tenant_id, id, name, at, wa_message_id)
   order by tenant_id, id
   on conflict (tenant_id, id) do update set profile_name = excluded.profile_name, profile_at = excluded.profile_at, profile_wa_message_id = excluded.profile_wa_message_id
   where (c.profile_name, c.profile_at) is distinct from (excluded.profile_name, excluded.profile_at)`,
  {},
);
const conversations = statement(
  "bench.conversations",
  `insert into whatsapp_conversations as c (tenant_id, id, connection_id, contact_id, last_customer_message_at, last_message_at, last_message_wa_message_id, inbound_count, unread_count, created_at)
   select tenant_id, id, connection_id, contact_id, at, at, wa_message_id, inbound, inbound, now()
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[], $7::int[]) as u (tenant_id, id, connection_id, contact_id, at, wa_message_id, inbound)
   order by tenant_id, id
   on conflict (tenant_id, id) do update set last_customer_message_at = greatest(c.last_customer_message_at, excluded.last_customer_message_at),
     last_message_at = excluded.last_message_at, last_message_wa_message_id = excluded.last_message_wa_message_id,
     inbound_count = c.inbound_count + excluded.inbound_count, unread_count = c.unread_count + excluded.unread_count`,
  {},
);
const messages = statement(
  "bench.messages",
  `insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, wa_message_id, direction, origin, type, role, content, raw, status, wa_timestamp, sender_phone, sender_user_id, created_at)
   select tenant_id, id, connection_id, conversation_id, wa_message_id, 'inbound', 'customer', 'text', 'message', content::jsonb, raw, 'received', at, phone, user_id, now()
   from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::text[])
     as u (tenant_id, id, connection_id, conversation_id, wa_message_id, content, raw, at, phone, user_id)
   on conflict (tenant_id, connection_id, wa_message_id) do nothing`,
  {},
);
const facts = statement(
  "bench.facts",
  `insert into whatsapp_message_statuses (tenant_id, connection_id, wa_message_id, status, participant, at, created_at)
   select tenant_id, connection_id, wa_message_id, status, '', at, now()
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) as f (tenant_id, connection_id, wa_message_id, status, at)
   on conflict do nothing`,
  {},
);
const projection = statement(
  "bench.projection",
  `update whatsapp_messages m set status = 'read', sent_at = f.sent_at, delivered_at = f.delivered_at, read_at = f.read_at
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[]) as f (tenant_id, connection_id, wa_message_id, sent_at, delivered_at, read_at)
   where m.tenant_id = f.tenant_id and m.connection_id = f.connection_id and m.wa_message_id = f.wa_message_id`,
  {},
);
const activity = statement(
  "bench.activity",
  `with counted as (
     insert into activity_counters as c (tenant_id, seq) select tenant_id, count(*) from unnest($1::uuid[]) as u (tenant_id) group by 1 order by 1
     on conflict (tenant_id) do update set seq = c.seq + excluded.seq returning tenant_id, seq
   )
   insert into activity_events (tenant_id, seq, type, conversation_id, message_id, data, created_at)
   select u.tenant_id, counted.seq - u.back, u.type, u.conversation_id, u.message_id, u.data::json, now()
   from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::text[]) as u (tenant_id, back, type, conversation_id, message_id, data)
   join counted using (tenant_id)`,
  {},
);

/** Messages in, and messages sent of which all three statuses come, in each array. */
export const portions = {
  mix: { inbound: 250, outbound: 250 },
  twenty: { inbound: 1_000, outbound: 0 },
  statuses: { inbound: 0, outbound: 350 },
} as const;
export type Portion = keyof typeof portions;
const statusesEach = 3;
const arraysPerRound = 40;
type Prepared = { statement: Parameters<typeof runStatement>[1]; values: readonly Value[] }[];

/** Of what was written. */
export type RawLimit = { perSecond: number; seconds: number; messages: number; facts: number; projected: number };

/** Updates a second over at least `seconds` of writing. `outbound` messages with the world's ids must be there from 0 on. */
export async function runRawLimit(
  server: Server,
  peers: readonly Peer[],
  { portion, seconds, outbound }: { portion: Portion; seconds: number; outbound: number },
): Promise<RawLimit> {
  const db = openPool(server, {
    role: "kesher_ingest",
    name: "raw limit",
    connectionsMax: 1,
    statementTimeoutMs: 0,
    onError: () => undefined,
  });
  const client = await db.pool.connect();
  const arrayText = makeTexts();
  let spentMs = 0;
  let arrays = 0;
  try {
    while (spentMs < seconds * 1_000 && (arrays + arraysPerRound) * portions[portion].outbound <= outbound) {
      const round = Array.from({ length: arraysPerRound }, (_, index) => prepare(peers, arrayText, portion, arrays + index));
      const startedAt = performance.now();
      for (const prepared of round) {
        await client.query("begin");
        for (const { statement: sql, values } of prepared) await runStatement(client, sql, values);
        const { command } = await client.query("commit");
        if (command !== "COMMIT") throw new Error(`COMMIT answered ${command}`);
      }
      spentMs += performance.now() - startedAt;
      arrays += arraysPerRound;
    }
  } finally {
    client.release();
    await db.pool.end();
  }
  const messages = arrays * portions[portion].inbound;
  const projected = arrays * portions[portion].outbound;
  const facts = projected * statusesEach;
  return { perSecond: ((messages + facts) * 1_000) / spentMs, seconds: spentMs / 1_000, messages, facts, projected };
}

function prepare(peers: readonly Peer[], said: readonly string[], portion: Portion, number: number): Prepared {
  const { inbound: inboundCount, outbound: outboundCount } = portions[portion];
  const random = createRandom(50_000 + number);
  const nowMs = Date.now();
  const inbound = Array.from({ length: inboundCount }, (_, index) => {
    const tenant = tenantOfBlock(number * 13 + Math.floor(index / 20));
    const peer = peerOf(peers, pickContact(random, tenant));
    return {
      peer,
      tenant,
      id: newId(nowMs),
      wamid: waMessageId("raw", number * inboundCount + index),
      text: said[(number + index * 7) % said.length] ?? '""',
    };
  });
  const outgoing = Array.from({ length: outboundCount }, (_, index) => {
    const at = number * outboundCount + index;
    const peer = peerOf(peers, contactOfOutbound(at, tenantOfBlock(Math.floor(at / 20))));
    return { peer, wamid: waMessageId("out", at) };
  });
  const states = outgoing.flatMap(({ peer, wamid }) =>
    ["sent", "delivered", "read"].map((status, later) => ({ peer, wamid, status, atMs: nowMs - 3_000 + later * 1_000 })),
  );
  const people = [...new Map(inbound.map((one) => [one.peer.contact, one])).values()];
  const events = [
    ...inbound.map(({ peer, id, wamid }) => ({
      peer,
      type: "message.received",
      id,
      data: `{"waMessageId":"${wamid}","type":"text","direction":"inbound","origin":"customer"}`,
    })),
    ...outgoing.map(({ peer, wamid }) => ({
      peer,
      type: "message.status_changed",
      id: null,
      data: `{"waMessageId":"${wamid}","status":"read","previousStatus":"accepted"}`,
    })),
  ];
  const left = new Map<string, number>();
  const backs = events.map(({ peer }) => {
    const back = left.get(peer.tenantId) ?? 0;
    left.set(peer.tenantId, back + 1);
    return back;
  });
  const bodies = bodiesOf(portion, number);
  const ofInbound: Prepared = [
    {
      statement: contacts,
      values: [
        uuids(people.map(({ peer }) => peer.tenantId)),
        uuids(people.map(({ peer }) => peer.contactId)),
        texts(people.map(({ peer }) => profileName(peer.contact))),
        times(people.map(() => nowMs)),
        texts(people.map(({ wamid }) => wamid)),
      ],
    },
    {
      statement: conversations,
      values: [
        uuids(people.map(({ peer }) => peer.tenantId)),
        uuids(people.map(({ peer }) => peer.conversationId)),
        uuids(people.map(({ peer }) => peer.connectionId)),
        uuids(people.map(({ peer }) => peer.contactId)),
        times(people.map(() => nowMs)),
        texts(people.map(({ wamid }) => wamid)),
        ints(people.map(() => 1)),
      ],
    },
    {
      statement: messages,
      values: [
        uuids(inbound.map(({ peer }) => peer.tenantId)),
        uuids(inbound.map(({ id }) => id)),
        uuids(inbound.map(({ peer }) => peer.connectionId)),
        uuids(inbound.map(({ peer }) => peer.conversationId)),
        texts(inbound.map(({ wamid }) => wamid)),
        texts(inbound.map(({ text }) => `{"v":1,"kind":"text","text":${text}}`)),
        texts(
          inbound.map(
            ({ peer, wamid, text }) =>
              `{"from":"${phone(peer.contact)}","from_user_id":"${userId(peer.contact)}","id":"${wamid}","timestamp":"1795362000","text":{"body":${text}},"type":"text"}`,
          ),
        ),
        times(inbound.map(() => nowMs)),
        texts(inbound.map(({ peer }) => phone(peer.contact))),
        texts(inbound.map(({ peer }) => userId(peer.contact))),
      ],
    },
  ];
  const ofOutbound: Prepared = [
    {
      statement: facts,
      values: [
        uuids(states.map(({ peer }) => peer.tenantId)),
        uuids(states.map(({ peer }) => peer.connectionId)),
        texts(states.map(({ wamid }) => wamid)),
        texts(states.map(({ status }) => status)),
        times(states.map(({ atMs }) => atMs)),
      ],
    },
    {
      statement: projection,
      values: [
        uuids(outgoing.map(({ peer }) => peer.tenantId)),
        uuids(outgoing.map(({ peer }) => peer.connectionId)),
        texts(outgoing.map(({ wamid }) => wamid)),
        times(outgoing.map(() => nowMs - 3_000)),
        times(outgoing.map(() => nowMs - 2_000)),
        times(outgoing.map(() => nowMs - 1_000)),
      ],
    },
  ];
  return [
    { statement: journal, values: [uuids(bodies.map(() => newId(nowMs))), byteas(bodies)] },
    ...(inbound.length === 0 ? [] : ofInbound),
    ...(outgoing.length === 0 ? [] : ofOutbound),
    {
      statement: activity,
      values: [
        uuids(events.map(({ peer }) => peer.tenantId)),
        bigints(backs),
        texts(events.map(({ type }) => type)),
        uuids(events.map(({ peer }) => peer.conversationId)),
        uuids(events.map(({ id }) => id)),
        texts(events.map(({ data }) => data)),
      ],
    },
  ];
}

/** The bodies in which these updates would have come. */
function bodiesOf(portion: Portion, number: number): Buffer[] {
  const { inbound, outbound } = portions[portion];
  const updates = inbound + outbound * statusesEach;
  const bodies = [...plainBodies({ shape: portion, updates, number: 100_000 + number, firstOutbound: number * outbound })];
  return bodies.slice(0, Math.ceil(updates / shapes[portion].updatesPerPost));
}

function peerOf(peers: readonly Peer[], contact: number): Peer {
  const peer = peers[contact];
  if (peer === undefined) throw new Error(`Customer ${contact} is not known`);
  return peer;
}
