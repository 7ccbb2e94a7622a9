/** All sessions of the program with its database, one pool per role and purpose, and what is checked before they are used. */
import pg from "pg";
import { limits } from "../limits.ts";
import { migrate } from "./migrate.ts";
import { keepPartitions } from "./partitions.ts";
import { connect, openPool, type Db, type Server } from "./pool.ts";

export type Databases = {
  server: Server;
  owner: Db;
  /** Tenants' requests; bound by row-level security. */
  app: Db;
  /** The workers. */
  ingest: Db;
  /** The one session that takes webhooks in, pipelined. */
  receiver: Db;
  platform: Db;
  /** People and their sessions; the schema `auth`. */
  auth: Db;
  /** Retention, exports, erasures. */
  privacy: Db;
  /** Whether the receiver's session has warned since it was last asked. */
  hasWarned: () => boolean;
  inUse: () => { inUse: number; waiting: number };
  close: () => Promise<void>;
};

/** The start is refused: a person must act. The message says how. */
export class DatabaseRefusal extends Error {}

export function openDatabases(server: Server, onError: (error: Error) => void): Databases {
  let warnings = 0;
  const common = { onError, statementTimeoutMs: limits.statementMsMax };
  const owner = openPool(server, { ...common, role: "owner", name: "upkeep", connectionsMax: 2 });
  const app = openPool(server, { ...common, role: "kesher_app", name: "app", connectionsMax: limits.appConnectionsMax });
  const ingest = openPool(server, { ...common, role: "kesher_ingest", name: "worker", connectionsMax: limits.workerConnectionsMax });
  const platform = openPool(server, {
    ...common,
    role: "kesher_platform",
    name: "platform",
    connectionsMax: limits.platformConnectionsMax,
  });
  const auth = openPool(server, { ...common, role: "kesher_auth", name: "people", connectionsMax: limits.authConnectionsMax });
  const privacy = openPool(server, { ...common, role: "kesher_privacy", name: "privacy", connectionsMax: limits.privacyConnectionsMax });
  const receiver = openPool(server, {
    role: "kesher_ingest",
    name: "receiver",
    connectionsMax: 1,
    // A COMMIT must never be cut off by the server; the client's own deadline ends the session instead.
    statementTimeoutMs: 0,
    pipeline: true,
    onError,
    onNotice: ({ severity }) => {
      if (severity === "WARNING") warnings += 1;
    },
  });
  const all = [owner, app, ingest, receiver, platform, auth, privacy];
  return {
    server,
    owner,
    app,
    ingest,
    receiver,
    platform,
    auth,
    privacy,
    hasWarned: () => {
      const warned = warnings > 0;
      warnings = 0;
      return warned;
    },
    inUse: () => ({
      inUse: all.reduce((sum, { pool }) => sum + pool.totalCount - pool.idleCount, 0),
      waiting: all.reduce((sum, { pool }) => sum + pool.waitingCount, 0),
    }),
    close: async () => {
      await Promise.all(all.map(({ pool }) => pool.end()));
    },
  };
}

/** Refuses a server that may lose what it has acknowledged (I1), then brings the tables up to date. */
export async function prepareDatabase(
  databases: Databases,
  nowMs: number,
  onProgress: (message: string) => void,
  onError: (error: unknown) => void,
): Promise<void> {
  await assertDurable(databases.owner);
  await migrate(databases.server, onProgress);
  await assertDurable(databases.receiver);
  // Not worth a refused start: rows without a partition of their time go to the default one, and upkeep tries again.
  await keepPartitions(databases.owner, nowMs).catch((error: unknown) => onError(error));
}

async function assertDurable(db: Db): Promise<void> {
  const client = await connect(db.pool);
  try {
    const { rows } = await client.query<{ fsync: string; synchronous: string; version: string }>(
      "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous, current_setting('server_version_num') as version",
    );
    const [row] = rows;
    if (Number(row?.version ?? 0) < limits.postgresVersionMin) {
      throw new DatabaseRefusal(
        `PostgreSQL 18 or newer is needed; this server says ${row?.version ?? "nothing"}. Upgrade it, or unset DATABASE_URL for the embedded one.`,
      );
    }
    if (row?.fsync !== "on") {
      throw new DatabaseRefusal("The database runs with fsync=off: a crash would lose acknowledged webhooks. Set fsync=on and restart it.");
    }
    if (row.synchronous === "off") {
      throw new DatabaseRefusal(
        "The database runs with synchronous_commit=off: a crash would lose acknowledged webhooks. Set it to on for this database and role.",
      );
    }
  } finally {
    client.release();
  }
}

/** Two programs on one embedded database would both think that they own it. */
const programLock = 7_319_204_420;

export type ProgramLock = { release: () => Promise<void> };

/**
 * Held by a session of its own for as long as the program lives; PostgreSQL drops it with the process. After a restart of
 * the database it is taken again. Throws a DatabaseRefusal when another program holds it.
 */
export async function holdProgramLock(server: Server, onError: (error: Error) => void): Promise<ProgramLock> {
  let client = await lockedClient(server);
  if (client === null)
    throw new DatabaseRefusal("Another Kesher already runs on this data folder. Stop it first, or set another DATA_DIR.");
  let isReleased = false;
  const watch = (watched: pg.Client): void => {
    watched.on("error", onError);
    watched.on("end", () => {
      if (!isReleased) void again();
    });
  };
  const again = async (): Promise<void> => {
    while (!isReleased) {
      await new Promise((resolve) => setTimeout(resolve, limits.lockRetryMs).unref());
      try {
        const next = isReleased ? null : await lockedClient(server);
        if (next !== null) {
          client = next;
          watch(next);
          return;
        }
      } catch {
        // The database is not back yet.
      }
    }
  };
  watch(client);
  return {
    release: async () => {
      isReleased = true;
      await client?.end().catch(() => undefined);
    },
  };
}

/** A process that was killed a moment ago may still hold the lock: its session ends as soon as the server notices. */
async function lockedClient(server: Server): Promise<pg.Client | null> {
  const client = new pg.Client({ ...server, application_name: "kesher lock", keepAlive: true });
  client.on("error", () => undefined);
  await client.connect();
  for (let attempt = 0; attempt < limits.lockAttemptsMax; attempt += 1) {
    const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [programLock]);
    if (rows[0]?.locked === true) return client;
    await new Promise((resolve) => setTimeout(resolve, limits.lockRetryMs));
  }
  await client.end();
  return null;
}
