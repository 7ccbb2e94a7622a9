/**
 * Partitions by time: made ahead, dropped by age. A row that finds no partition of its time goes to the default one, so a
 * late upkeep loses nothing. Run by the owner of the tables, on one node at a time.
 */
import { uuidV7Floor } from "../core/ids.ts";
import { limits } from "../limits.ts";
import type { Db } from "./pool.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const upkeepLock = 7_319_204_419;

type Family = { table: string; months: boolean; keptDays: number; byUuid: boolean };
const families: readonly Family[] = [
  { table: "webhook_deliveries", months: false, keptDays: limits.journalKeptDays, byUuid: true },
  { table: "webhook_results", months: false, keptDays: limits.journalKeptDays, byUuid: true },
  { table: "whatsapp_message_statuses", months: true, keptDays: limits.statusFactsKeptDays, byUuid: false },
  { table: "activity_events", months: true, keptDays: limits.activityKeptDays, byUuid: false },
];

/** Makes what is missing from now on and drops what is too old. Answers the names. Another node at work: does nothing. */
export async function keepPartitions(owner: Db, nowMs: number): Promise<{ made: string[]; dropped: string[] }> {
  const client = await owner.pool.connect();
  try {
    await client.query("begin");
    const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_xact_lock($1) as locked", [upkeepLock]);
    if (rows[0]?.locked !== true) {
      await client.query("rollback");
      return { made: [], dropped: [] };
    }
    const existing = await client.query<{ name: string; parent: string }>(
      "select c.relname as name, p.relname as parent from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent",
    );
    const made: string[] = [];
    const dropped: string[] = [];
    for (const family of families) {
      const names = new Set(existing.rows.filter((row) => row.parent === family.table).map((row) => row.name));
      for (const span of spansAhead(family, nowMs)) {
        const name = nameOf(family, span.fromMs);
        if (names.has(name)) continue;
        // Names and bounds are computed here from numbers alone.
        await client.query(
          `create table ${name} partition of ${family.table} for values from ('${boundOf(family, span.fromMs)}') to ('${boundOf(family, span.toMs)}')`,
        );
        if (!family.byUuid)
          await client.query(`alter table ${name} enable row level security; alter table ${name} force row level security`);
        made.push(name);
      }
      const oldest = nameOf(family, nowMs - family.keptDays * dayMs);
      for (const name of names) {
        if (name.endsWith("_default") || name >= oldest) continue;
        await client.query(`drop table ${name}`);
        dropped.push(name);
      }
    }
    await client.query("commit");
    return { made, dropped };
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
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
