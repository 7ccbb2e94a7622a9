/** What each run measures, and which rows it fills. */
import { runDrain } from "./drain.ts";
import { noteInbox } from "./inbox-rows.ts";
import { runInbox } from "./inbox.ts";
import { runAckAtHalf, runFairness, runStreams } from "./latency.ts";
import { runRaw, runReference } from "./mix.ts";
import { runProfile } from "./profiled.ts";
import { startReady, sustainCounted, type RateShape, type Ready } from "./rates.ts";
import type { Results } from "./rows.ts";
import { seedStored } from "./seed.ts";
import { runSends } from "./sends.ts";
import { runStart } from "./start.ts";
import { ms, whole, type Sustained } from "./sustain.ts";
import type { Workbench } from "./workbench.ts";

export const kinds = ["one", "twenty", "statuses", "mix", "drain", "start", "sends", "inbox"] as const;
export type Kind = (typeof kinds)[number];

/** A quick run shows the direction only: the indexes of so few still lie in memory. */
const storedMessages = { full: 5_000_000, quick: 200_000 } as const;

export async function run(bench: Workbench, results: Results, kind: Kind): Promise<void> {
  switch (kind) {
    case "one":
      return rate(bench, results, "one", async (ready, sustained) => {
        const ack = await runAckAtHalf(bench, ready, sustained.perSecond);
        const stream = await runStreams(bench, ready);
        results.values.set("ack", {
          value: ack.p99 ?? Infinity,
          note: `p50 ${ms(ack.p50)} ms at ${whole(sustained.perSecond / 2)}/s, one update per POST`,
        });
        results.values.set("stream", {
          value: stream.p95 ?? Infinity,
          note: `p50 ${ms(stream.p50)} ms, p99 ${ms(stream.p99)} ms; 50 streams open`,
        });
      });
    case "twenty":
      return rate(bench, results, "twenty", async (ready, sustained) => {
        await rawLimit(bench, results, ready, sustained, "twenty");
        await fairness(bench, results, ready, sustained);
        await stored(bench, results, ready, sustained);
      });
    case "statuses":
      return rate(bench, results, "statuses", (ready, sustained) => rawLimit(bench, results, ready, sustained, "statuses"));
    case "mix":
      return mix(bench, results);
    case "drain": {
      const { updates, perSecond } = await runDrain(bench);
      const text = `${whole(updates)} updates of the mix at ${whole(perSecond)}/s`;
      if (results.mixPerSecond === null) results.beside.push(`drain: ${text}; no rate of the mix to compare it with`);
      else results.values.set("drain", { value: perSecond / results.mixPerSecond, note: text });
      return;
    }
    case "start": {
      const { firstMs, secondMs } = await runStart(bench);
      results.values.set("start", { value: firstMs, note: `the second start ${(secondMs / 1_000).toFixed(1)} s` });
      return;
    }
    case "sends":
      return sends(bench, results);
    case "inbox":
      return noteInbox(results, await runInbox(bench));
    default:
      kind satisfies never;
  }
}

async function sends(bench: Workbench, results: Results): Promise<void> {
  const { perSecond, apiPerSecond, idle, behindQueue, bytesPerQueued } = await runSends(bench);
  results.values.set("sends", { value: perSecond, note: `queued before at ${whole(apiPerSecond)} API calls a second` });
  results.values.set("sendLatency", { value: idle.p50, note: `p99 ${ms(idle.p99)} ms` });
  results.beside.push(
    `100,000 queued messages of other tenants: ${whole(bytesPerQueued)} bytes each; API call → Graph request meanwhile p50 ${ms(behindQueue.p50)} ms, p99 ${ms(behindQueue.p99)} ms`,
  );
}

async function rate(
  bench: Workbench,
  results: Results,
  shape: "one" | "twenty" | "statuses",
  more: (ready: Ready, sustained: Sustained) => Promise<void>,
): Promise<void> {
  const ready = await startReady(bench, { name: shape });
  const sustained = await sustainCounted(bench, ready, shape);
  results.values.set(shape, { value: sustained.perSecond, note: noteOf(sustained) });
  noteCosts(results, shape, sustained);
  await more(ready, sustained);
  await ready.program.stop();
  if (bench.isProfiled) await profile(bench, results, shape);
}

async function profile(bench: Workbench, results: Results, shape: RateShape): Promise<void> {
  const { limits, lines } = await runProfile(bench, shape, null);
  if (shape !== "mix") results.limits.set(shape, limits);
  results.profiles.push({ title: `${shape}, closed loop`, lines });
}

/** What the machine could do at all: a rate above it cannot be reached, however little else is done. */
async function rawLimit(
  bench: Workbench,
  results: Results,
  ready: Ready,
  sustained: Sustained,
  kind: "twenty" | "statuses",
): Promise<void> {
  const { server } = ready.program;
  if (server === null) throw new Error("The raw limit needs the embedded database");
  const perSecond = await runRaw(bench, ready.target, server, kind);
  results.beside.push(
    `the raw limit of ${kind === "twenty" ? "messages" : "statuses"} alone (one connection, prepared arrays, neither HTTP nor JSON): ` +
      `${whole(perSecond)}/s, of which ${whole((100 * sustained.perSecond) / perSecond)} % were sustained`,
  );
}

/** In one process and on one database, just before and just after the rows were put in. */
async function stored(bench: Workbench, results: Results, ready: Ready, empty: Sustained): Promise<void> {
  const messages = bench.isQuick ? storedMessages.quick : storedMessages.full;
  await seedStored(ready.target.sql, messages, bench.say);
  const full = await sustainCounted(bench, ready, "twenty");
  results.values.set("stored", {
    value: full.perSecond / empty.perSecond,
    note: `${whole(full.perSecond)}/s after ${whole(empty.perSecond)}/s, 20 per POST, with ${whole(messages)} stored messages`,
  });
}

async function fairness(bench: Workbench, results: Results, ready: Ready, sustained: Sustained): Promise<void> {
  const { quiet, flooded, floodPerSecond } = await runFairness(bench, ready, sustained.perSecond);
  results.beside.push(
    `a quiet tenant's event after its answer: p99 ${ms(quiet.p99)} ms alone, ${ms(flooded.p99)} ms while another tenant floods with ${whole(floodPerSecond)}/s ` +
      `(p50 ${ms(quiet.p50)} and ${ms(flooded.p50)} ms)`,
  );
}

async function mix(bench: Workbench, results: Results): Promise<void> {
  const ready = await startReady(bench, { name: "mix" });
  const { server } = ready.program;
  if (server === null) throw new Error("The mix needs the embedded database");
  // Each is written down before the next begins, which may fail.
  const sustained = await sustainCounted(bench, ready, "mix");
  results.mixPerSecond = sustained.perSecond;
  noteCosts(results, "mix", sustained);
  const rawPerSecond = await runRaw(bench, ready.target, server, "mix");
  results.values.set("raw", {
    value: sustained.perSecond / rawPerSecond,
    note: `${whole(sustained.perSecond)}/s against ${whole(rawPerSecond)}/s`,
  });
  const reference = await runReference(bench, ready.target, server);
  await ready.program.stop();
  results.values.set("reference", {
    value: sustained.perSecond / reference.perSecond,
    note: `${whole(sustained.perSecond)}/s against ${whole(reference.perSecond)}/s`,
  });
  noteCosts(results, "the reference", reference);
  if (bench.isProfiled) await profile(bench, results, "mix");
}

function noteOf({ at, unthrottled }: Sustained): string {
  return (
    `ack p50 ${ms(at.load.ack.p50)}, p99 ${ms(at.load.ack.p99)} ms, backlog up to ${whole(at.backlogMsMax)} ms; ` +
    `unthrottled ${whole(unthrottled.ackedPerSecond)}/s are answered and ${whole(unthrottled.appliedPerSecond)}/s applied`
  );
}

function noteCosts(results: Results, name: string, { at, unthrottled }: Sustained): void {
  const { perUpdate, cpu } = at;
  const statements = perUpdate.statements === null ? "" : `${perUpdate.statements.toFixed(2)} statements, `;
  results.beside.push(
    `${name}, per update: ${statements}${whole(perUpdate.walBytes)} bytes of WAL; per 1,000 updates: ${perUpdate.cpuMsNode.toFixed(2)} CPU s of node, ` +
      `${perUpdate.cpuMsPostgres.toFixed(2)} of PostgreSQL; ${whole(at.commitsPerSecond)} commits/s; cores: node ${cpu.node.toFixed(2)}, PostgreSQL ${cpu.postgres.toFixed(2)}, ` +
      `generator ${cpu.load.toFixed(2)}, strangers ${cpu.others.toFixed(2)}; at most ${whole(Math.max(at.residentMbMax, unthrottled.residentMbMax))} MB`,
  );
  if (name === "the reference") return;
  const before = results.values.get("memory")?.value ?? 0;
  const value = Math.max(before, unthrottled.residentMbMax);
  if (value > before) results.values.set("memory", { value, note: `greatest of all unthrottled runs: ${name}` });
}
