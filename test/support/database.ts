/** A database of one's own for a test file: a clone of the migrated template, gone afterwards. */
import "./loopback.ts";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { openPool, type Db, type PoolOptions, type Role, type Server } from "../../src/db/pool.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { serverVariable } from "./setup.ts";

export type TestDatabase = {
  /** As the login `kesher_owner`, which owns the tables and may take every role. */
  server: Server & { database: string };
  /** For what only a person with the keys of the house may do. */
  superuser: Server & { database: string };
  /** A single session for SQL of the test's own, closed after the test. */
  session(as: "owner" | "superuser"): Promise<pg.Client>;
  /** A pool of this role, closed after the test. */
  open(role: Role, options?: Partial<Pick<PoolOptions, "connectionsMax" | "pipeline" | "statementTimeoutMs" | "name">>): Db;
};

/** What `t` of a test is, and `{ after }` of `node:test` for a whole file. */
type Scope = { after(fn: () => Promise<void>): void };

const sessionMsMax = 60_000;
let own: Promise<TestServer> | null = null;

export async function withDatabase(t: Scope): Promise<TestDatabase> {
  const server = await sharedServer();
  const name = `test_${randomBytes(6).toString("hex")}`;
  await asSuperuser(server, `create database ${name} template ${server.owner.database} owner kesher_owner strategy wal_log`);
  const pools = new Set<Db>();
  const sessions = new Set<pg.Client>();
  t.after(async () => {
    for (const session of sessions) await session.end();
    for (const db of pools) if (!db.pool.ended) await db.pool.end();
    await asSuperuser(server, `drop database ${name} with (force)`);
  });
  const mine = { ...server.owner, database: name };
  const superuser = { ...server.superuser, database: name };
  return {
    server: mine,
    superuser,
    async session(as) {
      const client = new pg.Client(as === "owner" ? mine : superuser);
      // A session that the server ended fails by its next query.
      client.on("error", () => undefined);
      await client.connect();
      sessions.add(client);
      return client;
    },
    open(role, options = {}) {
      const db = openPool(mine, {
        role,
        name: `test ${role}`,
        connectionsMax: 4,
        statementTimeoutMs: 30_000,
        // Sessions end with their database; what matters to a test is thrown by its queries.
        onError: () => undefined,
        ...options,
      });
      // Whoever waits for one of the few sessions may do so for as long as a slow disk or a pause of the machine takes.
      db.pool.options.connectionTimeoutMillis = sessionMsMax;
      pools.add(db);
      return db;
    },
  };
}

/** The server of this run, or one that lives as long as this process when its file is run alone. */
function sharedServer(): Promise<TestServer> {
  const shared = process.env[serverVariable];
  // Written by our own setup in the parent process.
  if (shared !== undefined) return Promise.resolve(JSON.parse(shared) as TestServer);
  return (own ??= startOwn());
}

async function startOwn(): Promise<TestServer> {
  const { server, stop } = await startTestServer();
  process.once("beforeExit", () => void stop());
  // The runner ends a broken-off file this way; what `startTestServer` does at exit shall still be done.
  process.once("SIGTERM", () => process.exit(1));
  return server;
}

async function asSuperuser(server: TestServer, sql: string): Promise<void> {
  const client = new pg.Client(server.superuser);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
