/**
 * `npm run backup`: a physical copy of the embedded database while it serves, and of the files of messages. PostgreSQL's own recipe ("Making a Base Backup Using the
 * Low Level API"): mark the start, copy the files as they change, mark the end, and add the log written in between, from which a
 * restore makes the copy consistent. A temporary replication slot keeps that log from being recycled; it dies with our session.
 * The folder gets its name only when it is complete and on the disk.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Client } from "pg";
import { EmbeddedRefusal } from "./embedded-account.ts";
import { exists } from "./embedded-binaries.ts";
import { syncDirectory } from "./embedded-cluster.ts";
import { startEmbedded } from "./embedded.ts";
import { connect } from "./embedded-run.ts";
import { copyMedia } from "./backup-media.ts";
import { type Manifest, clusterFolder, copyFile, copyTree, manifestFile, measure, writeDurably } from "./backup-files.ts";

export type BackupOptions = {
  dataDir: string;
  dataDirIsDefault?: boolean;
  /** A folder that does not exist yet; unset: `backups/<time>` beside the data folder. */
  target?: string | undefined;
  onProgress?: (message: string) => void;
};

/** Answers where the backup is. Starts the server for the time of the copy if it does not run. */
export async function backup(options: BackupOptions): Promise<{ target: string; manifest: Manifest }> {
  const { dataDir, onProgress } = options;
  const target = resolve(options.target ?? join(dirname(resolve(dataDir)), "backups", new Date().toISOString().replaceAll(/[:.]/g, "-")));
  if (await exists(target)) throw new EmbeddedRefusal(`${target} is there already; a backup needs a new folder.`);
  if (!(await exists(join(dataDir, "postgres")))) throw new EmbeddedRefusal(`There is no embedded database in ${resolve(dataDir)}.`);

  const server = await startEmbedded({ ...options, log: () => undefined });
  await server.release();
  try {
    const partial = `${target}.partial-${randomBytes(6).toString("hex")}`;
    await mkdir(partial, { recursive: true, mode: 0o700 });
    try {
      const database = await copyOnline(server.superuserConnection, server.directory, partial, onProgress);
      const media = await copyMedia(dataDir, partial, tell(onProgress));
      const manifest: Manifest = media === null ? database : { ...database, media };
      await writeDurably(join(partial, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
      await syncDirectory(partial);
      await rename(partial, target);
      await syncDirectory(dirname(target));
      const files = media === null ? "" : `, and ${media.files} files of messages, ${megabytes(media.bytes)}`;
      onProgress?.(`Backup complete: ${target} (${manifest.files} files, ${megabytes(manifest.bytes)}${files}).`);
      return { target, manifest };
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  } finally {
    if (!server.adopted) await server.stop();
  }
}

export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}

type Address = { host: string; port: number; password?: string };

async function copyOnline(address: Address, cluster: string, partial: string, onProgress: BackupOptions["onProgress"]): Promise<Manifest> {
  const session = await connect({ ...address, password: address.password }, "postgres");
  try {
    const startedAt = new Date().toISOString();
    await session.query("select pg_create_physical_replication_slot($1, true, true)", [`kesher_backup_${randomBytes(6).toString("hex")}`]);
    onProgress?.("Backup: waiting for a checkpoint.");
    const started = await only<{ lsn: string; version: string; major: number }>(
      session,
      `select pg_backup_start('kesher', fast => true)::text as lsn, current_setting('server_version') as version,
              current_setting('server_version_num')::integer / 10000 as major`,
    );
    const copy = join(partial, clusterFolder);
    await copyTree(cluster, copy, { leave: isLeftOut, onFile: tell(onProgress) });
    // Last of the files, as pg_basebackup does it: it must not be older than what it speaks of.
    await copyFile(join(cluster, controlFile), join(copy, controlFile), null);
    const stopped = await only<{ lsn: string; labelfile: string; spcmapfile: string }>(
      session,
      "select lsn::text, labelfile, spcmapfile from pg_backup_stop(wait_for_archive => false)",
    );
    await writeDurably(join(copy, "backup_label"), stopped.labelfile);
    if (stopped.spcmapfile !== "") await writeDurably(join(copy, "tablespace_map"), stopped.spcmapfile);
    await copyLog(session, cluster, copy, { from: started.lsn, to: stopped.lsn });
    await syncDirectory(copy);
    return {
      format: 1,
      major: started.major,
      serverVersion: started.version,
      startedAt,
      finishedAt: new Date().toISOString(),
      startLsn: started.lsn,
      stopLsn: stopped.lsn,
      ...(await measure(copy)),
    };
  } finally {
    await session.end().catch(() => undefined);
  }
}

const controlFile = join("global", "pg_control");

/** The list of PostgreSQL's own base backup (src/backend/backup/basebackup.c of version 18), and our logs. */
const emptied = new Set([
  "pg_dynshmem",
  "pg_notify",
  "pg_replslot",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
  "pg_wal",
  "log",
]);
const dropped = new Set([
  "postmaster.pid",
  "postmaster.opts",
  "current_logfiles",
  "current_logfiles.tmp",
  "postgresql.auto.conf.tmp",
  "backup_label",
  "tablespace_map",
  "backup_manifest",
]);

function isLeftOut(path: string): boolean {
  const name = basename(path);
  if (path === controlFile || dropped.has(path)) return true;
  return emptied.has(dirname(path)) || name.startsWith("pgsql_tmp") || name.startsWith("pg_internal.init");
}

/** The segments from the start's to the stop's; `pg_backup_stop` has ended and flushed the last one. */
async function copyLog(session: Client, cluster: string, copy: string, lsn: { from: string; to: string }): Promise<void> {
  const { first, last } = await only<{ first: string; last: string }>(
    session,
    "select pg_walfile_name($1::pg_lsn) as first, pg_walfile_name($2::pg_lsn) as last",
    [lsn.from, lsn.to],
  );
  const to = join(copy, "pg_wal");
  const segments = await readdir(join(cluster, "pg_wal"));
  const wanted = segments.filter((name) => (/^[0-9A-F]{24}$/.test(name) && name >= first && name <= last) || name.endsWith(".history"));
  if (!wanted.includes(first) || !wanted.includes(last)) throw new Error(`the log from ${first} to ${last} is not whole`);
  for (const name of wanted) await copyFile(join(cluster, "pg_wal", name), join(to, name), null);
  for (const folder of ["archive_status", "summaries"]) await mkdir(join(to, folder), { mode: 0o700 });
  await syncDirectory(to);
}

async function only<Row extends object>(session: Client, text: string, values: unknown[] = []): Promise<Row> {
  const { rows } = await session.query<Row>(text, values);
  const [row] = rows;
  if (row === undefined) throw new Error("a statement that must answer with one row answered with none");
  return row;
}

function tell(onProgress: BackupOptions["onProgress"]): (tally: { files: number; bytes: number }) => void {
  let at = performance.now() + 2_000;
  return ({ files, bytes }) => {
    if (performance.now() < at) return;
    onProgress?.(`Backup: ${files} files, ${megabytes(bytes)}.`);
    at = performance.now() + 2_000;
  };
}
