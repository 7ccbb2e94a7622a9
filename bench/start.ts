/** `npm start` on an installed fresh clone: the tree as git sees it, with the packages beside it, and no settings but the port. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPidFile, shutdown } from "../src/db/embedded-postmaster.ts";
import { findDescendant } from "./machine.ts";
import { freePort } from "./program.ts";
import { until, type Workbench } from "./workbench.ts";

export type Started = { firstMs: number; secondMs: number };

const readyMsMax = 60_000;

export async function runStart(bench: Workbench): Promise<Started> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const clone = join(bench.directory, "clone");
  mkdirSync(clone, { mode: 0o755 });
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  }).split("\0");
  for (const file of files) {
    if (file === "" || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(root, file), join(clone, file));
  }
  cpSync(join(root, "node_modules"), join(clone, "node_modules"), { recursive: true, verbatimSymlinks: true });
  const firstMs = await startOnce(bench, clone);
  const secondMs = await startOnce(bench, clone);
  bench.say(`npm start: ready after ${Math.round(firstMs)} ms, the second time after ${Math.round(secondMs)} ms`);
  return { firstMs, secondMs };
}

async function startOnce(bench: Workbench, clone: string): Promise<number> {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn("npm", ["start"], {
    cwd: clone,
    env: { PATH: process.env["PATH"] ?? "", HOME: bench.directory, PORT: String(port) },
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  const stop = bench.defer(async () => {
    // The program alone: npm would pass a signal on, and a second one means "at once".
    const program = child.pid === undefined ? null : findDescendant(child.pid, "src/index.ts");
    if (program === null) child.kill("SIGTERM");
    else process.kill(program, "SIGTERM");
    await ended;
    const left = await readPidFile(join(clone, "data", "postgres"));
    if (left !== null) await shutdown(join(clone, "data", "postgres"), left.pid);
  });
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  await until(isReady, readyMsMax, "npm start is ready", 10);
  const readyMs = performance.now() - startedAt;
  await stop();
  return readyMs;
}
