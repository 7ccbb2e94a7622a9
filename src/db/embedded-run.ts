/**
 * One running server for one data folder, whatever is found there: nothing, a cluster at rest, a server that serves, starts, stops or
 * hangs, or the remains of a killed one. Used by the first start, by each restart and by the restore's proof.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client, DatabaseError } from "pg";
import { limits } from "../limits.ts";
import { EmbeddedRefusal } from "./embedded-account.ts";
import { exists } from "./embedded-binaries.ts";
import { assertUsable, ensureOwner, makeCluster, removeUnfinished } from "./embedded-cluster.ts";
import { type LaunchOptions, launch } from "./embedded-launch.ts";
import { withStartLock } from "./embedded-lock.ts";
import type { Place } from "./embedded-place.ts";
import { identify, readPidFile, shutdown, type PidFile } from "./embedded-postmaster.ts";
import { writeSettings } from "./embedded-settings.ts";

export type Connection<User extends string, Database extends string> = {
  /** Folder of the unix socket; 127.0.0.1 on Windows. */
  host: string;
  port: number;
  user: User;
  database: Database;
  /** Only on Windows, where the socket's folder cannot guard the server. */
  password?: string;
};

export type Running = {
  pid: number;
  adopted: boolean;
  host: string;
  port: number;
  password: string | undefined;
  /** Settles when a server that this process started ends; never for an adopted one. */
  exited: Promise<unknown>;
};

export async function ensureRunning(place: Place, options: LaunchOptions): Promise<Running> {
  return withStartLock(place.lockFile, options, async () => {
    await removeUnfinished(place);
    if (await exists(place.cluster)) {
      await assertUsable(place);
      const living = await findLiving(place, options);
      if (living !== null) return complete(place, living, { adopted: true, exited: new Promise(() => undefined) });
    } else {
      options.onProgress?.("Making the embedded database (first start).");
      await makeCluster(place, options.signal);
    }
    await writeSettings(place);
    const { file, exited } = await launch(place, options);
    try {
      return await complete(place, file, { adopted: false, exited });
    } catch (error) {
      await shutdown(place.cluster, file.pid);
      throw error;
    }
  });
}

/** A session as superuser, for this folder's own upkeep; never given to the program. */
export async function connect(running: Pick<Running, "host" | "port" | "password">, database: string): Promise<Client> {
  const { host, port, password } = running;
  const client = new Client({
    host,
    port,
    database,
    user: "postgres",
    connectionTimeoutMillis: limits.connectMsMax,
    ...(password === undefined ? {} : { password }),
  });
  // A session that is cut off while idle emits this; the next query fails by itself.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function complete(place: Place, file: PidFile, origin: Pick<Running, "adopted" | "exited">): Promise<Running> {
  const running: Running = { pid: file.pid, ...(await addressOf(place, file)), ...origin };
  const superuser = await connect(running, "postgres");
  try {
    await ensureOwner(superuser, running.password);
  } finally {
    await superuser.end();
  }
  if (!origin.adopted) await ensureStatistics(running);
  return running;
}

/** Timings of statements, for the person on call; only a superuser may install it. */
async function ensureStatistics(running: Running): Promise<void> {
  const superuser = await connect(running, "kesher");
  try {
    await superuser.query(
      `do $$ begin
         if current_setting('shared_preload_libraries') ~ 'pg_stat_statements' then
           set local client_min_messages = warning;
           create extension if not exists pg_stat_statements;
         end if;
       end $$`,
    );
  } finally {
    await superuser.end();
  }
}

async function addressOf(place: Place, file: PidFile): Promise<Pick<Running, "host" | "port" | "password">> {
  if (place.socketDir !== null) return { host: file.socketDir, port: file.port, password: undefined };
  return { host: "127.0.0.1", port: file.port, password: (await readFile(place.passwordFile, "utf8")).trim() };
}

/**
 * The server that already serves this cluster, or null when the cluster is at rest. Waits while one starts, recovers or stops; ends one
 * that is proven ours and answers nobody, such as one that was stopped in its tracks.
 */
async function findLiving(place: Place, options: LaunchOptions): Promise<PidFile | null> {
  const start = performance.now();
  let tellAt = start + 1_000;
  let silentSince: number | null = null;
  for (;;) {
    const file = await readPidFile(place.cluster);
    if (file === null) return null;
    const identity = await identify(file.pid, place.cluster);
    if (identity === "other") return null;
    const now = performance.now();
    if (file.status === "ready") {
      if (await answers(place, file)) return file;
      silentSince ??= now;
    }
    const silentTooLong = silentSince !== null && performance.now() - silentSince > limits.embeddedAdoptMsMax;
    if (silentTooLong || now - start > limits.embeddedRecoveryMsMax) {
      if (identity === "unproven") throw new EmbeddedRefusal(unprovenMessage(place, file));
      await shutdown(place.cluster, file.pid);
      return null;
    }
    if (now > tellAt) {
      const doing = file.status === "stopping" ? "stopping" : file.status === "ready" ? "not answering" : "recovering";
      options.onProgress?.(`The embedded database is ${doing}; waiting (${Math.round((now - start) / 1_000)} s).`);
      tellAt = now + 2_000;
    }
    await pause(limits.embeddedLockPollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/** True if the server behind the pid file serves this cluster. Throws only if it is another cluster's. */
async function answers(place: Place, file: PidFile): Promise<boolean> {
  let client: Client | null = null;
  try {
    client = await connect(await addressOf(place, file), "postgres");
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    return rows[0]?.data_directory.replaceAll("\\", "/") === place.cluster.replaceAll("\\", "/");
  } catch (error) {
    // 28: it answers, but not to us; waiting will not change that.
    if (error instanceof DatabaseError && error.code?.startsWith("28") === true) throw error;
    return false;
  } finally {
    await client?.end().catch(() => undefined);
  }
}

function unprovenMessage(place: Place, file: PidFile): string {
  return (
    `${join(place.cluster, "postmaster.pid")} names process ${file.pid}, which answers no connection and cannot be proven to be the embedded ` +
    `database. If it is PostgreSQL, end it; if it is not, remove that file. Folder: ${dirname(place.cluster)}.`
  );
}
