/**
 * Has the inbox built before it is served: once for each state of its sources, which a hash names. The build runs beside the program, in a process
 * of its own; until it is done the program serves a page that says so.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const builds = join(root, "node_modules/.cache/kesher-inbox");
/** What the build is made of. Another version of a package is another lockfile. */
const sources = ["inbox", "src/contract", "src/limits.ts", "package-lock.json"];
const stderrCharsMax = 20_000;
const buildsKept = 3;
/** A build takes seconds. */
const unfinishedMsMax = 30 * 60_000;
const unfinishedPrefix = "unfinished-";

export type InboxBuild = {
  /** The folder of the built client; rejects with what the build said when it failed. */
  folder: Promise<string>;
  stop: () => void;
};

/** Builds if need be. `progress` hears about it only when there is something to do. */
export function startInboxBuild(progress: (message: string) => void): InboxBuild {
  const abort = new AbortController();
  const folder = buildOnce(progress, abort.signal);
  // Whoever needs it looks; a stop before that is no fault.
  folder.catch(() => undefined);
  return { folder, stop: () => abort.abort() };
}

async function buildOnce(progress: (message: string) => void, signal: AbortSignal): Promise<string> {
  const folder = join(builds, await hashSources());
  if (await exists(folder)) return folder;
  const began = performance.now();
  progress("Building the inbox, once (a few seconds) …");
  await mkdir(builds, { recursive: true });
  await forgetUnfinished();
  const unfinished = await mkdtemp(join(builds, unfinishedPrefix));
  try {
    await runBuild(unfinished, signal);
    // Another process may have been faster with the very same.
    await rename(unfinished, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  await forgetOld(folder);
  progress(`The inbox is built (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
  return folder;
}

async function runBuild(folder: string, signal: AbortSignal): Promise<void> {
  // By the channel it notices when this process is killed.
  const child = spawn(process.execPath, [join(root, "inbox/build.ts"), folder], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    signal,
  });
  let said = "";
  child.stderr?.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-stderrCharsMax);
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`The inbox could not be built:\n${said}`));
    });
  });
}

async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of sources) {
    const path = join(root, source);
    const names = source.includes(".") ? [""] : (await readdir(path, { recursive: true })).toSorted();
    for (const name of names) {
      const bytes = await readFile(join(path, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "EISDIR") return null;
        throw error;
      });
      if (bytes !== null) hash.update(`${source}/${name}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest("hex").slice(0, 32);
}

/** Of a process that was killed while it built; one that is building now is younger. */
async function forgetUnfinished(): Promise<void> {
  for (const name of await readdir(builds)) {
    if (!name.startsWith(unfinishedPrefix)) continue;
    const path = join(builds, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && found.mtimeMs < Date.now() - unfinishedMsMax) await rm(path, { recursive: true, force: true });
  }
}

/** The newest stay, for whoever goes back and forth. A running program has read its own into memory. */
async function forgetOld(current: string): Promise<void> {
  const names = (await readdir(builds)).filter((name) => /^[0-9a-f]{32}$/.test(name) && join(builds, name) !== current);
  const aged = await Promise.all(names.map(async (name) => ({ name, atMs: await changedAtMs(join(builds, name)) })));
  const old = aged.toSorted((a, b) => b.atMs - a.atMs).slice(buildsKept - 1);
  await Promise.all(old.map(({ name }) => rm(join(builds, name), { recursive: true, force: true })));
}

/** Now for what another process has just moved or removed. */
async function changedAtMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
