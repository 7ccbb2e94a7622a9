/** The program's own rates, each kind of run against a fresh program with its embedded database. */
import type { Shape } from "./bodies.ts";
import { findDifferences, readCounts, sumOf } from "./count.ts";
import { feed, type Target } from "./measure.ts";
import { setUp, startProgram, type Program, type ProgramOptions } from "./program.ts";
import { notePeers, seedOutbound, settle } from "./seed.ts";
import { deckMaker, sustain, type DeckMaker, type Sustained } from "./sustain.ts";
import type { Workbench } from "./workbench.ts";
import { until } from "./workbench.ts";
import { contactCount } from "./world.ts";

export type Ready = { program: Program; target: Target & { sql: NonNullable<Program["sql"]> }; keys: string[]; decks: DeckMaker };

/** A program with 50 tenants, whose 20,000 customers have each written once. */
export async function startReady(bench: Workbench, options: ProgramOptions): Promise<Ready> {
  const program = await startProgram(bench, options);
  const { sql, postmaster } = program;
  if (sql === null || postmaster === null) throw new Error("This run needs the embedded database");
  const keys = await setUp(program.port);
  const target = { name: options.name, port: program.port, pid: program.pid, postmaster, sql, stats: program.stats };
  const decks = deckMaker(bench, async (range) => {
    await seedOutbound(sql, range);
    await settle(sql);
  });
  await introduce(bench, target, decks);
  await notePeers(sql);
  return { program, target, keys, decks };
}

async function introduce(bench: Workbench, target: Target, decks: DeckMaker): Promise<void> {
  const deck = await decks.make("introduction", contactCount);
  await feed(bench, target.port, deck);
  await until(async () => (await target.stats()).updates >= contactCount, 60_000, "The introduction is applied");
  await decks.discard(deck);
  await target.sql.query("vacuum analyze");
}

export type RateShape = Exclude<Shape, "introduction">;

/** How fast each kind may be expected to be at most, for the size of its deck: the goal and more. */
export const perSecondMax: Record<RateShape, number> = { one: 20_000, twenty: 45_000, statuses: 60_000, mix: 50_000 };

/** Throws when the database does not hold exactly what was acknowledged. */
export async function sustainCounted(bench: Workbench, ready: Ready, shape: RateShape): Promise<Sustained> {
  const before = await readCounts(ready.target.sql);
  const sustained = await sustain(bench, ready.target, ready.decks, { shape, perSecondMax: perSecondMax[shape] });
  const differences = await findDifferences(ready.target.sql, before, sumOf(sustained.all.map(({ load }) => load.total)));
  if (differences.length > 0) throw new Error(`The run is void: ${differences.join("; ")}`);
  bench.say(`${ready.target.name} ${shape}: sustained ${Math.round(sustained.perSecond)}/s; the counts match`);
  return sustained;
}
