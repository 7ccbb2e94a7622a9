/**
 * The server process: whose it is, what it is doing, and how it ends. PostgreSQL writes `postmaster.pid` (pid, folder, start time,
 * port, socket folder, address, memory key, status, one a line); after `kill -9` of everything that file may name a stranger's
 * process, so nothing is signalled before the operating system has proved that it is the server of exactly this folder.
 */
import { execFile } from "node:child_process";
import { readFile, readdir, readlink, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { limits } from "../limits.ts";

const run = promisify(execFile);

export type PidFile = { pid: number; port: number; socketDir: string; status: "starting" | "ready" | "stopping" };

/** `unproven`: alive, and this system offers no way to tell (Windows). */
export type Identity = "ours" | "other" | "unproven";

/** What `postmaster.pid` says, or null if there is none or it is still being written. */
export async function readPidFile(cluster: string): Promise<PidFile | null> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  const [pid, , , port, socketDir, , , status] = text.split("\n").map((line) => line.trim());
  if (pid === undefined || !/^\d+$/.test(pid)) return null;
  const known = status === "ready" || status === "stopping" ? status : "starting";
  return { pid: Number(pid), port: Number(port ?? 0), socketDir: socketDir ?? "", status: known };
}

/** Proves that `pid` is the postmaster of `cluster`. A zombie, a stranger and nobody are all `other`. */
export async function identify(pid: number, cluster: string): Promise<Identity> {
  if (process.platform === "linux") {
    const [program, ...rest] = await readCommand(pid);
    if (program === undefined || basename(program) !== "postgres" || !rest.includes("-D")) return "other";
    return (await worksIn(pid, cluster)) ? "ours" : "other";
  }
  if (!isAlive(pid)) return "other";
  if (process.platform === "win32") return "unproven";
  const { stdout } = await run("ps", ["-ww", "-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout.includes(`postgres -D ${cluster}`) ? "ours" : "other";
}

export async function isGone(pid: number, cluster: string): Promise<boolean> {
  return process.platform === "linux" ? (await identify(pid, cluster)) !== "ours" : !isAlive(pid);
}

/**
 * Ends a server: fast (sessions are cut off, a checkpoint is written), then immediate, then kill; the next start recovers in the last
 * two cases. Answers with what it took. Bounded by the sum of the three limits.
 */
export async function shutdown(cluster: string, pid: number): Promise<"gone" | "fast" | "immediate" | "killed"> {
  const steps = [
    ["fast", "SIGINT", limits.embeddedStopFastMsMax],
    ["immediate", "SIGQUIT", limits.embeddedStopImmediateMsMax],
    ["killed", "SIGKILL", limits.embeddedStopKillMsMax],
  ] as const;
  if (await isGone(pid, cluster)) return "gone";
  for (const [name, signal, waitMs] of steps) {
    await send(signal, pid, cluster);
    const until = performance.now() + waitMs;
    while (performance.now() < until) {
      if (await isGone(pid, cluster)) return name;
      await pause(limits.embeddedStatusPollMs);
    }
  }
  return "killed";
}

/**
 * Ends what a killed postmaster left: a backend in a long computation notices only at its end, and holds the shared memory until then,
 * which keeps a new server from starting. Call only when the cluster has no postmaster. Answers how many were ended.
 */
export async function endOrphans(cluster: string): Promise<number> {
  if (process.platform !== "linux") return 0;
  let ended = 0;
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const [title] = await readCommand(pid);
    if (title === undefined || !title.startsWith("postgres: ") || !(await worksIn(pid, cluster))) continue;
    if (deliver("SIGKILL", pid)) ended += 1;
  }
  return ended;
}

/** False also for a pid that was given to another user's process: either way it is not ours to wait for. */
export function isAlive(pid: number): boolean {
  return deliver(0, pid);
}

async function send(signal: "SIGINT" | "SIGQUIT" | "SIGKILL", pid: number, cluster: string): Promise<void> {
  if (process.platform !== "win32") {
    if (!(await isGone(pid, cluster))) deliver(signal, pid);
    return;
  }
  // Windows has no signals: a postmaster listens on a pipe that `pg_ctl kill` knows; the caller's limits bound the wait.
  const image = (await readFile(join(cluster, "postmaster.opts"), "utf8").catch(() => "")).split('"')[0]?.trim() ?? "";
  const pgCtl = image.replace(/postgres(\.exe)?$/i, "pg_ctl.exe");
  if (pgCtl.endsWith("pg_ctl.exe")) await run(pgCtl, ["kill", signal.slice(3), String(pid)]).catch(() => undefined);
}

function deliver(signal: NodeJS.Signals | 0, pid: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function readCommand(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.split("\0").filter((part) => part !== "");
}

/** Every PostgreSQL process works in its data folder. */
async function worksIn(pid: number, cluster: string): Promise<boolean> {
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  return folder !== null && folder === (await realpath(cluster).catch(() => cluster));
}
