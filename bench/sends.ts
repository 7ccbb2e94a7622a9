/**
 * The path out against the sandbox, a process of its own, with Meta's limits lifted there and here: accepted sends a second from a queue that
 * is full, the way from an API call to Graph's request when nothing else happens, and what 100,000 queued messages cost and delay.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Accepted } from "../src/sandbox/ledger.ts";
import { startSandboxProcess, type SandboxProcess } from "../test/support/sandbox-process.ts";
import { freePort, startProgram, type Program } from "./program.ts";
import { until, type Workbench } from "./workbench.ts";
import { appSecret } from "./world.ts";

const numberCount = 20;
const customersPerNumber = 50;
const queuedMessages = 100_000;
const idleCalls = 200;
const connections = 32;

export type SendNumber = { key: string; connectionId: string; phoneNumberId: string; phones: readonly string[] };
export type Sent = {
  perSecond: number;
  apiPerSecond: number;
  idle: { p50: number; p99: number };
  behindQueue: { p50: number; p99: number };
  bytesPerQueued: number;
};

export async function runSends(bench: Workbench): Promise<Sent> {
  const port = await freePort();
  const sandbox = await startSandboxProcess(
    { after: (undo) => void bench.defer(undo) },
    { appSecret, ingressUrl: `http://127.0.0.1:${port}/webhook/whatsapp`, statusDelaysMs: null, ledgerMax: 1_000_000 },
  );
  const program = await startProgram(bench, { name: "sends", graphUrl: sandbox.graphUrl, port });
  const numbers = await setUpNumbers(program, sandbox);
  bench.say(`sends: ${numberCount} numbers with ${customersPerNumber} customers each`);

  const perNumber = Math.floor((bench.isQuick ? 8_000 : 40_000) / numberCount);
  const total = perNumber * numberCount;
  // Paused, so that all of them wait when the clock starts.
  await change(program, numbers, { paused: true });
  const apiBegan = performance.now();
  await callAll(program, numbers, perNumber);
  const apiPerSecond = (total * 1_000) / (performance.now() - apiBegan);
  const before = await accepted(sandbox);
  const began = performance.now();
  await change(program, numbers, { paused: false });
  await until(async () => (await accepted(sandbox)) - before >= total, 300_000, "All of them are accepted", 20);
  const perSecond = (total * 1_000) / (performance.now() - began);
  bench.say(`sends: ${Math.round(perSecond)} accepted a second; queued by ${Math.round(apiPerSecond)} calls a second`);

  const [first, ...others] = numbers;
  if (first === undefined || program.sql === null) throw new Error("There is nobody to send");
  const idle = await callOneByOne(program, sandbox, first, "idle");
  const bytesPerQueued = await fill(bench, program, others);
  const behindQueue = await callOneByOne(program, sandbox, first, "behind");
  bench.say(
    `sends: API to Graph p50 ${idle.p50} ms, p99 ${idle.p99} ms; with 100,000 queued p50 ${behindQueue.p50} ms, p99 ${behindQueue.p99} ms`,
  );
  await program.stop();
  await sandbox.stop();
  return { perSecond, apiPerSecond, idle, behindQueue, bytesPerQueued };
}

/** Each customer writes first: that opens the window here and at the sandbox. */
async function setUpNumbers(program: Program, sandbox: SandboxProcess): Promise<SendNumber[]> {
  const numbers: SendNumber[] = [];
  for (let index = 0; index < numberCount; index += 1) {
    const number = await sandbox.addNumber({ displayPhoneNumber: `9723${String(1_000_000 + index)}` });
    await sandbox.call("POST", "rates", { perSecond: null, hasPairRate: false, phoneNumberId: number.phoneNumberId });
    const tenant = await program.admin("tenants", {
      name: `Sender ${index}`,
      slug: `sender-${index}`,
      locale: "he",
      timeZone: "Asia/Jerusalem",
    });
    const { wabaId, phoneNumberId, displayPhoneNumber, accessToken } = number;
    const made = await program.admin("connections", { tenantId: tenant["id"], wabaId, phoneNumberId, displayPhoneNumber, accessToken });
    const phones = Array.from(
      { length: customersPerNumber },
      (_, customer) => `9725${String(index).padStart(2, "0")}${String(100_000 + customer)}`,
    );
    for (const phone of phones) await sandbox.call("POST", `phones/${phone}/messages`, { type: "text", text: "hello", phoneNumberId });
    numbers.push({ key: String(tenant["apiKey"]), connectionId: String(made["id"]), phoneNumberId, phones });
  }
  await until(async () => (await program.stats()).pending === 0, 60_000, "The customers' messages are applied");
  await program.sql?.query("update api_keys set requests_per_minute = 1000000");
  await program.sql?.query("update whatsapp_send_lanes set messages_per_second = 1000000");
  return numbers;
}

async function change(program: Program, numbers: readonly SendNumber[], body: object): Promise<void> {
  await Promise.all(
    numbers.map(async ({ key, connectionId }) => {
      const answer = await fetch(`http://127.0.0.1:${program.port}/api/v1/connections/${connectionId}/sending`, {
        method: "PATCH",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`PATCH sending: ${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
    }),
  );
  await program.sql?.query("update whatsapp_send_lanes set messages_per_second = 1000000");
}

async function callAll(program: Program, numbers: readonly SendNumber[], perNumber: number): Promise<void> {
  const turns = Array.from({ length: perNumber * numbers.length }, (_, turn) => turn);
  const workers = Array.from({ length: connections }, async () => {
    for (let turn = turns.pop(); turn !== undefined; turn = turns.pop()) {
      const number = numbers[turn % numbers.length];
      if (number === undefined) throw new Error("There is no such number");
      const phone = number.phones[Math.floor(turn / numbers.length) % number.phones.length] ?? "";
      await send(program, number, phone, `Your order ${turn} is on its way.`);
    }
  });
  await Promise.all(workers);
}

async function send(program: Program, { key, connectionId }: SendNumber, waId: string, body: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${program.port}/api/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ connectionId, to: { waId }, content: { type: "text", body } }),
  });
  const said = (await answer.json()) as { id?: string };
  if (answer.status !== 201) throw new Error(`POST messages: ${answer.status} ${JSON.stringify(said)}`);
  return String(said.id);
}

/** From the call's start to the request's arrival at Graph, by the one clock of this machine. */
async function callOneByOne(
  program: Program,
  sandbox: SandboxProcess,
  number: SendNumber,
  word: string,
): Promise<{ p50: number; p99: number }> {
  const calledAt = new Map<string, number>();
  for (let call = 0; call < idleCalls; call += 1) {
    const at = Date.now();
    calledAt.set(await send(program, number, number.phones[call % number.phones.length] ?? "", `${word} ${call}`), at);
    await pause(20);
  }
  const arrivals = async (): Promise<number[]> => {
    const ledger: Accepted[] = await sandbox.ledger({ phoneNumberId: number.phoneNumberId });
    return ledger.flatMap(({ callback, atMs }) => {
      const at = calledAt.get(callback ?? "");
      return at === undefined ? [] : [atMs - at];
    });
  };
  await until(async () => (await arrivals()).length === idleCalls, 60_000, "All single calls have arrived");
  const sorted = (await arrivals()).toSorted((a, b) => a - b);
  return { p50: sorted[Math.floor(sorted.length * 0.5)] ?? Infinity, p99: sorted[Math.floor(sorted.length * 0.99)] ?? Infinity };
}

/** By SQL, as a campaign would leave them: of other tenants, whose numbers go at one message a second. Answers the bytes that one costs. */
async function fill(bench: Workbench, program: Program, numbers: readonly SendNumber[]): Promise<number> {
  const { sql } = program;
  if (sql === null) throw new Error("There is no database to fill");
  await sql.query("update whatsapp_send_lanes set messages_per_second = 1 where connection_id = any($1::uuid[])", [
    numbers.map((one) => one.connectionId),
  ]);
  const size = "select (pg_total_relation_size('whatsapp_sends') + pg_total_relation_size('whatsapp_messages'))::float8 as bytes";
  const before = await sql.query<{ bytes: number }>(size);
  await sql.query(
    `with v as (
       select *, row_number() over () as turn, count(*) over () as conversations from whatsapp_conversations where connection_id = any($1::uuid[])
     ), m as (
       insert into whatsapp_messages (tenant_id, id, connection_id, conversation_id, direction, origin, type, role, content, status, wa_timestamp, created_at)
       select v.tenant_id, uuidv7(), v.connection_id, v.id, 'outbound', 'api', 'text', 'message', '{"v": 1, "kind": "text", "body": "Our autumn sale begins on Sunday."}', 'pending', now(), now()
       from generate_series(1, $2::int) as n join v on v.turn = n % v.conversations + 1 returning *
     )
     insert into whatsapp_sends (tenant_id, message_id, connection_id, conversation_id, state, due_at, is_freeform, created_at)
     select tenant_id, id, connection_id, conversation_id,
       case when row_number() over (partition by tenant_id, conversation_id order by id) = 1 then 'queued' else 'behind' end, now(), true, now() from m`,
    [numbers.map((one) => one.connectionId), queuedMessages],
  );
  await sql.query("analyze whatsapp_sends");
  const after = await sql.query<{ bytes: number }>(size);
  bench.say("sends: 100,000 more are queued");
  return ((after.rows[0]?.bytes ?? 0) - (before.rows[0]?.bytes ?? 0)) / queuedMessages;
}

async function accepted(sandbox: SandboxProcess): Promise<number> {
  const { accepted: count } = await sandbox.call("GET", "ledger?limit=1");
  return Number(count);
}
