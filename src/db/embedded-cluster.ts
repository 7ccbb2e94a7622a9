/**
 * The cluster's files and what every cluster holds: made in a sibling folder and renamed when complete, so that a kill in the middle
 * leaves only litter; the owner role and the database are made by each start that finds them missing.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, chmod, chown, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Client } from "pg";
import { EmbeddedRefusal } from "./embedded-account.ts";
import { type Place, handOver } from "./embedded-place.ts";
import { readPidFile, shutdown } from "./embedded-postmaster.ts";
import { settingsFile } from "./embedded-settings.ts";

const run = promisify(execFile);

/** Environment of PostgreSQL's programs: none of ours, so that no `PG…` variable reaches them. Windows cannot do without. */
export const serverEnvironment: NodeJS.ProcessEnv | undefined = process.platform === "win32" ? undefined : { LC_ALL: "C", TZ: "UTC" };

export function asAccount({ account }: Place): { uid?: number; gid?: number } {
  return account ?? {};
}

/** A name for a sibling of the cluster that is not finished; whatever bears one at a start is removed. */
export function unfinishedName({ cluster }: Place): string {
  return `${cluster}.new-${randomBytes(6).toString("hex")}`;
}

/**
 * Text is compared by code point, the same on every machine and for ever (indexes survive a change of the system's C library), upper
 * and lower case by Unicode. `lc_ctype` only decides what a letter is in full-text search: under plain `C` the Arabic comma and the
 * Hebrew maqaf and gershayim would stick to their words, so `C.UTF-8` is taken where the system knows it.
 */
export async function makeCluster(place: Place, signal: AbortSignal | undefined): Promise<void> {
  const directory = unfinishedName(place);
  const password = randomBytes(24).toString("hex");
  if (place.socketDir === null) await writeFile(place.passwordFile, password, { mode: 0o600, flush: true });
  const method = place.socketDir === null ? ["--auth=scram-sha-256", `--pwfile=${place.passwordFile}`] : ["--auth=trust"];
  const common = ["-D", directory, "-U", "postgres", "-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const initdb = async (ctype: string): Promise<void> => {
    await mkdir(directory, { mode: 0o700 });
    await handOver(directory, place.account);
    const options = { ...asAccount(place), env: serverEnvironment, cwd: "/", ...(signal === undefined ? {} : { signal }) };
    await run(place.binaries.initdb, [...common, ...method, `--lc-ctype=${ctype}`, "--data-checksums", "--no-instructions"], options);
  };
  try {
    await initdb("C.UTF-8").catch(async (error: Error) => {
      if (!/locale/i.test(error.message)) throw error;
      await rm(directory, { recursive: true, force: true });
      await initdb("C");
    });
    await appendFile(join(directory, "postgresql.conf"), `\ninclude_if_exists '${settingsFile}'\n`, { flush: true });
    await syncDirectory(directory);
    await rename(directory, place.cluster);
    await syncDirectory(place.home);
  } catch (error) {
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** Removes what killed starts and restores left. A restore's server may still run in such a folder. Call under the start lock. */
export async function removeUnfinished(place: Place): Promise<void> {
  const prefix = `${basename(place.cluster)}.new-`;
  for (const name of await readdir(place.home)) {
    if (!name.startsWith(prefix)) continue;
    const directory = join(place.home, name);
    const file = await readPidFile(directory);
    if (file !== null) await shutdown(directory, file.pid);
    // An orphaned initdb may be writing there still: it fails as its files go.
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }).catch(() => undefined);
  }
}

/** Refuses the data of another major version, and makes root's copy of a data folder usable for the server's account. */
export async function assertUsable(place: Place): Promise<void> {
  const found = (await readFile(join(place.cluster, "PG_VERSION"), "utf8").catch(() => "")).trim();
  if (found !== String(place.binaries.major)) {
    throw new EmbeddedRefusal(
      `The data in ${place.cluster} was made by PostgreSQL ${found === "" ? "(unknown: no PG_VERSION)" : found}, and this program brings PostgreSQL ${place.binaries.major}. ` +
        `Start the version of this program that made it, dump the database there (pg_dump of any PostgreSQL from ${found} on), and load the dump into this version started with an empty DATA_DIR. Nothing was changed.`,
    );
  }
  if (place.account === null) return;
  const { uid, mode } = await stat(place.cluster);
  if (uid === 0) await handOverTree(place.cluster, place.account.uid, place.account.gid);
  if ((mode & 0o027) !== 0) await chmod(place.cluster, 0o700);
}

async function handOverTree(directory: string, uid: number, gid: number): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await handOverTree(path, uid, gid);
    else if (!entry.isSymbolicLink()) await chown(path, uid, gid);
  }
  await chown(directory, uid, gid);
}

/** The owner may make roles (and grant itself what it made), but is no superuser and does not pass row-level security. */
export async function ensureOwner(superuser: Client, password: string | undefined): Promise<void> {
  const { rows } = await superuser.query<{ role: boolean; database: boolean }>(
    `select exists (select from pg_roles where rolname = 'kesher_owner') as role,
            exists (select from pg_database where datname = 'kesher') as database`,
  );
  if (rows[0]?.role !== true) {
    const secret = password === undefined ? "" : `password ${superuser.escapeLiteral(password)}`;
    await superuser.query(`create role kesher_owner login createrole nosuperuser nobypassrls ${secret}`);
  }
  if (rows[0]?.database !== true) await superuser.query("create database kesher owner kesher_owner");
}

export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
