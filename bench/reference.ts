/**
 * The reference: the plain way to build the same system, fixed and not tuned. A server that verifies the signature, sends one pg-boss job
 * per update and answers 200; a worker with 10 jobs in flight. Per message: select the account, select the conversation, update or insert
 * it, insert the message, insert the event. Per status: select the message, update it. Each statement is its own transaction.
 */
import { createServer } from "node:http";
import { Pool } from "pg";
import { PgBoss } from "pg-boss";
import { isSigned } from "../src/core/signature.ts";
import { appSecret, tenantCount, wabaId } from "./world.ts";

export type ReferenceMessage = { type: "ready"; port: number };

const queue = "updates";
const jobsInFlight = 10;
const ranks: Record<string, number> = { accepted: 0, sent: 1, delivered: 2, read: 3 };

export const referenceSchema = `
  create table accounts (id bigint generated always as identity primary key, waba_id text not null unique);
  create table conversations (
    id bigint generated always as identity primary key, account_id bigint not null references accounts, wa_id text not null, profile_name text,
    last_message_at timestamptz not null, message_count bigint not null default 1, unique (account_id, wa_id));
  create table messages (
    id bigint generated always as identity primary key, conversation_id bigint references conversations, wa_message_id text not null unique, direction text not null,
    type text not null, content jsonb not null, status text not null, wa_timestamp timestamptz not null, sent_at timestamptz, delivered_at timestamptz, read_at timestamptz);
  create index messages_thread on messages (conversation_id, wa_timestamp);
  create table activity (
    id bigint generated always as identity primary key, conversation_id bigint not null, type text not null, data jsonb not null, created_at timestamptz not null default now());`;

export async function prepareReference(sql: Pool): Promise<void> {
  await sql.query(referenceSchema);
  await sql.query("insert into accounts (waba_id) select * from unnest($1::text[])", [
    Array.from({ length: tenantCount }, (_, tenant) => wabaId(tenant)),
  ]);
}

export async function seedReference(sql: Pool, range: { first: number; count: number }): Promise<void> {
  await sql.query(
    `insert into messages (wa_message_id, direction, type, content, status, wa_timestamp)
     select 'wamid.' || left(encode(sha384(('out:' || n)::bytea), 'base64'), 54), 'outbound', 'text', '{"text": "Your order is on its way."}', 'accepted', now()
     from generate_series($1::int, $2::int) as n`,
    [range.first, range.first + range.count - 1],
  );
  await sql.query("vacuum analyze messages");
}

type Message = { id: string; from: string; timestamp: string; type: string };
type Status = { id: string; status: string; timestamp: string };
type Job = { wabaId: string } & ({ message: Message; name: string | null } | { status: Status });
type Body = {
  entry: {
    id: string;
    changes: { value: { contacts?: { wa_id: string; profile: { name: string } }[]; messages?: Message[]; statuses?: Status[] } }[];
  }[];
};

if (process.send !== undefined) await serve(process.argv[2] ?? "", Number(process.argv[3]), process.argv[4] ?? "");

async function serve(host: string, port: number, database: string): Promise<void> {
  const pool = new Pool({ host, port, user: "kesher_owner", database, max: jobsInFlight });
  const boss = new PgBoss({ host, port, user: "kesher_owner", database, max: jobsInFlight });
  boss.on("error", () => undefined);
  await boss.start();
  await boss.createQueue(queue);
  const pending = new Map<string, number>();
  let applied = 0;
  await boss.work<Job>(queue, { batchSize: jobsInFlight, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }, async (jobs) => {
    await Promise.all(
      jobs.map(async ({ id, data }) => {
        if ("message" in data) await applyMessage(pool, data);
        else await applyStatus(pool, data.status);
        pending.delete(id);
        applied += 1;
      }),
    );
  });

  const server = createServer((request, response) => {
    if (request.method === "GET") {
      const [oldest] = pending.values();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ updates: applied, oldestPendingMs: oldest === undefined ? 0 : Date.now() - oldest }));
      return;
    }
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = Buffer.concat(pieces);
      const signature = request.headers["x-hub-signature-256"];
      if (!isSigned(body, typeof signature === "string" ? signature : undefined, [appSecret])) {
        response.statusCode = 401;
        response.end();
        return;
      }
      enqueue(boss, pending, body).then(
        () => response.end("ok"),
        () => {
          response.statusCode = 503;
          response.end();
        },
      );
    });
  });
  server.keepAliveTimeout = 72_000;
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.({ type: "ready", port: address === null || typeof address === "string" ? 0 : address.port } satisfies ReferenceMessage);
  });
}

async function enqueue(boss: PgBoss, pending: Map<string, number>, body: Buffer): Promise<void> {
  // Only our own generator asks.
  const { entry } = JSON.parse(body.toString("utf8")) as Body;
  for (const { id: waba, changes } of entry) {
    for (const { value } of changes) {
      const names = new Map(value.contacts?.map((contact) => [contact.wa_id, contact.profile.name]));
      const jobs: Job[] = [
        ...(value.messages ?? []).map((message) => ({ wabaId: waba, message, name: names.get(message.from) ?? null })),
        ...(value.statuses ?? []).map((status) => ({ wabaId: waba, status })),
      ];
      for (const job of jobs) {
        const id = await boss.send(queue, job);
        if (id !== null) pending.set(id, Date.now());
      }
    }
  }
}

async function applyMessage(pool: Pool, { wabaId: waba, message, name }: Extract<Job, { message: Message }>): Promise<void> {
  const at = new Date(Number(message.timestamp) * 1_000);
  const { rows: accounts } = await pool.query<{ id: string }>("select id from accounts where waba_id = $1", [waba]);
  const accountId = accounts[0]?.id;
  const { rows: found } = await pool.query<{ id: string }>("select id from conversations where account_id = $1 and wa_id = $2", [
    accountId,
    message.from,
  ]);
  const { rows: conversations } =
    found[0] === undefined
      ? await pool.query<{ id: string }>(
          `insert into conversations (account_id, wa_id, profile_name, last_message_at) values ($1, $2, $3, $4)
           on conflict (account_id, wa_id) do update set last_message_at = excluded.last_message_at returning id`,
          [accountId, message.from, name, at],
        )
      : await pool.query<{ id: string }>(
          "update conversations set profile_name = $2, last_message_at = greatest(last_message_at, $3), message_count = message_count + 1 where id = $1 returning id",
          [found[0].id, name, at],
        );
  const { rows: stored } = await pool.query<{ id: string }>(
    `insert into messages (conversation_id, wa_message_id, direction, type, content, status, wa_timestamp) values ($1, $2, 'inbound', $3, $4, 'received', $5)
     on conflict (wa_message_id) do nothing returning id`,
    [conversations[0]?.id, message.id, message.type, message, at],
  );
  if (stored[0] === undefined) return;
  await pool.query("insert into activity (conversation_id, type, data) values ($1, 'message.received', $2)", [
    conversations[0]?.id,
    { messageId: stored[0].id, waMessageId: message.id, type: message.type },
  ]);
}

async function applyStatus(pool: Pool, status: Status): Promise<void> {
  const at = new Date(Number(status.timestamp) * 1_000);
  const { rows } = await pool.query<{ id: string; status: string }>("select id, status from messages where wa_message_id = $1", [
    status.id,
  ]);
  const [message] = rows;
  if (message === undefined) return;
  const isLater = (ranks[status.status] ?? 0) > (ranks[message.status] ?? 0);
  await pool.query(
    `update messages set status = case when $2 then $3 else status end, sent_at = case when $3 = 'sent' then $4 else sent_at end,
       delivered_at = case when $3 = 'delivered' then $4 else delivered_at end, read_at = case when $3 = 'read' then $4 else read_at end where id = $1`,
    [message.id, isLater, status.status, at],
  );
}
