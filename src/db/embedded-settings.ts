/**
 * The embedded server's settings: a file of our own, included by the cluster's `postgresql.conf` and written anew at each start.
 * `alter system set …` goes before it, for whoever must change one.
 */
import { rename, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { limits } from "../limits.ts";
import { exists } from "./embedded-binaries.ts";
import { type Place, handOver, socketPort } from "./embedded-place.ts";

export const settingsFile = "kesher.conf";

export async function writeSettings(place: Place): Promise<void> {
  const file = join(place.cluster, settingsFile);
  await writeFile(`${file}.new`, await composeSettings(place), { mode: 0o600, flush: true });
  await handOver(`${file}.new`, place.account);
  await rename(`${file}.new`, file);
}

async function composeSettings({ binaries, socketDir }: Place): Promise<string> {
  const suffix = process.platform === "win32" ? "dll" : process.platform === "darwin" ? "dylib" : "so";
  const hasStatements = await exists(join(binaries.libraries, "postgresql", `pg_stat_statements.${suffix}`));
  const settings: Record<string, string> = {
    listen_addresses: socketDir === null ? "127.0.0.1" : "",
    ...(socketDir === null ? {} : { port: String(socketPort), unix_socket_directories: `"${socketDir}"`, unix_socket_permissions: "0700" }),
    max_connections: String(limits.embeddedConnectionsMax),
    shared_preload_libraries: hasStatements ? "pg_stat_statements" : "",
    shared_buffers: `${Math.floor(sharedBuffersBytes(availableBytes()) / 2 ** 20)}MB`,
    huge_pages: "try",
    max_locks_per_transaction: "256",
    jit: "off",
    timezone: "UTC",
    idle_session_timeout: "0",
    // Promise I1 stands on these two.
    fsync: "on",
    synchronous_commit: "on",
    wal_level: "replica",
    // The npm package's builds have neither lz4 nor zstd, and pglz triples the price of a message after a checkpoint: its pages are
    // written whole then, about four 8 kB pages for each (measured: 115 µs against 35 µs of a backend's CPU; 5.4 against 8.7 kB of WAL).
    wal_compression: "off",
    // Bounds what a crash leaves to be replayed, and what the WAL takes on the disk: the program must be ready again within 30 s (I12), and a core replays
    // about 180 MB a second (decisions/0031). Within it, the rarer the checkpoints the better, since pages are written whole after each: a
    // checkpoint begins at max_wal_size / (1 + completion_target).
    max_wal_size: "3GB",
    checkpoint_completion_target: "0.5",
    // Kept for the next burst: to make a segment anew means to write it twice.
    min_wal_size: "512MB",
    // The queue's table changes wholly every few seconds.
    autovacuum_naptime: "15s",
    checkpoint_timeout: "15min",
    // A file for each day of the week, each overwritten after a week. Terse and without statements: rows must not leak into logs.
    logging_collector: "on",
    log_directory: "log",
    log_filename: "postgresql-%a.log",
    log_truncate_on_rotation: "on",
    log_rotation_age: "1d",
    log_rotation_size: "0",
    log_timezone: "UTC",
    log_error_verbosity: "terse",
    log_min_error_statement: "panic",
    log_min_duration_statement: "-1",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `# Written at each start; use "alter system" to change a setting.\n${lines.join("\n")}\n`;
}

/** Pure. */
export function sharedBuffersBytes(memoryBytes: number): number {
  return Math.min(Math.max(memoryBytes / 4, limits.embeddedSharedBuffersBytesMin), limits.embeddedSharedBuffersBytesMax);
}

/** The machine's memory, or what the container may use of it. */
function availableBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
