/** Where the time goes: functions of node (`--cpu-prof`), statements and waits of PostgreSQL. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Pool } from "pg";

export type Share = { name: string; share: number };

type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
};

/** Self times of the busiest functions, as shares of the time that node was not idle; and how busy it was at all. */
export function topFunctions(directory: string, count: number): { busyShare: number; top: Share[] } {
  const file = readdirSync(directory).find((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) return { busyShare: 0, top: [] };
  // Written by node itself.
  const profile = JSON.parse(readFileSync(join(directory, file), "utf8")) as CpuProfile;
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const self = new Map<string, number>();
  let all = 0;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0;
    const name = names.get(id) ?? "?";
    all += us;
    self.set(name, (self.get(name) ?? 0) + us);
  }
  const idle = self.get("(idle)") ?? 0;
  self.delete("(idle)");
  return { busyShare: (all - idle) / all, top: largest(self, all - idle, count) };
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const place = /(?:node_modules\/|\/)((?:[^/]+\/)?[^/]+)$/.exec(url)?.[1];
  return place === undefined ? functionName : `${functionName || "(anonymous)"} ${place}:${lineNumber + 1}`;
}

/** Statements by the time that they took since `resetStatements`; empty without the extension. */
export async function topStatements(
  sql: Pool,
  count: number,
): Promise<(Share & { calls: number; meanMs: number; rows: number; walBytes: number })[]> {
  const { rows } = await sql.query<{ name: string; share: number; calls: number; meanMs: number; rows: number; walBytes: number }>(
    `select left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as name, total_exec_time / greatest(1, sum(total_exec_time) over ()) as share,
       calls::float8 as calls, mean_exec_time as "meanMs", rows::float8 as rows, wal_bytes::float8 as "walBytes"
     from pg_stat_statements order by total_exec_time desc limit $1`,
    [count],
  );
  return rows;
}

export async function resetStatements(sql: Pool): Promise<void> {
  await sql.query("select pg_stat_statements_reset()");
}

/** Looks 50 times a second at what each session of the program does or waits for. */
export function sampleSessions(sql: Pool) {
  const seen = new Map<string, number>();
  const kinds = new Map<string, number>();
  let looks = 0;
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    const { rows } = await sql.query<{ session: string; doing: string; query: string }>(
      `select replace(application_name, 'kesher ', '') as session, left(regexp_replace(query, '\\s+', ' ', 'g'), 60) as query,
         case when state = 'active' then coalesce(wait_event_type || '/' || wait_event, 'on CPU') else 'waits for node' end as doing
       from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and application_name like 'kesher %'`,
    );
    looks += 1;
    for (const { session, doing, query } of rows) {
      const kind = `${session}: ${doing}`;
      tally(kinds, kind);
      tally(seen, doing === "waits for node" ? kind : `${kind} in ${query}`);
    }
    isBusy = false;
  };
  const timer = setInterval(() => void look().catch(() => undefined), 20);
  return {
    /** Shares of the looks at which a session was seen so. */
    stop(most: number): { kinds: Share[]; detailed: Share[] } {
      clearInterval(timer);
      return { kinds: largest(kinds, looks, 6), detailed: largest(seen, looks, most) };
    },
  };
}

function tally(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function largest(values: ReadonlyMap<string, number>, whole: number, count: number): Share[] {
  return [...values]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, value]) => ({ name, share: value / Math.max(1, whole) }));
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
