/** What the runs share: a folder, words on stderr, and what must be undone at the end, in reverse order, whatever happened. */
import { fork } from "node:child_process";
import { mkdtemp, rm, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export type Workbench = {
  isQuick: boolean;
  isProfiled: boolean;
  directory: string;
  say: (line: string) => void;
  /** Undone once, at the latest at the end. The answer undoes it now. */
  defer: (undo: () => Promise<void>) => () => Promise<void>;
  /** The answer undoes all that was deferred since. */
  mark: () => () => Promise<void>;
  close: () => Promise<void>;
};

export async function openWorkbench(options: { isQuick: boolean; isProfiled: boolean }): Promise<Workbench> {
  const directory = await mkdtemp(join(tmpdir(), "kesher-bench-"));
  // The database's own account passes through it.
  await chmod(directory, 0o755);
  const startedAt = performance.now();
  const undos: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })];
  const say = (line: string): void => {
    process.stderr.write(`${String(Math.round((performance.now() - startedAt) / 1_000)).padStart(5)} s  ${line}\n`);
  };
  return {
    ...options,
    directory,
    say,
    defer(undo) {
      let undone: Promise<void> | null = null;
      // Whoever asks again, as a signal does in the middle of an end, waits for the same.
      const once = (): Promise<void> => {
        undone ??= undo().finally(() => void undos.splice(undos.indexOf(once), 1));
        return undone;
      };
      undos.push(once);
      return once;
    },
    mark() {
      const before = new Set(undos);
      return () => undoAll(undos.filter((undo) => !before.has(undo)));
    },
    close: () => undoAll(undos),
  };

  async function undoAll(these: readonly (() => Promise<void>)[]): Promise<void> {
    for (const undo of these.toReversed()) {
      await undo().catch((error: unknown) => say(`could not clean up: ${String(error)}`));
    }
  }
}

export type Child<Out> = {
  pid: number;
  next: (timeoutMs: number) => Promise<Out>;
  send: (message: object) => void;
  stop: () => Promise<void>;
};

/** A process of ours that talks through messages. Its words on stderr are ours. */
export function startChild<Out>(
  bench: Workbench,
  file: URL,
  options: { args?: readonly string[]; execArgv?: readonly string[] } = {},
): Child<Out> {
  const child = fork(file, [...(options.args ?? [])], {
    execArgv: [...(options.execArgv ?? [])],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const inbox: Out[] = [];
  let notify: () => void = () => undefined;
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      hasEnded = true;
      notify();
      resolve();
    });
  });
  child.on("message", (message) => {
    // Each of our child processes exports the type of what it says.
    inbox.push(message as Out);
    notify();
  });
  const stop = bench.defer(async () => {
    if (!hasEnded) child.kill("SIGKILL");
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    send: (message) => void child.send(message),
    stop,
    async next(timeoutMs) {
      const end = performance.now() + timeoutMs;
      for (;;) {
        const message = inbox.shift();
        if (message !== undefined) return message;
        const left = end - performance.now();
        if (hasEnded || left <= 0) throw new Error(`${file.pathname} ${hasEnded ? "ended" : "said nothing"}`);
        const woken = new Promise<void>((resolve) => (notify = resolve));
        await Promise.race([woken, pause(left, undefined, { ref: false })]);
      }
    },
  };
}

/** Asks again and again, for a bounded time. */
export async function until(isSo: () => Promise<boolean>, timeoutMs: number, what: string, everyMs = 100): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${Math.round(timeoutMs / 1_000)} s`);
    await pause(everyMs);
  }
}
