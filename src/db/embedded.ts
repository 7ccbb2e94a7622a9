/**
 * The database that comes with the program: a real PostgreSQL from an npm package, run beside it on a unix socket.
 *
 * Promises (I12): after `kill -9` of this program, of the server, or of both, at any moment including the first start, the next
 * `startEmbedded` is ready without hand work. A server that outlived its program is adopted; one that dies under a living program is
 * restarted. No process is signalled that is not proven to be the server of this data folder.
 * Relies on: `postmaster.pid` (embedded-postmaster), one start at a time (embedded-lock), and PostgreSQL's own crash recovery.
 * Authentication is the socket's folder: it may be entered by the server's account and by root only, and inside it everyone is trusted.
 */
import { performance } from "node:perf_hooks";
import { type PlaceOptions, linkHome, preparePlace } from "./embedded-place.ts";
import { shutdown } from "./embedded-postmaster.ts";
import { type Connection, ensureRunning } from "./embedded-run.ts";
import { watchServer } from "./embedded-watch.ts";

export type EmbeddedOptions = PlaceOptions & {
  log: (message: string, facts?: Record<string, unknown>) => void;
  /** For a person who waits: first start, recovery, another process. */
  onProgress?: (message: string) => void;
  /** PostgreSQL settings that win over ours, for a server that this call starts. */
  settings?: Readonly<Record<string, string>>;
  /** Gives up a start that is under way; the server it had started is stopped. */
  signal?: AbortSignal;
};

export type EmbeddedServer = {
  /** For the program: owner of the database, no superuser. Stays the same over restarts (except the port on Windows). */
  connection: Connection<"kesher_owner", "kesher">;
  superuserConnection: Connection<"postgres", "postgres">;
  /** Where the cluster really is; differs from the data folder where root's data had to move. */
  directory: string;
  pid(): number;
  /** The server was running already. */
  adopted: boolean;
  /** Ends the server within 7 s: fast, then immediate, then kill. May be called twice. */
  stop(): Promise<void>;
  /** Ends only the watch and leaves the server to whoever else uses it. */
  release(): Promise<void>;
};

/** Throws `EmbeddedRefusal` for what a person must settle (another version, another owner, a closed folder). */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { log, onProgress, settings, signal } = options;
  const start = performance.now();
  const place = await preparePlace(options);
  const first = await ensureRunning(place, { settings, onProgress, signal });
  await linkHome(options.dataDir, place);
  log(first.adopted ? "embedded database adopted" : "embedded database started", {
    pid: first.pid,
    directory: place.cluster,
    ms: Math.round(performance.now() - start),
  });

  const watch = watchServer({
    place,
    log,
    first,
    restart: (stopping) => ensureRunning(place, { settings, signal: stopping }),
  });
  const address = { host: first.host, port: first.port, ...(first.password === undefined ? {} : { password: first.password }) };
  let stopped: Promise<void> | null = null;

  return {
    connection: { ...address, user: "kesher_owner", database: "kesher" },
    superuserConnection: { ...address, user: "postgres", database: "postgres" },
    directory: place.cluster,
    adopted: first.adopted,
    pid: () => watch.running().pid,
    release: () => watch.end(),
    stop: () => (stopped ??= stop()),
  };

  async function stop(): Promise<void> {
    await watch.end();
    const { pid } = watch.running();
    const how = await shutdown(place.cluster, pid);
    log("embedded database stopped", { pid, how });
  }
}
