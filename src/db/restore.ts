/**
 * `npm run restore`: puts a backup in the place of the present data. The copy is started and recovered beside the present data first;
 * only when that has worked are the two exchanged, and the old data stays in a folder of its own. Killed at any moment, either the old
 * or the new data is served by the next start, never an empty database (embedded-place ends an exchange that was cut off).
 */
import { rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EmbeddedRefusal } from "./embedded-account.ts";
import { exists } from "./embedded-binaries.ts";
import { assertUsable, removeUnfinished, syncDirectory, unfinishedName } from "./embedded-cluster.ts";
import { launch } from "./embedded-launch.ts";
import { withStartLock } from "./embedded-lock.ts";
import { type Place, linkHome, preparePlace } from "./embedded-place.ts";
import { identify, readPidFile, shutdown } from "./embedded-postmaster.ts";
import { writeSettings } from "./embedded-settings.ts";
import { mediaFolder, restoreMedia } from "./backup-media.ts";
import { checkBackup, clusterFolder, copyTree } from "./backup-files.ts";
import { megabytes } from "./backup.ts";

export type RestoreOptions = {
  dataDir: string;
  dataDirIsDefault?: boolean;
  source: string;
  onProgress?: (message: string) => void;
};

/** Answers where the former data was put, or null if there was none. Refuses while a server runs on the data folder. */
export async function restore({ source, onProgress, ...where }: RestoreOptions): Promise<{ formerData: string | null }> {
  const place = await preparePlace(where);
  const manifest = await checkBackup(resolve(source), place.binaries.major, mediaFolder);
  return withStartLock(place.lockFile, { onProgress }, async () => {
    await assertNotRunning(place);
    await removeUnfinished(place);
    onProgress?.(`Restoring the backup of ${manifest.finishedAt} (${megabytes(manifest.bytes)}).`);
    const copy: Place = { ...place, cluster: unfinishedName(place) };
    try {
      await copyTree(join(resolve(source), clusterFolder), copy.cluster, { account: place.account });
      await prove(copy, onProgress);
      // Before the rows that name them are served.
      await restoreMedia(resolve(source), where.dataDir);
    } catch (error) {
      await rm(copy.cluster, { recursive: true, force: true });
      throw error;
    }
    const formerData = await exchange(place, copy.cluster);
    await linkHome(where.dataDir, place);
    onProgress?.(
      formerData === null ? "Restored." : `Restored. The former data is in ${formerData}; remove it when you no longer need it.`,
    );
    return { formerData };
  });
}

async function assertNotRunning({ cluster }: Place): Promise<void> {
  const file = await readPidFile(cluster);
  if (file === null) return;
  const identity = await identify(file.pid, cluster);
  if (identity === "other") return;
  throw new EmbeddedRefusal(`The embedded database of ${cluster} is running (process ${file.pid}). Stop the program first, then restore.`);
}

/** Recovery reaches a consistent state or the server does not become ready: PostgreSQL refuses a copy whose log does not reach its end. */
async function prove(copy: Place, onProgress: RestoreOptions["onProgress"]): Promise<void> {
  await assertUsable(copy);
  await writeSettings(copy);
  const { file } = await launch(copy, { onProgress });
  const how = await shutdown(copy.cluster, file.pid);
  if (how === "killed") throw new Error("the restored server did not stop");
}

async function exchange({ cluster, home }: Place, proven: string): Promise<string | null> {
  const restored = `${cluster}.restored`;
  // Left by a restore that was killed before it took effect.
  await rm(restored, { recursive: true, force: true });
  await rename(proven, restored);
  let formerData: string | null = null;
  if (await exists(cluster)) {
    formerData = `${cluster}.before-restore-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
    await rename(cluster, formerData);
  }
  await rename(restored, cluster);
  await syncDirectory(home);
  return formerData;
}
