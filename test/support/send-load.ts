/** Callers who send without pause and repeat what was not answered under the same Idempotency-Key, and what the program's tables say of it. */
import assert from "node:assert/strict";
import type pg from "pg";
import type { Accepted } from "../../src/sandbox/ledger.ts";
import { until, type Program, type WhatsAppNumber } from "./program.ts";
import type { SandboxProcess } from "./sandbox-process.ts";

export type Sent = { key: string; text: string; phone: string; messageId: string };
export type SendLoad = {
  sent: Sent[];
  calls: { answered: number; repeated: number };
  /** Nobody calls this one any more, and who waits for its answer asks another. */
  leave(program: Program): void;
  stop(): Promise<void>;
};

/** Below the burst of 45 that Meta allows to one customer: nobody waits for a pace. */
const messagesPerPhone = 40;

/** Far beyond the 30 s in which a killed program is ready again (I12), also when it is killed many times on end. */
const answeredMsMax = 300_000;

/** One customer's messages one after the other: the order in which they were answered is the order in which they must arrive. */
export function startSendLoad(
  programs: readonly Program[],
  number: WhatsAppNumber,
  { phones, callers }: { phones: readonly string[]; callers: number },
): SendLoad {
  const sent: Sent[] = [];
  const calls = { answered: 0, repeated: 0 };
  let called = programs.map((program) => ({ program, left: new AbortController() }));
  let isStopping = false;
  const toOne = async (phone: string, turn: number): Promise<void> => {
    for (let index = 0; index < messagesPerPhone && !isStopping; index += 1) {
      const key = `${phone}-${index}`;
      const text = `message ${index} to ${phone}`;
      let attempt = 0;
      // Unanswered: the program is being killed. Whoever stops then does not know about this one.
      await until(`${key} is answered`, answeredMsMax, async () => {
        const line = called[(turn + attempt) % called.length];
        const messageId = line === undefined ? null : await trySend(line, number, { key, text, phone });
        attempt += 1;
        if (messageId === null) {
          calls.repeated += 1;
          return isStopping;
        }
        sent.push({ key, text, phone, messageId });
        calls.answered += 1;
        return true;
      });
    }
  };
  const work = Array.from({ length: callers }, async (_, turn) => {
    for (let index = turn; index < phones.length; index += callers) await toOne(phones[index] ?? "", turn);
  });
  return {
    sent,
    calls,
    leave(program) {
      const lines = called.filter((line) => line.program === program);
      called = called.filter((line) => line.program !== program);
      for (const { left } of lines) left.abort();
    },
    async stop() {
      isStopping = true;
      await Promise.all(work);
    },
  };
}

/** Null when nobody answered, or with a server error. */
async function trySend(
  { program, left }: { program: Program; left: AbortController },
  number: WhatsAppNumber,
  { key, text, phone }: { key: string; text: string; phone: string },
): Promise<string | null> {
  const answer = await fetch(`${program.url}/api/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${number.key}`, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ connectionId: number.connectionId, to: { waId: phone }, content: { type: "text", body: text } }),
    signal: AbortSignal.any([left.signal, AbortSignal.timeout(20_000)]),
  }).catch(() => null);
  if (answer === null || answer.status >= 500) {
    await answer?.body?.cancel();
    return null;
  }
  const body = (await answer.json().catch(() => null)) as { id?: string } | null;
  // Cut off in the middle of the answer.
  if (body === null) return null;
  assert.equal(answer.status, 201, JSON.stringify(body));
  return String(body.id);
}

/** What was under way when its sender fell silent. */
export async function unknownIn(sql: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ id: string }>("select id from whatsapp_messages where status = 'unknown'");
  return new Set(rows.map(({ id }) => id));
}

/** Nothing is queued or under way any more. */
export function untilSent(sql: pg.Client, msMax = 60_000): Promise<number> {
  return until("the outbox is empty", msMax, async () => {
    const { rows } = await sql.query<{ n: number }>("select count(*)::int as n from whatsapp_sends");
    return rows[0]?.n === 0;
  });
}

type Row = { id: string; status: string; waMessageId: string | null; text: string; phone: string; ordinal: number };

/**
 * Meta's ledger against the tables: nothing accepted twice (I6), nothing lost, what was accepted bears its wamid, what is `unknown` was
 * not accepted as far as statuses told, and each conversation arrived in the order of its commits. `late` are messages that a frozen process
 * had under way: its bytes may leave when it wakes, after those of the messages behind. Answers a line for the report.
 */
export async function assertSends(
  sql: pg.Client,
  sandbox: SandboxProcess,
  sent: readonly Sent[],
  late: ReadonlySet<string> = new Set(),
): Promise<string> {
  const { rows } = await sql.query<Row>(
    `select m.id, m.status, m.wa_message_id as "waMessageId", m.content ->> 'body' as text, c.reply_phone as phone
     from whatsapp_messages m join whatsapp_conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
     where m.origin = 'api' order by m.id`,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  assert.equal(new Set(rows.map(({ text }) => text)).size, rows.length, "one key made two messages");
  for (const { messageId, text } of sent) assert.equal(byId.get(messageId)?.text, text, `acknowledged and lost: ${text}`);

  const ledger: Accepted[] = await sandbox.ledger();
  const accepted = ledger.filter(({ callback }) => callback !== null && byId.has(callback));
  assert.equal(accepted.length, ledger.length, "Meta has messages that nobody queued");
  const twice = accepted.filter(({ callback }, index) => accepted.findIndex((one) => one.callback === callback) !== index);
  assert.deepEqual(
    twice.map(({ callback }) => callback),
    [],
    "accepted twice (I6)",
  );
  const counts = new Map<string, number>();
  for (const { status } of rows) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const { callback, waMessageId } of accepted) {
    const row = byId.get(callback ?? "");
    assert.equal(row?.waMessageId, waMessageId, `accepted by Meta and ${row?.status} here`);
    assert.ok(["accepted", "sent", "delivered", "read"].includes(row?.status ?? ""), `accepted by Meta and ${row?.status} here`);
  }
  const arrived = new Set(accepted.map(({ callback }) => callback));
  for (const { id, status } of rows) {
    if (arrived.has(id)) continue;
    assert.ok(["unknown", "failed"].includes(status), `a message that Meta never accepted is ${status}`);
  }
  const inTime = accepted.filter(({ callback }) => !late.has(callback ?? ""));
  assertOrder(inTime, byId);
  return `${rows.length} messages, ${accepted.length} accepted by Meta, ${JSON.stringify(Object.fromEntries(counts))}`;
}

/** Within one customer: by our ids, which one caller got one after the other. */
function assertOrder(accepted: readonly Accepted[], byId: ReadonlyMap<string, Row>): void {
  const last = new Map<string, number>();
  for (const { to, callback } of accepted.toSorted((a, b) => a.order - b.order)) {
    const index = Number(/^message (\d+) /.exec(byId.get(callback ?? "")?.text ?? "")?.[1] ?? -1);
    assert.ok(index > (last.get(to) ?? -1), `message ${index} to ${to} came after message ${last.get(to)}`);
    last.set(to, index);
  }
}
