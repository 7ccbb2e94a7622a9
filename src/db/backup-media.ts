/**
 * The files of messages in a backup (`DATA_DIR/media`, services/media-store.ts). They never change once they have their name, and have it
 * before the row that names them is committed: so what is copied after the database has every file that the copied rows name.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { copyFile, copyTree, type Tally } from "./backup-files.ts";
import { exists } from "./embedded-binaries.ts";
import { syncDirectory } from "./embedded-cluster.ts";

/** In the data folder, and in a backup's. */
export const mediaFolder = "media";
/** Where files are that are still being written. */
const unfinished = "incoming";

/** Null when there are none. */
export async function copyMedia(dataDir: string, target: string, onFile: (tally: Tally) => void): Promise<Tally | null> {
  const source = join(dataDir, mediaFolder);
  if (!(await exists(source))) return null;
  return copyTree(source, join(target, mediaFolder), { leave: (path) => path === unfinished, onFile });
}

/**
 * Puts back the files that are missing, each whole or not at all. Those that are there stay: they are the same, or belong to the former data,
 * which is kept, too. May be repeated.
 */
export async function restoreMedia(source: string, dataDir: string): Promise<void> {
  const [from, to] = [join(source, mediaFolder), join(dataDir, mediaFolder)];
  if (!(await exists(from))) return;
  await mkdir(join(to, unfinished), { recursive: true, mode: 0o700 });
  const folders = new Set<string>([to]);
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = relative(from, join(entry.parentPath, entry.name));
    const folder = join(to, dirname(path));
    if (await exists(join(to, path))) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const partial = join(to, unfinished, randomBytes(16).toString("hex"));
    try {
      await copyFile(join(from, path), partial, null);
      await rename(partial, join(to, path));
    } finally {
      await rm(partial, { force: true });
    }
    folders.add(folder).add(dirname(folder));
  }
  for (const folder of folders) await syncDirectory(folder);
  await syncDirectory(dataDir);
}
