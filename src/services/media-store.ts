/**
 * Where files of messages lie: below `DATA_DIR`, content-addressed per tenant, so that nobody can tell from here whether another tenant has
 * the same file. A file counts only when all its bytes and its name are on the disk. Nodes on several machines need a shared folder here, or
 * another maker of a `MediaStore` (decisions/0018).
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, openAsBlob, type ReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isUuid } from "../core/ids.ts";

export type MediaStore = {
  /**
   * Writes a stream to the disk, beside the files that count. Rejects with `TooLarge` at the first byte over the bound; what fails leaves
   * nothing behind.
   */
  stage: (chunks: AsyncIterable<Uint8Array>, bytesMax: number) => Promise<StagedFile>;
  /** A part of a file, both ends included; all of it without one. Null when it is not here. */
  open: (file: FileKey, part?: { first: number; last: number }) => Promise<ReadStream | null>;
  /** For an upload: read from the disk while it is sent. */
  openAsBlob: (file: FileKey, type: string) => Promise<Blob | null>;
  remove: (file: FileKey) => Promise<void>;
};

export type FileKey = { tenantId: string; sha256: string };

export type StagedFile = {
  /** Where the bytes are for now. */
  path: string;
  /** Hexadecimal. */
  sha256: string;
  bytes: number;
  /** Makes it count. Call it under the lock of its content (`media.ts`), before the row that names it is committed. */
  keep: (tenantId: string) => Promise<void>;
  /** Forgets it, unless it was kept. */
  drop: () => Promise<void>;
};

export class TooLarge extends Error {}

export async function openMediaStore(directory: string): Promise<MediaStore> {
  const incoming = join(directory, "incoming");
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await removeLeftovers(incoming);
  return {
    stage: (chunks, bytesMax) => stage(directory, join(incoming, randomBytes(16).toString("hex")), chunks, bytesMax),
    async open(file, part) {
      const path = pathOf(directory, file);
      if (!(await isFile(path))) return null;
      return createReadStream(path, part === undefined ? {} : { start: part.first, end: part.last });
    },
    async openAsBlob(file, type) {
      const path = pathOf(directory, file);
      return (await isFile(path)) ? openAsBlob(path, { type }) : null;
    },
    remove: (file) => rm(pathOf(directory, file), { force: true }),
  };
}

/** Of a process that was killed. A living one's are younger than this. */
const leftoverMs = 24 * 60 * 60 * 1_000;

async function removeLeftovers(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > leftoverMs) await rm(path, { force: true });
  }
}

async function stage(directory: string, path: string, chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<StagedFile> {
  const handle = await open(path, "wx", 0o600);
  try {
    const written = await pour(handle, chunks, bytesMax);
    await handle.sync();
    await handle.close();
    return { path, ...written, keep: (tenantId) => keep(directory, path, { tenantId, sha256: written.sha256 }), drop: () => drop(path) };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await drop(path);
    throw error;
  }
}

async function pour(handle: FileHandle, chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new TooLarge(`More than ${bytesMax} bytes`);
    hash.update(chunk);
    await handle.writeFile(chunk);
  }
  return { sha256: hash.digest("hex"), bytes };
}

/** The same content may lie there already: it is replaced by itself. */
async function keep(directory: string, staged: string, file: FileKey): Promise<void> {
  const path = pathOf(directory, file);
  const folder = dirname(path);
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) {
    // New folders must be on the disk, too: this one's name is in its parent, and that one's in the store.
    await sync(dirname(folder));
    await sync(directory);
  }
  await rename(staged, path);
  await sync(folder);
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function drop(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

/** Both parts are checked, so that nothing leads out of the folder. */
function pathOf(directory: string, { tenantId, sha256 }: FileKey): string {
  if (!isUuid(tenantId) || !/^[0-9a-f]{64}$/.test(sha256)) throw new Error("This names no file of the store");
  return join(directory, tenantId, sha256.slice(0, 2), sha256);
}
