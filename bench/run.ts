/**
 * `npm run bench -- [--quick] [--profile] [one twenty statuses mix drain start sends]`: which runs, in which order, and the table. Full runs
 * are profiled, quick ones when asked. Writes `bench/RESULTS.md`. Loopback only; everything is undone at the end.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { emptyResults, toMarkdown, toText } from "./rows.ts";
import { kinds, run } from "./runs.ts";
import { openWorkbench } from "./workbench.ts";

const { values: options, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false }, profile: { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !kinds.some((kind) => kind === name));
if (unknown.length > 0) throw new Error(`No such run: ${unknown.join(", ")}. There are: ${kinds.join(", ")}.`);
const wanted = kinds.filter((kind) => positionals.length === 0 || positionals.includes(kind));
const results = emptyResults();
const bench = await openWorkbench({ isQuick: options.quick, isProfiled: options.profile || !options.quick });
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void bench.close().then(() => process.exit(1)));
}
try {
  for (const kind of wanted) {
    // What fails leaves its rows unmeasured; the others still run.
    try {
      await run(bench, results, kind);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      bench.say(`${kind} failed: ${error instanceof Error ? (error.stack ?? reason) : reason}`);
      results.beside.push(`**${kind} failed**: ${reason}`);
      process.exitCode = 1;
    }
    await writeFile(new URL("RESULTS.md", import.meta.url), toMarkdown(results, options.quick));
  }
  process.stdout.write(`${toText(results)}\n`);
} finally {
  await bench.close();
}
