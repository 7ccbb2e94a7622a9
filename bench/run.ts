/**
 * `npm run bench -- [--quick] [--profile] [--only one,twenty,…]`: which runs, in which order, and the table. Full runs are profiled, quick ones
 * when asked. Each run has a program of its own, is undone and written down when it ends, however it ends: `bench/results.json`, and
 * `bench/RESULTS.md` from it. Loopback only; everything is undone at the end.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { keep, readKept, stampNow, writeKept } from "./kept.ts";
import { emptyResults, toMarkdown, toText } from "./rows.ts";
import { kinds, run, type Kind } from "./runs.ts";
import { openWorkbench } from "./workbench.ts";

/** A run that takes longer hangs: five million stored messages, five rates and a profile take a third of it. */
const minutesMax = 45;

const { values: options, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
  allowPositionals: true,
});
const named = [...options.only.split(","), ...positionals].filter((name) => name !== "");
const unknown = named.filter((name) => !kinds.some((kind) => kind === name));
if (unknown.length > 0) throw new Error(`No such run: ${unknown.join(", ")}. There are: ${kinds.join(", ")}.`);
const wanted = kinds.filter((kind) => named.length === 0 || named.includes(kind));
const began = stampNow(options.quick);
const beganAt = performance.now();
const kept = await readKept();
const bench = await openWorkbench({ isQuick: options.quick, isProfiled: options.profile || !options.quick });
let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    isEnding = true;
    void bench.close().then(() => process.exit(1));
  });
}
try {
  for (const [index, kind] of wanted.entries()) {
    bench.say(`run ${index + 1} of ${wanted.length}: ${kind}`);
    await runAlone(kind);
  }
  process.stdout.write(`${toText(kept, began)}\n\n`);
} finally {
  await bench.close();
}
process.stdout.write(`${wanted.join(", ")}: ${((performance.now() - beganAt) / 60_000).toFixed(1)} minutes in all\n`);

/** What fails leaves its rows as they were; the others still run, without anything of it left on the machine. */
async function runAlone(kind: Kind): Promise<void> {
  const from = performance.now();
  const results = emptyResults(kept.mixPerSecond);
  const undo = bench.mark();
  const { promise: isOver, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not over after ${minutesMax} minutes`)), minutesMax * 60_000);
  const running = run(bench, results, kind);
  try {
    await Promise.race([running, isOver]);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    bench.say(`${kind} failed: ${error instanceof Error ? (error.stack ?? reason) : reason}`);
    results.beside.push(`**${kind} failed**: ${reason}`);
    process.exitCode = 1;
    // What hangs on ends when its program does.
    running.catch(() => undefined);
  } finally {
    clearTimeout(timer);
    await undo();
  }
  // What a signal has ended has not failed, and the rows stay as they were.
  if (isEnding) return;
  const stamp = stampNow(options.quick);
  keep(kept, kind, results, stamp);
  await writeKept(kept);
  await writeFile(new URL("RESULTS.md", import.meta.url), toMarkdown(kept, stamp));
  bench.say(`${kind}: ${Math.round((performance.now() - from) / 1_000)} s`);
}
