/** What is in the database must be what was acknowledged, or the run is void. */
import type { Pool } from "pg";
import type { Acknowledged } from "./load.ts";

export type Counts = {
  deliveries: number;
  intake: number;
  messages: number;
  facts: number;
  stored: number;
  duplicates: number;
  parked: number;
};

const select = `
  select (select count(*) from webhook_deliveries)::float8 as deliveries,
    (select coalesce(sum(deliveries), 0) from webhook_intake)::float8 as intake,
    (select count(*) from whatsapp_messages where direction = 'inbound')::float8 as messages,
    (select count(*) from whatsapp_message_statuses)::float8 as facts,
    (select coalesce(sum(stored), 0) from activity_counters)::float8 as stored,
    (select coalesce(sum(duplicates), 0) from activity_counters)::float8 as duplicates,
    (select coalesce(sum(parked), 0) from activity_counters)::float8 as parked`;

/** Messages whose ticks are not the greatest of what was reported for them. */
const selectBehind = `
  with ranks (status, rank) as (values ('sent', 1), ('delivered', 2), ('read', 3)),
  reported as (
    select tenant_id, connection_id, wa_message_id, max(rank) as rank from whatsapp_message_statuses join ranks using (status) group by 1, 2, 3
  )
  select count(*)::float8 as behind from reported join whatsapp_messages m using (tenant_id, connection_id, wa_message_id)
  left join ranks on ranks.status = m.status where ranks.rank is distinct from reported.rank`;

export async function readCounts(sql: Pool): Promise<Counts> {
  const { rows } = await sql.query<Counts>(select);
  const [counts] = rows;
  if (counts === undefined) throw new Error("The database counts nothing");
  return counts;
}

/** Answers what is wrong, a line each. */
export async function findDifferences(sql: Pool, before: Counts, acknowledged: Acknowledged): Promise<string[]> {
  const after = await readCounts(sql);
  const { rows } = await sql.query<{ behind: number }>(selectBehind);
  const grown = (name: keyof Counts): number => after[name] - before[name];
  const checks: [string, number, number][] = [
    ["deliveries in the journal", grown("deliveries"), acknowledged.posts],
    ["deliveries counted", grown("intake"), acknowledged.posts],
    ["messages", grown("messages"), acknowledged.messages],
    ["status facts", grown("facts"), acknowledged.facts],
    ["updates stored", grown("stored"), acknowledged.messages + acknowledged.facts],
    ["updates that were duplicates", grown("duplicates"), acknowledged.updates - acknowledged.messages - acknowledged.facts],
    ["updates parked", grown("parked"), 0],
    ["messages whose ticks are behind", rows[0]?.behind ?? -1, 0],
  ];
  return checks.flatMap(([what, is, should]) => (is === should ? [] : [`${what}: ${is} instead of ${should}`]));
}

export function sumOf(reports: readonly Acknowledged[]): Acknowledged {
  const sum = { posts: 0, updates: 0, messages: 0, facts: 0 };
  for (const report of reports) {
    sum.posts += report.posts;
    sum.updates += report.updates;
    sum.messages += report.messages;
    sum.facts += report.facts;
  }
  return sum;
}
