/** Starts a postmaster that outlives this program, and waits until it serves. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "../limits.ts";
import { EmbeddedRefusal } from "./embedded-account.ts";
import { asAccount, serverEnvironment } from "./embedded-cluster.ts";
import { type Place, handOver, socketPort } from "./embedded-place.ts";
import { endOrphans, identify, isAlive, readPidFile, shutdown, type PidFile } from "./embedded-postmaster.ts";

export type LaunchOptions = {
  settings?: Readonly<Record<string, string>> | undefined;
  onProgress?: ((message: string) => void) | undefined;
  signal?: AbortSignal | undefined;
};

export type Launched = { file: PidFile; exited: Promise<unknown> };

/** Call under the start lock, when the cluster has no postmaster. */
export async function launch(place: Place, options: LaunchOptions): Promise<Launched> {
  const until = performance.now() + limits.embeddedSharedMemoryMsMax;
  for (;;) {
    await clearDead(place);
    const child = await spawnPostmaster(place, options.settings ?? {});
    const exited = once(child, "exit");
    const file = await waitUntilReady(place, child, options);
    if (file !== null) return { file, exited };
    const reason = await lastWords(place);
    const passes = /shared memory block|lock file .* already exists/.test(reason);
    if (!passes || performance.now() > until) {
      throw new EmbeddedRefusal(`PostgreSQL did not start with the data in ${place.cluster}. It said:\n${reason}`);
    }
    await pause(limits.embeddedWatchPollMs / 2, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/**
 * Removes what a dead postmaster left where PostgreSQL itself would not dare: a pid file or socket lock whose pid now is a stranger's.
 * A pid file of a pid that is free stays, since PostgreSQL also learns from it whether the old shared memory is still in use.
 */
async function clearDead({ cluster, socketDir, account }: Place): Promise<void> {
  await endOrphans(cluster, account);
  const file = await readPidFile(cluster);
  if (file !== null && isAlive(file.pid) && (await identify(file.pid, cluster)) === "other") await rm(join(cluster, "postmaster.pid"));
  if (socketDir === null) return;
  for (const name of [`.s.PGSQL.${socketPort}`, `.s.PGSQL.${socketPort}.lock`]) await rm(join(socketDir, name), { force: true });
}

/** Detached: it has a session of its own, so neither our death nor a Ctrl-C in our terminal reaches it. */
async function spawnPostmaster(place: Place, settings: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const overrides = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const port = place.socketDir === null ? ["-p", String(await freePort())] : [];
  const log = await open(place.startLog, "w", 0o600);
  try {
    await handOver(place.startLog, place.account);
    const child = spawn(place.binaries.postgres, ["-D", place.cluster, ...port, ...overrides], {
      ...asAccount(place),
      cwd: "/",
      env: serverEnvironment,
      detached: true,
      windowsHide: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(child, "spawn");
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** Null if it ended instead. Recovery after a crash may take a while; it is told every two seconds. */
async function waitUntilReady(place: Place, child: ChildProcess, options: LaunchOptions): Promise<PidFile | null> {
  const start = performance.now();
  const until = start + limits.embeddedRecoveryMsMax;
  let tellAt = start + 2_000;
  while (child.exitCode === null && child.signalCode === null) {
    const file = await readPidFile(place.cluster);
    if (file !== null && file.pid === child.pid && file.status === "ready") return file;
    const now = performance.now();
    if (options.signal?.aborted === true || now > until) {
      if (child.pid !== undefined) await shutdown(place.cluster, child.pid);
      options.signal?.throwIfAborted();
      throw new EmbeddedRefusal(`PostgreSQL was not ready after ${Math.round((now - start) / 1_000)} s; see ${place.cluster}/log.`);
    }
    if (now > tellAt) {
      options.onProgress?.(`The embedded database is recovering (${Math.round((now - start) / 1_000)} s).`);
      tellAt = now + 2_000;
    }
    await pause(limits.embeddedStatusPollMs);
  }
  return null;
}

/** The end of its start log and, if it came so far, of its own log. */
async function lastWords(place: Place): Promise<string> {
  const current = await readFile(join(place.cluster, "current_logfiles"), "utf8").catch(() => "");
  const own = current.split(" ")[1]?.trim();
  const texts = await Promise.all(
    [place.startLog, ...(own === undefined ? [] : [join(place.cluster, own)])].map((file) => readFile(file, "utf8").catch(() => "")),
  );
  return texts.flatMap((text) => text.trim().split("\n").slice(-6)).join("\n");
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no free port of 127.0.0.1");
  return address.port;
}
