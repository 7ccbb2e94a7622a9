/**
 * Plans are kept, and a plan that was made for a small table can be the wrong one for a large one. ANALYZE renews the
 * statistics and makes every session plan again. Autovacuum looks once a minute, which is long for a table that starts empty
 * and takes thousands of rows a second; so the tables of the path in are analysed each time they have doubled.
 */
import { limits } from "../limits.ts";
import type { Db } from "./pool.ts";
import { statement } from "./statement.ts";

const tables = [
  "whatsapp_messages",
  "whatsapp_conversations",
  "whatsapp_contacts",
  "whatsapp_contact_addresses",
  "whatsapp_connections",
] as const;

const sizes = statement("statistics.sizes", `select t as name, pg_relation_size(t::regclass) as bytes from unnest($1::text[]) as t`, {
  name: "text",
  bytes: "bigint",
});

export type Statistics = { keepOnce: () => Promise<string[]> };

export function createStatistics(owner: Db): Statistics {
  const analysedBytes = new Map<string, number>();
  return {
    /** Answers the tables that were analysed. */
    async keepOnce() {
      const seen = await owner.query(sizes, [[...tables]]);
      const grown = seen.filter(({ name, bytes }) => hasGrown(analysedBytes.get(name) ?? 0, bytes));
      for (const { name, bytes } of grown) {
        // A tenth of the usual sample: the path in goes by keys and needs sizes only, and autovacuum looks closer later.
        // The name is one of the constants above.
        // Also when it fails: it is tried again when the table has grown, not for ever.
        analysedBytes.set(name, bytes);
        await owner.pool.query(`set local default_statistics_target = 10; analyze ${name}`);
      }
      return grown.map(({ name }) => name);
    },
  };
}

/** Pure. Whether a table is analysed that had `beforeBytes` when it last was; 0: never. */
export function hasGrown(beforeBytes: number, bytes: number): boolean {
  const isDue = bytes >= limits.statisticsBytesMin && bytes >= beforeBytes * limits.statisticsGrowthFactor;
  return isDue && (beforeBytes === 0 || bytes <= limits.statisticsBytesMax);
}
