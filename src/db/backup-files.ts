/** Copies of cluster folders that are on the disk before they count, and the manifest that says a backup is whole. */
import { chown, mkdir, open, readFile, readdir, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Type, type Static } from "typebox";
import { Value } from "typebox/value";
import { limits } from "../limits.ts";
import { type Account, EmbeddedRefusal, errorCode } from "./embedded-account.ts";
import { syncDirectory } from "./embedded-cluster.ts";

/** In a backup's folder: the cluster, and beside it the manifest, written last. */
export const clusterFolder = "postgres";
export const manifestFile = "manifest.json";

export const Manifest = Type.Object({
  format: Type.Literal(1),
  /** Of PostgreSQL, as in `PG_VERSION`: only this major version can read the copy. */
  major: Type.Integer(),
  serverVersion: Type.String(),
  startedAt: Type.String(),
  finishedAt: Type.String(),
  startLsn: Type.String(),
  /** Everything committed before this place in the log is in the backup. */
  stopLsn: Type.String(),
  files: Type.Integer(),
  bytes: Type.Integer(),
  /** Files of messages; left out where there were none. */
  media: Type.Optional(Type.Object({ files: Type.Integer(), bytes: Type.Integer() })),
});
export type Manifest = Static<typeof Manifest>;

export type Tally = { files: number; bytes: number };

/** What is left out: true for a path relative to the cluster. A folder that is left out is not made either. */
export type Leave = (path: string) => boolean;

export type CopyOptions = { account?: Account | null; leave?: Leave; onFile?: (tally: Tally) => void };

/**
 * Copies a tree, with all bytes and names on the disk at the end. Files may change, grow or vanish meanwhile: in a running cluster
 * the log makes good for that, and what vanished was dropped.
 */
export async function copyTree(from: string, to: string, options: CopyOptions = {}): Promise<Tally> {
  const tally: Tally = { files: 0, bytes: 0 };
  const files: string[] = [];
  const folders = [""];
  for (const folder of folders) {
    await mkdir(join(to, folder), { mode: 0o700 });
    for (const entry of await readdir(join(from, folder), { withFileTypes: true }).catch(none)) {
      const path = join(folder, entry.name);
      if (options.leave?.(path) === true) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  const rest = files.values();
  const copyRest = async (): Promise<void> => {
    for (const path of rest) {
      const bytes = await copyFile(join(from, path), join(to, path), options.account ?? null);
      if (bytes === null) continue;
      tally.files += 1;
      tally.bytes += bytes;
      options.onFile?.(tally);
    }
  };
  await Promise.all(Array.from({ length: limits.backupCopiesMax }, copyRest));
  for (const folder of folders.toReversed()) {
    const path = join(to, folder);
    if (options.account) await chown(path, options.account.uid, options.account.gid);
    await syncDirectory(path);
  }
  return tally;
}

/** Copies one file up to its end as it is met; answers its bytes, or null if it is gone. */
export async function copyFile(from: string, to: string, account: Account | null): Promise<number | null> {
  const source = await open(from, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (source === null) return null;
  try {
    const target = await open(to, "wx", 0o600);
    try {
      const bytes = await pour(source, target);
      if (account !== null) await target.chown(account.uid, account.gid);
      await target.sync();
      return bytes;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The manifest of a complete backup that this major version can read and whose files are all there; refuses anything else. */
export async function checkBackup(source: string, major: number, mediaFolder: string): Promise<Manifest> {
  const text = await readFile(join(source, manifestFile), "utf8").catch(() => null);
  if (text === null)
    throw new EmbeddedRefusal(`${source} is no complete backup: it has no ${manifestFile}. A folder named *.partial-* was cut off.`);
  const manifest = Value.Parse(Manifest, JSON.parse(text));
  if (manifest.major !== major) {
    throw new EmbeddedRefusal(
      `${source} was made by PostgreSQL ${manifest.major}, and this program brings PostgreSQL ${major}: restore it with the version of this program that made it.`,
    );
  }
  await assertWhole(join(source, clusterFolder), manifest);
  if (manifest.media !== undefined) await assertWhole(join(source, mediaFolder), manifest.media);
  return manifest;
}

async function assertWhole(folder: string, listed: Tally): Promise<void> {
  const found = await measure(folder);
  if (found.files === listed.files && found.bytes === listed.bytes) return;
  throw new EmbeddedRefusal(
    `${folder} is damaged: the manifest lists ${listed.files} files of ${listed.bytes} bytes, and ${found.files} files of ${found.bytes} bytes are there.`,
  );
}

/** Nothing for a folder that is not there. */
export async function measure(directory: string): Promise<Tally> {
  const tally: Tally = { files: 0, bytes: 0 };
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(none)) {
    if (!entry.isFile()) continue;
    tally.bytes += (await stat(join(entry.parentPath, entry.name))).size;
    tally.files += 1;
  }
  return tally;
}

/** Read and write by hand: the system's own copy trusts the size it saw first, and files here change under it. */
async function pour(source: FileHandle, target: FileHandle): Promise<number> {
  const buffer = Buffer.allocUnsafe(limits.backupChunkBytes);
  for (let bytes = 0; ;) {
    const { bytesRead } = await source.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0) return bytes;
    await target.writeFile(buffer.subarray(0, bytesRead));
    bytes += bytesRead;
  }
}

function none(error: unknown): never[] {
  if (errorCode(error) === "ENOENT") return [];
  throw error;
}
