/** The path out on a clone of the database: customers whose windows are open, messages through the real service, and a Graph whose every answer a test decides. */
import assert from "node:assert/strict";
import type { QueuedMessage } from "../../src/contract/sends.ts";
import { tenantTransaction } from "../../src/db/transaction.ts";
import { readGraphError } from "../../src/services/whatsapp/graph/answer.ts";
import type { GraphClient, GraphOutcome, SendRequest } from "../../src/services/whatsapp/graph/client.ts";
import { queueWish } from "../../src/services/whatsapp/outbox/queue-wish.ts";
import { sendMessage } from "../../src/services/whatsapp/outbox/send-message.ts";
import { bodyOf, message } from "./bodies.ts";
import { randomDigits, type Connected, type Rig } from "./worker.ts";

/** One request as it came. */
export type Request = {
  messageId: string;
  phoneNumberId: string;
  to: unknown;
  text: string;
  accessToken: string;
  outcome: GraphOutcome | null;
};
export type Judge = (request: Request, nth: number) => GraphOutcome | Promise<GraphOutcome>;
export type ScriptedGraph = GraphClient & {
  ledger: Request[];
  /** How the next requests are answered; accepts until it is told otherwise. */
  judge: Judge;
  /** The requests for this message whose bytes may have arrived without Graph asking for another try (I6). */
  arrivals(messageId: string): Request[];
};

export const accepts: Judge = ({ messageId }) => ({ kind: "accepted", waMessageId: `wamid.${messageId}` });
export const refuses =
  (code: number, more: object = {}, status = 400): Judge =>
  () =>
    refusal(code, more, status);
export const loses: Judge = () => ({ kind: "unknown", reason: "timeout" });
export const cannotReach: Judge = () => ({ kind: "not_sent", reason: "ECONNREFUSED" });

export function refusal(code: number, more: object = {}, status = 400): GraphOutcome {
  const error = readGraphError(status, { error: { message: `(#${code}) refused`, code, fbtrace_id: "trace", ...more } });
  assert.ok(error);
  return { kind: "refused", error };
}

export function scriptedGraph(): ScriptedGraph {
  const graph: ScriptedGraph = {
    ledger: [],
    judge: accepts,
    async sendMessage({ phoneNumberId, accessToken: given, body }: SendRequest) {
      const accessToken = typeof given === "string" ? given : given.token;
      const text = (body["text"] as { body?: string } | undefined)?.body ?? "";
      const to = body["to"] ?? body["recipient"];
      const request: Request = { messageId: String(body["biz_opaque_callback_data"]), phoneNumberId, to, text, accessToken, outcome: null };
      graph.ledger.push(request);
      const nth = graph.ledger.filter(({ messageId }) => messageId === request.messageId).length;
      request.outcome = await graph.judge(request, nth);
      return request.outcome;
    },
    arrivals: (messageId) =>
      graph.ledger.filter(
        ({ messageId: of, outcome }) => of === messageId && (outcome === null || outcome.kind === "accepted" || outcome.kind === "unknown"),
      ),
  };
  return graph;
}

export type Customer = { phone: string; conversationId: string };
export type Wanted = { body?: string; content?: object; sendAt?: string; whenTheyWrite?: { expiresAt?: string } };

/** What a test does to one number. */
export function outboxOf(rig: Rig, number: Connected) {
  const tools = { app: rig.app, nowMs: () => Date.now(), wakeSends: () => undefined, hasher: null };
  const writes = async (phone: string, atMs = Date.now()): Promise<void> => {
    const { received } = await rig.receive(bodyOf(message(number, { phone }, `wamid.${randomDigits()}`, atMs)));
    assert.equal(received, "stored");
    await rig.drain();
  };
  return {
    number,
    tools,
    writes,
    /** Who has written so long ago; the window is open unless that is a day or more. */
    async customer({ phone = randomDigits(), agoMs = 0 } = {}): Promise<Customer> {
      await writes(phone, Date.now() - agoMs);
      const [row] = await rig.sql<{ id: string }>(
        `select c.id from whatsapp_conversations c join whatsapp_contact_addresses a on a.tenant_id = c.tenant_id and a.contact_id = c.contact_id
         where c.connection_id = $1 and a.kind = 'phone' and a.value = $2 and c.merged_into_id is null`,
        [number.id, phone],
      );
      assert.ok(row);
      return { phone, conversationId: row.id };
    },
    /** So many at once, with a message to each in the outbox. */
    async sendToNew(count: number): Promise<string[]> {
      const phones = Array.from({ length: count }, () => randomDigits());
      await rig.receive(bodyOf(...phones.map((phone) => message(number, { phone }, `wamid.${phone}`, Date.now()))));
      await rig.drain();
      // As a program does when its tables have grown; without it each look at a conversation reads all of them.
      await rig.sql(`analyze whatsapp_contacts, whatsapp_contact_addresses, whatsapp_conversations, whatsapp_messages`);
      const rows = await rig.sql<{ id: string }>(`select id from whatsapp_conversations where reply_phone = any ($1)`, [phones]);
      const wishOf = (conversationId: string, index: number) => ({
        conversationId,
        origin: "api" as const,
        content: { type: "text" as const, body: `${index}` },
        replyTo: null,
        sendAtMs: null,
        whenTheyWrite: null,
        callback: null,
        resendOf: null,
      });
      return tenantTransaction(rig.app, number.scope, async (tx) => {
        const ids: string[] = [];
        for (const [index, { id }] of rows.entries()) ids.push((await queueWish(tx, tools, number.scope, wishOf(id, index))).id);
        return ids;
      });
    },
    send({ conversationId }: { conversationId: string }, { body = "שלום", content, ...more }: Wanted = {}): Promise<QueuedMessage> {
      const wanted = { conversationId, content: content ?? { type: "text", body }, ...more };
      return sendMessage(tools, number.scope, wanted, { origin: "api", idempotencyKey: null });
    },
    pace: (messagesPerSecond: number) =>
      rig.sql(
        `insert into whatsapp_send_lanes (tenant_id, connection_id, messages_per_second) values ($1, $2, $3)
         on conflict (tenant_id, connection_id) do update set messages_per_second = $3, paid_until = '-infinity'`,
        [number.tenantId, number.id, messagesPerSecond],
      ),
  };
}
export type Outbox = ReturnType<typeof outboxOf>;

export type Row = {
  id: string;
  status: string;
  waMessageId: string | null;
  errorCode: number | null;
  state: string | null;
  attempts: number | null;
};
export async function rowOf(rig: Rig, messageId: string): Promise<Row> {
  const [row] = await rig.sql<Row>(
    `select m.id, m.status, m.wa_message_id as "waMessageId", m.error_code as "errorCode", s.state, s.attempts
     from whatsapp_messages m left join whatsapp_sends s on s.tenant_id = m.tenant_id and s.message_id = m.id where m.id = $1`,
    [messageId],
  );
  assert.ok(row);
  return row;
}

/** What was put off, scheduled or resting is due now. */
export async function passWaits(rig: Rig): Promise<void> {
  await rig.sql(`update whatsapp_sends set due_at = now() where state in ('queued', 'scheduled')`);
  await rig.sql(`update whatsapp_send_lanes set paused_until = now() where paused_until < 'infinity'`);
  await rig.sql(`update whatsapp_send_pairs set paid_until = now()`);
}

/** The events of a message, in their order: type, and the status it tells. */
export async function eventsOf(rig: Rig, messageId: string): Promise<string[]> {
  const rows = await rig.sql<{ type: string; status: string | null }>(
    `select type, data ->> 'status' as status from activity_events where message_id = $1 order by seq`,
    [messageId],
  );
  return rows.map(({ type, status }) => (status === null ? type : `${type} ${status}`));
}
