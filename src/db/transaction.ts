/**
 * The only maker of `Tx`. A transaction counts as done only when COMMIT answered COMMIT: in an aborted transaction the
 * server answers COMMIT with ROLLBACK and no error, and `pg` reports that as success.
 */
import type pg from "pg";
import type { TenantScope } from "../core/scope.ts";
import { asLinkError, connect, isLinkError, runStatement, type Db } from "./pool.ts";
import { statement, type Statement, type Value } from "./statement.ts";

declare const made: unique symbol;
export type Tx = {
  readonly [made]: true;
  query<Row>(statement: Statement<Row>, values?: readonly Value[]): Promise<Row[]>;
  /** Runs `work` so that its failure undoes only its own writes. The error is thrown on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
  /** To be called once COMMIT has answered COMMIT: to wake whoever waits for these rows. It must not throw. */
  afterCommit(act: () => void): void;
};

/** The transaction did not commit although nothing threw. */
export class CommitError extends Error {}

const setTenant = statement("transaction.set_tenant", `select set_config('app.tenant_id', $1, true)`, { set_config: "text" });

export async function transaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await connect(db.pool);
  const afterCommit: (() => void)[] = [];
  let result: T;
  let broken = false;
  try {
    await act(client, "begin");
    result = await work(txOf(client, afterCommit));
    await commit(client);
  } catch (error) {
    broken = isLinkError(error) || !(await rolledBack(client));
    throw error;
  } finally {
    client.release(broken);
  }
  for (const wake of afterCommit) wake();
  return result;
}

/** All statements inside see only this tenant's rows (the role must be one that row-level security binds). */
export async function tenantTransaction<T>(db: Db, scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(db, async (tx) => {
    await tx.query(setTenant, [scope.tenantId]);
    return work(tx);
  });
}

/** A time-out must not cut a COMMIT off: its outcome would be unknown. */
async function commit(client: pg.PoolClient): Promise<void> {
  const results = await act(client, "set local statement_timeout = 0; commit");
  const last: unknown = Array.isArray(results) ? results.at(-1) : results;
  const command = typeof last === "object" && last !== null && "command" in last ? last.command : undefined;
  if (command !== "COMMIT") throw new CommitError(`COMMIT answered ${String(command)}`);
}

async function act(client: pg.PoolClient, text: string): Promise<unknown> {
  try {
    return await client.query(text);
  } catch (error) {
    throw asLinkError(error, `No answer to ${text}`);
  }
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("rollback");
    return true;
  } catch {
    return false;
  }
}

function txOf(client: pg.PoolClient, afterCommit: (() => void)[]): Tx {
  const tx = {
    query<Row>(wanted: Statement<Row>, values: readonly Value[] = []): Promise<Row[]> {
      return runStatement(client, wanted, values);
    },
    async savepoint<T>(work: () => Promise<T>): Promise<T> {
      await act(client, "savepoint attempt");
      try {
        const result = await work();
        await act(client, "release savepoint attempt");
        return result;
      } catch (error) {
        if (!isLinkError(error)) await act(client, "rollback to savepoint attempt; release savepoint attempt");
        throw error;
      }
    },
    afterCommit(wake: () => void): void {
      afterCommit.push(wake);
    },
  };
  // The brand exists only for the compiler: this is the one place that makes a Tx.
  return tx as Tx;
}
