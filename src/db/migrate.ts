/** Numbered SQL files, applied once and in order, each in its own transaction. A file that changed after it was applied is refused. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import type { Server } from "./pool.ts";

const folder = new URL("../../db/migrations/", import.meta.url);
/** Any number will do, as long as every node uses the same. */
const migrationLock = 7_319_204_418;

export type Migration = { name: string; sql: string; sha256: string };

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), "utf8");
      return { name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/** Brings the database up to the newest migration; several nodes may call it at once. Returns the names it applied. */
export async function migrate(server: Server, onProgress: (message: string) => void): Promise<string[]> {
  const migrations = await readMigrations();
  // A session of its own, without any time-out: the first index on a large table takes as long as it takes.
  const client = new pg.Client({ ...server, application_name: "kesher migrate", keepAlive: true, options: "-c TimeZone=UTC" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [migrationLock]);
    await client.query(
      "create table if not exists schema_migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())",
    );
    const { rows } = await client.query<{ name: string; sha256: string }>("select name, sha256 from schema_migrations");
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    refuseChanged(migrations, applied);
    const missing = migrations.filter((migration) => !applied.has(migration.name));
    for (const [index, migration] of missing.entries()) {
      onProgress(`Migrating the database: ${migration.name} (${index + 1} of ${missing.length})`);
      await apply(client, migration);
    }
    return missing.map((migration) => migration.name);
  } finally {
    // With the session goes the lock.
    await client.end();
  }
}

function refuseChanged(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const newer = [...applied.keys()].filter((name) => !known.has(name));
  if (newer.length > 0) {
    throw new Error(`The database was migrated by a newer version (${newer.join(", ")}). Start that version, or restore a backup.`);
  }
  for (const migration of migrations) {
    const before = applied.get(migration.name);
    if (before !== undefined && before !== migration.sha256) {
      throw new Error(
        `Migration ${migration.name} is not the file that was applied to this database. Restore the file; write a new migration instead.`,
      );
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(migration.sql);
    await client.query("insert into schema_migrations (name, sha256) values ($1, $2)", [migration.name, migration.sha256]);
    const { command } = await client.query("commit");
    if (command !== "COMMIT") throw new Error(`COMMIT answered ${command}`);
  } catch (error) {
    await client.query("rollback");
    throw new Error(`Migration ${migration.name} failed`, { cause: error });
  }
}
