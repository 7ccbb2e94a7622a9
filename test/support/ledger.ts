/**
 * What was acknowledged, held against the tables. `ok` must be there exactly once (I1, I2); nothing may be there that was neither `ok`
 * nor `unknown`; the books (counts, numbers of events, ticks) must add up with the rows.
 */
import assert from "node:assert/strict";
import type pg from "pg";
import type { Body, Verdict } from "./meta-client.ts";
import { until, type WhatsAppNumber } from "./program.ts";

export type SentUpdate = {
  kind: "message" | "echo" | "status";
  number: WhatsAppNumber;
  wamid: string;
  contact: string;
  /** Of kind `status`. */
  status: string;
};

export class Ledger {
  /** The best that is known about each update: one `ok` POST suffices. */
  readonly #updates = new Map<string, { update: SentUpdate; verdict: Verdict }>();
  readonly posts = { ok: 0, refused: 0, unknown: 0 };
  readonly statuses = new Map<number, number>();
  /** Bodies that were answered 200. */
  okUpdates = 0;

  record(body: Body, verdict: Verdict, status: number | null): void {
    this.posts[verdict] += 1;
    if (status !== null) this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (verdict === "ok") this.okUpdates += body.updates.length;
    for (const update of body.updates) {
      const key = keyOf(update);
      const known = this.#updates.get(key)?.verdict ?? "refused";
      this.#updates.set(key, { update, verdict: known === "ok" || verdict === "refused" ? known : verdict });
    }
  }

  count(verdict: Verdict): number {
    return [...this.#updates.values()].filter((entry) => entry.verdict === verdict).length;
  }

  keys(verdict: Verdict): Set<string> {
    return new Set([...this.#updates].flatMap(([key, entry]) => (entry.verdict === verdict ? [key] : [])));
  }
}

function keyOf(update: SentUpdate): string {
  return `${update.kind === "status" ? `status ${update.status}` : update.kind} ${update.number.phoneNumberId} ${update.wamid}`;
}

/** Nothing waits any more. 60 s is the promise (I12); it is normally a matter of milliseconds. */
export async function untilApplied(sql: pg.Client, msMax = 60_000): Promise<number> {
  return until("nothing is pending", msMax, async () => (await numberOf(sql, "select count(*)::int as n from webhook_pending")) === 0);
}

/** All checks together. `parked` is what the test expects to be parked. Answers a line for the report. */
export async function assertLedger(sql: pg.Client, ledger: Ledger, expected: { parked?: number } = {}): Promise<string> {
  const stored = await storedKeys(sql);
  const seen = new Set(stored);
  assert.equal(seen.size, stored.length, "an update is stored twice (I2)");
  const [ok, unknown] = [ledger.keys("ok"), ledger.keys("unknown")];
  const parked = await numberOf(sql, "select count(*)::int as n from parked_updates where resolved_at is null");
  const lost = [...ok].filter((key) => !seen.has(key));
  assert.equal(parked, expected.parked ?? 0, await parkedReasons(sql));
  assert.ok(lost.length <= (expected.parked ?? 0), `acknowledged and lost (I1): ${lost.slice(0, 5).join(", ")} and so on, ${lost.length}`);
  const invented = stored.filter((key) => !ok.has(key) && !unknown.has(key));
  assert.deepEqual(invented, [], "stored, but neither acknowledged nor in doubt");
  await assertBooks(sql, ledger, { stored: stored.length, parked });
  await assertUniqueKeys(sql);
  return `${ledger.posts.ok} POSTs ok, ${ledger.posts.unknown} unknown, ${ledger.posts.refused} refused; ${stored.length} updates stored, ${parked} parked`;
}

async function storedKeys(sql: pg.Client): Promise<string[]> {
  const { rows } = await sql.query<{ key: string }>(
    `select case m.direction when 'inbound' then 'message ' else 'echo ' end || c.phone_number_id || ' ' || m.wa_message_id as key
       from whatsapp_messages m join whatsapp_connections c on c.id = m.connection_id where m.origin in ('customer', 'phone')
     union all
     select 'status ' || s.status || ' ' || c.phone_number_id || ' ' || s.wa_message_id
       from whatsapp_message_statuses s join whatsapp_connections c on c.id = s.connection_id`,
  );
  return rows.map(({ key }) => key);
}

async function assertBooks(sql: pg.Client, ledger: Ledger, rows: { stored: number; parked: number }): Promise<void> {
  const counters = await oneRow(
    sql,
    `select sum(stored)::int as stored, sum(parked)::int as parked, sum(duplicates)::int as duplicates, sum(suppressed)::int as suppressed from activity_counters`,
  );
  assert.deepEqual(
    { stored: counters["stored"], parked: counters["parked"], suppressed: counters["suppressed"] },
    { ...rows, suppressed: 0 },
    "the counters of stats are not what is in the tables",
  );
  const results = await oneRow(
    sql,
    `select sum(updates)::int as updates, sum(stored)::int as stored, sum(parked)::int as parked, sum(duplicates)::int as duplicates from webhook_results`,
  );
  const { stored, parked, duplicates } = counters;
  assert.deepEqual(
    results,
    { updates: Number(stored) + Number(parked) + Number(duplicates), stored, parked, duplicates },
    "results and counters differ",
  );
  assert.ok((results["updates"] ?? 0) >= ledger.okUpdates, "fewer updates were decoded than acknowledged");
  const deliveries = await numberOf(sql, "select count(*)::int as n from webhook_deliveries");
  assert.ok(
    deliveries >= ledger.posts.ok && deliveries <= ledger.posts.ok + ledger.posts.unknown,
    `${deliveries} deliveries for ${ledger.posts.ok} acknowledged`,
  );
  assert.equal(await numberOf(sql, "select sum(deliveries)::int as n from webhook_intake"), deliveries, "the intake's count is wrong");
  await assertEmpty(
    sql,
    "a delivery without all of its results",
    `select d.id from webhook_deliveries d where d.lanes <> (select count(*) from webhook_results r where r.delivery_id = d.id)`,
  );
  await assertEmpty(
    sql,
    "a conversation's counts are not its messages",
    `select c.id from whatsapp_conversations c left join whatsapp_messages m on m.conversation_id = c.id
     group by c.tenant_id, c.id, c.inbound_count, c.outbound_count
     having c.inbound_count <> count(m.id) filter (where m.direction = 'inbound') or c.outbound_count <> count(m.id) filter (where m.direction = 'outbound')`,
  );
  await assertEmpty(
    sql,
    "the activity has a gap, or a number twice (I5)",
    `select c.tenant_id from activity_counters c left join activity_events e on e.tenant_id = c.tenant_id
     group by c.tenant_id, c.seq having count(e.seq) <> c.seq or coalesce(max(e.seq), 0) <> c.seq or count(distinct e.seq) <> c.seq`,
  );
  await assertEmpty(
    sql,
    "a message without its event, or with two (I5)",
    `select m.id from whatsapp_messages m left join activity_events e on e.message_id = m.id and e.type = 'message.received'
     where m.direction = 'inbound' group by m.id having count(e.seq) <> 1`,
  );
  await assertEmpty(
    sql,
    "ticks that are not the greatest of the facts (I4)",
    `select m.wa_message_id, m.status, max(array_position(array['sent', 'delivered', 'read'], s.status)) from whatsapp_messages m
     join whatsapp_message_statuses s using (tenant_id, connection_id, wa_message_id) where m.origin = 'phone'
     group by m.id, m.wa_message_id, m.status
     having array_position(array['sent', 'delivered', 'read'], m.status) <> max(array_position(array['sent', 'delivered', 'read'], s.status))`,
  );
  await assertEmpty(
    sql,
    "a window that is not the customer's last word",
    `select c.id from whatsapp_conversations c join whatsapp_messages m on m.conversation_id = c.id and m.direction = 'inbound'
     group by c.id, c.last_customer_message_at having c.last_customer_message_at <> max(m.wa_timestamp)`,
  );
}

/** The keys that make "once" true are in the catalogue, not in the code. */
async function assertUniqueKeys(sql: pg.Client): Promise<void> {
  const { rows } = await sql.query<{ definition: string }>(
    `select conrelid::regclass::text || ': ' || pg_get_constraintdef(oid) as definition from pg_constraint where contype in ('p', 'u')`,
  );
  const definitions = rows.map(({ definition }) => definition);
  for (const wanted of [
    "whatsapp_messages: UNIQUE (tenant_id, connection_id, wa_message_id)",
    "whatsapp_message_statuses: PRIMARY KEY (tenant_id, connection_id, wa_message_id, status, participant, at, error_code)",
    "whatsapp_conversations: UNIQUE (tenant_id, connection_id, contact_id)",
    "parked_updates: UNIQUE (delivery_id, update_index)",
  ]) {
    assert.ok(definitions.includes(wanted), wanted);
  }
}

async function parkedReasons(sql: pg.Client): Promise<string> {
  const { rows } = await sql.query<{ text: string }>(
    "select reason || ': ' || detail || ' (' || count(*) || ')' as text from parked_updates where resolved_at is null group by reason, detail",
  );
  return `parked: ${rows.map(({ text }) => text).join("; ")}`;
}

async function assertEmpty(sql: pg.Client, what: string, query: string): Promise<void> {
  const { rows } = await sql.query(query);
  assert.deepEqual(rows.slice(0, 3), [], what);
}

export async function numberOf(sql: pg.Client, query: string): Promise<number> {
  const row = await oneRow(sql, query);
  return Number(row["n"]);
}

async function oneRow(sql: pg.Client, query: string): Promise<Record<string, number>> {
  const { rows } = await sql.query<Record<string, number>>(query);
  const [row] = rows;
  if (row === undefined) throw new Error(`No row: ${query}`);
  return row;
}
