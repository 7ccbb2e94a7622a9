/** A short run under the profilers, against a program of its own: what limits, in numbers. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { percent, resetStatements, sampleSessions, topFunctions, topStatements, type Share } from "./profile.ts";
import { perSecondMax, startReady, type RateShape } from "./rates.ts";
import { runOnce } from "./sustain.ts";
import type { Workbench } from "./workbench.ts";

export type Profile = { shape: RateShape; limits: string; lines: string[] };

export async function runProfile(bench: Workbench, shape: RateShape, perSecond: number | null): Promise<Profile> {
  const directory = join(bench.directory, `profile-${shape}`);
  await mkdir(directory);
  const ready = await startReady(bench, { name: `profiled-${shape}`, nodeArgs: ["--cpu-prof", `--cpu-prof-dir=${directory}`] });
  await resetStatements(ready.target.sql);
  const sessions = sampleSessions(ready.target.sql);
  const measured = await runOnce(bench, ready.target, ready.decks, {
    warmMs: 2_000,
    measureMs: 8_000,
    shape,
    perSecond,
    perSecondMax: perSecond ?? perSecondMax[shape],
  });
  const { kinds, detailed } = sessions.stop(15);
  const statements = await topStatements(ready.target.sql, 15);
  await ready.program.stop();
  const { busyShare, top } = topFunctions(directory, 20);
  const { cpu } = measured;
  return {
    shape,
    limits:
      `of 2 cores node ${cpu.node.toFixed(2)}, PostgreSQL ${cpu.postgres.toFixed(2)}, generator ${cpu.load.toFixed(2)}, strangers ${cpu.others.toFixed(2)}; ` +
      `sessions: ${list(kinds.slice(0, 3))}; statements: ${list(statements.slice(0, 3), 40)}; node: ${list(top.slice(0, 3))}`,
    lines: [
      `applied ${Math.round(measured.appliedPerSecond)}/s, acknowledged ${Math.round(measured.ackedPerSecond)}/s; ${list(kinds)}`,
      ...detailed.map(({ name, share }) => `session    ${percent(share).padStart(6)}  ${name}`),
      ...statements.map(
        ({ name, share, calls, meanMs, rows, walBytes }) =>
          `statement  ${percent(share).padStart(6)}  ${meanMs.toFixed(2)} ms × ${calls}, ${rows} rows, ${Math.round(walBytes / 2 ** 20)} MB of WAL: ${name}`,
      ),
      `node was busy ${percent(busyShare)} of the time, from its start to its end`,
      ...top.map(({ name, share }) => `function   ${percent(share).padStart(6)}  ${name}`),
    ],
  };
}

function list(shares: readonly Share[], width = 60): string {
  return shares.map(({ name, share }) => `${name.slice(0, width)} ${percent(share)}`).join(", ");
}
