/**
 * One start at a time per data folder. Node has no `flock`; SQLite's exclusive transaction is one: the kernel drops it when its holder
 * dies, so it cannot go stale. It is held only while a server is started, adopted or restored, never while it serves.
 */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "../limits.ts";
import { EmbeddedRefusal } from "./embedded-account.ts";

/** SQLITE_BUSY: another process holds the lock. */
const busy = 5;

export type LockWait = { onProgress?: ((message: string) => void) | undefined; signal?: AbortSignal | undefined };

/** Runs `work` while this process alone holds `file`; waits for another holder, bounded. */
export async function withStartLock<T>(file: string, wait: LockWait, work: () => Promise<T>): Promise<T> {
  const lock = await take(file, wait);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

async function take(file: string, { onProgress, signal }: LockWait): Promise<DatabaseSync> {
  const lock = new DatabaseSync(file, { timeout: 0 });
  const until = performance.now() + limits.embeddedRecoveryMsMax;
  for (let told = false; ; told = true) {
    try {
      lock.exec("begin exclusive");
      return lock;
    } catch (error) {
      if (!(error instanceof Error && "errcode" in error && error.errcode === busy) || performance.now() > until) {
        lock.close();
        throw new EmbeddedRefusal(`The lock ${file} of the embedded database could not be taken.`, { cause: error });
      }
    }
    if (!told) onProgress?.("Another process is starting the embedded database; waiting for it.");
    try {
      await pause(limits.embeddedLockPollMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      lock.close();
      throw error;
    }
  }
}
