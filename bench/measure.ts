/** One run of the load against one server, with all that is read beside it. */
import type { Pool } from "pg";
import type { Deck } from "./bodies.ts";
import type { LoadMessage, LoadOrder, LoadReport } from "./load.ts";
import { cpuSeconds, machineCpuSeconds, postgresCpuSeconds, residentMegabytes } from "./machine.ts";
import { startChild, until, type Workbench } from "./workbench.ts";

/** What is loaded: the program, or the reference. */
export type Target = {
  name: string;
  port: number;
  pid: number;
  postmaster: number;
  sql: Pool;
  /** How many updates are applied, and how old the oldest is that is not. */
  stats: () => Promise<{ updates: number; oldestPendingMs: number }>;
};
export type Times = { warmMs: number; measureMs: number };
export type MeasureOptions = Times & {
  /** Updates a second; null for the closed loop of 64 connections. */
  perSecond: number | null;
  streamKeys?: readonly string[];
  /** Called in the middle of the measured part. */
  during?: () => void;
};

export type Measurement = {
  load: LoadReport;
  ackedPerSecond: number;
  postsPerSecond: number;
  /** Applied and visible, within the measured part. */
  appliedPerSecond: number;
  backlogMsMax: number;
  backlogMsEnd: number;
  residentMbMax: number;
  /** Cores in use; `others` are strangers on the same machine. */
  cpu: { node: number; postgres: number; load: number; others: number };
  /** Per update that was applied in the measured part. */
  perUpdate: { statements: number | null; walBytes: number; cpuMsNode: number; cpuMsPostgres: number };
  commitsPerSecond: number;
  /** Once no more came in; null when next to nothing was left. */
  drainedPerSecond: number | null;
};

export const connections = 64;
const pollMs = 250;
const drainMsMax = 300_000;
const graceMs = 60_000;

export async function measure(bench: Workbench, target: Target, deck: Deck, options: MeasureOptions): Promise<Measurement> {
  const child = startChild<LoadMessage>(bench, new URL("load.ts", import.meta.url));
  const perPost = deck.updates / deck.posts;
  const order: LoadOrder = {
    port: target.port,
    file: deck.file,
    connections,
    perSecond: options.perSecond === null ? null : options.perSecond / perPost,
    warmMs: options.warmMs,
    measureMs: options.measureMs,
    streamKeys: options.streamKeys ?? [],
  };
  child.send(order);
  const poller = watch(target);
  try {
    expect(await child.next(options.warmMs + graceMs), "measuring");
    poller.reset();
    const before = await snapshot(target);
    const halfway = setTimeout(() => {
      // With a checkpoint inside.
      void target.sql.query("checkpoint").catch(() => undefined);
      options.during?.();
    }, options.measureMs / 2);
    expect(await child.next(options.measureMs + graceMs), "measured");
    clearTimeout(halfway);
    const after = await snapshot(target);
    const backlogMsEnd = (await target.stats()).oldestPendingMs;
    const backlogMsMax = Math.max(poller.backlogMsMax(), backlogMsEnd);
    const residentMbMax = poller.residentMbMax();
    const message = await child.next(graceMs);
    if (message.type !== "done") throw new Error(message.type === "failed" ? message.reason : "The generator said something unexpected");
    const drainedFrom = performance.now();
    const left = await target.stats();
    await until(async () => (await target.stats()).oldestPendingMs === 0, drainMsMax, `${target.name} applies all that it took`, 50);
    return evaluate(message.report, before, after, {
      backlogMsMax,
      backlogMsEnd,
      residentMbMax,
      drainedPerSecond: rateOf((await target.stats()).updates - left.updates, performance.now() - drainedFrom),
    });
  } finally {
    poller.stop();
    await child.stop();
  }
}

/** Sends a whole deck as fast as it is answered. */
export async function feed(bench: Workbench, port: number, deck: Deck): Promise<LoadReport> {
  const child = startChild<LoadMessage>(bench, new URL("load.ts", import.meta.url));
  const order: LoadOrder = { port, file: deck.file, connections, perSecond: null, warmMs: drainMsMax, measureMs: 0, streamKeys: [] };
  child.send(order);
  const message = await child.next(drainMsMax);
  await child.stop();
  if (message.type !== "done") throw new Error(message.type === "failed" ? message.reason : "The generator said something unexpected");
  if (message.report.failed > 0) throw new Error(`${message.report.failed} of the requests were not answered 200`);
  return message.report;
}

function expect(message: LoadMessage, type: LoadMessage["type"]): void {
  if (message.type === "failed") throw new Error(message.reason);
  if (message.type !== type) throw new Error(`The generator is ${message.type} before it was ${type}: the deck is too small`);
}

function rateOf(updates: number, ms: number): number | null {
  return ms < 500 ? null : (updates * 1_000) / ms;
}

type Snapshot = {
  at: number;
  updates: number;
  node: number;
  postgres: number;
  machine: number;
  walBytes: number;
  commits: number;
  statements: number | null;
};

async function snapshot(target: Target): Promise<Snapshot> {
  const [{ updates }, { rows }, statements] = await Promise.all([
    target.stats(),
    target.sql.query<{ walBytes: number; commits: number }>(
      `select (select wal_bytes from pg_stat_wal)::float8 as "walBytes", (select xact_commit from pg_stat_database where datname = current_database())::float8 as commits`,
    ),
    countStatements(target.sql),
  ]);
  return {
    at: performance.now(),
    updates,
    node: cpuSeconds(target.pid),
    postgres: postgresCpuSeconds(target.postmaster),
    machine: machineCpuSeconds(),
    walBytes: rows[0]?.walBytes ?? 0,
    commits: rows[0]?.commits ?? 0,
    statements,
  };
}

/** Null without `pg_stat_statements`. */
async function countStatements(sql: Pool): Promise<number | null> {
  return sql
    .query<{ calls: number }>("select coalesce(sum(calls), 0)::float8 as calls from pg_stat_statements where toplevel")
    .then(({ rows }) => rows[0]?.calls ?? null)
    .catch(() => null);
}

function evaluate(
  load: LoadReport,
  before: Snapshot,
  after: Snapshot,
  seen: Pick<Measurement, "backlogMsMax" | "backlogMsEnd" | "residentMbMax" | "drainedPerSecond">,
): Measurement {
  const seconds = (after.at - before.at) / 1_000;
  const node = (after.node - before.node) / seconds;
  const postgres = (after.postgres - before.postgres) / seconds;
  const generator = load.cpuSeconds / seconds;
  const applied = Math.max(1, after.updates - before.updates);
  return {
    load,
    ackedPerSecond: load.measured.updates / load.measured.seconds,
    postsPerSecond: load.measured.posts / load.measured.seconds,
    appliedPerSecond: applied / seconds,
    ...seen,
    cpu: { node, postgres, load: generator, others: Math.max(0, (after.machine - before.machine) / seconds - node - postgres - generator) },
    perUpdate: {
      statements: after.statements === null || before.statements === null ? null : (after.statements - before.statements) / applied,
      walBytes: (after.walBytes - before.walBytes) / applied,
      cpuMsNode: ((after.node - before.node) * 1_000) / applied,
      cpuMsPostgres: ((after.postgres - before.postgres) * 1_000) / applied,
    },
    commitsPerSecond: (after.commits - before.commits) / seconds,
  };
}

/** Looks at the backlog and the memory each 250 ms. */
function watch(target: Target) {
  let backlogMsMax = 0;
  let residentMbMax = 0;
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    residentMbMax = Math.max(residentMbMax, residentMegabytes(target.pid));
    await target.stats().then(
      ({ oldestPendingMs }) => (backlogMsMax = Math.max(backlogMsMax, oldestPendingMs)),
      () => undefined,
    );
    isBusy = false;
  };
  const timer = setInterval(() => void look(), pollMs);
  return {
    backlogMsMax: () => backlogMsMax,
    residentMbMax: () => residentMbMax,
    reset(): void {
      backlogMsMax = 0;
      residentMbMax = 0;
    },
    stop: () => clearInterval(timer),
  };
}
