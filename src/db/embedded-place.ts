/**
 * Where everything of an embedded server lies: below the data folder, `postgres` (the cluster), `socket`, a lock and a start log.
 * Under root, a default data folder that the server's account cannot reach is moved to the system's place for such data, and a
 * link `postgres` in the data folder says where, so that no later start looks elsewhere.
 */
import { createHash } from "node:crypto";
import { chown, lstat, mkdir, open, readlink, realpath, rename, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { limits } from "../limits.ts";
import { type Account, EmbeddedRefusal, assertOwned, firstBlocked, serverAccount } from "./embedded-account.ts";
import { type Binaries, exists, locatePackage, prepareBinaries } from "./embedded-binaries.ts";

export type Place = {
  /** The folder around the cluster; temporary siblings of the cluster are made here. */
  home: string;
  cluster: string;
  /** Null on Windows, which gets a port of 127.0.0.1 and a password instead. */
  socketDir: string | null;
  lockFile: string;
  startLog: string;
  passwordFile: string;
  account: Account | null;
  binaries: Binaries;
};

export type PlaceOptions = {
  dataDir: string;
  /** Nobody chose `dataDir`: data may be moved where the server's account can reach it. */
  dataDirIsDefault?: boolean | undefined;
};

const systemDir = "/var/lib/kesher";

/** Names the port in the socket's name; nothing listens on TCP where there are unix sockets. */
export const socketPort = 5_432;

export async function preparePlace(options: PlaceOptions): Promise<Place> {
  const dataDir = resolve(options.dataDir);
  await makeFolder(dataDir);
  const { home, name, account } = await chooseHome(dataDir, options.dataDirIsDefault ?? false);
  const cluster = join(home, name);
  await assertOwned(cluster);
  const binaries = await prepareBinaries(locatePackage(), account, account === null ? home : systemDir);
  const place: Place = {
    home,
    cluster,
    socketDir: process.platform === "win32" ? null : await makeSocketDir(home, account),
    lockFile: join(home, "postgres.lock"),
    startLog: join(home, "postgres-start.log"),
    passwordFile: join(home, "postgres.password"),
    account,
    binaries,
  };
  await touch(place.lockFile, account);
  await finishInterruptedRestore(place);
  return place;
}

/** Leaves the link that leads later starts to data which was moved to the system's place. */
export async function linkHome(dataDir: string, place: Place): Promise<void> {
  const link = join(resolve(dataDir), "postgres");
  if ((await exists(link)) || (await realpath(resolve(dataDir))) === place.home) return;
  await symlink(place.cluster, link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

async function chooseHome(dataDir: string, isDefault: boolean): Promise<{ home: string; name: string; account: Account | null }> {
  const link = join(dataDir, "postgres");
  const found = await lstat(link).catch(() => null);
  if (found?.isSymbolicLink()) {
    const target = resolve(dataDir, await readlink(link));
    if (!(await exists(target)) && !(await exists(`${target}.restored`))) {
      throw new EmbeddedRefusal(
        `The database of ${dataDir} was in ${target}, which is gone. Bring that folder back, restore a backup, or remove the link ${link} to start empty.`,
      );
    }
    return { home: await realpath(dirname(target)), name: basename(target), account: await serverAccount(target) };
  }
  const account = await serverAccount(link);
  const blocked = await firstBlocked(dataDir, account);
  if (blocked === null || account === null) return { home: await realpath(dataDir), name: "postgres", account };
  if (found !== null || !isDefault) {
    throw new EmbeddedRefusal(
      `PostgreSQL must not run as root, so it runs as user ${account.uid}, who may not enter ${blocked}, which is above the data in ${dataDir}. ` +
        `Allow that with "chmod o+x ${blocked}", set DATA_DIR to a folder such as ${systemDir}, or start as a user other than root.`,
    );
  }
  const key = createHash("sha256")
    .update(await realpath(dataDir))
    .digest("hex")
    .slice(0, 12);
  const home = join(systemDir, `data-${key}`);
  await makeFolder(home);
  return { home, name: "postgres", account };
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  } catch (cause) {
    throw new EmbeddedRefusal(`The data folder ${directory} cannot be made; set DATA_DIR to a folder that may be written.`, { cause });
  }
}

/** A folder for the socket that only the server's account (and root) may enter: that is the server's whole authentication. */
async function makeSocketDir(home: string, account: Account | null): Promise<string> {
  const name = `kesher-${createHash("sha256").update(home).digest("hex").slice(0, 16)}`;
  const directory = [join(home, "socket"), join(tmpdir(), name), join("/tmp", name)].find(fitsSocket) ?? join("/tmp", name);
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const made = await lstat(directory);
  const us = process.getuid?.() ?? 0;
  if (!made.isDirectory() || (made.uid !== us && made.uid !== account?.uid) || (made.mode & 0o077) !== 0) {
    throw new EmbeddedRefusal(
      `${directory} is needed for the database's socket, but it is not a private folder of this program. Remove it.`,
    );
  }
  if (account !== null && made.uid !== account.uid) await chown(directory, account.uid, account.gid);
  return realpath(directory);
}

function fitsSocket(directory: string): boolean {
  return Buffer.byteLength(`${directory}/.s.PGSQL.${socketPort}`) <= limits.socketPathBytesMax;
}

async function touch(file: string, account: Account | null): Promise<void> {
  const handle = await open(file, "a", 0o600);
  try {
    if (account !== null) await handle.chown(account.uid, account.gid);
  } finally {
    await handle.close();
  }
}

/** A restore proves the new cluster, then moves the old one aside and the new one in; this does the last step if it was killed between. */
async function finishInterruptedRestore({ cluster }: Place): Promise<void> {
  if (await exists(cluster)) return;
  await rename(`${cluster}.restored`, cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** Gives a file or folder made by root to the server's account. */
export async function handOver(path: string, account: Account | null): Promise<void> {
  if (account === null) return;
  const { uid } = await stat(path);
  if (uid !== account.uid) await chown(path, account.uid, account.gid);
}
