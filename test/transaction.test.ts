import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { tenantScope } from "../src/core/scope.ts";
import { newId } from "../src/db/new-id.ts";
import { isLinkError } from "../src/db/pool.ts";
import { statement, time } from "../src/db/statement.ts";
import { CommitError, tenantTransaction, transaction } from "../src/db/transaction.ts";
import { withDatabase } from "./support/database.ts";

const database = await withDatabase({ after });
const superuser = await database.session("superuser");
await superuser.query(
  `create table notes (id integer primary key, at timestamptz, size bigint); grant all on notes to kesher_app, kesher_ingest;
   create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.4); return null; end $$;
   create constraint trigger slow_commit after insert on notes deferrable initially deferred for each row
     when (new.id >= 1000) execute function slow()`,
);
const db = database.open("kesher_ingest", { connectionsMax: 1 });
/** Only for what lasts for longer: whatever else came here would be cut off by a pause of the machine. */
const hurried = database.open("kesher_ingest", { connectionsMax: 1, statementTimeoutMs: 200 });

const insert = statement("test.insert", "insert into notes (id, at, size) values ($1, $2, $3)", {});
const all = statement("test.all", "select id, at, size from notes order by id", { id: "int", at: "time?", size: "bigint?" });
const sleep = statement("test.sleep", "select 1 as one from pg_sleep(60)", { one: "int" });
const hurry = statement("test.hurry", "select set_config('statement_timeout', '200', true)", { set_config: "text" });
const whoAmI = statement("test.who", `select current_user::text as name, pg_backend_pid() as pid`, { name: "text", pid: "int" });
const tenant = statement("test.tenant", "select current_tenant_id() as id", { id: "uuid?" });
const put = (id: number): [typeof insert, [number, null, null]] => [insert, [id, null, null]];
const ids = async (): Promise<number[]> => (await db.query(all)).map(({ id }) => id);

test("What a transaction wrote is there when it has answered, and nothing of it after an error", async () => {
  const answer = await transaction(db, async (tx) => {
    await tx.query(...put(1));
    return "done";
  });
  assert.equal(answer, "done");
  const failing = transaction(db, async (tx) => {
    await tx.query(...put(2));
    throw new Error("no");
  });
  await assert.rejects(failing, /no/);
  assert.deepEqual(await ids(), [1]);
});

test("A transaction whose end would quietly be a rollback, because an error in it was swallowed, is an error at its end", async () => {
  const swallowed = transaction(db, async (tx) => {
    await tx.query(...put(3));
    await tx.query(...put(1)).catch(() => undefined);
  });
  // 25P02: what precedes COMMIT already finds out; CommitError: COMMIT answered ROLLBACK, which the driver reports as success.
  await assert.rejects(swallowed, (error) => error instanceof CommitError || (error instanceof pg.DatabaseError && error.code === "25P02"));
  assert.deepEqual(await ids(), [1]);
});

test("A savepoint that fails takes back only its own writes, and its error is thrown on", async () => {
  await transaction(db, async (tx) => {
    await tx.query(...put(4));
    await assert.rejects(
      tx.savepoint(async () => {
        await tx.query(...put(5));
        await tx.query(...put(1));
      }),
      (error) => error instanceof pg.DatabaseError && error.code === "23505",
    );
    await tx.savepoint(() => tx.query(...put(6)));
  });
  assert.deepEqual(await ids(), [1, 4, 6]);
});

test("A statement is cut off at its time limit, and a COMMIT is not: its outcome would be unknown", async () => {
  await assert.rejects(
    transaction(hurried, (tx) => tx.query(sleep)),
    (error) => error instanceof pg.DatabaseError && error.code === "57014",
  );
  await transaction(db, async (tx) => {
    await tx.query(...put(1_000));
    await tx.query(hurry);
  });
  assert.deepEqual(await ids(), [1, 4, 6, 1_000]);
  await assert.rejects(hurried.query(sleep), (error) => error instanceof pg.DatabaseError && error.code === "57014");
});

test("A session that dies in mid-transaction is told as a broken link, commits nothing, and is replaced", async () => {
  const [before] = await db.query(whoAmI);
  const cut = transaction(db, async (tx) => {
    await tx.query(...put(7));
    await superuser.query("select pg_terminate_backend($1)", [before?.pid]);
    await tx.query(...put(8));
  });
  await assert.rejects(cut, isLinkError);
  const [now] = await db.query(whoAmI);
  assert.ok(now !== undefined && before !== undefined && now.pid !== before.pid);
  assert.deepEqual(await ids(), [1, 4, 6, 1_000]);
});

test("Every statement runs with the rights of its pool's role from the first one on, never with those of the login", async () => {
  for (const role of ["kesher_app", "kesher_ingest", "kesher_platform"] as const) {
    const pool = database.open(role);
    assert.equal((await pool.query(whoAmI))[0]?.name, role);
    assert.equal(await transaction(pool, async (tx) => (await tx.query(whoAmI))[0]?.name), role);
  }
});

test("The tenant of a transaction ends with it, whether it commits or fails", async () => {
  const app = database.open("kesher_app", { connectionsMax: 1 });
  const tenantId = newId(0);
  const seen = await tenantTransaction(app, tenantScope(tenantId), (tx) => tx.query(tenant));
  assert.deepEqual(seen, [{ id: tenantId }]);
  assert.deepEqual(await app.query(tenant), [{ id: null }]);
  await assert.rejects(
    tenantTransaction(app, tenantScope(tenantId), () => Promise.reject(new Error("no"))),
    /no/,
  );
  assert.deepEqual(await app.query(tenant), [{ id: null }]);
});

test("Times are milliseconds and big numbers are numbers on the way back", async () => {
  const atMs = 1_700_000_000_123;
  await transaction(db, (tx) => tx.query(insert, [9, time(atMs), Number.MAX_SAFE_INTEGER]));
  const row = (await db.query(all)).find(({ id }) => id === 9);
  assert.deepEqual(row, { id: 9, at: atMs, size: Number.MAX_SAFE_INTEGER });
});

test("The same name for two statements is refused", () => {
  assert.throws(() => statement("test.all", "select 1", {}), /Two statements are called test.all/);
});
