/**
 * Whose files the embedded server's are. PostgreSQL refuses to run as root, and containers run as root, so under root the server
 * gets an account of its own; every folder above its files must then be open to that account.
 */
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** A condition that only a person can settle; the message says how. Shown without a stack. */
export class EmbeddedRefusal extends Error {
  override name = "EmbeddedRefusal";
}

/** `code` of an error of Node or of its SQLite. */
export function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

export type Account = { uid: number; gid: number };

/** `nobody` by convention; used where the system has no account `postgres`. */
const nobody: Account = { uid: 65_534, gid: 65_534 };

/**
 * The account to run the server as, or null for our own. Under root an existing data folder keeps its owner, so that data made by a
 * plain user stays that user's.
 */
export async function serverAccount(cluster: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const owner = await stat(cluster).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "postgres" && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  return nobody;
}

/** Refuses data of another user before PostgreSQL does so in words about `PGDATA`. */
export async function assertOwned(cluster: string): Promise<void> {
  const uid = process.getuid?.();
  if (uid === undefined || uid === 0) return;
  const found = await stat(cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new EmbeddedRefusal(`The data folder ${cluster} cannot be read (${error.code ?? "error"}): start as the user who made it.`);
  });
  if (found === null || found.uid === uid) return;
  throw new EmbeddedRefusal(
    `The data folder ${cluster} belongs to user ${found.uid}, and this program runs as user ${uid}. Start it as that user or as root, ` +
      `hand the folder over with "chown -R ${uid} ${cluster}" while no server runs, or set DATA_DIR to another folder.`,
  );
}

/** The topmost folder on the way to `directory` (itself included) that the account may not enter, or null. ACLs are not looked at. */
export async function firstBlocked(directory: string, account: Account | null): Promise<string | null> {
  if (account === null) return null;
  const folders: string[] = [];
  for (let at = await realpath(directory); ; at = dirname(at)) {
    folders.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of folders) {
    const { uid, gid, mode } = await stat(folder);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return folder;
  }
  return null;
}
