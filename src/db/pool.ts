/**
 * Pools of sessions, one per role. The role is part of the session from its first byte (`-c role=…`), so a
 * statement can never run with the rights of the login, which owns the tables.
 */
import pg from "pg";
import type { Statement, Value } from "./statement.ts";
import { limits } from "../limits.ts";

export type Role = "kesher_app" | "kesher_ingest" | "kesher_platform" | "kesher_keys" | "kesher_auth" | "kesher_privacy" | "owner";

/** Where the server is: a URL, or the socket of the embedded one. */
export type Server = { connectionString: string } | { host: string; port: number; user: string; database: string };

export type PoolOptions = {
  role: Role;
  /** Shown in pg_stat_activity. */
  name: string;
  connectionsMax: number;
  /** Milliseconds; 0 for none. The client gives up a little later by itself, should the link be dead. */
  statementTimeoutMs: number;
  pipeline?: boolean;
  onNotice?: (notice: { severity: string; message: string }) => void;
  onError: (error: Error) => void;
};

/** The database could not be reached or did not answer: nothing is known about what it did. */
export class LinkError extends Error {}

export type Db = { readonly pool: pg.Pool; query<Row>(statement: Statement<Row>, values?: readonly Value[]): Promise<Row[]> };

/**
 * Every statement of the path in goes from a set of keys to rows by an index. Its plan is made once and kept, and it may be
 * made while a table is still empty: without these settings it would then scan that table for ever.
 */
const ingestPlans = ["-c plan_cache_mode=force_generic_plan", "-c enable_seqscan=off", "-c enable_hashjoin=off", "-c enable_mergejoin=off"];

export function openPool(server: Server, options: PoolOptions): Db {
  const settings = [
    options.role === "owner" ? "" : `-c role=${options.role}`,
    "-c TimeZone=UTC",
    `-c statement_timeout=${options.statementTimeoutMs}`,
    `-c idle_in_transaction_session_timeout=${limits.idleInTransactionMsMax}`,
    `-c lock_timeout=${limits.lockWaitMsMax}`,
    ...(options.role === "kesher_ingest" ? ingestPlans : []),
    // better-auth names its tables without their schema.
    ...(options.role === "kesher_auth" ? ["-c search_path=auth,public"] : []),
    "-c jit=off",
  ];
  const pool = new pg.Pool({
    ...server,
    max: options.connectionsMax,
    application_name: `kesher ${options.name}`,
    options: settings.filter((setting) => setting !== "").join(" "),
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.keepAliveDelayMs,
    connectionTimeoutMillis: limits.connectMsMax,
    idleTimeoutMillis: limits.idleConnectionMsMax,
    query_timeout: (options.statementTimeoutMs === 0 ? limits.commitMsMax : options.statementTimeoutMs) + limits.deadLinkMarginMs,
    types: { getTypeParser: typeParser },
    ...(options.pipeline === true ? { pipeline: true } : {}),
  });
  // Without a listener an idle session that the server ends would end the process.
  pool.on("error", options.onError);
  pool.on("connect", (client) => {
    client.on("error", options.onError);
    const { onNotice } = options;
    if (onNotice !== undefined) {
      client.on("notice", (notice) => onNotice({ severity: notice.severity ?? "", message: notice.message ?? "" }));
    }
  });
  return {
    pool,
    async query<Row>(statement: Statement<Row>, values: readonly Value[] = []): Promise<Row[]> {
      const client = await connect(pool);
      let broken = false;
      try {
        return await runStatement(client, statement, values);
      } catch (error) {
        broken = isLinkError(error);
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

export async function runStatement<Row>(client: pg.PoolClient, statement: Statement<Row>, values: readonly Value[]): Promise<Row[]> {
  try {
    const result = await client.query({ name: statement.name, text: statement.text, values: [...values] });
    // The test over all registered statements checks that these columns are what Row says.
    return result.rows as Row[];
  } catch (error) {
    throw asLinkError(error, `No answer to ${statement.name}`);
  }
}

export async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asLinkError(error, "No session with the database");
  }
}

/** After these the session is of no more use. */
export function isLinkError(error: unknown): boolean {
  return error instanceof LinkError || (error instanceof pg.DatabaseError && error.severity === "FATAL");
}

/** What `pg` throws and the server has not said is about the link. */
export function asLinkError(error: unknown, what: string): unknown {
  return error instanceof pg.DatabaseError ? error : new LinkError(what, { cause: error });
}

function typeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (format !== "binary") {
    if (oid === 20 || oid === 1700) return Number;
    if (oid === 1184) return parseTime;
  }
  return pg.types.getTypeParser(oid, format === "binary" ? "binary" : "text") as (value: string) => unknown;
}

/** `2026-11-22 15:08:48.123456+00`, since the session's time zone is UTC. */
function parseTime(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11, text.length - 3)}Z`);
}
