import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, test } from "node:test";
import { oidsOf, registeredStatements, statement, type Column, type Statement } from "../src/db/statement.ts";
import { withDatabase } from "./support/database.ts";
import { describeStatement } from "./support/describe-statement.ts";

/** What starts a program or a command when it is imported. */
const mains = new Set(["src/index.ts", "src/rotate-keys.ts", "src/db/backup-cli.ts"]);
const roles = ["kesher_app", "kesher_ingest", "kesher_platform", "kesher_auth", "kesher_keys", "kesher_privacy"];
/** What only the owner of the tables may do, with the reason. */
const ownerOnly = new Map<string, string>([
  ["audit_expire.delete", "the program's roles add to the audit log and read it; none takes from it"],
]);

/** Columns that may be null in the table and cannot be here, because the statement asks for those with a value. */
const neverNullHere = new Set([
  "sealed.forward_endpoints.previous_secret.old sealed",
  "sealed.whatsapp_connections.access_token.old sealed",
  "sealed.whatsapp_connections.pin.old sealed",
  "media_fetch.wanted connectionId",
  "media_fetch.wanted messageId",
  "message_references.select target",
  "message_references.targets waMessageId",
  "statuses.project waMessageId",
  "send_nodes.abandoned claimId",
  "conversations.of_contacts contactId",
  "contacts.messages_by_sender contactId",
  "messages.ids waMessageId",
]);

const database = await withDatabase({ after });
const client = await database.session("owner");
await importAll();

test("Every statement is accepted by the migrated database, and its columns are what the code reads", async () => {
  const statements = registeredStatements();
  assert.ok(statements.length > 60, `only ${statements.length} statements`);
  const faults = [];
  for (const each of statements) faults.push(...(await faultsOf(each)));
  assert.deepEqual(faults, []);
});

test("Every statement may be run by a role of the program that row-level security binds", async () => {
  const faults = [];
  for (const each of registeredStatements()) {
    const refusals = [];
    for (const role of roles) {
      const refusal = await refusalOf(each, role);
      if (refusal === null) break;
      refusals.push(refusal);
    }
    const isRefused = refusals.length === roles.length;
    if (isRefused !== ownerOnly.has(each.name)) faults.push(`${each.name}: ${refusals.join("; ") || "needs no owner any more"}`);
  }
  assert.deepEqual(faults, []);
});

test("A column that may be null in its table is read as one that may be null", async () => {
  const nullable = await nullableColumns();
  const found = new Set<string>();
  for (const { name, text, spec } of registeredStatements()) {
    for (const field of await describeStatement(client, text)) {
      const isNullable = field.origin !== null && nullable.has(`${field.origin.table}.${field.origin.column}`);
      if (isNullable && spec[field.name]?.endsWith("?") === false) found.add(`${name} ${field.name}`);
    }
  }
  assert.deepEqual([...found].toSorted(), [...neverNullHere].toSorted());
});

test("A wrong column, a wrong type, a missing column and a missing table are each found", async () => {
  const bad: [string, Readonly<Record<string, Column>>][] = [
    ["select id from tenants", { identity: "uuid" }],
    ["select id from tenants", { id: "text" }],
    ["select id, name from tenants", { id: "uuid" }],
    ["insert into tenants (id, name, slug) values ($1, $2, $3) returning id", {}],
    ["select id from tenant", { id: "uuid" }],
  ];
  for (const [index, [text, spec]] of bad.entries()) {
    const found = await faultsOf(statement(`planted.${index}`, text, spec));
    assert.equal(found.length > 0, true, text);
  }
});

async function importAll(): Promise<void> {
  const root = new URL("../", import.meta.url);
  const names = await readdir(new URL("src/", root), { recursive: true });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `src/${name.replaceAll("\\", "/")}`);
  for (const path of paths) if (!mains.has(path)) await import(new URL(path, root).href);
}

async function faultsOf({ name, text, spec }: Statement<unknown>): Promise<string[]> {
  const found = await describeStatement(client, text).catch((error: unknown) => `${name}: ${String(error)}`);
  if (typeof found === "string") return [found];
  const faults = [];
  for (const field of found) {
    const column = spec[field.name];
    // The part of `text?` before the mark is a column's kind.
    if (column === undefined) faults.push(`${name}: the column ${field.name} is not in the row`);
    else if (!oidsOf(column.replace("?", "") as Column).includes(field.oid)) {
      faults.push(`${name}: the column ${field.name} has type ${field.oid}, and the row says ${column}`);
    }
  }
  const names = new Set(found.map((field) => field.name));
  for (const wanted of Object.keys(spec)) if (!names.has(wanted)) faults.push(`${name}: there is no column ${wanted}`);
  if (names.size !== found.length) faults.push(`${name}: a column's name comes twice`);
  return faults;
}

async function nullableColumns(): Promise<Set<string>> {
  const { rows } = await client.query<{ key: string }>(
    "select attrelid::text || '.' || attnum as key from pg_attribute where attnum > 0 and not attnotnull",
  );
  return new Set(rows.map(({ key }) => key));
}

/** Plans it, which checks the rights on tables and columns and touches no row. */
async function refusalOf({ text }: Statement<unknown>, role: string): Promise<string | null> {
  await client.query(`begin; set local role ${role}`);
  try {
    await client.query(`explain (generic_plan) ${text}`);
    return null;
  } catch (error) {
    return error instanceof Error ? `${role}: ${error.message}` : String(error);
  } finally {
    await client.query("rollback");
  }
}
