/**
 * Partitions by time: made ahead, dropped by age. A row that finds no partition of its time goes to the default one, so a
 * late upkeep loses nothing. Run by the owner of the tables, on one node at a time.
 */
import type pg from "pg";
import { uuidV7Floor } from "../core/ids.ts";
import { limits } from "../limits.ts";
import { connect, type Db } from "./pool.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const upkeepLock = 7_319_204_419;

type Family = { table: string; months: boolean; keptDays: number; byUuid: boolean; /** The column it is partitioned by. */ key: string };
const families: readonly Family[] = [
  { table: "webhook_deliveries", key: "id", months: false, keptDays: limits.journalKeptDays, byUuid: true },
  { table: "webhook_results", key: "delivery_id", months: false, keptDays: limits.journalKeptDays, byUuid: true },
  { table: "whatsapp_message_statuses", key: "at", months: true, keptDays: limits.statusFactsKeptDays, byUuid: false },
  { table: "activity_events", key: "created_at", months: true, keptDays: limits.activityKeptDays, byUuid: false },
];

export type PartitionWork = { made: string[]; dropped: string[] };

/**
 * Makes what is missing from now on and drops what is too old; answers the names. Each step is a transaction of its own that
 * gives up quickly when it cannot have its locks: it must not hold up the path in, and there are days until it matters.
 */
export async function keepPartitions(owner: Db, nowMs: number): Promise<PartitionWork> {
  const existing = await partitionNames(owner);
  const work: PartitionWork = { made: [], dropped: [] };
  for (const family of families) {
    for (const span of spansAhead(family, nowMs)) {
      const name = nameOf(family, span.fromMs);
      if (existing.has(name)) continue;
      if (await alone(owner, (client) => make(client, family, { ...span, name }))) work.made.push(name);
    }
    const oldest = nameOf(family, nowMs - family.keptDays * dayMs);
    for (const name of existing) {
      if (!isOf(family, name) || name >= oldest) continue;
      if (await alone(owner, (client) => drop(client, family, name))) work.dropped.push(name);
    }
    await alone(owner, (client) => dropStrays(client, family, nowMs - family.keptDays * dayMs));
  }
  return work;
}

async function partitionNames(owner: Db): Promise<ReadonlySet<string>> {
  const { rows } = await owner.pool.query<{ name: string }>(
    "select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'",
  );
  return new Set(rows.map((row) => row.name));
}

/** False when another node is at it, or when `work` found nothing to do. */
async function alone(owner: Db, work: (client: pg.PoolClient) => Promise<boolean>): Promise<boolean> {
  const client = await connect(owner.pool);
  let broken = true;
  try {
    await client.query(`begin; set local lock_timeout = ${limits.upkeepLockWaitMs}`);
    const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_xact_lock($1) as locked", [upkeepLock]);
    const isDone = rows[0]?.locked === true && (await work(client));
    await client.query(isDone ? "commit" : "rollback");
    broken = false;
    return isDone;
  } finally {
    // After an error the session goes, and with it what it had begun.
    client.release(broken);
  }
}

/** Rows of its time that came before it, and so went to the default partition, move in. Names and bounds are made here from numbers alone. */
async function make(
  client: pg.PoolClient,
  family: Family,
  { name, fromMs, toMs }: { name: string; fromMs: number; toMs: number },
): Promise<boolean> {
  const { table, key } = family;
  const [from, to] = [boundOf(family, fromMs), boundOf(family, toMs)];
  await client.query(`create table ${name} (like ${table} including all)`);
  if (!family.byUuid) await client.query(`alter table ${name} enable row level security; alter table ${name} force row level security`);
  await client.query(
    `with moved as (delete from ${table}_default where ${key} >= '${from}' and ${key} < '${to}' returning *) insert into ${name} select * from moved`,
  );
  await client.query(`alter table ${table} attach partition ${name} for values from ('${from}') to ('${to}')`);
  return true;
}

/** A body that still waits in the queue is kept, however old. */
async function drop(client: pg.PoolClient, family: Family, name: string): Promise<boolean> {
  if (family.byUuid) {
    const { rows } = await client.query<{ waits: boolean }>(
      `select exists (select from webhook_pending p, unnest(p.delivery_ids) as d (${family.key}) join ${name} using (${family.key})) as waits`,
    );
    if (rows[0]?.waits === true) return false;
  }
  await client.query(`drop table ${name}`);
  return true;
}

async function dropStrays(client: pg.PoolClient, family: Family, beforeMs: number): Promise<boolean> {
  const { rowCount } = await client.query(`delete from ${family.table}_default where ${family.key} < '${boundOf(family, beforeMs)}'`);
  return (rowCount ?? 0) > 0;
}

function isOf(family: Family, name: string): boolean {
  return name.startsWith(`${family.table}_`) && /_\d+$/.test(name);
}

/** The current span and those ahead of it. */
function spansAhead(family: Family, nowMs: number): { fromMs: number; toMs: number }[] {
  const spans: { fromMs: number; toMs: number }[] = [];
  let fromMs = startOf(family, nowMs);
  for (let count = 0; count < (family.months ? limits.partitionsAheadMonths : limits.partitionsAheadDays); count += 1) {
    const toMs = startOf(family, fromMs + (family.months ? 40 : 1) * dayMs);
    spans.push({ fromMs, toMs });
    fromMs = toMs;
  }
  return spans;
}

function startOf(family: Family, atMs: number): number {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), family.months ? 1 : at.getUTCDate());
}

function nameOf(family: Family, atMs: number): string {
  const day = new Date(startOf(family, atMs)).toISOString().slice(0, family.months ? 7 : 10);
  return `${family.table}_${day.replaceAll("-", "")}`;
}

function boundOf(family: Family, atMs: number): string {
  return family.byUuid ? uuidV7Floor(atMs) : new Date(atMs).toISOString();
}
