/** Exports lie below `DATA_DIR/exports`, one file for each job, under its name only when it is whole. Not part of a backup. */
import { createReadStream, createWriteStream, type ReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isUuid } from "../../core/ids.ts";
import type { TenantScope } from "../../core/scope.ts";

export const exportsFolder = "exports";

export type ExportStore = {
  /** Streams to the disk and answers the bytes. What fails or is aborted leaves nothing. */
  write(scope: TenantScope, jobId: string, content: Readable, signal: AbortSignal): Promise<number>;
  /** Null when it is not here. */
  open(scope: TenantScope, jobId: string): Promise<{ bytes: number; stream: () => ReadStream } | null>;
  remove(scope: TenantScope, jobId: string): Promise<void>;
  /** What nobody has written to since then was left half-written by a process that ended: it names people. Answers how many files went. */
  sweep(beforeMs: number): Promise<number>;
};

export function openExportStore(directory: string): ExportStore {
  return {
    async write(scope, jobId, content, signal) {
      const path = pathOf(directory, scope, jobId);
      const partial = `${path}.partial`;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      try {
        await pipeline(content, createWriteStream(partial, { mode: 0o600 }), { signal });
        const handle = await open(partial, "r+");
        await handle.sync();
        await handle.close();
        await rename(partial, path);
        return (await stat(path)).size;
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async open(scope, jobId) {
      const path = pathOf(directory, scope, jobId);
      const found = await stat(path).catch(() => null);
      return found?.isFile() === true ? { bytes: found.size, stream: () => createReadStream(path) } : null;
    },
    async remove(scope, jobId) {
      const path = pathOf(directory, scope, jobId);
      await rm(path, { force: true });
      await rm(`${path}.partial`, { force: true });
    },
    async sweep(beforeMs) {
      const names = await readdir(directory, { recursive: true }).catch(() => []);
      let removed = 0;
      for (const name of names) {
        if (!name.endsWith(".partial")) continue;
        const path = join(directory, name);
        const found = await stat(path).catch(() => null);
        if (found === null || found.mtimeMs >= beforeMs) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

function pathOf(directory: string, { tenantId }: TenantScope, jobId: string): string {
  if (!isUuid(tenantId) || !isUuid(jobId)) throw new Error("This names no export");
  return join(directory, tenantId, `${jobId}.zip`);
}
