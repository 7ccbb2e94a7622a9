import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { withDatabase } from "./support/database.ts";
import { insertRow, newRow, readTables, seedWorld, type Table } from "./support/any-row.ts";

const database = await withDatabase({ after });
const superuser = await database.session("superuser");
const session = await database.session("owner");
const tables = await readTables(superuser);
const ours = await seedWorld(superuser, tables);
const theirs = await seedWorld(superuser, tables);
const tenantOf = (world: typeof ours): string => String(world.get("tenants")?.[0]?.["id"]);

test("Without a tenant kesher_app sees no row of any table, and with one only that tenant's rows, whatever the statement forgets", async () => {
  assert.ok(tables.length >= 14);
  for (const table of tables) {
    const all = await superuser.query(`select from ${table.name}`);
    assert.ok((all.rowCount ?? 0) >= 2, table.name);
    assert.deepEqual(await tenantsSeen(table, null), [], table.name);
    assert.deepEqual(await tenantsSeen(table, tenantOf(ours)), [tenantOf(ours)], table.name);
  }
});

test("A tenant inserts nothing for another tenant", async () => {
  for (const table of tables) {
    const theirRow = newRow(table, { tenantId: tenantOf(theirs), referred: theirs });
    assert.equal(await refusal(tenantOf(ours), () => insertRow(session, table, theirRow)), "42501", table.name);
  }
});

test("A tenant's update or delete without a condition leaves all others' rows alone, and gives none of its own away", async () => {
  for (const table of tables) {
    for (const column of await columnsWith(table, "update")) {
      const changed = await asApp(tenantOf(ours), () => session.query(`update ${table.name} set ${column} = ${column}`));
      assert.equal(changed.rowCount, ours.get(table.name)?.length, `${table.name}.${column}`);
    }
    const move = `update ${table.name} set ${table.tenantColumn} = '${tenantOf(theirs)}'`;
    const code = await refusal(tenantOf(ours), () => session.query(move));
    assert.ok(code === "42501" || (code === "23503" && table.name !== "tenants"), `${table.name}: ${code}`);
    if (!(await mayDelete(table.name))) continue;
    const referring = tables.filter(({ references }) => references.some(({ target }) => target === table.name));
    const deleted = await asApp(tenantOf(ours), async () => {
      // What points to these rows goes first, where it may.
      for (const { name } of referring) if (await mayDelete(name)) await session.query(`delete from ${name}`);
      return session.query(`delete from ${table.name}`);
    });
    assert.equal(deleted.rowCount, ours.get(table.name)?.length, table.name);
  }
});

test("A row that points into another tenant's data is refused even for those who pass row-level security", async () => {
  let tried = 0;
  for (const table of tables) {
    if (!table.references.some(({ target }) => target !== "tenants")) continue;
    const crossed = newRow(table, { tenantId: tenantOf(ours), referred: theirs });
    await assert.rejects(
      insertRow(superuser, table, crossed),
      // Where the other tenant's row is the only one that there may be, that is found first.
      (error) => error instanceof pg.DatabaseError && (error.code === "23503" || error.code === "23505"),
      table.name,
    );
    tried += 1;
  }
  assert.ok(tried >= 8);
});

test("No role gets past that with a table of its own that bears the name of one of ours", async () => {
  const [messages] = tables.filter(({ name }) => name === "whatsapp_messages");
  assert.ok(messages !== undefined);
  const crossed = newRow(messages, { tenantId: tenantOf(ours), referred: theirs });
  for (const role of ["kesher_app", "kesher_ingest"]) {
    await session.query(`begin; set local role ${role}`);
    try {
      await session.query("select set_config('app.tenant_id', $1, true)", [tenantOf(ours)]);
      // Where a role may make temporary tables, as PostgreSQL lets it by default, their names come before all others.
      await session.query("create temp table whatsapp_conversations (tenant_id uuid, connection_id uuid, id uuid) on commit drop");
      const place = [crossed["tenant_id"], crossed["connection_id"], crossed["conversation_id"]];
      await session.query("insert into pg_temp.whatsapp_conversations values ($1, $2, $3)", place);
      await assert.rejects(insertRow(session, messages, crossed), { code: "23503" }, role);
    } finally {
      await session.query("rollback");
    }
  }
});

test("A tenant set in one transaction is gone in the next one of the same session", async () => {
  const [table] = tables.filter(({ name }) => name === "whatsapp_contacts");
  assert.ok(table !== undefined);
  assert.equal((await tenantsSeen(table, tenantOf(theirs))).length, 1);
  assert.deepEqual(await tenantsSeen(table, null), []);
});

async function mayDelete(name: string): Promise<boolean> {
  const { rows } = await superuser.query<{ may: boolean }>("select has_table_privilege('kesher_app', $1, 'delete') as may", [name]);
  return rows[0]?.may === true;
}

async function tenantsSeen(table: Table, tenantId: string | null): Promise<string[]> {
  const { rows } = await asApp(tenantId, () =>
    session.query<{ tenant: string }>(`select distinct ${table.tenantColumn}::text as tenant from ${table.name}`),
  );
  return rows.map(({ tenant }) => tenant);
}

async function columnsWith(table: Table, right: string): Promise<string[]> {
  const { rows } = await superuser.query<{ name: string }>(
    `select quote_ident(attname) as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
        and has_column_privilege('kesher_app', attrelid, attnum, $2)`,
    [table.name, right],
  );
  return rows.map(({ name }) => name);
}

async function refusal(tenantId: string, work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await asApp(tenantId, work);
    return "nothing";
  } catch (error) {
    assert.ok(error instanceof pg.DatabaseError);
    return error.code;
  }
}

/** As the program does it, and undone afterwards. */
async function asApp<T>(tenantId: string | null, work: () => Promise<T>): Promise<T> {
  await session.query("begin; set local role kesher_app");
  try {
    if (tenantId !== null) await session.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
    return await work();
  } finally {
    await session.query("rollback");
  }
}
