/** What the machine says about processes, from /proc (Linux). */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** Clock ticks per second of /proc/…/stat, which is 100 wherever Linux runs. */
const ticksPerSecond = 100;

/** Seconds of both modes that the process has used, its ended children included. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  return fields === null ? 0 : [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) / ticksPerSecond;
}

/** Of a postmaster and all its backends. */
export function postgresCpuSeconds(postmaster: number): number {
  return childrenOf(postmaster).reduce((sum, pid) => sum + cpuSeconds(pid), cpuSeconds(postmaster));
}

/** Of all processes of the machine, ours or not. */
export function machineCpuSeconds(): number {
  const [first = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first.trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softIrq) / ticksPerSecond;
}

export function residentMegabytes(pid: number): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

export function describeMachine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
}

export function describeCommit(): string {
  const git = (...words: string[]): string => execFileSync("git", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const isClean = git("status", "--porcelain", "--", "src", "db", "bench") === "";
    return `${git("rev-parse", "--short", "HEAD")}${isClean ? "" : " with changes"}`;
  } catch {
    return "unknown";
  }
}

/** The descendant whose command line holds these words: behind npm and its shell, for example. */
export function findDescendant(pid: number, words: string): number | null {
  for (const child of childrenOf(pid)) {
    const found =
      commandOf(child).includes(words) && childrenOf(child).every((inner) => !commandOf(inner).includes(words))
        ? child
        : findDescendant(child, words);
    if (found !== null) return found;
  }
  return null;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => Number(statOf(pid)?.[1]) === parent);
}

/** Fields after the command's name, which may hold spaces: state is 0, ppid 1, utime 11. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
