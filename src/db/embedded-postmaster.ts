/**
 * The server process: whose it is, what it is doing, and how it ends. PostgreSQL writes `postmaster.pid` (pid, folder, start time,
 * port, socket folder, address, memory key, status, one a line); after `kill -9` of everything that file may name a stranger's
 * process, so nothing is signalled before the operating system has proved that it is the server of exactly this folder.
 */
import { execFile } from "node:child_process";
import { readFile, readdir, readlink, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { limits } from "../limits.ts";
import { type Account, errorCode } from "./embedded-account.ts";

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

/** Proves whether `pid` is the postmaster of `cluster`. Zombies, strangers and nobody are `other`. */
export async function identify(pid: number, cluster: string): Promise<Identity> {
  if (process.platform === "linux") {
    const seen = await look(pid, cluster);
    if (seen !== "hidden") return seen;
    const folder = await readFolderAs(await stat(cluster), pid);
    return folder === "" || folder === (await realFolder(cluster)) ? "ours" : "other";
  }
  if (!isAlive(pid)) return "other";
  if (process.platform === "win32") return "unproven";
  const { stdout } = await run("ps", ["-ww", "-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout.includes(`postgres -D ${cluster}`) ? "ours" : "other";
}

/** For a pid that was proven ours: cheap enough to be asked all the time. */
export async function isGone(pid: number, cluster: string): Promise<boolean> {
  return process.platform === "linux" ? (await look(pid, cluster)) === "other" : !isAlive(pid);
}

/**
 * By the folder that it works in. The kernel hides that of other users' processes from root without CAP_SYS_PTRACE (most containers):
 * `hidden` then means that its owner and the folder that it was started with are right.
 */
async function look(pid: number, cluster: string): Promise<"ours" | "other" | "hidden"> {
  const [program, ...rest] = await readCommand(pid);
  if (program === undefined || basename(program) !== "postgres" || !rest.includes("-D")) return "other";
  const folder = await readFolder(pid);
  if (folder !== "hidden") return folder === (await realFolder(cluster)) ? "ours" : "other";
  return rest[rest.indexOf("-D") + 1] === cluster && (await hasSameOwner(`/proc/${pid}`, cluster)) ? "hidden" : "other";
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
export async function endOrphans(cluster: string, account: Account | null): Promise<number> {
  if (process.platform !== "linux") return 0;
  const real = await realFolder(cluster);
  let ended = 0;
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const [title] = await readCommand(pid);
    if (title === undefined || !title.startsWith("postgres: ")) continue;
    const seen = await readFolder(pid);
    const folder = seen === "hidden" && account !== null ? await readFolderAs(account, pid) : seen;
    if (folder === real && deliver("SIGKILL", pid)) ended += 1;
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

/** Every PostgreSQL process works in its data folder. Null: no such process, or a zombie. */
async function readFolder(pid: number): Promise<string | null> {
  return readlink(`/proc/${pid}/cwd`).catch((error: unknown) => (errorCode(error) === "EACCES" ? "hidden" : null));
}

/** A process of the same account may look where root without CAP_SYS_PTRACE may not. Empty where there is no `readlink`. */
async function readFolderAs({ uid, gid }: Account, pid: number): Promise<string> {
  const { stdout } = await run("readlink", [`/proc/${pid}/cwd`], { uid, gid, cwd: "/" }).catch(() => ({ stdout: "" }));
  return stdout.trim();
}

async function realFolder(cluster: string): Promise<string> {
  return realpath(cluster).catch(() => cluster);
}

async function hasSameOwner(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one).catch(() => null), stat(other).catch(() => null)]);
  return a !== null && b !== null && a.uid === b.uid;
}
